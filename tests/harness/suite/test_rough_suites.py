"""Whatever a test does to its process: no other test is lost, the culprit is named, nothing is called complete."""

import re
import sys

import pytest

from tests.harness.suite.conftest import SuiteProject
from tests.support.accounts import account_faults, names

ROUGH = """
import os, signal, time
import pytest

@pytest.mark.parametrize("n", range(12))
def test_ok(n): pass

def test_killed(): os.kill(os.getpid(), signal.SIGKILL)
def test_hangs(): time.sleep(600)
def test_exits(): os._exit(0)
def test_fails(): assert 1 == 2
def test_last(): pass

@pytest.fixture
def broken(): raise ValueError("no database")

def test_error(broken): pass

@pytest.mark.xfail
def test_xfails(): assert False

@pytest.mark.xfail
def test_xpasses(): pass

@pytest.mark.skip
def test_skipped(): pass
"""
CULPRITS = ["test_exits", "test_hangs", "test_killed"]


@pytest.mark.parametrize("chunks", ["1", "3"])
def test_no_test_is_lost_and_each_culprit_is_named(suite: SuiteProject, chunks: str) -> None:
    suite.write(ROUGH)
    done, document = suite.run("--chunks", chunks, "--budget", "8s")
    assert done.code == 1, done.err
    assert account_faults(document) == []
    assert (document["collected"], document["missing"], document["duplicates"]) == (21, [], [])
    counts = {"passed": 13, "failed": 1, "error": 1, "skipped": 1, "xfailed": 1, "xpassed": 1}
    assert document["counts"] == counts
    assert names(document["in_flight"]) == CULPRITS
    assert not document["complete"]
    assert all(nodeid in done.out for nodeid in document["in_flight"])
    kinds = {cluster["tests"][0].rpartition("::")[2]: cluster["kind"] for cluster in document["clusters"]}
    assert kinds == {
        "test_killed": "crash", "test_exits": "crash", "test_hangs": "timeout", "test_fails": "assertion",
        "test_error": "other",
    }  # fmt: skip
    evidence = suite.sound()
    assert evidence.status == "incomplete"
    assert evidence.text("pytest.xml").count("<testcase") == 21


def test_a_test_in_flight_is_not_tried_again(suite: SuiteProject) -> None:
    suite.write("import os\ndef test_a():\n    open('tries', 'a').write('x')\n    os._exit(3)\ndef test_b(): pass\n")
    _, document = suite.run("--chunks", "1")
    assert (suite.small.root / "tries").read_text() == "x"
    assert (names(document["in_flight"]), document["counts"]["passed"]) == (["test_a"], 1)
    assert [chunk["status"] for chunk in document["chunks"]] == ["crashed", "complete"]


@pytest.mark.skipif(sys.platform == "win32", reason="reads /proc or asks psutil for children: POSIX only")
def test_a_test_that_takes_all_memory_is_stopped_and_named(suite: SuiteProject) -> None:
    # the limit is what the runner finds available; a small one keeps this machine alive
    suite.small.write(
        "run.py",
        "import sys\nfrom gradtriage.run import memory\nimport gradtriage.suite.task as task\n"
        "task.usual_limit = lambda: 400_000_000\nfrom gradtriage.cli import main\nmain(sys.argv[1:])\n",
    )
    suite.write(
        "import time\ndef test_before(): pass\n"
        "def test_greedy():\n    held = []\n    while True:\n"
        "        held.append(b'x' * 20_000_000)\n        time.sleep(0.01)\n"
        "def test_after(): pass\n"
    )
    done, document = suite.run("--chunks", "1", "--budget", "60s", command=(sys.executable, "run.py"))
    assert done.code == 1, done.err
    assert (names(document["in_flight"]), document["counts"]["passed"]) == (["test_greedy"], 2)
    assert [cluster["exception"] for cluster in document["clusters"]] == ["OutOfMemory"]
    assert "memory limit" in suite.sound().faults


def test_a_suite_without_tests_is_a_failure(suite: SuiteProject) -> None:
    suite.write("X = 1\n")
    done, document = suite.run()
    assert (done.code, document["collected"], document["complete"]) == (1, 0, False)
    assert "no test was collected" in suite.sound().faults


def test_a_module_that_cannot_be_imported_is_an_error_and_keeps_nobody_else(suite: SuiteProject) -> None:
    suite.write("import not_there_at_all\ndef test_a(): pass\n", "test_broken.py")
    suite.write("import not_there_at_all\ndef test_a(): pass\n", "test_broken_too.py")
    suite.write("def test_b(): pass\ndef test_c(): pass\n")
    done, document = suite.run("--chunks", "2")
    assert done.code == 1
    assert account_faults(document) == []
    assert (document["collected"], document["counts"]["error"], document["counts"]["passed"]) == (4, 2, 2)
    (cluster,) = document["clusters"]
    assert (cluster["kind"], cluster["count"]) == ("infrastructure", 2)
    assert suite.sound().text("pytest.xml").count("collection failure") == 2


def test_a_wrong_argument_for_pytest_is_wrong_usage(suite: SuiteProject) -> None:
    suite.write("def test_a(): pass\n")
    done, _ = suite.run("--no-such-option")
    assert done.code == 2
    assert re.fullmatch(r"gradtriage: pytest cannot use these arguments; see .*pytest\.log\n", done.err)


@pytest.mark.parametrize("argument", ["--junitxml=x.xml", "--collect-only", "--gradtriage"])
def test_an_argument_that_would_take_the_capture_away_is_refused(suite: SuiteProject, argument: str) -> None:
    done, _ = suite.run(argument)
    assert done.code == 2
    assert argument in done.err
    assert "Traceback" not in done.err
