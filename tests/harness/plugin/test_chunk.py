"""A chunk's session: it runs its tests and no other, and begins none for which its time does not suffice."""

import json

from gradtriage.evidence.partition import partition

TESTS = """
import pytest
@pytest.mark.parametrize("n", range(6))
def test_a(n): pass
def test_fails(): assert 1 == 2
@pytest.fixture
def broken(): raise OSError("no disk")
def test_errs(broken): pass
"""
NODEIDS = [*(f"test_it.py::test_a[{n}]" for n in range(6)), "test_it.py::test_fails", "test_it.py::test_errs"]


def run(project, **chunk):
    request = {"schema": "gradtriage.request/1", "pins": {}, "chunk": {"budget": 3600, **chunk}}
    (project.out / "request.json").write_text(json.dumps(request))
    return project.capture()


def told(events, kind):
    return [event for event in events if event["event"] == kind]


def test_the_first_chunk_tells_of_the_whole_collection_and_runs_its_part(project):
    project.write(test_it=TESTS)
    events = run(project, part=1, of=3)
    assert told(events, "collection")[0]["nodeids"] == NODEIDS
    assert [event["nodeid"] for event in told(events, "test_start")] == partition(NODEIDS, {}, 3)[0]


def test_a_chunk_runs_the_tests_that_it_is_given(project):
    project.write(test_it=TESTS)
    events = run(project, nodeids=[NODEIDS[3], NODEIDS[1], "test_it.py::test_of_yesterday"])
    assert told(events, "collection") == []
    assert [event["nodeid"] for event in told(events, "test_end")] == [NODEIDS[1], NODEIDS[3]]
    assert project.result.returncode == 0


def test_what_is_done_already_is_left_out(project):
    project.write(test_it=TESTS)
    events = run(project, part=1, of=1, done=NODEIDS[1:])
    assert [event["nodeid"] for event in told(events, "test_start")] == NODEIDS[:1]


def test_a_test_that_cannot_end_in_time_is_not_begun_nor_any_after_it(project):
    project.write(test_it=TESTS)
    events = run(project, nodeids=NODEIDS, durations={NODEIDS[2]: 4000.0})
    assert [event["nodeid"] for event in told(events, "test_end")] == NODEIDS[:2]
    assert told(events, "budget_spent")[0]["nodeid"] == NODEIDS[2]
    assert project.result.returncode == 0  # as those say that ran
    assert told(events, "session_finish") != []


def test_the_first_test_is_begun_however_long_it_takes(project):
    project.write(test_it=TESTS)
    events = run(project, nodeids=NODEIDS[:2], durations={NODEIDS[0]: 4000.0})
    assert len(told(events, "test_end")) == 2


def test_passing_tests_take_two_events_and_failures_keep_exception_place_and_text(project):
    project.write(test_it=TESTS)
    events = run(project, nodeids=[NODEIDS[0], *NODEIDS[6:]])
    passed, failed, erred = told(events, "test_end")
    assert (passed["passed"], failed["passed"], erred["passed"]) == (True, False, False)
    call, setup = told(events, "phase")
    assert (call["exception"], call["frame"]["function"]) == ("AssertionError", "test_fails")
    assert "assert 1 == 2" in call["text"]
    assert (setup["exception"], setup["when"], setup["frame"]["statement"]) == (
        "OSError",
        "setup",
        'def broken(): raise OSError("no disk")',
    )
