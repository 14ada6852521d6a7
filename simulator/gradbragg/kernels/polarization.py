"""Polarization factor (docs/physics.md, section 4)."""

from __future__ import annotations

import torch
from torch import Tensor

from gradbragg.kernels.rotation import unit


def polarization_frame(incident: Tensor, polarization_axis: Tensor) -> tuple[Tensor, Tensor]:
    """Unit vectors B = unit(p x i) and E = unit(i x B); both zero where i is parallel to p.

    Args:
        incident: Unit direction i ``(..., 3)``.
        polarization_axis: Direction p ``(3,)``.
    """
    B = unit(torch.linalg.cross(polarization_axis.expand_as(incident), incident))
    return B, unit(torch.linalg.cross(incident, B))


def polarization_factor(incident: Tensor, diffracted: Tensor, polarization_axis: Tensor, K: Tensor) -> Tensor:
    """``P = (1 + (i.d)^2 - K [(d.E)^2 - (d.B)^2])/2``.

    The polynomial form of ``(1 + cos^2(2theta) - K cos(2psi) sin^2(2theta))/2``, without its angles.
    Where i is parallel to p there is no plane of polarization and psi counts as 0.

    Args:
        incident: Unit direction i ``(..., 3)``.
        diffracted: Unit direction d ``(..., 3)``.
        polarization_axis: Direction p ``(3,)``.
        K: Kahn factor, 0 for an unpolarized beam.

    Returns:
        Dimensionless ``(...)``.
    """
    B, E = polarization_frame(incident, polarization_axis)
    cosine2 = (incident * diffracted).sum(-1).square()
    plane = (diffracted * E).sum(-1).square() - (diffracted * B).sum(-1).square()
    plane = torch.where((B == 0).all(-1), 1.0 - cosine2, plane)
    return 0.5 * (1.0 + cosine2 - K * plane)
