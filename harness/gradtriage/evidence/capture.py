"""The event stream as the evidence is made from it: only events that are what they say they are."""

import math
import re
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from gradtriage.evidence.events import Event, read_events
from gradtriage.model.diagnosis import DiagnosisDocument
from gradtriage.model.document import Part
from gradtriage.model.documents import GradientRecord

# what the readers of an event rely on; the plugin writes it, a broken disk or a test that meddles may not
_NEEDED: dict[str, dict[str, type | tuple[type, ...]]] = {
    "session_start": {"snapshot": dict},
    "session_finish": {"snapshot": dict, "exit_status": int},
    "collected": {"nodeids": list},
    "collect_error": {"nodeid": str},
    "test_start": {"nodeid": str},
    "test_end": {"nodeid": str},
    "phase": {"nodeid": str, "when": str, "outcome": str, "seconds": (int, float)},
    "pin_changed": {"nodeid": str, "name": str},
    "pin_restored": {"nodeid": str, "name": str},
    "lost": {"count": int},
    "damaged": {"lines": int},
}
# lone surrogates, and numbers that are not finite or may not be
_SUSPICIOUS = re.compile(rb"\\u[dD][89a-fA-F]|NaN|Infinity|[eE]\+?\d{3}")
_LATEST = 1e11  # seconds since 1970; what lies behind it is no time


def read_capture(folder: Path) -> list[Event]:
    """The sound events of a folder in order of time; those that are none are counted in `damaged` events."""
    return read_events(folder, _checked)


def _checked(line: bytes, event: Event) -> Event | None:
    """The event, if it is what it says it is."""
    try:
        clean = _clean(event) if _SUSPICIOUS.search(line) else event
    except ValueError:
        return None
    return clean if _is_sound(clean) else None


def _is_sound(event: Event) -> bool:
    if not 0 <= event["time"] < _LATEST:
        return False
    needed = _NEEDED.get(event["event"], {})
    if not all(isinstance(event.get(name), kind) for name, kind in needed.items()):
        return False
    match event["event"]:
        case "collected":
            return all(isinstance(nodeid, str) for nodeid in event["nodeids"])
        case "session_start" | "session_finish":
            return _is_snapshot(event["snapshot"])
        case "gradient":
            return _fits(GradientRecord, {name: event[name] for name in event if name not in ("event", "time")})
        case "diagnosis":
            return _fits(DiagnosisDocument, event.get("document"))
    return True


def _is_snapshot(snapshot: dict[str, Any]) -> bool:
    tables = (snapshot.get(name) or {} for name in ("torch", "packages", "pins"))
    return all(isinstance(table, dict) for table in tables) and all(
        isinstance(pin, dict) for pin in (snapshot.get("pins") or {}).values()
    )


def _fits(model: type[Part], data: object) -> bool:
    try:
        model.model_validate(data)
    except ValidationError:
        return False
    return True


def _clean(value: Any) -> Any:  # noqa: ANN401 - JSON is any value
    """The value without lone surrogates (from file names that are no UTF-8), which no file takes.

    Raises:
        ValueError: A number is not finite; the plugin never writes one.
    """
    if isinstance(value, str):
        return value if value.isascii() else value.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    if isinstance(value, float) and not math.isfinite(value):
        raise ValueError(value)
    if isinstance(value, dict):
        return {_clean(key): _clean(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_clean(item) for item in value]
    return value
