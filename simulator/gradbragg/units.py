"""Unit conversion and the promotion of user values to tensors.

Every value crosses from users' units to the inside (metres for the detector, angstrom for cell and
wavelength, radians) exactly once, through these functions. A tensor is promoted with ``Tensor.to``, so
its gradient arrives; it is never rebuilt.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TypeAlias

import torch
from torch import Tensor

Scalar: TypeAlias = float | Tensor
"""A number, or a tensor of no dimension whose gradient may be wanted."""

Vector: TypeAlias = Sequence[Scalar] | Tensor
"""A few numbers or tensors, or one tensor of one dimension."""

MM = 1e-3
MM_IN_METRE = 1000.0
"""For a division: 5e-5 mm over 100 angstrom is 5 cells to the last digit only when it is divided."""

ANGSTROM = 1e-10
MICROMETRE = 1e-6
METRE_IN_ANGSTROM = 1e10
MILLIRADIAN = 1e-3
DEGREE = math.pi / 180.0
PERCENT = 1e-2


@dataclass(frozen=True)
class TensorKind:
    """Where and in which precision tensors are made.

    Args:
        dtype: Floating dtype.
        device: Device.
    """

    dtype: torch.dtype = torch.float64
    device: torch.device = field(default_factory=lambda: torch.device("cpu"))

    def scalar(self, value: Scalar) -> Tensor:
        """The value as a tensor of this kind; a tensor keeps its graph."""
        if isinstance(value, Tensor):
            return value.to(dtype=self.dtype, device=self.device)
        return torch.tensor(value, dtype=self.dtype, device=self.device)

    def vector(self, values: Vector) -> Tensor:
        """The values as one tensor ``(n,)``; tensors among them keep their graph."""
        if isinstance(values, Tensor):
            return values.to(dtype=self.dtype, device=self.device)
        if not any(isinstance(v, Tensor) for v in values):
            return torch.tensor(values, dtype=self.dtype, device=self.device)
        return torch.stack([self.scalar(v) for v in values], dim=-1)


def plain_number(value: Scalar) -> float:
    """The value as a number without gradient, for the choice of a count and for nothing else."""
    return float(value.detach()) if isinstance(value, Tensor) else float(value)
