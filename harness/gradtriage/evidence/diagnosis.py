"""The diagnosis that a run's events hold: of several tests that were explained, the most telling one."""

from collections.abc import Iterable
from typing import Any


def told_diagnosis(events: Iterable[dict[str, Any]]) -> dict[str, Any] | None:
    """The document `diagnosis.json`; None where nothing was explained.

    Faults, and functions that are not what they were, come before what could not be decided, that before health, and
    health before a test that computes no gradient; of equals the first test counts, as it was told last.
    """
    latest: dict[str, dict[str, Any]] = {}
    for event in events:
        if event["event"] == "diagnosis" and isinstance(event.get("document"), dict):
            latest[str(event["document"].get("nodeid"))] = event["document"]
    return min(latest.values(), key=telling_rank, default=None)


def telling_rank(document: dict[str, Any]) -> int:
    """How much a diagnosis has to say; the lowest says most."""
    changed = (document.get("differential") or {}).get("changed")
    if changed or (document.get("compiled") or {}).get("agree") is False:
        return 0
    if document.get("verdict") == "unknown":
        return 1 if document.get("parameters") else 3
    return 2 if document.get("verdict") == "healthy" else 0
