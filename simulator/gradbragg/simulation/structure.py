"""Structure factors as the sampling sees them (docs/physics.md, section 6)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from gradbragg.kernels.grating import nearest_index
from gradbragg.kernels.structure_factor import table_entries, tricubic_entries
from gradbragg.models.transforms import read_value

if TYPE_CHECKING:
    from gradbragg.models.config import CrystalConfig
    from gradbragg.units import TensorKind

_FEW_CELLS = 2
"""So few cells in a row leave spots so wide that the structure factor changes within one."""

Indices = tuple[Tensor, Tensor, Tensor]

_SAFE_MARGIN = 2
"""Tricubic interpolation stays this many entries inside the listed box."""


@dataclass(frozen=True, eq=False)
class StructureFactors:
    """Amplitude of any index triple.

    Args:
        default_F: Amplitude of what is not listed, no dimension.
        table: Padded table, or None where nothing is listed.
        origin: Index of the table's first entry.
        lower: First listed index on each axis.
        upper: Last listed index on each axis.
        interpolate: Tricubic instead of nearest.
        interpolate_before: Evaluations, counted in the reference program's order, before which
            interpolation is still on; None: no limit.
    """

    default_F: Tensor
    table: Tensor | None = None
    origin: tuple[int, int, int] = (0, 0, 0)
    lower: tuple[int, int, int] = (0, 0, 0)
    upper: tuple[int, int, int] = (0, 0, 0)
    interpolate: bool = False
    interpolate_before: int | None = None

    def amplitude(self, hkl: Indices, serial: Tensor | None = None) -> Tensor:
        """F of every index triple, by the nearest entry or by interpolation.

        Args:
            hkl: Real indices, three tensors of one shape.
            serial: Number of each evaluation, needed with ``interpolate_before``.
        """
        if self.table is None:
            return self.default_F
        index = [nearest_index(x).to(torch.int64) - first for x, first in zip(hkl, self.origin, strict=True)]
        nearest = table_entries(self.table, (index[0], index[1], index[2]))
        if not self.interpolate:
            return nearest
        use = self.inside(hkl)
        if self.interpolate_before is not None and serial is not None:
            use = use & (serial < self.interpolate_before)
        return torch.where(use, tricubic_entries(self.table, hkl, self.origin), nearest)

    def inside(self, hkl: Indices) -> Tensor:
        """Whether an index is far enough inside the listed box to be interpolated."""
        masks = [
            (x.detach() >= low + _SAFE_MARGIN) & (x.detach() <= high - _SAFE_MARGIN)
            for x, low, high in zip(hkl, self.lower, self.upper, strict=True)
        ]
        return masks[0] & masks[1] & masks[2]


def structure_factors(config: CrystalConfig, cells: Tensor, kind: TensorKind) -> StructureFactors:
    """The structure factors of a crystal.

    Args:
        config: The crystal.
        cells: Cells along a, b, c; two or fewer on an axis turn interpolation on if it is left open.
        kind: Kind of the amplitudes.
    """
    default_F = kind.scalar(config.default_F)
    listed = config.reflections
    if listed is None:
        return StructureFactors(default_F)
    wanted = config.interpolate
    if wanted is None:
        wanted = read_value(cells.detach().min(), "set CrystalConfig.interpolate") <= _FEW_CELLS
    table, origin = listed.padded(default_F)
    return StructureFactors(default_F, table, origin, listed.origin, listed.upper, wanted)
