"""Rays from the sources over the sample to points of pixels, and their geometric factors."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from gradbragg.kernels.absorption import capture_fraction
from gradbragg.kernels.polarization import polarization_factor
from gradbragg.kernels.solid_angle import point_solid_angle, solid_angle
from gradbragg.models.detector import DetectorGeometry, SensorLayers, pixel_positions

if TYPE_CHECKING:
    from gradbragg.models.beam import Sources
    from gradbragg.rules import Rules
    from gradbragg.units import TensorKind


@dataclass(frozen=True, eq=False)
class Rays:
    """Rays of P pixels, T layers, S subpixels and J sources.

    Args:
        direction: Unit vectors from the sample ``(P, T, S, 3)``.
        distance: Sample to point, metres ``(P, T, S)``.
        q: Scattering vectors in 1/angstrom ``(P, T, S, J, 3)``.
        kept: False where the spacing is below dmin ``(P, T, S, J)``; None: all are kept.
    """

    direction: Tensor
    distance: Tensor
    q: Tensor
    kept: Tensor | None


@dataclass(frozen=True, eq=False)
class RayOptics:
    """Everything that rays and their factors depend on.

    Args:
        geometry: The detector in place.
        n_fast: Pixels along the fast axis.
        layers: The sensor, or None where it has no thickness.
        sources: The beam.
        K: Kahn factor; None: no polarization.
        dmin: Smallest spacing in angstrom; None: no limit.
        point_pixel: Pixels without area.
        rules: Physics or reference program.
        kind: Kind of the factors.
    """

    geometry: DetectorGeometry
    n_fast: int
    layers: SensorLayers | None
    sources: Sources
    K: Tensor | None
    dmin: Tensor | None
    point_pixel: bool
    rules: Rules
    kind: TensorKind

    def trace(self, pixels: Tensor, subpixels: Tensor, depths: Tensor) -> Rays:
        """Rays to the given pixels.

        Args:
            pixels: Indices ``slow * n_fast + fast`` ``(P,)``.
            subpixels: Offsets in pixels ``(S, 2)``.
            depths: Front faces of layers in metres ``(T,)``.
        """
        corner_fast, corner_slow = pixels % self.n_fast, pixels // self.n_fast
        fast = corner_fast[:, None, None] + subpixels[:, 0]
        slow = corner_slow[:, None, None] + subpixels[:, 1]
        X = pixel_positions(self.geometry, fast, slow, depths[:, None], self.rules)
        distance = torch.linalg.vector_norm(X, dim=-1)
        direction = X / distance[..., None]
        q = (direction[..., None, :] - self.sources.incident) / self.sources.wavelength[:, None]
        kept = None
        if self.dmin is not None:
            kept = q.detach().square().sum(-1) * self.dmin.detach().square() <= 1.0
        return Rays(direction, distance, q, kept)

    def solid_angles(self, rays: Rays) -> Tensor:
        """Omega ``(P, T, S)``."""
        if self.point_pixel:
            return point_solid_angle(rays.distance).to(self.kind.dtype)
        geometry = self.geometry
        close = geometry.close_distance if self.rules.solid_angle_keeps_sign else geometry.close_distance.abs()
        return solid_angle(rays.distance, geometry.pixel_size, close).to(self.kind.dtype)

    def polarizations(self, rays: Rays) -> Tensor:
        """P ``(P, T, S, J)``."""
        if self.K is None:
            return torch.ones(rays.q.shape[:-1], dtype=self.kind.dtype, device=self.kind.device)
        incident = self.sources.incident
        factor = polarization_factor(incident, rays.direction[..., None, :], self.sources.polarization_axis, self.K)
        return factor.to(self.kind.dtype)

    def captured(self, rays: Rays, depths: Tensor) -> Tensor:
        """A ``(P, T, S)``; 1 without a sensor thickness."""
        if self.layers is None:
            return torch.ones_like(rays.distance, dtype=self.kind.dtype)
        cosine = (rays.direction * self.geometry.normal).sum(-1)
        fraction = capture_fraction(depths[:, None], self.layers.spacing, self.layers.mu, cosine)
        return fraction.to(self.kind.dtype)
