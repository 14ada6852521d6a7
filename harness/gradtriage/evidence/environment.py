"""`environment.json` from what the test process said about itself."""

from collections.abc import Iterable, Mapping
from typing import Any

_SCHEMA = "gradtriage.environment/1"


def environment_document(
    events: Iterable[dict[str, Any]], pins: Mapping[str, str | None], commit: str | None, dirty: bool | None
) -> dict[str, Any]:
    """Merges the snapshots of the session's start and end, of the main process and of its workers.

    Args:
        events: The run's events.
        pins: Each pin's wanted value, secrets redacted.
        commit: The commit that was checked out, if any.
        dirty: Whether the working tree differed from it.

    Returns:
        The document. Where no test process came so far as to say anything, its fields are null or empty.
    """
    events = list(events)
    starts = [event["snapshot"] for event in events if event["event"] == "session_start"]
    ends = [event["snapshot"] for event in events if event["event"] == "session_finish"]
    first, last = (starts or [{}])[0], (ends or starts or [{}])[0]
    torch = last.get("torch") or first.get("torch") or {}
    known = ("python", "platform", "torch", "cuda", "cpu", "packages", "pins")
    return {
        "schema": _SCHEMA,
        "python": first.get("python") or "unknown",
        "platform": first.get("platform") or "unknown",
        "torch": torch.get("version"),
        "torch_settings": {
            name: value for name, value in torch.items() if name not in ("version", "threads", "interop_threads")
        },
        "cuda": last.get("cuda"),
        "cpu": first.get("cpu"),
        "threads": {"torch": torch.get("threads"), "interop": torch.get("interop_threads")},
        "commit": commit,
        "dirty": dirty,
        "packages": first.get("packages") or {},
        "pins": {
            name: {"wanted": wanted, "at_start": _seen(name, starts, wanted), "at_end": _seen(name, ends, wanted)}
            for name, wanted in pins.items()
        },
        # null in a pin is "unset", and "nobody saw" where this says false
        "seen": {"start": bool(starts), "end": bool(ends)},
        **{name: value for name, value in first.items() if name not in known},
    }


def _seen(name: str, snapshots: list[dict[str, Any]], wanted: str | None) -> str | None:
    """The value in the first process in which the pin did not hold, else the one that all of them saw."""
    seen = [snapshot.get("pins", {}).get(name, {}) for snapshot in snapshots]
    for pin in seen:
        if pin and not pin.get("holds", pin.get("value") == wanted):
            return _text(pin.get("value"))
    return _text(seen[0].get("value")) if seen else None


def _text(value: object) -> str | None:
    return None if value is None else str(value)
