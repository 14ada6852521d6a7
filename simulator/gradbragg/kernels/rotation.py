"""Rotation matrices.

Rodrigues' formula: ``R = I + sin(t) K + (1 - cos(t)) K K`` with ``K v = axis x v``.
"""

from __future__ import annotations

from functools import lru_cache

import torch
from torch import Tensor


def cross_matrix(axis: Tensor) -> Tensor:
    """Matrix K with ``K v = axis x v``.

    Args:
        axis: ``(..., 3)``.

    Returns:
        ``(..., 3, 3)``.
    """
    entries = axis @ _generators(axis.dtype, axis.device)
    return entries.reshape(*axis.shape[:-1], 3, 3)


@lru_cache(maxsize=8)
def _generators(dtype: torch.dtype, device: torch.device) -> Tensor:
    """The cross matrices of the axes x, y, z, each in a row ``(3, 9)``."""
    x = ((0.0, 0.0, 0.0), (0.0, 0.0, -1.0), (0.0, 1.0, 0.0))
    y = ((0.0, 0.0, 1.0), (0.0, 0.0, 0.0), (-1.0, 0.0, 0.0))
    z = ((0.0, -1.0, 0.0), (1.0, 0.0, 0.0), (0.0, 0.0, 0.0))
    return torch.tensor((x, y, z), dtype=dtype, device=device).reshape(3, 9)


def axis_rotation(axis: Tensor, angle: Tensor) -> Tensor:
    """Right-handed rotation about an axis, smooth in the angle at 0 too.

    ``R = I + sin(angle) K + (1 - cos(angle)) K K``. An axis that is not of unit length is used as it is
    (the result is then no rotation); normalise it first.

    Args:
        axis: ``(..., 3)``.
        angle: ``(...)`` in radians.

    Returns:
        ``(..., 3, 3)``, to be applied as ``R @ v``.
    """
    K = cross_matrix(axis)
    angle = angle[..., None, None]
    identity = torch.eye(3, dtype=K.dtype, device=K.device)
    return identity + torch.sin(angle) * K + (1.0 - torch.cos(angle)) * (K @ K)


def fixed_axes_rotation(angles: Tensor) -> Tensor:
    """Rotation about the fixed axes x, then y, then z: ``Rz Ry Rx``.

    Args:
        angles: ``(..., 3)`` in radians.

    Returns:
        ``(..., 3, 3)``.
    """
    axes = torch.eye(3, dtype=angles.dtype, device=angles.device)
    Rx, Ry, Rz = axis_rotation(axes, angles).unbind(-3)
    return Rz @ Ry @ Rx


def unit(vector: Tensor) -> Tensor:
    """The vector at unit length; a zero vector stays zero, with zero gradient.

    Args:
        vector: ``(..., 3)``.
    """
    square = (vector * vector).sum(-1, keepdim=True)
    safe = torch.where(square > 0, square, 1.0)
    return vector / torch.sqrt(safe)
