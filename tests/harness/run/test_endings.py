"""However pytest ends, the evidence says so: one run of many phases, each with an ending of its own."""

from dataclasses import dataclass, field
from pathlib import Path

import pytest

from gradtriage.verify import verify_folder
from tests.support.evidence_check import evidence_faults
from tests.support.projects import Done, Evidence, SmallProject

JUNIT_AT_THE_END = """
import pathlib, os, pytest
@pytest.hookimpl(trylast=True)
def pytest_unconfigure(config):
    path = pathlib.Path(config.option.xmlpath)
    {action}
"""
BOMB = (
    '<?xml version="1.0"?><!DOCTYPE b [<!ENTITY a0 "ha">'
    + "".join(f'<!ENTITY a{n} "{f"&a{n - 1};" * 10}">' for n in range(1, 10))
    + ']><testsuites><testsuite><testcase classname="x" name="&a9;"/></testsuite></testsuites>'
)
EXTERNAL = (
    '<?xml version="1.0"?><!DOCTYPE b [<!ENTITY x SYSTEM "file:///etc/hostname">]>'
    '<testsuites><testsuite><testcase classname="x" name="y"><failure message="m">&x;</failure></testcase>'
    "</testsuite></testsuites>"
)
ONE_CASE = '<testsuites><testsuite><testcase classname="x" name="{}"/></testsuite></testsuites>'
TWO_TESTS = "def test_one(): pass\ndef test_two(): assert 1 == 2\n"


@dataclass(frozen=True)
class Ending:
    """A test file, and what the evidence must say of its run."""

    tests: str
    status: str
    code: int
    counts: tuple[int, int, int, int]  # tests, failures, errors, skipped
    faults: tuple[str, ...] = ()
    in_flight: tuple[str, ...] = ()
    conftest: str = ""
    pytest: dict = field(default_factory=dict)
    kept: tuple[str, ...] = ()


ENDINGS = {
    "green": Ending("def test_one(): pass", "complete", 0, (1, 0, 0, 0)),
    "red": Ending(TWO_TESTS, "complete", 1, (2, 1, 0, 0)),
    "skipped-and-xfailed": Ending(
        "import pytest\ndef test_s(): pytest.skip()\n@pytest.mark.xfail\ndef test_x(): assert 0\n",
        "complete", 0, (2, 0, 0, 2),
    ),
    "fixture-error": Ending(
        "import pytest\n@pytest.fixture\ndef f(): 1/0\ndef test_f(f): pass\n", "complete", 1, (1, 0, 1, 0)
    ),
    "collection-error": Ending("import no_such_module", "complete", 2, (1, 0, 1, 0)),
    "stopped-at-first-failure": Ending(
        "def test_a(): assert 0\ndef test_b(): pass\n", "complete", 1, (1, 1, 0, 0), pytest={"args": ["-x"]}
    ),
    "nothing-collected": Ending("def helper(): pass", "incomplete", 5, (0, 0, 0, 0), ("no test was collected",)),
    "missing-select": Ending(
        "", "incomplete", 4, (0, 0, 0, 0), ("exit code 4",), pytest={"select": ["no_such_file.py"]}
    ),
    "wrong-option": Ending(
        "def test_a(): pass", "incomplete", 4, (0, 0, 0, 0), ("exit code 4",), pytest={"args": ["--no-such-option"]}
    ),
    "exits-zero-with-failures": Ending(
        TWO_TESTS, "incomplete", 0, (2, 1, 0, 0), ("exit code 0 with 1 failure",),
        conftest="def pytest_sessionfinish(session): session.exitstatus = 0\n",
    ),
    "exits-one-without-failures": Ending(
        "def test_one(): pass", "incomplete", 1, (1, 0, 0, 0), ("exit code 1 without a failure",),
        conftest="def pytest_sessionfinish(session): session.exitstatus = 1\n",
    ),
    "exits-with-a-code-of-its-own": Ending(
        "def test_one(): pass", "incomplete", 7, (1, 0, 0, 0), ("exit code 7",),
        conftest="def pytest_sessionfinish(session): session.exitstatus = 7\n",
    ),
    "stops-early-and-says-success": Ending(
        "import pytest\ndef test_a(): pass\ndef test_b(): pytest.exit('enough', returncode=0)\ndef test_c(): pass\n",
        "incomplete", 0, (2, 0, 0, 0), ("of 3 collected tests",), ("test_b",),
    ),
    "only-set-up": Ending(
        "def test_a(): assert 0\n", "incomplete", 0, (1, 0, 0, 0), ("not called",), pytest={"args": ["--setup-only"]}
    ),
    "internal-error": Ending(
        "def test_a(): pass\n", "crashed", 3, (1, 0, 1, 0), ("internal error",),
        conftest="def pytest_runtestloop(session): raise ValueError('broken plugin')\n",
    ),
    "leaves-with-zero": Ending(
        "import os\ndef test_a(): pass\ndef test_b(): os._exit(0)\n", "crashed", 0, (2, 0, 1, 0),
        ("ended in the middle of the session",), ("test_b",),
    ),
    "leaves-with-one": Ending(
        "import os\ndef test_a(): assert 0\ndef test_b(): os._exit(1)\n", "crashed", 1, (2, 1, 1, 0),
        ("ended in the middle of the session",), ("test_b",),
    ),
    "segfault": Ending(
        "import os, signal\ndef test_a(): os.kill(os.getpid(), signal.SIGSEGV)\n", "crashed", -11, (1, 0, 1, 0),
        ("SIGSEGV",), ("test_a",),
    ),
    "killed": Ending(
        "import os, signal\ndef test_a(): pass\ndef test_b(): os.kill(os.getpid(), signal.SIGKILL)\n",
        "crashed", -9, (2, 0, 1, 0), ("SIGKILL",), ("test_b",),
    ),
    "leaves-while-importing": Ending("import os; os._exit(0)", "crashed", 0, (0, 0, 0, 0)),
    "time-limit": Ending(
        "import time\ndef test_a(): pass\ndef test_b(): time.sleep(60)\n", "timeout", 2, (2, 0, 0, 0),
        ("time limit of 1.5 s",), ("test_b",), pytest={"timeout": 1.5},
    ),
    "bomb": Ending(
        TWO_TESTS, "incomplete", 1, (2, 1, 0, 0), ("refused", "rebuilt from the events"), kept=("pytest-unread.xml",),
        conftest=JUNIT_AT_THE_END.format(action=f"path.write_text({BOMB!r})"),
    ),
    "external-entity": Ending(
        TWO_TESTS, "incomplete", 1, (2, 1, 0, 0), ("refused", "rebuilt from the events"), kept=("pytest-unread.xml",),
        conftest=JUNIT_AT_THE_END.format(action=f"path.write_text({EXTERNAL!r})"),
    ),
    "half-written": Ending(
        TWO_TESTS, "incomplete", 1, (2, 1, 0, 0), ("not whole XML", "rebuilt"), kept=("pytest-unread.xml",),
        conftest=JUNIT_AT_THE_END.format(action="path.write_bytes(path.read_bytes()[:200])"),
    ),
    "junit-is-a-pipe": Ending(
        TWO_TESTS, "incomplete", 1, (2, 1, 0, 0), ("rebuilt",),
        conftest=JUNIT_AT_THE_END.format(action="path.unlink(); os.mkfifo(path)"),
    ),
    "junit-without-some-tests": Ending(
        "def test_one(): pass\ndef test_two(): pass\n", "incomplete", 0, (1, 0, 0, 0), ("pytest.xml",),
        conftest=JUNIT_AT_THE_END.format(
            action=f"path.write_text({ONE_CASE.format('test_one')!r})"
        ),
    ),
    "in-workers": Ending(
        TWO_TESTS, "complete", 1, (2, 1, 0, 0), pytest={"args": ["-p", "xdist", "-n", "2"]},
        kept=("events-gw0.jsonl", "events-gw1.jsonl"),
    ),
    "a-worker-leaves": Ending(
        "import os\ndef test_a(): os._exit(0)\n", "incomplete", 1, (1, 0, 1, 0), ("in flight",), ("test_a",),
        pytest={"args": ["-p", "xdist", "-n", "1", "--max-worker-restart=0"]},
    ),
}  # fmt: skip


@dataclass(frozen=True)
class Ran:
    project: SmallProject
    done: Done

    def evidence(self, name: str) -> Evidence:
        (found,) = self.project.evidence(name)
        return found


@pytest.fixture(scope="module")
def ran(shared_project) -> Ran:
    project = shared_project("endings")
    phases = []
    for name, ending in ENDINGS.items():
        project.write(f"{name}/test_it.py", ending.tests)
        if ending.conftest:
            project.write(f"{name}/conftest.py", ending.conftest)
        select = [f"{name}/{file}" for file in ending.pytest.get("select", ["test_it.py"])]
        phases.append({"id": name, "pytest": {**ending.pytest, "select": select}})
    return Ran(project, project.run("run", str(project.plan(*phases))))


@pytest.fixture(params=list(ENDINGS))
def case(request: pytest.FixtureRequest, ran: Ran) -> tuple[str, Ending, Evidence]:
    return request.param, ENDINGS[request.param], ran.evidence(request.param)


def test_every_ending_leaves_a_sealed_folder_and_nothing_partial(ran: Ran) -> None:
    assert ran.project.partial() == []
    assert "Traceback" not in ran.done.err
    assert all(len(ran.project.evidence(name)) == 1 for name in ENDINGS)


def test_the_evidence_names_the_ending(case: tuple[str, Ending, Evidence]) -> None:
    _, ending, evidence = case
    assert (evidence.status, evidence.exit_code) == (ending.status, ending.code)
    assert all(fault in evidence.faults for fault in ending.faults), evidence.faults
    assert not (ending.status == "complete" and evidence.faults)


def test_the_counts_are_those_of_the_tests(case: tuple[str, Ending, Evidence]) -> None:
    from gradtriage.evidence.junit import read_junit

    _, ending, evidence = case
    junit = read_junit(evidence.path / "pytest.xml")
    assert (junit.tests, junit.failures, junit.errors, junit.skipped) == ending.counts


def test_the_tests_in_flight_are_named(case: tuple[str, Ending, Evidence]) -> None:
    name, ending, evidence = case
    nodeids = [f"{name}/test_it.py::{test}" for test in ending.in_flight]
    assert evidence.manifest["in_flight"] == nodeids
    assert all(nodeid in evidence.text("summary.md") for nodeid in nodeids)


def test_no_page_calls_a_run_passed_that_is_not_whole(case: tuple[str, Ending, Evidence]) -> None:
    # pytest's own JUnit file counts a test that was stopped as passed
    _, ending, evidence = case
    whole = ending.status == "complete" and ending.code == 0
    assert ("| Outcome | ✅ passed" in evidence.text("summary.md")) == whole


def test_what_was_captured_is_kept(case: tuple[str, Ending, Evidence]) -> None:
    _, ending, evidence = case
    assert all((evidence.path / name).is_file() for name in ending.kept)


def test_every_ending_is_sound_evidence_from_outside(case: tuple[str, Ending, Evidence]) -> None:
    assert evidence_faults(case[2].path) == []


def test_verify_finds_no_fault_in_any_ending(case: tuple[str, Ending, Evidence]) -> None:
    assert verify_folder(case[2].path) == []


def test_nothing_of_the_entity_reaches_the_evidence(ran: Ran) -> None:
    host = Path("/etc/hostname").read_text().strip()
    evidence = ran.evidence("external-entity")
    assert host not in evidence.text("pytest.xml")
    assert (ran.evidence("bomb").path / "pytest.xml").stat().st_size < 5000


def test_a_failing_criterion_free_run_with_a_crash_is_a_finding(ran: Ran) -> None:
    assert ran.done.code == 2  # one of the phases could not use its command line, which outweighs the findings
