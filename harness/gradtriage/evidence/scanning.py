"""What the gradient checks of a suite prove, from the events of a captured run and of the replays after it."""

from collections.abc import Iterable
from typing import Any

SCHEMA = "gradtriage.scan/1"
GRADCHECKS = ("gradcheck", "gradgradcheck")
NOISE = "noise"

Place = tuple[str, str, int]
Event = dict[str, Any]


def places_to_replay(events: Iterable[Event]) -> dict[str, list[list[Any]]]:
    """The places of gradient calls that have to be replayed: those of tests that passed, gradchecks left out.

    A gradcheck compares by itself; that it compared zero with zero shows in its record.
    """
    events = list(events)
    passed = {nodeid for nodeid, outcome in outcomes_of(events).items() if outcome == "passed"}
    places: dict[str, dict[Place, None]] = {}
    for event in events:
        if event["event"] == "gradient" and event["nodeid"] in passed and event["kind"] not in GRADCHECKS:
            places.setdefault(event["nodeid"], {})[_place(event)] = None
    return {nodeid: [list(place) for place in found] for nodeid, found in places.items()}


def scan_document(events: Iterable[Event], replays: Iterable[Event]) -> dict[str, Any]:
    """The document `scan.json`.

    Args:
        events: Of the captured run.
        replays: Of the run in which gradients were corrupted.
    """
    events = list(events)
    outcomes = outcomes_of(events)
    noticed: dict[tuple[str, Place], dict[str, bool | None]] = {}
    for event in replays:
        if event["event"] == "replay":
            noticed.setdefault((event["nodeid"], _place(event)), {})[event["corruption"]] = event["noticed"]
    records: dict[str, dict[Place, list[Event]]] = {}
    for event in events:
        if event["event"] == "gradient" and event["nodeid"] in outcomes:
            records.setdefault(event["nodeid"], {}).setdefault(_place(event), []).append(event)
    tests = [
        {
            "nodeid": nodeid,
            "outcome": outcomes[nodeid],
            "checks": [_check(place, calls, noticed.get((nodeid, place), {})) for place, calls in found.items()],
        }
        for nodeid, found in records.items()
    ]
    return {"schema": SCHEMA, "tests": tests, "summary": _summary(tests, len(outcomes))}


def outcomes_of(events: Iterable[Event]) -> dict[str, str]:
    """The outcome of each test: passed, failed, error or skipped."""
    outcomes: dict[str, str] = {}
    for event in events:
        if event["event"] != "phase":
            continue
        nodeid, outcome = event["nodeid"], event["outcome"]
        if outcome == "failed":
            outcomes[nodeid] = "failed" if event["when"] == "call" else "error"
        elif outcome == "skipped" or (event["when"] == "call" and nodeid not in outcomes):
            outcomes.setdefault(nodeid, outcome)
    return outcomes


def _place(event: Event) -> Place:
    return event["kind"], event["where"]["file"], event["where"]["line"]


def _check(place: Place, calls: list[Event], noticed: dict[str, bool | None]) -> dict[str, Any]:
    kind, file, line = place
    if kind in GRADCHECKS:
        entries = [entry for call in calls for entry in call["gradients"].values()]
        vacuous = bool(entries) and all(entry["status"] == "zero" and entry.get("numeric") == 0 for entry in entries)
        reason = "analytic and numeric gradient are both zero" if vacuous else None
    else:
        vacuous = noticed.get(NOISE) is False
        reason = "the test passes with noise in place of the gradients" if vacuous else None
        if noticed.get(NOISE) is None:
            reason = "not replayed: the test does not pass by itself, or the call is not made again"
    parameters = {name: {**entry, "vacuous": vacuous} for name, entry in calls[-1]["gradients"].items()}
    check = {
        "kind": kind,
        "where": {"file": file, "line": line},
        "calls": len(calls),
        "parameters": parameters,
        "vacuous": vacuous,
        "reason": reason,
    }
    return {**check, "noticed": noticed} if noticed else check


def _summary(tests: list[dict[str, Any]], ran: int) -> dict[str, Any]:
    checks = [check for test in tests for check in test["checks"]]
    proven = {name for check in checks if not check["vacuous"] for name in check["parameters"]}
    uncovered = {name for check in checks if check["vacuous"] for name in check["parameters"]} - proven
    tried = [answer for check in checks for answer in check.get("noticed", {}).values() if answer is not None]
    return {
        "tests": ran,
        "gradient_tests": len(tests),
        "checks": len(checks),
        "vacuous_checks": sum(check["vacuous"] for check in checks),
        "vacuous_tests": sum(all(check["vacuous"] for check in test["checks"]) for test in tests),
        "uncovered": sorted(uncovered),
        "strength": round(sum(tried) / len(tried), 4) if tried else None,
    }
