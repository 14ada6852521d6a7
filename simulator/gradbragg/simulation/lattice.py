"""Intensity of a crystal in many orientations at many scattering vectors: the inner loop.

``I = F_cell(h)^2 F_latt(h - h0)^2`` with ``h = (a.q, b.q, c.q)``. The indices and their fractions are
formed in the precision of q; everything after that in the precision of the image.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from gradbragg.kernels.grating import grating, nearest_index
from gradbragg.kernels.sphere import round_factor
from gradbragg.kernels.spots import (
    gauss_factor,
    soft_tophat_factor,
    squared_distance,
    squared_reciprocal_distance,
    tophat_factor,
)

if TYPE_CHECKING:
    from gradbragg.models.config import Shape
    from gradbragg.simulation.structure import Indices, StructureFactors
    from gradbragg.units import TensorKind


@dataclass(frozen=True, eq=False)
class LatticeModel:
    """What scatters, in all orientations.

    Args:
        orientations: Rows a, b, c in angstrom ``(R, 3, 3)``.
        cells: Cells along a, b, c ``(3,)`` in the kind of the image.
        shape: Shape of the crystal.
        fudge: Multiplies the squared radius of every shape but the square.
        structure: Structure factors.
        kind: Kind of the image.
        softness: Width of the edge of tophat spots; None: sharp.
        spot_metric: Reciprocal vectors ``(3, 3)`` that measure gauss and tophat spots; None: cells do.
    """

    orientations: Tensor
    cells: Tensor
    shape: Shape
    fudge: Tensor
    structure: StructureFactors
    kind: TensorKind
    softness: Tensor | None = None
    spot_metric: Tensor | None = None

    def subset(self, chosen: slice) -> LatticeModel:
        """The same crystal in some of its orientations."""
        return replace(self, orientations=self.orientations[chosen])

    def indices(self, q: Tensor) -> Indices:
        """Real Miller indices ``(..., R)`` at scattering vectors ``(..., 3)`` in 1/angstrom."""
        hkl = [q @ self.orientations[:, axis].transpose(-1, -2) for axis in range(3)]
        return hkl[0], hkl[1], hkl[2]

    def lattice_factor(self, hkl: Indices) -> Tensor:
        """F_latt ``(..., R)`` at real indices."""
        dhkl = [(h - nearest_index(h)).to(self.kind.dtype) for h in hkl]
        if self.shape == "square":
            factor = grating(dhkl[0], self.cells[0])
            for dh, N in zip(dhkl[1:], self.cells[1:], strict=True):
                factor = factor * grating(dh, N)
            return factor
        stacked = torch.stack(dhkl, -1)
        if self.shape == "round":
            return round_factor(stacked, self.cells, self.fudge)
        if self.spot_metric is None:
            Q = squared_distance(stacked, self.cells)
        else:
            Q = squared_reciprocal_distance(stacked, self.cells, self.spot_metric)
        if self.shape == "gauss":
            return gauss_factor(Q, self.cells, self.fudge)
        if self.softness is None:
            return tophat_factor(Q, self.cells, self.fudge)
        return soft_tophat_factor(Q, self.cells, self.fudge, self.softness)

    def intensities(self, q: Tensor, serial: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """Intensity of every term, and the lattice factor that it contains.

        Args:
            q: Scattering vectors ``(..., 3)`` in 1/angstrom.
            serial: Number of each evaluation ``(..., R)`` where interpolation can end.

        Returns:
            ``F_cell^2 F_latt^2`` in squared electrons and F_latt, both ``(..., R)``.
        """
        hkl = self.indices(q)
        latt = self.lattice_factor(hkl)
        return (self.structure.amplitude(hkl, serial) * latt).square(), latt

    def summed(self, q: Tensor, serial: Tensor | None = None) -> Tensor:
        """Intensity summed over the orientations ``(...)``."""
        if self.structure.table is None:
            latt = self.lattice_factor(self.indices(q))
            return self.structure.default_F.square() * latt.square().sum(-1)
        return self.intensities(q, serial)[0].sum(-1)
