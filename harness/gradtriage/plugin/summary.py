"""The lines at the end of a session that somebody started by hand."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

_SUSPICIOUS = ("none", "zero", "nan", "inf")
_TESTS_SHOWN = 10


def summary_lines(document: dict[str, Any], path: str, lost: int) -> Iterator[str]:
    """Where the gradients are, and the tests of which some are none, zero or not finite.

    Args:
        document: The merged `gradients.json`.
        path: Where it was written.
        lost: How many events could not be written.
    """
    records = document["records"]
    tests = len({record["nodeid"] for record in records})
    yield f"gradtriage: {_count(len(records), 'gradient call')} in {_count(tests, 'test')}, see {path}"
    if lost:
        yield f"gradtriage: {_count(lost, 'event')} could not be written"
    suspects: dict[str, dict[str, dict[str, None]]] = {}
    for record in records:
        for name, entry in record["gradients"].items():
            if entry["status"] in _SUSPICIOUS:
                suspects.setdefault(record["nodeid"], {}).setdefault(entry["status"], {})[name] = None
    for nodeid, by_status in list(suspects.items())[:_TESTS_SHOWN]:
        parts = [f"{status}: {_shortened(list(by_status[status]))}" for status in _SUSPICIOUS if status in by_status]
        yield f"  {nodeid}  {'; '.join(parts)}"
    if len(suspects) > _TESTS_SHOWN:
        yield f"  and {_count(len(suspects) - _TESTS_SHOWN, 'more test')}"


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def _shortened(names: list[str], shown: int = 6) -> str:
    rest = len(names) - shown
    return ", ".join(names[:shown]) + (f" and {rest} more" if rest > 0 else "")
