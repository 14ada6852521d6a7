"""What the gradient checks of a suite prove, from the events of a captured run and of the replays after it."""

from collections import Counter
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
    answers: dict[tuple[str, Place], list[Event]] = {}
    for event in replays:
        if event["event"] == "replay":
            answers.setdefault((event["nodeid"], _place(event)), []).append(event)
    records: dict[str, dict[Place, list[Event]]] = {}
    for event in events:
        if event["event"] == "gradient" and event["nodeid"] in outcomes:
            records.setdefault(event["nodeid"], {}).setdefault(_place(event), []).append(event)
    tests = [
        {
            "nodeid": nodeid,
            "outcome": outcomes[nodeid],
            "checks": [
                _check(place, calls, answers.get((nodeid, place), []), outcomes[nodeid])
                for place, calls in found.items()
            ],
        }
        for nodeid, found in records.items()
    ]
    return {"schema": SCHEMA, "tests": tests, "summary": _summary(tests, outcomes)}


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


def _check(place: Place, calls: list[Event], answers: list[Event], outcome: str) -> dict[str, Any]:
    kind, file, line = place
    noticed = {answer["corruption"]: answer["noticed"] for answer in answers}
    if kind in GRADCHECKS:
        blank = [name for name in calls[-1]["gradients"] if all(_blank(call["gradients"].get(name)) for call in calls)]
        vacuous = bool(blank) and all(_blank(entry) for call in calls for entry in call["gradients"].values())
        reason = "analytic and numeric gradient are both zero" if vacuous else None
    else:
        vacuous = noticed.get(NOISE) is False
        blank = list(calls[-1]["gradients"]) if vacuous else []
        reason = "the test passes with noise in place of the gradients" if vacuous else None
        if noticed.get(NOISE) is None:
            reason = f"not replayed: {_why_not(answers, outcome)}"
    parameters = {name: {**entry, "vacuous": name in blank} for name, entry in calls[-1]["gradients"].items()}
    check = {
        "kind": kind,
        "where": {"file": file, "line": line},
        "calls": len(calls),
        "parameters": parameters,
        "vacuous": vacuous,
        "judged": kind in GRADCHECKS or noticed.get(NOISE) is not None,
        "reason": reason,
    }
    return {**check, "noticed": noticed} if noticed else check


def _blank(entry: dict[str, Any] | None) -> bool:
    """Whether a check compared nothing: the numeric derivative is zero, the analytic one too or not there."""
    return entry is None or (entry["status"] in ("zero", "none") and entry.get("numeric") == 0)


def _why_not(answers: list[Event], outcome: str) -> str:
    if outcome != "passed":
        return f"the test is {outcome}, and what it would notice is not known"
    return next((str(answer["why"]) for answer in answers if answer.get("why")), "the replays did not come to it")


def _summary(tests: list[dict[str, Any]], outcomes: dict[str, str]) -> dict[str, Any]:
    checks = [check for test in tests for check in test["checks"]]
    tried: dict[str, list[bool]] = {}
    for check in checks:
        for corruption, answer in check.get("noticed", {}).items():
            if answer is not None:
                tried.setdefault(corruption, []).append(answer)
    answers = [answer for found in tried.values() for answer in found]
    return {
        "tests": len(outcomes),
        "outcomes": dict(sorted(Counter(outcomes.values()).items())),
        "gradient_tests": len(tests),
        "checks": len(checks),
        "vacuous_checks": sum(check["vacuous"] for check in checks),
        "vacuous_tests": sum(all(check["vacuous"] for check in test["checks"]) for test in tests),
        "not_judged": sum(not check["judged"] for check in checks),
        "uncovered": _uncovered(tests),
        "strength": _share(answers) if answers else None,
        "noticed": {corruption: _share(found) for corruption, found in tried.items()},
    }


def _share(answers: list[bool]) -> float:
    return round(sum(answers) / len(answers), 4)


def _uncovered(tests: list[dict[str, Any]]) -> list[str]:
    """Parameters, by file and name, that no check proves anything about: vacuous, or never with a gradient there."""
    seen: dict[str, None] = {}
    covered: set[str] = set()
    for test in tests:
        for check in (check for check in test["checks"] if check["judged"]):
            for name, entry in check["parameters"].items():
                place = f"{test['nodeid'].partition('::')[0]}::{name}"
                seen[place] = None
                if not entry["vacuous"] and entry["status"] not in ("zero", "none"):
                    covered.add(place)
    return sorted(seen.keys() - covered)
