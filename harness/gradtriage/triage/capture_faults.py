"""Faults of any run's capture: what was lost, pins that did not hold, pins that a test changed."""

import signal

from gradtriage.triage.captured import Captured
from gradtriage.triage.figures import lasting_pin_changes


def capture_faults(captured: Captured) -> list[str]:
    """What was not captured, or cannot be read."""
    faults = []
    if captured.ending.log_error:
        faults.append(captured.ending.log_error)
    if lost := sum(event.get("count", 1) for event in captured.events if event["event"] == "lost"):
        faults.append(f"{counted(lost, 'event')} could not be written")
    if damaged := sum(event["lines"] for event in captured.events if event["event"] == "damaged"):
        faults.append(f"{counted(damaged, 'line')} of the event stream cannot be read")
    if errors := [event for event in captured.events if event["event"] == "probe_error"]:
        faults.append(
            f"the capture failed {counted(len(errors), 'time')}, first in {errors[0].get('place')}: "
            f"{errors[0].get('error')}"
        )
    if not captured.saw_start:
        faults.append("the plugin saw no session: no gradient, no environment and no pin was captured")
    if captured.junit and captured.junit.rebuilt:
        faults.append(f"{captured.junit.rebuilt}; the file here is rebuilt from the events")
    return faults


def start_faults(captured: Captured) -> list[str]:
    """Pins that the test process did not start with: the run is not the one that was asked for."""
    if not captured.saw_start:
        return []
    return [
        f"pin {name} did not hold at the start: wanted {_shown(pin.wanted)}, was {_shown(pin.at_start)}"
        for name, pin in captured.environment.pins.items()
        if pin.at_start != pin.wanted
    ]


def change_faults(captured: Captured) -> list[str]:
    """Pins that a test changed: the run is whole, and says who did it."""
    changes = (
        f"pin {event['name']} was changed to {_shown(event.get('value'))} by {event['nodeid']}"
        for event in lasting_pin_changes(captured)
    )
    return list(dict.fromkeys(changes))


def counted(number: int, noun: str) -> str:
    """A number with its noun."""
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def _shown(value: str | None) -> str:
    return "unset" if value is None else repr(value)


def signal_name(number: int) -> str:
    """The name of a signal."""
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"
