"""`bisect` finds the first commit at which a test's outcome or gradients changed, and touches nothing of the user's."""

import json
import os
from pathlib import Path

import jsonschema
import pytest

import gradtriage
from gradtriage.model.schemas import schemas
from gradtriage.verify import verify_folder
from tests.support.projects import SmallProject
from tests.support.repositories import Repository

LIBRARY = """
def model(w, v):
    return {body}
"""
TEST = """
import torch
from library import model

def test_gradient():
    w, v = (torch.tensor(x, dtype=torch.float64, requires_grad=True) for x in (2.0, 3.0))
    model(w, v).backward()
    assert w.grad is not None
"""
# needs no torch, so that it is quick
OUTCOME = """
from library import model

def test_gradient():
    assert model(2.0, 3.0) == 8.0
"""
SOUND, ROUNDED, CUT, GONE, WRONG = "w * v + w", "w * (v + 1)", "w.detach() * v + w", "w * v + w +", "w * v - w"


class Chain(Repository):
    """A repository whose package lies in a folder that is on the path, as with an editable installation."""

    def __init__(self, root: Path, bodies: list[str], test: str = TEST) -> None:
        super().__init__(root)
        self.begin()
        files = {"test_it.py": test, "gradtriage.toml": ""}
        self.commits = [
            self.commit(f"Commit {n}", {**files, "src/library.py": LIBRARY.format(body=body), "note.txt": str(n)})
            for n, body in enumerate(bodies)
        ]

    def bisect(self, *args: str, good: int = 0):
        harness = Path(next(iter(gradtriage.__path__))).parent
        env = {"PYTHONPATH": os.pathsep.join([str(self.root / "src"), str(harness)])}
        given = ("--good", self.commits[good], "--bad", "HEAD", "--json", "found.json", *args)
        done = self.run("bisect", "test_it.py::test_gradient", *given, env=env, patience=600)
        path = self.root / "found.json"
        return done, json.loads(path.read_text()) if path.exists() else None


@pytest.fixture(scope="module")
def searched(tmp_path_factory: pytest.TempPathFactory):
    """A chain with a change of rounding, a commit that does not import, and the cut, searched once."""
    chain = Chain(tmp_path_factory.mktemp("chain") / "p", [SOUND, SOUND, ROUNDED, GONE, ROUNDED, CUT, CUT, CUT])
    chain.write("note.txt", "not committed")
    done, found = chain.bisect()
    yield chain, done, found
    chain.close()


def test_the_first_commit_with_the_change_is_found(searched) -> None:
    chain, done, found = searched
    assert done.code == 0
    assert found["first"] == [chain.commits[5]]
    assert [(change["kind"], change["parameter"]) for change in found["changes"]] == [("drifted", "w")]
    assert f"  {chain.commits[5][:12]} Commit 5\n" in done.out
    jsonschema.validate(found, schemas()["bisect"])


def test_the_working_tree_and_the_repository_are_as_they_were(searched) -> None:
    chain, _, _ = searched
    assert (chain.root / "note.txt").read_text() == "not committed"
    assert chain.git("status", "--porcelain").splitlines() == ["M note.txt", "?? found.json"]
    assert len(chain.git("worktree", "list").splitlines()) == 1


def test_the_evidence_of_every_commit_is_kept_and_names_it(searched) -> None:
    chain, _, found = searched
    folder = next((chain.root / "reports" / "bisect").iterdir())
    for one in found["examined"]:
        for name in one["folders"]:
            environment = json.loads((folder / name / "environment.json").read_text())
            assert (environment["commit"], environment["dirty"]) == (one["commit"], False)
            assert verify_folder(folder / name) == []


def test_a_search_that_was_stopped_goes_on_without_running_anything_twice(searched) -> None:
    chain, _, found = searched
    folder = next((chain.root / "reports" / "bisect").iterdir())
    stamps = sorted(path.name for path in folder.rglob("manifest.json"))
    state = {**found, "examined": found["examined"][:2], "first": [], "complete": False}
    (folder / "bisect.json").write_text(json.dumps(state))
    again = chain.bisect()[1]
    assert again["first"] == found["first"]
    assert sorted(path.name for path in folder.rglob("manifest.json")) == stamps


def test_commits_that_cannot_be_run_before_the_change_are_named_with_it(tmp_path: Path) -> None:
    chain = Chain(tmp_path / "p", [SOUND, GONE, WRONG], OUTCOME)
    done, found = chain.bisect()
    assert found["first"] == [chain.commits[2], chain.commits[1]]
    assert [one["verdict"] for one in found["examined"] if one["commit"] == chain.commits[1]] == ["skip"]
    assert "the first commit is one of these" in done.out


def test_where_nothing_changed_nothing_is_found(tmp_path: Path) -> None:
    chain = Chain(tmp_path / "p", [SOUND, ROUNDED], OUTCOME)
    done, found = chain.bisect()
    assert done.code == 1
    assert found["first"] == []
    assert "not found: the test is the same on" in done.out


def test_the_majority_of_the_votes_decides(tmp_path: Path) -> None:
    """Every third run fails, by a counter outside of the repository."""
    counter = tmp_path / "count"
    flaky = f"""
    import pathlib
    p = pathlib.Path({str(counter)!r})
    n = int(p.read_text()) if p.exists() else 0
    p.write_text(str(n + 1))
    assert n % 3 != 1
"""
    chain = Chain(tmp_path / "p", [SOUND, ROUNDED, SOUND, WRONG], OUTCOME + flaky)
    found = chain.bisect("--votes", "3")[1]
    assert found["first"] == [chain.commits[3]]
    votes = {one["commit"]: one["votes"] for one in found["examined"]}
    assert votes[chain.commits[2]].count("bad") == 1


@pytest.mark.parametrize(
    ("args", "said"),
    [
        (("--good", "HEAD", "--bad", "HEAD~1"), "is no ancestor of --bad HEAD~1; give an older commit as good"),
        (("--good", "nope", "--bad", "HEAD"), "--good nope: git knows no such commit"),
        (("--good=--all", "--bad", "HEAD"), "--good --all: git knows no such commit"),
        (("--bad", "HEAD"), "Missing option '--good'"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else "",
)
def test_wrong_revisions_are_one_line(searched, args: tuple[str, ...], said: str) -> None:
    done = searched[0].run("bisect", "test_it.py", *args)
    assert done.code == 2
    assert said in done.err
    assert len(done.err.splitlines()) == 1


def test_outside_of_a_repository_the_error_says_so(tmp_path: Path) -> None:
    project = SmallProject(tmp_path / "p")
    done = project.run("bisect", "t.py", "--good", "a", "--bad", "b", env={"GIT_CEILING_DIRECTORIES": str(tmp_path)})
    assert done.code == 2
    assert "no git repository with commits here" in done.err
