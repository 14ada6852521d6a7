"""Items about clusters of a suite follow its evidence."""

import json
from pathlib import Path

import pytest

from tests.support.ledgers import fake_evidence

LEDGER = """\
# Fix plan

| id | title | priority | status |
|---|---|---|---|
| [N-001](#n-001-a) | a | P1 | {status} |

## [N-001] a

- Status: {status}
- Priority: P1
- Cluster: C4
- Suites: reports/suite
- Tests: `t.py::a`, `t.py::b[x, y]`

### Attempts
"""


@pytest.fixture
def suites(tmp_path: Path):
    """Writes suites, one a day, each with the clusters that it found."""
    days: list[Path] = []

    def add(*clusters: tuple[str, str, list[str]], complete: bool = True) -> str:
        folder = fake_evidence(tmp_path / "reports" / "suite" / f"2026010{len(days) + 1}T000000Z")
        found = [
            {"id": i, "fingerprint": "v1:x", "kind": "assertion", "count": len(tests), "tests": tests, "message": "m",
             "where": None, "status": status, "ledger": None}
            for i, status, tests in clusters
        ]  # fmt: skip
        counts = dict.fromkeys(("passed", "failed", "error", "skipped", "xfailed", "xpassed"), 0)
        suite = {
            "schema": "gradtriage.suite/1", "complete": complete, "collected": 2, "ran": 2, "missing": [],
            "duplicates": [], "counts": counts, "in_flight": [], "chunks": [], "clusters": found,
        }  # fmt: skip
        (folder / "suite.json").write_text(json.dumps(suite))
        days.append(folder)
        return folder.name

    return add


def synced(call, tmp_path: Path, status: str) -> str:
    path = tmp_path / "fix_plan.md"
    path.write_text(LEDGER.format(status=status))
    assert call("ledger", "sync").code == 0
    return path.read_text()


def test_what_fails_in_the_latest_suite_is_open_and_was_seen_from_first_to_last(call, tmp_path, suites) -> None:
    suites(("C1", "new", ["t.py::other"]))
    first = suites(("C4", "new", ["t.py::a"]))
    last = suites(("C7", "grown", ["t.py::b[x, y]", "t.py::c"]))
    page = synced(call, tmp_path, "done")
    assert "- Status: open\n- Priority: P1\n- Cluster: C4, C7\n" in page
    assert "| P1 | open |" in page
    assert f"- First seen: {first}\n- Last seen: {last}\n" in page
    assert call("ledger", "check").out == "the ledger is in order\n"
    assert page.endswith("### Attempts\n")
    assert call("ledger", "sync").out == "N-001: is up to date\n"


@pytest.mark.parametrize("status", ["open", "in_progress", "blocked"])
def test_what_fails_may_be_open_in_progress_or_blocked(call, tmp_path, suites, status: str) -> None:
    suites(("C4", "known", ["t.py::a"]))
    assert f"- Status: {status}\n" in synced(call, tmp_path, status)


def test_what_a_complete_suite_does_not_show_any_more_is_done(call, tmp_path, suites) -> None:
    suites(("C4", "known", ["t.py::a"]))
    suites(("C4", "resolved", []), complete=False)
    assert "- Status: open\n" in synced(call, tmp_path, "open")
    suites(("C4", "resolved", []))
    assert "its evidence says done" in call("ledger", "check").out
    assert "- Status: done\n" in synced(call, tmp_path, "open")


def test_without_suites_nothing_is_said(call, tmp_path) -> None:
    assert synced(call, tmp_path, "blocked") == LEDGER.format(status="blocked")
    assert call("ledger", "check").code == 0
