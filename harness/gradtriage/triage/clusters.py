"""Failures grouped by cause: those with one fingerprint, and what brings down a great part of a suite at once."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from gradtriage.model.suite import ClusterKind
from gradtriage.triage.failures import Failure
from gradtriage.triage.fingerprint import fingerprint, place
from gradtriage.triage.kinds import is_environment, kind_of
from gradtriage.triage.names import one_name

# One cause that fails so many tests, and so great a part of all, is looked for in what the tests share.
GUARD_TESTS = 10
GUARD_SHARE = 0.25
GUARD_FUNCTIONS = 3
_GUARDED = ("assertion", "other")


@dataclass(frozen=True)
class Group:
    """Failures with one cause.

    Attributes:
        where: The deepest frame of the project, of the first of them.
        reason: Why it counts as infrastructure, where that follows from its size.
    """

    fingerprint: str
    kind: ClusterKind
    exception: str
    message: str
    where: dict[str, Any] | None
    tests: list[str] = field(default_factory=list)
    reason: str | None = None


def group(failures: Iterable[Failure], ran: Sequence[str] | int) -> list[Group]:
    """Groups failures by cause, the largest group first.

    Args:
        failures: The failures of a run.
        ran: The tests of the run, or their number.
    """
    total = ran if isinstance(ran, int) else len(ran)
    failures = list(failures)
    shared = _shared_places(failures, total)
    groups: dict[str, Group] = {}
    for failure in failures:
        key = _fingerprint(failure, shared)
        known = groups.get(key)
        if known is None:
            known = groups[key] = Group(key, kind_of(failure), failure.exception, failure.line, failure.frame)
        known.tests.append(failure.test)
    guarded = [_guarded(one, total) for one in groups.values()]
    return sorted(guarded, key=lambda one: (-len(one.tests), one.fingerprint))


def _fingerprint(failure: Failure, shared: set[tuple[str, str, str]]) -> str:
    if failure.stage in ("timeout", "crash"):
        where = one_name(failure.test).partition("[")[0]
    elif is_environment(failure):
        where = ""
    elif _spot(failure) in shared:
        where = f"at {_spot(failure)[2]}"
    else:
        where = place(failure.frame) or failure.test.partition("[")[0]
    return fingerprint(failure.exception, failure.message, where)


def _spot(failure: Failure) -> tuple[str, str, str]:
    """Exception, message to the letter, and what raised it: a file of somebody else's, or a statement of our own."""
    frame = failure.frame or {}
    foreign = failure.raised is not None and failure.raised != frame.get("file")
    return failure.exception, failure.message, str(failure.raised if foreign else frame.get("statement") or "")


def _shared_places(failures: Sequence[Failure], total: int) -> set[tuple[str, str, str]]:
    """What fails a great part of the suite to the letter alike, each test in a function of its own.

    By their frames these would be as many causes as there are functions.
    """
    counts = Counter(_spot(failure) for failure in failures if kind_of(failure) in _GUARDED)
    large = max(GUARD_TESTS, GUARD_SHARE * total)
    return {spot for spot, count in counts.items() if spot[2] and count >= large}


def _guarded(one: Group, total: int) -> Group:
    functions = {test.partition("[")[0] for test in one.tests}
    count = len(one.tests)
    if one.kind not in _GUARDED or len(functions) < GUARD_FUNCTIONS:
        return one
    if count < GUARD_TESTS or count < GUARD_SHARE * total:
        return one
    reason = f"{count} of {total} tests fail for this one cause; look at what they share before the tests"
    return replace(one, kind="infrastructure", reason=reason)
