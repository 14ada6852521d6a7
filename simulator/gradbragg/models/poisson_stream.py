"""The reference program's Poisson deviates (docs/physics.md, section 10).

Single precision as that program keeps it: every named quantity is rounded to single precision, every
transcendental function is evaluated in double precision.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from gradbragg.models.random_stream import single

if TYPE_CHECKING:
    from gradbragg.models.random_stream import UniformStream

_NORMAL_ABOVE = 1e6
"""Means above this are drawn from a normal distribution."""

_PRODUCT_BELOW = 12.0
"""Means below this are drawn by multiplying uniform deviates."""

_LANCZOS = (
    76.18009172947146,
    -86.50532032941677,
    24.01409824083091,
    -1.231739572450155,
    0.1208650973866179e-2,
    -0.5395239384953e-5,
)


def log_gamma(z: float) -> float:
    """``ln Gamma(z)`` by six Lanczos coefficients, rounded to single precision."""
    t = z + 5.5 - (z + 0.5) * math.log(z + 5.5)
    c1, c2, c3, c4, c5, c6 = _LANCZOS
    s = 1.000000000190015 + c1 / (z + 1.0) + c2 / (z + 2.0) + c3 / (z + 3.0)
    s = s + c4 / (z + 4.0) + c5 / (z + 5.0) + c6 / (z + 6.0)
    return single(-t + math.log(2.5066282746310005 * s / z))


class PoissonStream:
    """Poisson deviates from a stream of uniform ones.

    Args:
        uniforms: Where the uniform deviates come from.
    """

    def __init__(self, uniforms: UniformStream) -> None:
        self._uniforms = uniforms
        self._spare: float | None = None

    def deviate(self, mean: float) -> float:
        """One deviate; a whole number unless the mean is above a million.

        Args:
            mean: Taken in single precision; below 0 it counts as 0.
        """
        mean = max(single(mean), 0.0)
        if mean > _NORMAL_ABOVE:
            return single(mean + single(math.sqrt(mean)) * self._normal())
        return self._by_product(mean) if mean < _PRODUCT_BELOW else self._by_rejection(mean)

    def _by_product(self, mean: float) -> float:
        """Uniform deviates are multiplied until the product is ``exp(-mean)`` or less."""
        limit = single(math.exp(-mean))
        count, product = 0, self._uniforms.uniform()
        while product > limit:
            count += 1
            product = single(product * self._uniforms.uniform())
        return float(count)

    def _by_rejection(self, mean: float) -> float:
        """A Lorentzian, scaled to lie above the distribution, is drawn from and thinned."""
        sq = single(math.sqrt(2.0 * mean))
        al = single(math.log(mean))
        g = single(single(mean * al) - log_gamma(single(mean + 1.0)))
        while True:
            n = -1.0
            while n < 0.0:
                y = single(math.tan(math.pi * self._uniforms.uniform()))
                n = single(single(sq * y) + mean)
            n = math.floor(n)
            exponent = single(single(single(n * al) - log_gamma(single(n + 1.0))) - g)
            t = single(0.9 * (1.0 + single(y * y)) * math.exp(exponent))
            if self._uniforms.uniform() <= t:
                return float(n)

    def _normal(self) -> float:
        """A normal deviate by the polar method, which makes two at a time."""
        if self._spare is not None:
            value, self._spare = self._spare, None
            return value
        r = 0.0
        while r >= 1.0 or r == 0.0:
            v1 = single(2.0 * self._uniforms.uniform() - 1.0)
            v2 = single(2.0 * self._uniforms.uniform() - 1.0)
            r = single(single(v1 * v1) + single(v2 * v2))
        f = single(math.sqrt(-2.0 * math.log(r) / r))
        self._spare = single(v1 * f)
        return single(v2 * f)
