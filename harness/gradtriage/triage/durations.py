"""Durations over time: steps, groups, and the time limit that they advise."""

import math
import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

_STEP = 1.5  # a step is a change of the level by this factor at least
_SCATTERS = 4.0
_LEAST_RUNS = 3
_MOST_RUNS = 300  # the latest that are looked at; the search takes the square of their number
_GAP = 1.4  # neighbours in the sorted list that are farther apart belong to different groups
_ROOM = 1.5


@dataclass(frozen=True)
class Level:
    """Runs of about the same duration, one after the other.

    Attributes:
        first: Index of the first run.
        runs: How many there are.
        seconds: Their median.
    """

    first: int
    runs: int
    seconds: float


def levels(seconds: Sequence[float]) -> list[Level]:
    """Divides durations in order of time into levels; one level where no step stands out.

    Of all divisions with three runs a level at least, the one counts that makes the distances of the logarithms from
    their levels' medians smallest, each further level at a price that grows with the scatter from run to run.
    """
    skipped = max(0, len(seconds) - _MOST_RUNS)
    logs = [math.log(max(value, 1e-4)) for value in seconds[skipped:]]
    bounds = _without_small_steps(logs, _best_bounds(logs)) if logs else [0]
    bounds = [0, *(bound + skipped for bound in bounds[1:])]
    return [Level(first, last - first, statistics.median(seconds[first:last])) for first, last in pairwise(bounds)]


def _best_bounds(logs: Sequence[float]) -> list[int]:
    """Where the levels begin, and the end, found by dynamic programming over the place of the last step."""
    jumps = [abs(after - before) for before, after in pairwise(logs)]
    price = 2 * math.log(_STEP) + _SCATTERS * (statistics.median(jumps) if jumps else 0.0)
    best: list[tuple[float, int]] = [(0.0, 0)]
    for last in range(1, len(logs) + 1):
        ways = [(_spread(logs[:last]), 0)]
        ways += [
            (best[first][0] + price + _spread(logs[first:last]), first)
            for first in range(_LEAST_RUNS, last - _LEAST_RUNS + 1)
        ]
        best.append(min(ways))
    bounds = [len(logs)]
    while bounds[0] > 0:
        bounds.insert(0, best[bounds[0]][1])
    return bounds


def _without_small_steps(logs: Sequence[float], bounds: list[int]) -> list[int]:
    while len(bounds) > 2:
        middles = [statistics.median(logs[first:last]) for first, last in pairwise(bounds)]
        smallest, at = min((abs(after - before), number) for number, (before, after) in enumerate(pairwise(middles), 1))
        if smallest >= math.log(_STEP):
            return bounds
        bounds = bounds[:at] + bounds[at + 1 :]
    return bounds


def _spread(values: Sequence[float]) -> float:
    """The sum of distances from the median."""
    middle = statistics.median(values)
    return sum(abs(value - middle) for value in values)


@dataclass(frozen=True)
class LimitAdvice:
    """A time limit and what it rests on.

    Attributes:
        seconds: The limit; None where nothing is recorded.
        groups: Smallest, largest and number of each group of durations.
        runs: Number of runs.
    """

    seconds: float | None
    groups: list[tuple[float, float, int]]
    runs: int


def advise_limit(seconds: Sequence[float]) -> LimitAdvice:
    """The limit that every run so far would have kept with room: one and a half times the longest.

    All runs count, not the last few: durations come in groups (a cold cache, a busy machine), and a limit taken from
    one group kills the runs of another.
    """
    ordered = sorted(seconds)
    groups: list[list[float]] = []
    for value in ordered:
        if groups and value <= _GAP * max(groups[-1][-1], 0.01):
            groups[-1].append(value)
        else:
            groups.append([value])
    limit = _rounded_up(_ROOM * ordered[-1]) if ordered else None
    return LimitAdvice(limit, [(group[0], group[-1], len(group)) for group in groups], len(ordered))


def _rounded_up(seconds: float) -> float:
    """To two digits, and to whole seconds above one."""
    if seconds <= 1:
        return max(1.0, float(math.ceil(seconds)))
    step = 10 ** max(0, math.floor(math.log10(seconds)) - 1)
    return float(math.ceil(seconds / step) * step)
