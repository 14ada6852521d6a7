"""Lattice factor of a round crystal (docs/physics.md, section 5)."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from gradbragg.constants import SPHERE_AMPLITUDE

# 3 (2k+2)/(2k+3)! with alternating sign: the series of 3 (sin x/x - cos x)/x^2 in x^2
_SERIES = tuple((-1) ** k * 3.0 * (2 * k + 2) / math.factorial(2 * k + 3) for k in range(7))


def sphere_transform(x2: Tensor) -> Tensor:
    """Fourier transform of a unit sphere, ``3 (sin x/x - cos x)/x^2``, as a function of x squared.

    A function of the square, so that the infinite slope of the root at 0 never appears.

    Args:
        x2: Squared argument, any shape.
    """
    limit = 0.3 if x2.dtype == torch.float64 else 0.5
    near = x2 < limit * limit
    small = torch.where(near, x2, 0.0)
    series = torch.full_like(small, _SERIES[-1])
    for coefficient in reversed(_SERIES[:-1]):
        series = series * small + coefficient
    safe = torch.where(near, 1.0, x2)
    x = torch.sqrt(safe)
    return torch.where(near, series, 3.0 * (torch.sin(x) / x - torch.cos(x)) / safe)


def round_factor(dhkl: Tensor, cells: Tensor, fudge: Tensor) -> Tensor:
    """``Na Nb Nc sqrt(pi/6) s3(pi sqrt(fudge (dh^2 Na^2 + dk^2 Nb^2 + dl^2 Nc^2)))``.

    Args:
        dhkl: Distances from the nearest indices ``(..., 3)``.
        cells: Na, Nb, Nc ``(3,)``.
        fudge: Multiplies the squared radius.
    """
    r2 = (dhkl * cells).square().sum(-1)
    return cells.prod(-1) * SPHERE_AMPLITUDE * sphere_transform(math.pi**2 * fudge * r2)
