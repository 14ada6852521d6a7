"""The commit that evidence names, and whether the tree differed from it."""

import subprocess
from pathlib import Path

import pytest

from gradtriage.evidence.commit import checked_out


def git(root: Path, *args: str) -> None:
    who = ["-c", "user.name=a", "-c", "user.email=a@example.invalid", "-c", "commit.gpgsign=false"]
    subprocess.run(["git", *who, *args], cwd=root, check=True, capture_output=True)


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    (tmp_path / "code.py").write_text("x = 1\n")
    git(tmp_path, "init", "-q")
    git(tmp_path, "add", ".")
    git(tmp_path, "commit", "-qm", "first")
    return tmp_path


def test_a_clean_tree_is_clean(tree: Path) -> None:
    commit, dirty = checked_out(tree)
    assert (len(commit or ""), dirty) == (40, False)


@pytest.mark.parametrize("name", ["code.py", "new.py", "ünï code.py", "folder/new.py"])
def test_a_change_or_a_new_file_makes_it_dirty(tree: Path, name: str) -> None:
    (tree / name).parent.mkdir(exist_ok=True)
    (tree / name).write_text("x = 2\n")
    assert checked_out(tree, tree / "reports")[1] is True


@pytest.mark.parametrize("reports", ["reports", "reports/gradient-flow", "out put/é*?"])
def test_the_evidence_itself_does_not_make_it_dirty(tree: Path, reports: str) -> None:
    folder = tree / reports / "phase_a" / "20260102T120000Z"
    folder.mkdir(parents=True)
    (folder / "summary.md").write_text("x")
    assert checked_out(tree, tree / reports)[1] is False
    (tree / "new.py").write_text("")
    assert checked_out(tree, tree / reports)[1] is True


def test_a_project_within_a_repository_is_its_own_tree(tree: Path) -> None:
    project = tree / "sub"
    (project / "reports").mkdir(parents=True)
    (project / "reports" / "x").write_text("")
    assert checked_out(project, project / "reports") == (checked_out(tree)[0], False)


def test_looking_does_not_wait_for_another_git(tree: Path) -> None:
    (tree / ".git" / "index.lock").write_text("")
    assert checked_out(tree)[1] is False


def test_without_a_repository_or_a_commit_there_is_none(tmp_path: Path) -> None:
    assert checked_out(tmp_path) == (None, None)
    git(tmp_path, "init", "-q")
    assert checked_out(tmp_path) == (None, None)
    assert checked_out(tmp_path / "nowhere") == (None, None)
