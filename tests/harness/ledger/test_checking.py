"""`ledger check` finds what is wrong, and `ledger sync` follows the evidence."""

import json
import re
import shutil
from pathlib import Path

import pytest

from tests.support.ledgers import CONTRACT, NESTED
from tests.support.projects import SmallProject

WRONG = {
    "dead-link": (CONTRACT + "- #0 see [this](docs/gone.md)\n", 15, "link to docs/gone.md leads nowhere"),
    "dead-image": (CONTRACT + "\n![x](<a b.png>)\n", 16, "link to a b.png leads nowhere"),
    "dead-anchor": (CONTRACT.replace("(#flow-001", "(#flow-002"), 5, "link to #flow-002-gradients-vanish"),
    "unknown-status": (CONTRACT.replace("in_progress", "finished"), 9, "'finished' is no status; there are open"),
    "no-status": (CONTRACT.replace("- Status: in_progress\n", ""), 7, "FLOW-001: has no status"),
    "index-status": (CONTRACT.replace("P1 | in_progress", "P1 | done"), 5, "status is 'done', its section says"),
    "index-priority": (CONTRACT.replace("| P1 |", "| P2 |"), 5, "priority is 'P2', its section says 'P1'"),
    "index-title": (CONTRACT.replace("] Gradients vanish", "] Gradients appear"), 5, "title is 'Gradients vanish'"),
    "index-without-section": (
        CONTRACT.replace("\n\n## [F", "\n| FLOW-2 | x | P1 | open |\n\n## [F"), 6, "FLOW-2 has no section"),
    "section-without-row": (CONTRACT + "\n## [FLOW-3] t\n\n- Status: open\n", 16, "FLOW-3: stands 0 times"),
    "id-twice": (CONTRACT + "\n## [FLOW-001] t\n\n- Status: open\n", 7, "stands 2 times; give each item"),
    "number-twice": (CONTRACT + "- #1 20251016T052020Z: again\n", 14, "attempt number 1 stands 2 times"),
    "future": (CONTRACT.replace("20251015T", "29991015T"), 14, "29991015T052020Z lies in the future"),
    "no-plan": (CONTRACT.replace("- Priority", "- Plan: plans/gone.yaml\n- Priority", 1), 10, "gone.yaml: No such"),
}  # fmt: skip


def test_a_ledger_in_order_has_no_faults(tmp_path: Path, call) -> None:
    for page in (CONTRACT, NESTED):
        (tmp_path / "fix_plan.md").write_text(page)
        assert call("ledger", "check") == (0, "the ledger is in order\n", "")


@pytest.mark.parametrize(("page", "line", "said"), WRONG.values(), ids=list(WRONG))
def test_what_is_wrong_is_named_with_its_line(tmp_path: Path, call, page: str, line: int, said: str) -> None:
    (tmp_path / "fix_plan.md").write_text(page)
    done = call("ledger", "check")
    assert done.code == 1
    assert re.search(rf"^fix_plan\.md:{line}: .*{re.escape(said)}", done.out, re.MULTILINE), done.out
    assert {"line": line} in [{"line": f["line"]} for f in json.loads(call("ledger", "check", "--json").out)["faults"]]


LEDGER = """\
# Fix plan

| id | title | priority | status |
|---|---|---|---|
| [X-1](#x-1-the-gradient-is-cut) | The gradient is cut | P1 | open |

Some prose,   oddly spaced.

## [X-1] The gradient is cut

- Status: open (since Monday)
- Priority: P1
- Plan: plan.yaml

A paragraph that nobody may touch: Status: open, First seen: never.

### Attempts
"""

TEST = """
import torch

def test_cut():
    w = torch.tensor(2.0, requires_grad=True)
    (w * 1234.5678).backward()
    assert w.grad < {limit}
"""


@pytest.fixture(scope="module")
def evidence(shared_project) -> SmallProject:
    """A project whose phase A ran twice and meets its criteria, and whose phase B never ran."""
    project = shared_project("ledger")
    project.write("test_it.py", TEST.format(limit=0))
    criteria = [{"id": "A1", "text": "It fails", "check": "exit_code == 1"}]
    project.plan({"criteria": criteria}, {"id": "B", "needs": ["A"]}, ledger="fix_plan.md")
    for _ in range(2):
        assert project.run("run", "plan.yaml", "--phase", "A", "-q").code == 0
    return project


@pytest.fixture
def synced(evidence: SmallProject, tmp_path: Path) -> SmallProject:
    """A copy of it with a ledger."""
    shutil.copytree(evidence.root, tmp_path / "copy")
    project = SmallProject(tmp_path / "copy")
    project.write("fix_plan.md", LEDGER)
    return project


def test_sync_takes_status_sightings_and_attempts_from_the_evidence_and_nothing_else(synced: SmallProject) -> None:
    first, second = [folder.path.name for folder in synced.evidence()]
    path = synced.root / "fix_plan.md"
    done = synced.run("ledger", "sync")
    assert done.out == f"X-1: open -> in_progress; first seen {first}; last seen {second}; 2 attempts noted\n"
    said = "phase A complete, 1 of 1 tests failed; gradients: 1 ok; A1 met"
    notes = [
        f"- #{n} {stamp}: {said} ([evidence](reports/phase_a/{stamp}/summary.md))\n"
        for n, stamp in ((2, second), (1, first))
    ]
    expected = LEDGER.replace("P1 | open", "P1 | in_progress").replace("Status: open (", "Status: in_progress (")
    expected = expected.replace("plan.yaml\n", f"plan.yaml\n- First seen: {first}\n- Last seen: {second}\n", 1)
    assert path.read_text() == expected + "\n" + "".join(notes)
    assert synced.run("ledger", "check").out == "the ledger is in order\n"
    assert synced.run("ledger", "sync").out == "X-1: is up to date\n"
    assert path.read_text() == expected + "\n" + "".join(notes)


def test_an_item_is_done_when_every_phase_of_its_plan_is(synced: SmallProject) -> None:
    assert "its evidence says in_progress" in synced.run("ledger", "check").out
    assert synced.run("run", "plan.yaml", "--phase", "B", "-q").code == 0
    synced.run("ledger", "sync")
    page = (synced.root / "fix_plan.md").read_text()
    assert "- Status: done (since Monday)" in page
    assert "| P1 | done |" in page
    assert page.count("([evidence]") == 3


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("the loss was 15,819,040", "15,819,040 stands in none of the files of its evidence"),
        ("the gradient was 1234.57", None),
        ("the gradient was 1234.5678, the loss 2.469e3", None),
        ("the gradient was 1234.9", "1234.9 stands in none"),
    ],
)
def test_a_figure_that_the_evidence_does_not_hold_is_found(synced: SmallProject, text: str, said: str | None) -> None:
    synced.run("ledger", "sync")
    folder = synced.evidence()[0].path
    path = synced.root / "fix_plan.md"
    path.write_text(path.read_text().replace("phase A complete", f"{text}; phase A complete"))
    out = synced.run("ledger", "check").out
    assert (f"evidence {folder.name}" in out and said in out) if said else out == "the ledger is in order\n"


def test_evidence_from_after_the_last_sighting_is_found(synced: SmallProject) -> None:
    first, second = [folder.path.name for folder in synced.evidence()]
    synced.run("ledger", "sync")
    path = synced.root / "fix_plan.md"
    path.write_text(path.read_text().replace(f"Last seen: {second}", f"Last seen: {first}"))
    assert f"X-1: Last seen is {first}, there is evidence of {second}" in synced.run("ledger", "check").out


def test_what_was_seen_before_the_evidence_that_is_left_stays_seen(synced: SmallProject) -> None:
    old = LEDGER.replace("plan.yaml\n", "plan.yaml\n- First seen: 20200101T000000Z\n", 1)
    path = synced.write("fix_plan.md", old)
    synced.run("ledger", "sync")
    assert "- First seen: 20200101T000000Z\n" in path.read_text()


def test_an_item_that_is_blocked_stays_so_until_it_is_done(synced: SmallProject) -> None:
    path = synced.write("fix_plan.md", LEDGER.replace("open", "blocked"))
    synced.run("ledger", "sync")
    assert "- Status: blocked (since Monday)" in path.read_text()
    assert synced.run("ledger", "check").code == 0
