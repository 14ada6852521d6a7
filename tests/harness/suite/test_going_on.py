"""Interrupted and resumed suites, and suites in which nothing changed."""

import signal
import subprocess

import pytest

from tests.harness.suite.conftest import SuiteProject
from tests.support.accounts import account_faults, names
from tests.support.projects import finish, until

PATIENT = """
import os, time
import pytest

@pytest.mark.parametrize("n", range(5))
def test_a(n): open("ran", "a").write(f"a{n} ")

def test_slow():
    if not os.path.exists("go"):
        open("started", "w").close()
        time.sleep(300)

@pytest.mark.parametrize("n", range(5))
def test_b(n): open("ran", "a").write(f"b{n} ")
"""


def git(suite: SuiteProject, *args: str) -> None:
    identity = ["-c", "user.name=a", "-c", "user.email=a@example.org"]
    subprocess.run(["git", *identity, *args], cwd=suite.small.root, check=True, capture_output=True)


def committed(suite: SuiteProject) -> None:
    suite.small.write(".gitignore", "__pycache__/\n.pytest_cache/\nout.json\nran.txt\nreports/\n")
    git(suite, "init", "-q")
    git(suite, "add", "-A")
    git(suite, "commit", "-qm", "a commit")


@pytest.mark.parametrize("how", ["interrupted", "killed"])
def test_a_suite_that_was_stopped_goes_on_with_what_is_missing(suite: SuiteProject, how: str) -> None:
    suite.write(PATIENT)
    process = suite.small.start("suite", "--chunks", "2", "test_it.py")
    until((suite.small.root / "started").exists, "the slow test", 60.0)
    process.send_signal(signal.SIGINT if how == "interrupted" else signal.SIGKILL)
    done = finish(process)
    assert done.code == (130 if how == "interrupted" else -9)
    (suite.small.root / "go").touch()
    if how == "killed":
        suite.small.run("verify", "reports")
    stopped = suite.sound()
    assert stopped.status == "interrupted"
    before = stopped.json("suite.json")
    assert account_faults(before) == []
    assert (before["complete"], names(before["in_flight"])) == (False, ["test_slow"])

    done, document = suite.run("--resume", str(stopped.path))
    assert account_faults(document) == []
    assert (names(document["in_flight"]), document["missing"], document["counts"]["passed"]) == (["test_slow"], [], 10)
    assert done.code == 1
    ran = (suite.small.root / "ran").read_text().split()
    assert sorted(ran) == sorted({*ran})  # nothing ran a second time
    suite.sound()

    done, document = suite.run("--resume", str(suite.folders()[-1].path), "--retry-in-flight")
    assert (done.code, document["complete"], document["counts"]["passed"]) == (0, True, 11)
    assert account_faults(document) == []
    assert suite.sound().status == "complete"


def test_a_folder_that_is_no_suite_cannot_be_gone_on_with(suite: SuiteProject) -> None:
    done, _ = suite.run("--resume", "reports")
    assert done.code == 2
    assert "no evidence folder of a suite" in done.err


def test_a_suite_on_another_commit_cannot_be_gone_on_with(suite: SuiteProject) -> None:
    suite.write("def test_a(): pass\n")
    committed(suite)
    suite.run()
    git(suite, "commit", "-qm", "another", "--allow-empty")
    done, _ = suite.run("--resume", str(suite.folders()[0].path))
    assert done.code == 2
    assert "commit" in done.err


def test_the_same_suite_on_the_same_commit_is_not_run_again_unless_forced(suite: SuiteProject) -> None:
    suite.write("def test_a(): open('ran.txt', 'a').write('x')\ndef test_b(): assert 0\n")
    committed(suite)
    first, document = suite.run()
    again, same = suite.run()
    assert (again.code, same) == (1, document)
    assert f"nothing changed since {suite.folders()[0].path.name}" in again.err
    assert f"reports/suite/{suite.folders()[0].path.name}/summary.md" in again.out
    assert (suite.small.root / "ran.txt").read_text() == "x"
    assert first.code == 1
    suite.run("--force")
    suite.run("-q")  # another command
    assert len(suite.folders()) == 3
    suite.write("def test_a(): pass\n")  # another tree
    done, _ = suite.run()
    assert done.code == 0
    assert len(suite.folders()) == 4


def test_a_cause_keeps_its_id_until_it_is_resolved_and_flips_on_one_commit_are_flaky(suite: SuiteProject) -> None:
    suite.write("import os\ndef test_a(): assert os.environ.get('WELL')\ndef test_b(): raise KeyError('x')\n")
    committed(suite)
    _, first = suite.run()
    _, second = suite.run("--force")
    _, third = suite.run("--force", env={"WELL": "1"})
    ids = [
        {cluster["tests"][0]: cluster["id"] for cluster in one["clusters"] if cluster["tests"]}
        for one in (first, second)
    ]
    assert ids[0] == ids[1]
    assert {cluster["status"] for cluster in first["clusters"]} == {"new"}
    assert {cluster["status"] for cluster in second["clusters"]} == {"known"}
    assert {cluster["id"]: cluster["status"] for cluster in third["clusters"]} == {
        ids[0]["test_it.py::test_a"]: "flaky",  # it failed on this very commit, and now passes
        ids[0]["test_it.py::test_b"]: "known",
    }
    (suite.small.root / "reports" / "clusters.json").unlink()  # it follows from the folders
    _, fourth = suite.run("--force")
    assert {cluster["id"] for cluster in fourth["clusters"]} == set(ids[0].values())
    suite.sound()
