"""The numeric derivative along a direction, with an estimate of its own error.

Central differences at step h and h/2, extrapolated (Richardson). The step is chosen by trying: the largest one at which
the two agree is good enough; no single step serves all programs.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

# Relative steps, the most useful first: smooth double-precision programs are served by the first, piecewise smooth
# ones (warps, nearest neighbours) by smaller ones, noisy ones by larger.
LADDER = (1e-4, 1e-6, 3e-3, 1e-8)
LADDER_SINGLE = (1e-2, 1e-3, 5e-2)
GOOD = 1e-5
EPSILON, EPSILON_SINGLE = 1.1e-16, 6e-8
# what the roundings of four losses come to, and of the values that these are made of
ROUNDINGS, ROUNDINGS_SINGLE = 8, 3
# changes of so many roundings of 1 may be rounding
FEW = 16
# evaluations after which a loss that has not changed at all counts as constant
STILL = 8

# Evaluates the loss at several steps at once
Evaluate = Callable[[Sequence[float]], list[float]]


@dataclass(frozen=True)
class Derivative:
    """A directional derivative.

    Attributes:
        value: The extrapolated difference; NaN if no step gives a finite one.
        error: Estimate of its error.
        step: The relative step that gave it.
        moved: Whether the loss changed at all at any step.
        evaluations: Number of evaluations.
    """

    value: float
    error: float
    step: float
    moved: bool = True
    evaluations: int = 0

    def agrees(self, other: float, tolerance: float) -> bool:
        """Whether another derivative is the same within the tolerance and this one's own error."""
        if not math.isfinite(self.value) or not math.isfinite(other):
            return False
        return abs(self.value - other) <= tolerance * max(abs(self.value), abs(other)) + 3 * self.error

    def tells(self, other: float) -> bool:
        """Whether the error is small beside the larger of the two: enough to tell whether the other is right."""
        return math.isfinite(self.value) and self.error <= CONCLUSIVE * max(abs(self.value), abs(other), TINY)


UNSETTLED = Derivative(math.nan, math.inf, 0.0)
CONCLUSIVE = 1e-2
TINY = 1e-300


def differentiate(evaluate: Evaluate, *, single: bool, ladder: Sequence[float] | None = None) -> Derivative:
    """The derivative of a loss along a direction at step 0.

    Args:
        evaluate: The loss at given relative steps.
        single: Whether single precision is somewhere within.
        ladder: Steps to try, instead of the usual ones.

    Returns:
        The first derivative whose error is small, else the one with the smallest.
    """
    epsilon = EPSILON_SINGLE if single else EPSILON
    best: Derivative | None = None
    moved, count = False, 0
    for step in ladder or (LADDER_SINGLE if single else LADDER):
        values = evaluate((step, -step, step / 2, -step / 2))
        count += len(values)
        moved = moved or len(set(values)) > 1
        largest = max((abs(value) for value in values if math.isfinite(value)), default=0.0)
        rounding = epsilon * largest
        if single and max(values) - min(values) < FEW * epsilon:
            rounding = max(rounding, epsilon)  # the loss is small, and what it is the difference of may not be
        found = _extrapolated(values, step, (ROUNDINGS_SINGLE if single else ROUNDINGS) * rounding)
        if best is None or not math.isfinite(best.value) or found.error < best.error:
            best = found
        still = not moved and count >= STILL
        if still or (math.isfinite(best.value) and best.error <= GOOD * abs(best.value)):
            break
    assert best is not None  # noqa: S101 - the ladder has steps
    return replace(best, moved=moved, evaluations=count)


def _extrapolated(values: Sequence[float], step: float, rounding: float) -> Derivative:
    if not all(math.isfinite(value) for value in values):
        return Derivative(math.nan, math.inf, step)
    coarse = (values[0] - values[1]) / (2 * step)
    fine = (values[2] - values[3]) / step
    value = (4 * fine - coarse) / 3
    # the extrapolation takes away most of the difference between the two; what rounding adds stays
    return Derivative(value, abs(fine - coarse) / 3 + rounding / step, step)
