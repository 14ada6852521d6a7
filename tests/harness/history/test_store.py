"""The history follows from the evidence folders: whenever it is made, and wherever it is kept."""

import json
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from tests.support.projects import SmallProject

FLOWS = """
import torch
def test_flow():
    w = torch.tensor([1.0, 2.0], requires_grad=True)
    (w * w).sum().backward()
def test_fails():
    assert 1 == 2
"""


@pytest.fixture
def project(tmp_path: Path) -> Iterator[SmallProject]:
    small = SmallProject(tmp_path / "project")
    small.write("pytest.ini", "[pytest]\n")
    small.write("test_it.py", FLOWS)
    yield small
    small.close()


def rows(path: Path) -> dict[str, list[tuple]]:
    """Everything that a database holds, apart from its own numbers."""
    with closing(sqlite3.connect(path)) as connection:
        queries = {
            "runs": "SELECT digest, folder, kind, stamp, status, tests, failures FROM runs ORDER BY digest",
            "outcomes": "SELECT digest, nodeid, outcome, seconds, exception, message, cluster FROM outcomes"
            " JOIN runs ON runs.id = run_id JOIN tests ON tests.id = test_id ORDER BY digest, nodeid",
            "gradients": "SELECT digest, nodeid, parameter, gradients.status, value, numel FROM gradients"
            " JOIN runs ON runs.id = run_id JOIN tests ON tests.id = test_id ORDER BY digest, nodeid",
        }
        return {name: connection.execute(query).fetchall() for name, query in queries.items()}


def test_the_history_is_the_same_however_it_came_to_be(project: SmallProject) -> None:
    project.run("suite", "--chunks", "1")
    done = project.run("history", "test_flow", "--json", "-")
    assert done.code == 0, done.err
    project.run("run", str(project.plan()))
    said = json.loads(project.run("history", "test_flow", "--json", "-").out)
    assert [(run["kind"], run["outcome"]) for run in said["runs"]] == [("suite", "passed"), ("phase_a", "passed")]
    assert [row["value"] for row in said["gradients"]] == [pytest.approx(20**0.5)] * 2
    assert said["limit"]["runs"] == 2

    database = project.root / "reports" / "history.sqlite"
    grown = rows(database)
    assert [len(grown[name]) for name in ("runs", "outcomes", "gradients")] == [2, 4, 2]
    assert project.run("history", "--rebuild").code == 0
    assert rows(database) == grown
    database.unlink()
    shown = project.run("history", "test_fails")
    assert "C1 assert 1 == 2" in shown.out
    assert rows(database) == grown

    project.write("gradtriage.toml", 'history = "sqlite:///elsewhere.db"\n')
    project.run("history", "test_fails")
    assert rows(project.root / "elsewhere.db") == grown
    with closing(sqlite3.connect(database)) as connection:
        assert connection.execute("PRAGMA journal_mode").fetchone() == ("wal",)


@pytest.mark.parametrize(
    ("args", "said"),
    [
        (("history",), "name a test"),
        (("history", "test_of_nobody"), "in no evidence"),
    ],
)
def test_a_test_that_cannot_be_found_is_wrong_usage(project: SmallProject, args: tuple[str, ...], said: str) -> None:
    done = project.run(*args)
    assert (done.code, done.out) == (2, "")
    assert said in done.err
    assert done.err.count("\n") == 1


@pytest.mark.parametrize("url", ["not a url", "nodatabase://x/y", "sqlite:////no/such/folder/x.db"])
def test_a_database_that_cannot_be_used_is_told_in_one_line(project: SmallProject, url: str) -> None:
    project.write("gradtriage.toml", f'history = "{url}"\n')
    done = project.run("history", "test_it")
    assert done.code in (2, 3)
    assert done.err.startswith("gradtriage: ")
    assert done.err.count("\n") == 1


def test_a_file_that_is_no_database_is_told_in_one_line(project: SmallProject) -> None:
    project.write("reports/history.sqlite", "these are not the bytes of a database " * 100)
    done = project.run("history", "test_it")
    assert (done.code, done.err.count("\n")) == (3, 1)
    assert "--rebuild" in done.err
