"""An attempt is one new line in the style of its neighbours; every other byte of the page stays."""

import concurrent.futures
import re
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gradtriage.errors import UsageError
from gradtriage.ledger.edits import NewAttempt, attempt_edits, status_edits
from gradtriage.ledger.file import edit_ledger
from gradtriage.ledger.page import read_page
from gradtriage.ledger.source import Source, apply
from tests.support.ledgers import CONTRACT, ITEMS, LAYOUTS, NESTED, STARS, fake_evidence
from tests.support.projects import COMMAND, SmallProject

NOW = datetime(2026, 2, 3, 4, 5, 6, tzinfo=UTC)


def noted(text: str, item_id: str, *words: str, evidence: str | None = None, stamp: str | None = None) -> str:
    for said in words:
        page = read_page(text.encode("utf-8", "surrogateescape"))
        new = NewAttempt(said, NOW, evidence, stamp)
        text = apply(page.source.text, attempt_edits(page, page.item(item_id), [new]))
    return text


def new_lines(before: str, after: str) -> list[str]:
    """The lines that were added, once it is sure that nothing else was."""
    old, new = Source(before).lines, Source(after).lines
    if old and not old[-1].endswith(("\r", "\n")):
        assert new[-1].endswith(("\r", "\n")) is False
    rest, added = list(old), []
    for line in new:
        if rest and line.rstrip("\r\n") == rest[0].rstrip("\r\n"):
            rest.pop(0)
        else:
            added.append(line)
    assert rest == []
    return added


@pytest.mark.parametrize(
    ("layout", "line"),
    [
        ("contract", "- #2 20260203T040506Z: found it\n"),
        ("nested", "  * [2026-02-03] Attempt #3 — Result: found it\n"),
        ("stars", "* 2026-02-03 #5: found it"),
        ("bare", "+ 20260203T040506Z: found it\n"),
    ],
)
def test_a_new_attempt_looks_like_its_neighbours(layout: str, line: str) -> None:
    before = LAYOUTS[layout]
    assert new_lines(before, noted(before, ITEMS[layout], "found it")) == [line]


@pytest.mark.parametrize("layout", LAYOUTS)
def test_without_the_new_line_the_page_is_what_it_was(layout: str) -> None:
    before = LAYOUTS[layout]
    after = noted(before, ITEMS[layout], "marker-1")
    kept = [line for line in Source(after).lines if "marker-1" not in line]
    assert "".join(kept).rstrip("\r\n") == before.rstrip("\r\n")


def test_a_page_with_its_newest_attempt_on_top_goes_on_so_and_others_go_on_below() -> None:
    page = noted(CONTRACT, "FLOW-001", "second", "third")
    assert re.findall(r"^- #(\d)", page, re.MULTILINE) == ["3", "2", "1"]
    assert re.findall(r"#(\d):", noted(STARS, "BUG-7", "again", "once more")) == ["3", "4", "5", "6"]


def test_an_attempt_goes_behind_all_that_belongs_to_the_one_before() -> None:
    page = noted(NESTED, "HYGIENE-002", "third")
    assert page.index("A paragraph of the second") < page.index("third") < page.index("- Risks/Assumptions")


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_a_new_line_ends_as_its_neighbours_do(end: str) -> None:
    before = CONTRACT.replace("\n", end)
    assert noted(before, "FLOW-001", "x") == noted(CONTRACT, "FLOW-001", "x").replace("\n", end)


def test_in_a_page_of_mixed_line_ends_the_nearest_one_counts() -> None:
    head, _, tail = CONTRACT.partition("## [FLOW-001]")
    after = noted(head.replace("\n", "\r\n") + "## [FLOW-001]" + tail, "FLOW-001", "x")
    assert "- #2 20260203T040506Z: x\n" in after
    assert "x\r\n" not in after


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("## [A-1] t\n\n### Attempts\n", "## [A-1] t\n\n### Attempts\n\n- #1 20260203T040506Z: x\n"),
        ("## [A-1] t\n\n### Attempts\n\n", "## [A-1] t\n\n### Attempts\n\n- #1 20260203T040506Z: x\n"),
        (
            "## [A-1] t\n\n### Attempts\n\nNone yet.\n",
            "## [A-1] t\n\n### Attempts\n\n- #1 20260203T040506Z: x\n\nNone yet.\n",
        ),
        ("## [A-1] t\n", "## [A-1] t\n\n### Attempts\n\n- #1 20260203T040506Z: x\n"),
        (
            "## [A-1] t\n\nprose\n\n---\n\n## [A-2] u\n",
            "## [A-1] t\n\nprose\n\n### Attempts\n\n- #1 20260203T040506Z: x\n\n---\n\n## [A-2] u\n",
        ),
    ],
    ids=["heading-alone", "heading-and-blank", "prose-below", "nothing", "rule-between-items"],
)
def test_the_first_attempt_of_an_item_finds_its_place(before: str, after: str) -> None:
    assert noted(before, "A-1", "x") == after


@pytest.mark.parametrize("order", [("2", "1"), ("1", "2")], ids=["newest-first", "oldest-first"])
def test_where_blank_lines_part_the_attempts_they_part_the_new_one_too(order: tuple[str, str]) -> None:
    first, second = (f"- #{n} 2026-01-0{n}: attempt {n}\n" for n in order)
    head, tail = "## [A-1] t\n\n### History\n\n", "\nProse.\n"
    new = "- #3 2026-02-03: x\n"
    parts = [new, first, second] if order[0] == "2" else [first, second, new]
    assert noted(head + "\n".join([first, second]) + tail, "A-1", "x") == head + "\n".join(parts) + tail


def test_the_first_attempt_of_an_item_is_written_as_those_of_the_others() -> None:
    page = NESTED + "\n## [HYGIENE-003] Another\n- Status: open\n- Attempts History:\n"
    after = noted(page, "HYGIENE-003", "x")
    assert after == page + "  * [2026-02-03] Attempt #1 — Result: x\n"


def test_what_looks_like_structure_within_code_is_none() -> None:
    code = "```\n## [FAKE-1] in a fence\n### Attempts\n- #9 20250101T000000Z: no\n```\n"
    page = CONTRACT.replace("- Priority: P1\n", f"- Priority: P1\n\n{code}")
    assert [item.id for item in read_page(page.encode()).items] == ["FLOW-001"]
    assert "- #2 20260203T040506Z: x\n- #1 " in noted(page, "FLOW-001", "x")


def test_the_same_evidence_is_noted_once_whatever_is_said_of_it() -> None:
    how = {"evidence": "reports/a/20260101T000000Z", "stamp": "20260101T000000Z"}
    once = noted(CONTRACT, "FLOW-001", "seen", **how)
    assert "- #2 20260101T000000Z: seen ([evidence](reports/a/20260101T000000Z/summary.md))\n" in once
    assert noted(once, "FLOW-001", "seen in other words", **how) == once
    other = {"evidence": "reports/a/20260101T000000Z-2", "stamp": "20260101T000000Z-2"}
    assert noted(once, "FLOW-001", "seen", **other) != once


@pytest.mark.parametrize("layout", LAYOUTS)
def test_without_evidence_the_same_words_of_the_same_day_are_noted_once(layout: str) -> None:
    once = noted(LAYOUTS[layout], ITEMS[layout], "looked at it")
    assert noted(once, ITEMS[layout], "looked at it") == once
    assert noted(once, ITEMS[layout], "looked at it twice") != once


def test_an_item_with_a_code_block_that_is_left_open_is_not_edited() -> None:
    with pytest.raises(UsageError, match=r"A-1: no attempt can be placed .* left open"):
        noted("## [A-1] title\n\n```\ncode\n", "A-1", "x")


WORDS = st.text(st.characters(codec="utf-8", exclude_categories=["Cc", "Cs", "Zl", "Zp"]), min_size=1).map(
    lambda text: "x" + " ".join(text.split())
)
FRAGMENTS = st.sampled_from(
    [
        "\n", "\r\n", "\r", "prose\n", "  \t\n", "- a: b\n", "* x\n    y\n", "```\n", "~~~\r\n", "> ## [Q-1] q\n",
        "| a | b |\n|---|---|\n| c \\| d | e |\n", "## [A-2] other\n", "### Attempts\n", "- #7 2026-01-01: z\n",
        "1. one\n", "<div>\n", "\x0b\x0c\x85\u2028 odd\n", "\udcff bytes\n", "Status: open\n", "---\n", "no end",
    ]
)  # fmt: skip


@given(st.lists(FRAGMENTS, max_size=12), st.lists(FRAGMENTS, max_size=12), WORDS)
def test_whatever_the_page_holds_only_new_lines_are_added_and_once(before: list[str], after: list[str], said: str):
    text = "".join([*before, "\n## [A-1] title\n", *after])
    page = read_page(text.encode("utf-8", "surrogateescape"))
    if page.source.text != text or "A-1" not in [item.id for item in page.items]:
        return  # the heading stands within something that was left open
    try:
        once = noted(text, "A-1", said)
    except UsageError:
        assert "```\n" in after or "~~~\r\n" in after  # a code block without an end swallows what comes behind it
        return
    added = [line for line in new_lines(text, once) if line.strip()]
    assert said in added[-1]
    assert len(added) <= 2  # the heading of attempts, and the attempt
    assert noted(once, "A-1", said) == once


@given(st.lists(FRAGMENTS, max_size=12), st.sampled_from(["open", "blocked", "done"]))
def test_a_status_is_one_word_in_the_section_and_one_in_the_index(fragments: list[str], status: str) -> None:
    text = CONTRACT + "".join(fragments)
    page = read_page(text.encode("utf-8", "surrogateescape"))
    after = apply(text, status_edits(page, page.item("FLOW-001"), status))
    assert after == text.replace("in_progress", status, 2)


def test_a_remark_behind_a_status_stays() -> None:
    page = read_page(NESTED.encode())
    after = apply(NESTED, status_edits(page, page.item("HYGIENE-002"), "in_progress"))
    assert after == NESTED.replace("done (archived)", "in_progress (archived)")


def test_eight_writers_at_once_lose_nothing(tmp_path: Path) -> None:
    path = tmp_path / "fix_plan.md"
    path.write_bytes(STARS.encode())

    def note(number: int) -> bool:
        new = NewAttempt(f"marker-{number}", NOW)
        return edit_ledger(path, lambda page: attempt_edits(page, page.item("BUG-7"), [new]))

    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        assert all(pool.map(note, range(24)))
    after = path.read_bytes().decode()
    assert sorted(int(n) for n in re.findall(r"marker-(\d+)", after)) == list(range(24))
    assert [int(n) for n in re.findall(r"#(\d+):", after)] == list(range(3, 29))
    assert [path.name for path in tmp_path.iterdir()] == ["fix_plan.md"]


def test_commands_at_once_lose_nothing(project: SmallProject) -> None:
    path = project.write("fix_plan.md", CONTRACT)
    started = [
        project.start("ledger", "attempt", "FLOW-001", "--result", f"marker-{n}", command=COMMAND) for n in range(4)
    ]
    assert [process.wait() for process in started] == [0, 0, 0, 0]
    assert sorted(re.findall(r"#(\d) .*marker-", path.read_text())) == ["2", "3", "4", "5"]


def test_somebody_who_saves_the_page_meanwhile_loses_nothing(tmp_path: Path) -> None:
    path = tmp_path / "fix_plan.md"
    path.write_text(CONTRACT)
    saved = []

    def edits(page):
        if not saved:
            saved.append(path.write_text(CONTRACT.replace("Gradients vanish", "Gradients vanish at night")))
        return attempt_edits(page, page.item("FLOW-001"), [NewAttempt("x", NOW)])

    assert edit_ledger(path, edits)
    assert "at night" in path.read_text()
    assert "#2 " in path.read_text()


def test_permissions_stay_and_a_link_stays_a_link(tmp_path: Path, call) -> None:
    (tmp_path / "docs").mkdir()
    real = tmp_path / "docs" / "plan.md"
    real.write_text(CONTRACT)
    real.chmod(0o640)
    (tmp_path / "fix_plan.md").symlink_to("docs/plan.md")
    assert call("ledger", "attempt", "FLOW-001", "--result", "x").code == 0
    assert (tmp_path / "fix_plan.md").is_symlink()
    assert real.stat().st_mode & 0o777 == 0o640
    assert "#2 " in real.read_text()


def test_an_attempt_names_its_evidence_from_where_the_ledger_is(tmp_path: Path, call) -> None:
    ledger = tmp_path / "docs" / "plan.md"
    ledger.parent.mkdir()
    ledger.write_text(CONTRACT)
    folder = fake_evidence(tmp_path / "reports" / "phase a" / "20260101T000000Z")
    args = ("ledger", "attempt", "FLOW-001", "--result", "x", "--evidence", folder, "--ledger", ledger)
    assert call(*args).out == "FLOW-001: noted\n"
    assert "([evidence](../reports/phase%20a/20260101T000000Z/summary.md))" in ledger.read_text()
    assert call(*args).out == "FLOW-001: is noted already, nothing changed\n"


@pytest.mark.parametrize(
    ("args", "said"),
    [
        (("attempt", "FLOW-9", "--result", "x"), "has no item 'FLOW-9'; its items are FLOW-001"),
        (("attempt", "FLOW-001", "--result", " \n"), "--result: is empty"),
        (("attempt", "FLOW-001", "--result", "x", "--evidence", "."), "is no whole evidence folder"),
        (("attempt", "FLOW-001", "--result", "x", "--ledger", "nowhere.md"), "nowhere.md: No such file"),
        (("show", "FLOW-001", "--ledger", "no/where.md"), "where.md: No such file"),
        (("attempt", "FLOW-001"), "Missing option '--result'"),
        (("add", "FLOW-001", "--title", "Other"), "another title"),
        (("archive", "FLOW-9"), "has no item 'FLOW-9'"),
        (("forget",), "No such command 'forget'"),
        ((), "Missing command"),
    ],
    ids=lambda value: " ".join(value) or "nothing" if isinstance(value, tuple) else "",
)
def test_wrong_usage_is_one_line_and_changes_nothing(tmp_path: Path, call, args: tuple[str, ...], said: str) -> None:
    (tmp_path / "fix_plan.md").write_text(CONTRACT)
    done = call("ledger", *args)
    assert done.code == 2
    assert said in done.err
    assert len(done.err.splitlines()) == 1
    assert (tmp_path / "fix_plan.md").read_text() == CONTRACT
    assert [path.name for path in tmp_path.iterdir()] == ["fix_plan.md"]
