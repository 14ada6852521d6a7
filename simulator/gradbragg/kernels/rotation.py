"""Rotation matrices.

Rodrigues' formula: ``R = I + sin(t) K + (1 - cos(t)) K K`` with ``K v = axis x v``.
"""

from __future__ import annotations

import torch
from torch import Tensor


def cross_matrix(axis: Tensor) -> Tensor:
    """Matrix K with ``K v = axis x v``.

    Args:
        axis: ``(..., 3)``.

    Returns:
        ``(..., 3, 3)``.
    """
    repeated = axis[..., None, :].expand(*axis.shape[:-1], 3, 3)
    units = torch.eye(3, dtype=axis.dtype, device=axis.device).expand_as(repeated)
    # rows axis x e_j are the columns of K
    columns: Tensor = torch.linalg.cross(repeated, units)
    return columns.transpose(-1, -2)


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
