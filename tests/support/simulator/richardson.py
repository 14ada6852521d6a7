"""Finite differences that know their own error."""

import itertools
import math
from collections.abc import Callable, Sequence

STEPS = (1e-4, 1e-5, 1e-6, 3e-7, 1e-7)


def derivative(
    function: Callable[[float], float], x: float, scale: float | None = None, steps: Sequence[float] = STEPS
) -> tuple[float, float]:
    """Derivative of a function of one number, and an estimate of its error.

    Two central differences with steps s and 2s are combined so that their error of order s^2 cancels:
    (8 (f(x+s) - f(x-s)) - (f(x+2s) - f(x-2s))) / 12 s. Large steps suffer from curvature, small ones from
    rounding; of all pairs of neighbouring steps the one that agrees best gives the value, and its
    disagreement is the error estimate.
    """
    size = scale if scale is not None else max(abs(x), 1e-3)
    values = []
    for relative in steps:
        s = relative * size
        near, far = function(x + s) - function(x - s), function(x + 2 * s) - function(x - 2 * s)
        values.append((8 * near - far) / (12 * s))
    error, value = min((abs(a - b), b) for a, b in itertools.pairwise(values))
    return value, error


def agrees(gradient: float, numeric: float, error: float, tolerance: float) -> bool:
    """Whether a gradient equals a finite difference within a relative tolerance and the difference's error."""
    return math.isfinite(gradient) and abs(gradient - numeric) <= tolerance * abs(numeric) + 2 * error
