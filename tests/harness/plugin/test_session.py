"""What the events say about a session: outcomes, crashes, workers, places."""

import json
import signal
import subprocess
import time

import pytest

from gradtriage.evidence.events import in_flight, merge_gradients, read_events

from .conftest import GRADIENTS, kinds, of

OUTCOMES = """
import pytest

@pytest.fixture
def broken_setup():
    raise KeyError("setup")

@pytest.fixture
def broken_teardown():
    yield
    raise KeyError("teardown")

def test_passes(): pass

def test_fails():
    assert 1 == 2, "one is not two"

def test_raises(): raise ValueError("first\\nsecond")

def test_skips(): pytest.skip("not today")

@pytest.mark.skip(reason="never")
def test_is_skipped(): pass

@pytest.mark.xfail
def test_xfails(): assert False

@pytest.mark.xfail
def test_xpasses(): pass

@pytest.mark.xfail(strict=True)
def test_xpasses_strictly(): pass

def test_setup_fails(broken_setup): pass

def test_teardown_fails(broken_teardown): pass

@pytest.mark.parametrize("x", [1, 2])
def test_parametrised(x): assert x == 1

class TestClass:
    def test_method(self): pytest.fail("no trace", pytrace=False)

def test_subtests(subtests):
    for i in range(3):
        with subtests.test("part", i=i):
            assert i != 1

def test_warns():
    import warnings
    warnings.warn("careful")

def test_exits_by_exception(): raise SystemExit(3)
"""


def table(result):
    """What pytest printed, without the times."""
    lines = [line for line in result.stdout.splitlines() if not line.startswith("gradtriage")]
    return [line.rpartition(" in ")[0] or line for line in lines]


def test_every_kind_of_outcome_is_as_it_is_without_capture(project):
    project.write(test_it=OUTCOMES)
    plain = project.run("-rA", "--durations=0", "--durations-min=100", "--tb=short")
    events = project.capture("-rA", "--durations=0", "--durations-min=100", "--tb=short")
    assert table(project.result) == table(plain)
    assert project.result.returncode == plain.returncode == 1
    phases = {(event["nodeid"][12:], event["when"]): event for event in of(events, "phase") if "subtest" not in event}
    calls = {name: phase["outcome"] for (name, when), phase in phases.items() if when == "call"}
    assert calls == {
        "test_passes": "passed",
        "test_fails": "failed",
        "test_raises": "failed",
        "test_skips": "skipped",
        "test_xfails": "skipped",
        "test_xpasses": "passed",
        "test_xpasses_strictly": "failed",
        "test_teardown_fails": "passed",
        "test_parametrised[1]": "passed",
        "test_parametrised[2]": "failed",
        "TestClass::test_method": "failed",
        "test_subtests": "failed",
        "test_warns": "passed",
        "test_exits_by_exception": "failed",
    }
    assert phases["test_setup_fails", "setup"]["exception"] == "KeyError"
    assert phases["test_teardown_fails", "teardown"]["outcome"] == "failed"
    assert phases["test_is_skipped", "setup"]["outcome"] == "skipped"
    assert phases["test_skips", "call"]["message"].endswith("not today")
    assert [phases[name, "call"]["xfail"] for name in ("test_xfails", "test_xpasses", "test_passes")] == [
        True,
        True,
        False,
    ]
    fails = phases["test_fails", "call"]
    assert (fails["exception"], fails["where"]) == ("AssertionError", {"file": "test_it.py", "line": 16})
    assert fails["message"].startswith("AssertionError: one is not two")
    assert [event["outcome"] for event in of(events, "phase") if "subtest" in event] == ["passed", "failed", "passed"]
    assert len(of(events, "test_start")) == len(of(events, "test_end")) == 16
    assert of(events, "session_finish")[0]["exit_status"] == 1


def test_the_session_says_what_it_is(project):
    project.write(test_it="def test_it(): pass\n")
    events = project.capture("-k", "it")
    start, finish = of(events, "session_start")[0], of(events, "session_finish")[0]
    assert start["worker"] is None
    assert start["rootdir"] == str(project.folder)
    assert start["args"][-2:] == ["-k", "it"]
    assert of(events, "collected")[0]["nodeids"] == ["test_it.py::test_it"]
    taken = start["snapshot"]
    assert taken["packages"]["pytest"] == pytest.__version__
    assert taken["python"].count(".") == 2
    assert "packages" not in finish["snapshot"]
    text = json.dumps(taken)
    assert project.command()[0] not in text, "the interpreter's path is nobody's business"


def test_collection_errors_are_events(project):
    project.write(test_it="import nothing_of_that_name\n", test_other="def test_it(): pass\n")
    events = project.capture()
    (error,) = of(events, "collect_error")
    assert error["nodeid"] == "test_it.py"
    assert "nothing_of_that_name" in error["message"]
    assert project.result.returncode == 2


def test_with_workers_each_has_a_file_and_the_merge_is_whole(project):
    project.write(test_it=GRADIENTS, test_other=GRADIENTS)
    events = project.capture("-n2", "-p", "xdist")
    assert project.result.returncode == 0, project.result.stdout
    assert sorted(path.name for path in project.out.iterdir()) == [
        "events-gw0.jsonl",
        "events-gw1.jsonl",
        "events.jsonl",
    ]
    main = [json.loads(line)["event"] for line in (project.out / "events.jsonl").read_text().splitlines()]
    assert main == ["session_start", "session_finish"]
    assert sorted(str(event["worker"]) for event in of(events, "session_start")) == ["None", "gw0", "gw1"]
    assert len(of(events, "test_end")) == 4
    assert len(of(events, "phase")) == 12
    records = merge_gradients(events)["records"]
    assert sorted((record["nodeid"], record["call"]) for record in records) == [
        (f"{file}.py::{test}", 1) for file in ("test_it", "test_other") for test in ("test_blank", "test_sound")
    ]


def test_a_run_by_hand_with_workers_merges_them(project):
    project.write(test_it="def test_it(): pass\n")
    result = project.run("--gradtriage", "-n1")
    assert "gradtriage: 0 gradient calls in 0 tests" in result.stdout
    folder = project.folder / ".gradtriage"
    assert sorted(path.name for path in folder.glob("events*")) == ["events-gw0.jsonl", "events.jsonl"]
    assert json.loads((folder / "gradients.json").read_text())["records"] == []


DEADLY = """
import os, pytest
def test_before(): pass
def test_deadly(): os._exit(7)
def test_after(): pass
"""


def test_a_worker_that_dies_loses_nothing_and_its_replacement_overwrites_nothing(project):
    project.write(test_it=DEADLY)
    events = project.capture("-n1")
    assert in_flight(events) == ["test_it.py::test_deadly"]
    assert {event["nodeid"][12:] for event in of(events, "test_end")} == {"test_before", "test_after"}
    assert len(of(events, "session_start")) == 3


def test_a_test_that_ends_the_process_is_in_flight(project):
    project.write(test_it=DEADLY)
    events = project.capture()
    assert project.result.returncode == 7
    assert in_flight(events) == ["test_it.py::test_deadly"]
    assert [event["nodeid"] for event in of(events, "test_end")] == ["test_it.py::test_before"]
    assert "session_finish" not in kinds(events)


def test_an_interrupted_test_is_in_flight(project):
    project.write(test_it="def test_it(): raise KeyboardInterrupt\n")
    events = project.capture()
    assert project.result.returncode == 2
    assert in_flight(events) == ["test_it.py::test_it"]
    assert of(events, "session_finish")[0]["exit_status"] == 2


def test_after_kill_9_everything_before_is_there(project):
    project.write(
        test_it="""
import time, torch
def test_first():
    cell_a = torch.tensor(3.0, requires_grad=True)
    (cell_a**2).backward()
def test_second():
    cell_a = torch.tensor(3.0, requires_grad=True)
    (cell_a**2).backward()
    open("reached", "w").close()
    time.sleep(60)
"""
    )
    process = subprocess.Popen(
        project.command(f"--gradtriage-dir={project.out}"), cwd=project.folder, stdout=subprocess.DEVNULL
    )
    deadline = time.monotonic() + 60
    while not (project.folder / "reached").exists() and time.monotonic() < deadline:
        time.sleep(0.05)
    process.kill()
    assert process.wait(timeout=30) == -signal.SIGKILL
    events = read_events(project.out)
    assert [event["nodeid"] for event in of(events, "gradient")] == [
        "test_it.py::test_first",
        "test_it.py::test_second",
    ]
    assert in_flight(events) == ["test_it.py::test_second"]
    assert "damaged" not in kinds(events)


def test_a_full_disk_changes_no_outcome(project):
    project.write(
        test_it="""
import resource
def test_first(): pass
def test_fills_the_disk():
    resource.setrlimit(resource.RLIMIT_FSIZE, (4096, resource.RLIM_INFINITY))
def test_with_a_full_disk(): pass
def test_frees_it():
    resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
def test_last(): pass
""",
        conftest="""
import pytest
@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items): print("x" * 10)
""",
    )
    padding = ["-k", " or ".join(["test"] * 900)]
    events = project.capture(*padding)
    assert "5 passed" in project.result.stdout, project.result.stdout
    (lost,) = of(events, "lost")
    assert lost["count"] > 5
    assert "damaged" not in kinds(events)
    assert of(events, "test_end")[-1]["nodeid"] == "test_it.py::test_last"
