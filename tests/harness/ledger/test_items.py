"""Listing, showing, opening and archiving items."""

import json
import re
from pathlib import Path

import pytest

from gradtriage.ledger.check import check_ledger
from tests.support.ledgers import CONTRACT, ITEMS, LAYOUTS, NESTED, STARS


def test_items_are_listed_with_status_and_number_of_attempts(tmp_path: Path, call) -> None:
    (tmp_path / "fix_plan.md").write_text(CONTRACT)
    assert call("ledger", "list").out.split() == [
        "FLOW-001",
        "in_progress",
        "P1",
        "1",
        "attempt",
        "Gradients",
        "vanish",
    ]
    assert call("ledger", "list", "--status", "done").out == ""
    (item,) = json.loads(call("ledger", "list", "--json").out)["items"]
    assert item == {
        "id": "FLOW-001",
        "title": "Gradients vanish",
        "status": "in_progress",
        "priority": "P1",
        "attempts": 1,
        "line": 7,
    }


@pytest.mark.parametrize("layout", LAYOUTS)
def test_an_item_is_shown_as_it_stands(tmp_path: Path, call, layout: str) -> None:
    (tmp_path / "fix_plan.md").write_bytes(LAYOUTS[layout].encode())
    shown = call("ledger", "show", ITEMS[layout]).out
    assert shown.strip() in LAYOUTS[layout]
    told = json.loads(call("ledger", "show", ITEMS[layout], "--json").out)
    assert told["id"] == ITEMS[layout]
    assert len(told["attempt_list"]) == told["attempts"]


def test_a_new_item_has_a_section_and_a_row_and_the_next_free_number(tmp_path: Path, call) -> None:
    path = tmp_path / "fix_plan.md"
    path.write_text(CONTRACT)
    args = ("ledger", "add", "FLOW", "--title", "NaN in a | b", "--priority", "P0", "--reproduce", "pytest -k `x`")
    assert call(*args).out == "FLOW-002: opened\n"
    after = path.read_text()
    assert "| [FLOW-002](#flow-002-nan-in-a--b) | NaN in a \\| b | P0 | open |\n" in after
    section = (
        "\n## [FLOW-002] NaN in a | b\n\n- Status: open\n- Priority: P0\n- Reproduce: `` pytest -k `x` ``\n\n"
        "### Attempts\n\n"
    )
    assert after.endswith(section)
    assert check_ledger(path) == []
    assert call(*args).out == "FLOW-002: is there already, nothing changed\n"
    assert path.read_text() == after


def test_a_new_item_of_a_page_in_another_style_is_written_in_that_style(tmp_path: Path, call) -> None:
    path = tmp_path / "fix_plan.md"
    path.write_bytes(STARS.encode())
    call("ledger", "add", "BUG-8", "--title", "new", "--plan", "p.yaml")
    added = path.read_bytes().decode().removeprefix(STARS)
    assert added.startswith(
        "\r\n\r\n### BUG-8: new\r\n\r\n* **Status:** open\r\n* **Priority:** P2\r\n* **Plan:** p.yaml"
    )
    assert added.replace("\r\n", "").count("\n") == 0
    path.write_text(NESTED)
    call("ledger", "add", "HYGIENE-003", "--title", "new")
    assert "| [HYGIENE-003](#hygiene-003-new) | new | P2 | open |\n" in path.read_text()
    call("ledger", "attempt", "HYGIENE-003", "--result", "x")
    assert re.search(r"- Attempts History:\n  \* \[[-0-9]{10}\] Attempt #1 — Result: x\n", path.read_text())


def test_a_ledger_can_begin_empty(tmp_path: Path, call) -> None:
    path = tmp_path / "fix_plan.md"
    path.write_text("")
    assert call("ledger", "add", "A-1", "--title", "t").code == 0
    assert path.read_text() == "## [A-1] t\n\n- Status: open\n- Priority: P2\n\n### Attempts\n\n"


def many(count: int) -> str:
    return "".join(f"- #{n} 20250101T0000{n:02d}Z: attempt {n}\n  more of {n}\n\n" for n in range(count, 0, -1))


def test_old_attempts_move_to_the_archive_and_nothing_is_lost(tmp_path: Path, call) -> None:
    path, archive = tmp_path / "fix_plan.md", tmp_path / "fix_plan_archive.md"
    page = CONTRACT[: CONTRACT.index("- #1")] + many(5) + "Prose behind.\n"
    path.write_text(page)
    assert call("ledger", "archive", "--keep", "2").out == "FLOW-001: 3 attempts moved\n"
    assert path.read_text() == page.replace(many(3), "")
    assert archive.read_text().endswith(many(3).replace("\n\n", "\n"))
    assert call("ledger", "archive", "--keep", "2").out == "no item has more than 2 attempts, nothing changed\n"
    call("ledger", "attempt", "FLOW-001", "--result", "x")
    assert "- #6 " in path.read_text()
    assert call("ledger", "archive", "FLOW-001", "--keep", "2").out == "FLOW-001: 1 attempt moved\n"
    assert [int(n) for n in re.findall(r"^- #(\d)", archive.read_text(), re.MULTILINE)] == [4, 3, 2, 1]
    assert [fault.text for fault in check_ledger(archive)] == [
        "FLOW-001: has no status; there are open, in_progress, blocked, done"
    ]


def test_an_archiving_that_was_cut_short_does_not_write_twice(tmp_path: Path, call) -> None:
    path, archive = tmp_path / "fix_plan.md", tmp_path / "fix_plan_archive.md"
    page = CONTRACT[: CONTRACT.index("- #1")] + many(4)
    path.write_text(page)
    call("ledger", "archive", "--keep", "1")
    moved = archive.read_text()
    path.write_text(page)  # killed before the ledger was written
    call("ledger", "archive", "--keep", "1")
    assert archive.read_text() == moved


def test_nested_attempts_are_archived_with_all_that_belongs_to_them(tmp_path: Path, call) -> None:
    path = tmp_path / "fix_plan.md"
    path.write_text(NESTED)
    assert call("ledger", "archive", "--keep", "1").out == "HYGIENE-002: 1 attempt moved\n"
    first = "  * [2025-09-30] Attempt #1 — Result: partial. Removed a folder.\n    Metrics: n/a\n"
    assert path.read_text() == NESTED.replace(first, "")
    archive = (tmp_path / "fix_plan_archive.md").read_text()
    assert archive.endswith("* [2025-09-30] Attempt #1 — Result: partial. Removed a folder.\n  Metrics: n/a\n")


def test_what_is_archived_is_not_noted_again(tmp_path: Path, call) -> None:
    path = tmp_path / "fix_plan.md"
    path.write_text(CONTRACT)
    call("ledger", "attempt", "FLOW-001", "--result", "today")
    call("ledger", "attempt", "FLOW-001", "--result", "also today")
    call("ledger", "archive", "--keep", "1")
    before = path.read_text()
    assert call("ledger", "attempt", "FLOW-001", "--result", "today").out.endswith("nothing changed\n")
    assert path.read_text() == before
