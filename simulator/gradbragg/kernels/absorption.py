"""Fraction of the photons that stop in a layer of the sensor (docs/physics.md, section 4)."""

from __future__ import annotations

import torch
from torch import Tensor


def capture_fraction(depth: Tensor, spacing: Tensor, mu: Tensor, cosine: Tensor) -> Tensor:
    """``A = exp(-z mu/rho) (1 - exp(-D mu/rho))`` for a layer with front face z and thickness D.

    Where the ray comes along the sensor or from behind (rho <= 0) nothing is captured.

    Args:
        depth: z, metres, broadcast.
        spacing: D, metres.
        mu: Attenuation per metre.
        cosine: rho, the ray direction along the detector normal, any shape.
    """
    front = cosine > 0
    rho = torch.where(front, cosine, 1.0)
    return torch.where(front, -torch.exp(-depth * mu / rho) * torch.expm1(-spacing * mu / rho), 0.0)
