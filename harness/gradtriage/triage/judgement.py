"""Whether a run is whole: exit status, counts and tests held against each other."""

import signal
from dataclasses import dataclass

from gradtriage.model.documents import Status
from gradtriage.triage.captured import Captured
from gradtriage.triage.figures import lasting_pin_changes

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
    faults = [
        *_ending_faults(captured),
        *_count_faults(captured),
        *_capture_faults(captured),
        *_start_faults(captured),
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
    return Judgement(status, (*faults, *_change_faults(captured)))


def _crashed(captured: Captured) -> bool:
    code = captured.ending.exit_code
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
    elif ending.cause == "interrupted":
        faults.append("interrupted by the user")
    elif ending.cause == "abandoned":
        faults.append("the runner was killed before pytest ended")
    elif ending.exit_code < 0:
        faults.append(f"pytest was killed by {_signal_name(-ending.exit_code)}")
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
        faults.append(f"exit code 0 with {_counted(len(junit.broken), 'failure')} in pytest.xml")
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
        faults.append(f"{_counted(uncalled, 'test')} set up and not called (--setup-only, --setup-plan?)")
    return faults


def _capture_faults(captured: Captured) -> list[str]:
    faults = []
    if captured.ending.log_error:
        faults.append(captured.ending.log_error)
    if lost := sum(event.get("count", 1) for event in captured.events if event["event"] == "lost"):
        faults.append(f"{_counted(lost, 'event')} could not be written")
    if damaged := sum(event["lines"] for event in captured.events if event["event"] == "damaged"):
        faults.append(f"{_counted(damaged, 'line')} of the event stream cannot be read")
    if errors := [event for event in captured.events if event["event"] == "probe_error"]:
        faults.append(
            f"the capture failed {_counted(len(errors), 'time')}, first in {errors[0].get('place')}: "
            f"{errors[0].get('error')}"
        )
    if not captured.saw_start:
        faults.append("the plugin saw no session: no gradient, no environment and no pin was captured")
    if captured.junit and captured.junit.rebuilt:
        faults.append(f"{captured.junit.rebuilt}; the file here is rebuilt from the events")
    return faults


def _start_faults(captured: Captured) -> list[str]:
    """Pins that the test process did not start with: the run is not the one that was asked for."""
    if not captured.saw_start:
        return []
    return [
        f"pin {name} did not hold at the start: wanted {_shown(pin.wanted)}, was {_shown(pin.at_start)}"
        for name, pin in captured.environment.pins.items()
        if pin.at_start != pin.wanted
    ]


def _change_faults(captured: Captured) -> list[str]:
    """Pins that a test changed: the run is whole, and says who did it."""
    changes = (
        f"pin {event['name']} was changed to {_shown(event.get('value'))} by {event['nodeid']}"
        for event in lasting_pin_changes(captured)
    )
    return list(dict.fromkeys(changes))


def _counted(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def _shown(value: str | None) -> str:
    return "unset" if value is None else repr(value)


def _signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"
