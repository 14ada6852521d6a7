"""Lattice factors that depend on a squared distance from the spot alone: Gaussian and flat."""

from __future__ import annotations

import torch
from torch import Tensor

from gradbragg.constants import GAUSS_WIDTH, TOPHAT_RADIUS


def squared_distance(dhkl: Tensor, cells: Tensor) -> Tensor:
    """``Q = dh^2 Na^2 + dk^2 Nb^2 + dl^2 Nc^2``, the distance from the spot in units of its width.

    Args:
        dhkl: Distances from the nearest indices ``(..., 3)``.
        cells: Na, Nb, Nc ``(3,)``.
    """
    return (dhkl * cells).square().sum(-1)


def squared_reciprocal_distance(dhkl: Tensor, cells: Tensor, reciprocal: Tensor) -> Tensor:
    """``Q = |dh a* + dk b* + dl c*|^2 Na^2 Nb^2 Nc^2``, the reference program's distance.

    Args:
        dhkl: Distances from the nearest indices ``(..., 3)``.
        cells: Na, Nb, Nc ``(3,)``.
        reciprocal: Rows a*, b*, c* ``(3, 3)`` in 1/angstrom; any rotation of them gives the same.
    """
    return (dhkl @ reciprocal).square().sum(-1) * cells.prod(-1).square()


def gauss_factor(Q: Tensor, cells: Tensor, fudge: Tensor) -> Tensor:
    """``Na Nb Nc exp(-fudge Q/0.63)``."""
    return cells.prod(-1) * torch.exp(-fudge * Q / GAUSS_WIDTH)


def tophat_factor(Q: Tensor, cells: Tensor, fudge: Tensor) -> Tensor:
    """``Na Nb Nc`` where ``fudge Q < 0.3969``, else 0; its gradient with respect to Q is 0 and there."""
    radius = fudge * Q
    return torch.where(radius < TOPHAT_RADIUS, cells.prod(-1), 0.0 * radius)


def soft_tophat_factor(Q: Tensor, cells: Tensor, fudge: Tensor, softness: Tensor) -> Tensor:
    """``Na Nb Nc sigmoid((0.3969 - fudge Q)/tau)``: the flat spot with an edge that has a slope.

    Args:
        Q: Squared distance from the spot, any shape.
        cells: Na, Nb, Nc ``(3,)``.
        fudge: Multiplies the squared distance.
        softness: tau, the width of the edge in units of fudge Q; above 0.
    """
    return cells.prod(-1) * torch.sigmoid((TOPHAT_RADIUS - fudge * Q) / softness)
