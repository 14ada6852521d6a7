"""Flaky or changed? Outcomes and gradients on one commit against those on different ones."""

import math
import statistics
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, Literal

_PASSED = ("passed", "xpassed")
_FAILED = ("failed", "error")
_EPSILON = {"float64": 2.2e-16, "float32": 1.2e-7, "bfloat16": 7.8e-3, "float16": 9.8e-4}
_ROUNDING = 1e3  # of the type's epsilon: another order of summation does no more
_SPREADS = 5.0
NEAR_TOLERANCE = 3.0
Row = Mapping[str, Any]


@dataclass(frozen=True)
class Flips:
    """The runs on one commit, in one environment, in which a test did not do the same."""

    commit: str
    passed: int
    failed: int


def flips(rows: Iterable[Row]) -> list[Flips]:
    """The commits on which a test both passed and failed; runs with a dirty tree do not count."""
    counts: dict[tuple[str, str], list[int]] = {}
    for row in rows:
        if row["commit"] is not None and row["dirty"] is False:
            count = counts.setdefault((row["commit"], row["environment"]), [0, 0])
            count[0] += row["outcome"] in _PASSED
            count[1] += row["outcome"] in _FAILED
    return [Flips(commit, passed, failed) for (commit, _), (passed, failed) in counts.items() if passed and failed]


@dataclass(frozen=True)
class Variation:
    """How a gradient varies.

    Attributes:
        parameter: Its name, with the call where a test makes several.
        verdict: `same` to the bit in all runs; `noisy`: it differs on one commit (a seed, a race, threads);
            `changed`: it differs between commits by far more than on one; `rounding`: by no more than rounding does.
        spread: The largest relative difference on one commit.
        change: The largest relative difference between one commit and the next.
        between: These two commits.
    """

    parameter: str
    verdict: Literal["same", "rounding", "noisy", "changed"]
    spread: float
    change: float
    between: tuple[str, str] | None


def variations(rows: Sequence[Row]) -> list[Variation]:
    """One variation a parameter, from a test's gradients in order of time."""
    series: dict[tuple[int, str], list[Row]] = {}
    for row in rows:
        if row["value"] is not None and row["commit"] is not None and row["dirty"] is False:
            series.setdefault((row["call"], row["parameter"]), []).append(row)
    several = len({call for call, _ in series}) > 1
    return [
        _variation(f"{parameter} (call {call})" if several else parameter, found)
        for (call, parameter), found in series.items()
    ]


def _variation(parameter: str, rows: Sequence[Row]) -> Variation:
    by_commit: dict[tuple[str, str], list[float]] = {}
    for row in rows:
        by_commit.setdefault((row["commit"], row["environment"]), []).append(row["value"])
    spread = max(_relative(min(values), max(values)) for values in by_commit.values())
    middles = [(commit, statistics.median(values)) for (commit, _), values in by_commit.items()]
    change, between = 0.0, None
    for (old, before), (new, after) in pairwise(middles):
        if _relative(before, after) > change:
            change, between = _relative(before, after), (old, new)
    rounding = _ROUNDING * _EPSILON.get(rows[-1]["dtype"], _EPSILON["float32"])
    return Variation(parameter, _verdict(spread, change, rounding), spread, change, between)


def _verdict(spread: float, change: float, rounding: float) -> Literal["same", "rounding", "noisy", "changed"]:
    if change > rounding and change > _SPREADS * spread:
        return "changed"
    if spread > rounding:
        return "noisy"
    return "rounding" if max(spread, change) > 0 else "same"


def _relative(left: float, right: float) -> float:
    size = max(abs(left), abs(right))
    return abs(left - right) / size if size and math.isfinite(size) else 0.0


def flake_reason(rows: Sequence[Row], varied: Sequence[Variation]) -> str | None:
    """Why a test that flips on one commit does so, as far as its figures tell; None where it does not flip."""
    if not flips(rows):
        return None
    margins = [row["margin"] for row in rows if row["margin"] is not None]
    if margins and min(margins) < NEAR_TOLERANCE:
        return f"numeric: it misses its tolerance by a factor of {min(margins):.3g} only; the tolerance is too tight"
    if noisy := [one.parameter for one in varied if one.verdict == "noisy"]:
        return f"numeric: the gradient of {', '.join(noisy[:3])} differs from run to run; fix the seed"
    if varied:
        return "not numeric: its gradients are the same in every run on one commit"
    return "unknown: no gradient and no tolerance was recorded"
