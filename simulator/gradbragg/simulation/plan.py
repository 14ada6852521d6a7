"""What is sampled: sources x phi x domains x subpixels x layers, in one value object."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from gradbragg.errors import ConfigError
from gradbragg.models.run_config import MAX_OVERSAMPLE
from gradbragg.models.transforms import read_value

if TYPE_CHECKING:
    from gradbragg.models.beam import Sources
    from gradbragg.models.crystal import CrystalState
    from gradbragg.models.detector import DetectorGeometry, SensorLayers
    from gradbragg.models.run_config import RunConfig
    from gradbragg.units import TensorKind

_SAMPLES_A_FRINGE = 3.0
"""Subpixels for each fringe of the whole crystal's interference."""


@dataclass(frozen=True, eq=False)
class SamplingPlan:
    """The samples that make up one pixel.

    Args:
        subpixels: Offsets along fast and slow from the pixel's corner, in pixels ``(S, 2)``, fast quickest.
        depths: Front faces of the sensor's layers in metres ``(T,)``.
        sources: The J sources.
        orientations: Number R of phi steps times domains.
    """

    subpixels: Tensor
    depths: Tensor
    sources: Sources
    orientations: int

    @property
    def rays(self) -> int:
        """Layers times subpixels times sources."""
        return self.depths.shape[0] * self.subpixels.shape[0] * self.sources.wavelength.shape[0]

    @property
    def steps(self) -> int:
        """Evaluations of the crystal in one pixel."""
        return self.rays * self.orientations

    @property
    def averaged(self) -> int:
        """Evaluations over which the intensity is averaged: all but the layers, which add."""
        return self.steps // self.depths.shape[0]


def sampling_plan(
    oversample: int, sources: Sources, crystal: CrystalState, layers: SensorLayers | None, kind: TensorKind
) -> SamplingPlan:
    """The plan for one run.

    Args:
        oversample: Subpixels along each edge.
        sources: The beam.
        crystal: The crystal in its orientations.
        layers: The sensor, or None where it has no thickness.
        kind: Kind of the offsets.
    """
    edge = (torch.arange(oversample, dtype=kind.dtype, device=kind.device) + 0.5) / oversample
    slow, fast = torch.meshgrid(edge, edge, indexing="ij")
    depths = layers.depths if layers is not None else torch.zeros(1, dtype=kind.dtype, device=kind.device)
    subpixels = torch.stack((fast.reshape(-1), slow.reshape(-1)), -1)
    return SamplingPlan(subpixels, depths, sources, crystal.real.shape[0] * crystal.real.shape[1])


def recommended_oversample(crystal: CrystalState, geometry: DetectorGeometry, wavelength: Tensor) -> int:
    """Subpixels that resolve the fringes: ``ceil(3 max(N |a|) pixel/(lambda distance))``, at least 1.

    A count, so the values are read without their gradients.

    Raises:
        ConfigError: So many are needed that no computer could work through them.
    """
    edges = torch.linalg.vector_norm(crystal.unrotated.detach(), dim=-1) * crystal.cells.detach()
    pixel, distance = _number(geometry.pixel_size), _number(geometry.distance)
    fringe = _number(wavelength) * distance / _number(edges.max())
    wanted = math.ceil(_SAMPLES_A_FRINGE * pixel / fringe) if fringe != 0 and math.isfinite(fringe) else 1
    if wanted > MAX_OVERSAMPLE:
        text = f"{wanted:.3g} subpixels would be needed along each edge, more than {MAX_OVERSAMPLE}"
        raise ConfigError(f"{text}; check crystal size, pixel, wavelength and distance, or set the oversampling")
    return max(wanted, 1)


def _number(value: Tensor) -> float:
    return read_value(value, "set RunConfig.oversample")


def chosen_oversample(run: RunConfig, crystal: CrystalState, geometry: DetectorGeometry, wavelength: Tensor) -> int:
    """Subpixels along each edge: as set, or as recommended.

    Raises:
        ConfigError: The count is open and the values that it follows from cannot be looked at.
    """
    if run.oversample is not None:
        return run.oversample
    return recommended_oversample(crystal, geometry, wavelength)
