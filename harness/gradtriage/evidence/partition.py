"""Dividing a collection into parts of about the same duration; the same division wherever it is made."""

from __future__ import annotations

import heapq
import math
import statistics
from collections.abc import Iterable, Mapping, Sequence

_UNKNOWN = 1.0
# A chunk is filled to this share of its time limit: start-up and tests that got slower need room.
FILL = 0.8


def partition(nodeids: Sequence[str], seconds: Mapping[str, float], parts: int) -> list[list[str]]:
    """Divides tests among parts, the longest first, each to the part that has least to do.

    The tests of a file stay together, since they share what is set up for a module; a file that alone takes longer than
    a part should is divided by tests.

    Args:
        nodeids: The collection, in its order.
        seconds: Recorded durations; a test without one counts as the median of the others.
        parts: Number of parts wanted; less come back when there are fewer tests.

    Returns:
        The parts, none empty, each in the order of the collection.
    """
    tests = list(dict.fromkeys(nodeids))
    parts = min(parts, len(tests))
    if parts <= 1:
        return [tests] if tests else []
    expected = expected_seconds(tests, seconds)
    share = sum(expected.values()) / parts
    units = sorted(_units(tests, expected, share, parts), key=lambda unit: -sum(expected[test] for test in unit))
    heap = [(0.0, index) for index in range(parts)]
    found: list[list[str]] = [[] for _ in range(parts)]
    for unit in units:
        load, index = heapq.heappop(heap)
        found[index] += unit
        heapq.heappush(heap, (load + sum(expected[test] for test in unit), index))
    place = {test: number for number, test in enumerate(tests)}
    return [sorted(part, key=place.__getitem__) for part in found if part]


def expected_seconds(tests: Iterable[str], seconds: Mapping[str, float]) -> dict[str, float]:
    """What each test is expected to take: its recorded duration, or the median of all."""
    usual = statistics.median(seconds.values()) if seconds else _UNKNOWN
    return {test: max(seconds.get(test, usual), 1e-4) for test in tests}


def parts_needed(total: float, budget: float) -> int:
    """How many chunks of a time limit it takes for so many seconds of tests, with room in each."""
    return max(1, math.ceil(total / (FILL * budget)))


def _units(tests: list[str], expected: Mapping[str, float], share: float, parts: int) -> list[list[str]]:
    """What stays together: files within the share, and the tests of others one by one; at least as many as parts."""
    files: dict[str, list[str]] = {}
    for test in tests:
        files.setdefault(test.partition("::")[0], []).append(test)
    whole: list[list[str]] = []
    single: list[list[str]] = []
    for members in sorted(files.values(), key=lambda file: sum(expected[test] for test in file)):
        if sum(expected[test] for test in members) <= share:
            whole.append(members)
        else:
            single += [[test] for test in members]
    while whole and len(whole) + len(single) < parts:
        single += [[test] for test in whole.pop()]
    return whole + single
