"""Whether a run is whole: exit status, counts and tests held against each other."""

from dataclasses import dataclass

from gradtriage.model.documents import Status
from gradtriage.triage.capture_faults import capture_faults, change_faults, counted, signal_name, start_faults
from gradtriage.triage.captured import Captured
from gradtriage.triage.suite_judgement import suite_faults, suite_status

_PYTEST_INTERRUPTED, _PYTEST_INTERNAL, _PYTEST_USAGE, _PYTEST_NOTHING = 2, 3, 4, 5


@dataclass(frozen=True)
class Judgement:
    """The status of a run and every reason why its evidence is not whole or does not hold.

    Attributes:
        faults: Sentences; empty for a whole run.
    """

    status: Status
    faults: tuple[str, ...]


def judge(captured: Captured) -> Judgement:
    """Judges a run by its files.

    A run is `complete` only if pytest ended by itself, its exit status agrees with the counts of its JUnit file,
    no test was in flight, and everything it printed was kept.
    """
    if captured.suite is not None:
        faults = [*suite_faults(captured, captured.suite), *capture_faults(captured), *start_faults(captured)]
        return Judgement(suite_status(captured, captured.suite, faults), (*faults, *change_faults(captured)))
    faults = [
        *_ending_faults(captured),
        *_count_faults(captured),
        *capture_faults(captured),
        *start_faults(captured),
    ]
    cause = captured.ending.cause
    if cause == "timeout":
        status: Status = "timeout"
    elif cause in ("interrupted", "abandoned"):
        status = "interrupted"
    elif _crashed(captured):
        status = "crashed"
    elif captured.ending.exit_code == _PYTEST_INTERRUPTED and not _collection_failed(captured):
        status = "interrupted"
        faults.append("pytest was stopped from inside (exit code 2): pytest.exit or an interrupt within a test")
    else:
        status = "incomplete" if faults else "complete"
    return Judgement(status, (*faults, *change_faults(captured)))


def _crashed(captured: Captured) -> bool:
    code = captured.ending.exit_code
    if captured.ending.cause == "memory":
        return True
    return code < 0 or code == _PYTEST_INTERNAL or _ended_without_finishing(captured)


def _ended_without_finishing(captured: Captured) -> bool:
    """The process ended, and said nothing of it: `os._exit`, a fatal error in C code."""
    return captured.saw_start and not captured.saw_end


def _collection_failed(captured: Captured) -> bool:
    """A module that cannot be imported ends pytest with the same status as an interrupt."""
    return any(event["event"] == "collect_error" for event in captured.events)


def _ending_faults(captured: Captured) -> list[str]:
    faults = []
    ending, limit = captured.ending, captured.task.timeout
    if ending.cause == "timeout":
        faults.append(f"stopped at the time limit of {limit:g} s")
    elif ending.cause == "memory":
        faults.append("stopped at its memory limit")
    elif ending.cause == "interrupted":
        faults.append("interrupted by the user")
    elif ending.cause == "abandoned":
        faults.append("the runner was killed before pytest ended")
    elif ending.exit_code < 0:
        faults.append(f"pytest was killed by {signal_name(-ending.exit_code)}")
    elif ending.exit_code == _PYTEST_INTERNAL:
        faults.append("pytest had an internal error (exit code 3)")
    elif ending.exit_code == _PYTEST_USAGE:
        faults.append(
            "pytest could not use its command line (exit code 4): a test to select is missing or an option is wrong"
        )
    elif ending.exit_code == _PYTEST_NOTHING:
        faults.append("no test was collected (exit code 5)")
    elif _ended_without_finishing(captured):
        faults.append("the process ended in the middle of the session (os._exit or a fatal error in native code)")
    elif ending.exit_code > _PYTEST_NOTHING:
        faults.append(f"pytest ended with exit code {ending.exit_code}, which is none of its own")
    faults.extend(f"in flight when the process ended: {nodeid}" for nodeid in captured.in_flight)
    return faults


def _count_faults(captured: Captured) -> list[str]:
    code, junit = captured.ending.exit_code, captured.junit
    if junit is None:
        return ["pytest.xml could not be read"]
    if captured.ending.cause != "exited" or code not in (0, 1):
        return []
    faults = []
    if code == 0 and junit.broken:
        faults.append(f"exit code 0 with {counted(len(junit.broken), 'failure')} in pytest.xml")
    elif code == 1 and not junit.broken:
        faults.append("exit code 1 without a failure in pytest.xml")
    if junit.tests == 0:
        faults.append("no test ran")
    elif junit.tests < len(captured.started):
        faults.append(f"pytest.xml holds {junit.tests} of the {len(captured.started)} tests that ran")
    return [*faults, *_coverage_faults(captured)]


def _coverage_faults(captured: Captured) -> list[str]:
    """Success is claimed for tests that did not run, or of which only the fixtures did."""
    faults = []
    left_out = len(set(captured.collected) - set(captured.started))
    if captured.ending.exit_code == 0 and captured.started and left_out:
        faults.append(f"exit code 0, but {left_out} of {len(captured.collected)} collected tests were not started")
    phases = [event for event in captured.events if event["event"] == "phase"]
    called = {event["nodeid"] for event in phases if event["when"] == "call"}
    set_up = {event["nodeid"] for event in phases if event["when"] == "setup" and event["outcome"] == "passed"}
    ended = {event["nodeid"] for event in captured.events if event["event"] == "test_end"}
    if uncalled := len((set_up & ended) - called):
        faults.append(f"{counted(uncalled, 'test')} set up and not called (--setup-only, --setup-plan?)")
    return faults
