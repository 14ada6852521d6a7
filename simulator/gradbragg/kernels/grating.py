"""Lattice factor of a row of N cells, the interference function of a grating.

``g(dh) = sin(N x)/sin(x)``, ``x = pi dh``, ``dh = h - round(h)``.

Only ``dh`` enters: for a whole N the shift by ``round(h)`` changes a sign at most, for a real N it is what
keeps g finite at every h. Near ``dh = 0`` numerator and denominator are replaced by their series, which
keeps the slope accurate where the quotient cancels, and keeps 0/0 out of the backward pass.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor


def nearest_index(h: Tensor) -> Tensor:
    """The nearest whole number, exact halves going down: ``ceil(h - 1/2)``. Has no gradient."""
    return torch.ceil(h.detach() - 0.5)


def series_limit(dtype: torch.dtype) -> float:
    """Argument below which four terms of the sine series are exact to the last digit or two."""
    return 0.05 if dtype == torch.float64 else 0.5


def _sine_quotient(u2: Tensor) -> Tensor:
    """``sin(u)/u`` as a series in u squared: ``1 - u2/6 + u2^2/120 - u2^3/5040``."""
    return 1.0 - u2 / 6.0 * (1.0 - u2 / 20.0 * (1.0 - u2 / 42.0))


def grating(dh: Tensor, N: Tensor) -> Tensor:
    """``sin(N pi dh)/sin(pi dh)``, equal to N at dh = 0.

    Args:
        dh: Distance from the nearest whole index, ``|dh| <= 1/2``, any shape.
        N: Number of cells, whole or real, broadcast against dh.

    Returns:
        Dimensionless, shape of dh.
    """
    x = math.pi * dh
    Nx = N * x
    near = Nx.abs() < series_limit(dh.dtype)
    safe_x = torch.where(near, 1.0, x)
    x2 = torch.where(near, x, 0.0).square()
    far_value = torch.sin(torch.where(near, 1.0, Nx)) / torch.sin(safe_x)
    near_value = N * _sine_quotient(N * N * x2) / _sine_quotient(x2)
    return torch.where(near, near_value, far_value)
