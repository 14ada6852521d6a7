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
    elif captured.ending.exit_code == _PYTEST_INTERRUPTED and not (captured.junit and captured.junit.errors):
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
    started = any(event["event"] == "session_start" for event in captured.events)
    return started and not any(event["event"] == "session_finish" for event in captured.events)


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
    faults.extend(f"in flight when the process ended: {nodeid}" for nodeid in captured.in_flight)
    return faults


def _count_faults(captured: Captured) -> list[str]:
    code, junit = captured.ending.exit_code, captured.junit
    if junit is None:
        return ["pytest.xml could not be read"]
    if captured.ending.cause != "exited" or code not in (0, 1):
        return []
    if code == 0 and junit.broken:
        return [f"exit code 0 with {len(junit.broken)} failures in pytest.xml"]
    if code == 1 and not junit.broken:
        return ["exit code 1 without a failure in pytest.xml"]
    if junit.tests == 0:
        return ["no test ran"]
    return []


def _capture_faults(captured: Captured) -> list[str]:
    faults = []
    if captured.ending.log_error:
        faults.append(captured.ending.log_error)
    if lost := sum(event.get("count", 1) for event in captured.events if event["event"] == "lost"):
        faults.append(f"{lost} events could not be written")
    if not any(event["event"] == "session_start" for event in captured.events):
        faults.append("the plugin saw no session: no gradient, no environment and no pin was captured")
    if captured.junit and captured.junit.rebuilt:
        faults.append(f"{captured.junit.rebuilt}; the file here is rebuilt from the events")
    return faults


def _start_faults(captured: Captured) -> list[str]:
    """Pins that the test process did not start with: the run is not the one that was asked for."""
    if not any(event["event"] == "session_start" for event in captured.events):
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


def _shown(value: str | None) -> str:
    return "unset" if value is None else repr(value)


def _signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"
