"""How the samples of a pixel are weighted and added: the physics, and the reference program's two ways.

Physics: ``pixel = flux [N_w F_w^2 <P Omega A> + sum_sub Omega sum_j w_j P_j sum_t A_t sum_{p,m} I / (S R)]``.

Reference: ``pixel = flux (I_bg + sum of all I)/steps * A P Omega`` with factors taken once a pixel; with a
switch on, its factor multiplies the running sum after every term instead.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import torch
from torch import Tensor

if TYPE_CHECKING:
    from collections.abc import Iterator

    from gradbragg.simulation.lattice import LatticeModel
    from gradbragg.simulation.plan import SamplingPlan
    from gradbragg.simulation.rays import RayOptics, Rays


@dataclass(frozen=True)
class Switches:
    """Which factors the reference program multiplies into the running sum."""

    omega: bool = False
    polar: bool = False
    thick: bool = False

    @property
    def any(self) -> bool:
        """Whether one of them is on."""
        return self.omega or self.polar or self.thick


@dataclass(frozen=True, eq=False)
class Scene:
    """Everything that a block of pixels is computed from.

    Args:
        optics: Rays and their factors.
        lattice: The crystal in its orientations.
        plan: What is sampled.
        flux: Photons per steradian and electron, no dimension.
        background: Squared electrons of the water, no dimension; None: no water.
        first_orientations: Where the first step of the first pixel is evaluated elsewhere: real vectors
            ``(domains, 3, 3)`` and whether it is, no dimension.
        first_pixel: Index of the first pixel.
        switches: Reference program's switches.
        block_steps: Terms that are in memory at the same time.
    """

    optics: RayOptics
    lattice: LatticeModel
    plan: SamplingPlan
    flux: Tensor
    background: Tensor | None
    first_orientations: tuple[Tensor, Tensor] | None
    first_pixel: int
    switches: Switches
    block_steps: int

    def portions(self) -> Iterator[tuple[slice, slice]]:
        """Slices of subpixels and orientations, so that one pixel's portion fits a block."""
        S, R = self.plan.subpixels.shape[0], self.plan.orientations
        rays = self.plan.rays // S
        some_orientations = max(1, min(R, self.block_steps // rays))
        some_subpixels = max(1, min(S, self.block_steps // (rays * some_orientations)))
        for s in range(0, S, some_subpixels):
            for r in range(0, R, some_orientations):
                yield slice(s, s + some_subpixels), slice(r, r + some_orientations)

    def serial(self, pixels: Tensor, subpixels: slice, orientations: slice) -> Tensor | None:
        """Number of each evaluation in the reference program's order, where interpolation may end."""
        if self.lattice.structure.interpolate_before is None:
            return None
        plan = self.plan
        shape = (plan.depths.shape[0], plan.subpixels.shape[0], plan.sources.wavelength.shape[0], plan.orientations)
        within = torch.arange(plan.steps, device=pixels.device).reshape(shape)[:, subpixels, :, orientations]
        return pixels[:, None, None, None, None] * plan.steps + within


def physical_pixels(scene: Scene, pixels: Tensor) -> Tensor:
    """Photons in each pixel by the physics ``(P,)``; every factor is evaluated where it applies."""
    plan, optics = scene.plan, scene.optics
    depths, S = plan.depths, plan.subpixels.shape[0]
    total = torch.zeros(pixels.shape, dtype=scene.lattice.kind.dtype, device=pixels.device)
    for subpixels, orientations in scene.portions():
        rays = optics.trace(pixels, plan.subpixels[subpixels], depths)
        weight = _ray_weights(scene, rays)
        summed = scene.lattice.subset(orientations).summed(rays.q, scene.serial(pixels, subpixels, orientations))
        visible = weight if rays.kept is None else torch.where(rays.kept, weight, 0.0)
        total = total + (visible * summed).sum((1, 2, 3)) / (S * plan.orientations)
        if scene.background is not None and orientations.start == 0:
            total = total + scene.background * weight.sum((1, 2, 3)) / S
    return scene.flux * total


def _ray_weights(scene: Scene, rays: Rays) -> Tensor:
    """``Omega w P A`` of each ray ``(P, T, S, J)``; Omega and P are those of the first layer."""
    optics = scene.optics
    omega = optics.solid_angles(rays)[:, :1, :, None]
    polar = optics.polarizations(rays)[:, :1] * optics.sources.weight.to(omega.dtype)
    return omega * polar * optics.captured(rays, scene.plan.depths)[..., None]


def reference_pixels(scene: Scene, pixels: Tensor) -> Tensor:
    """Photons in each pixel by the reference program's rules ``(P,)``."""
    background = scene.background
    start = torch.zeros(pixels.shape, dtype=scene.lattice.kind.dtype, device=pixels.device)
    if background is not None:
        start = start + background * scene.flux
    total = _running_sum(scene, pixels, start) if scene.switches.any else _plain_sum(scene, pixels, start)
    return scene.flux * (total / scene.plan.averaged) * _factors_once(scene, pixels)


def _plain_sum(scene: Scene, pixels: Tensor, total: Tensor) -> Tensor:
    plan = scene.plan
    for subpixels, orientations in scene.portions():
        rays = scene.optics.trace(pixels, plan.subpixels[subpixels], plan.depths)
        summed = scene.lattice.subset(orientations).summed(rays.q, scene.serial(pixels, subpixels, orientations))
        if rays.kept is not None:
            summed = torch.where(rays.kept, summed, 0.0)
        total = total + summed.sum((1, 2, 3))
    return total + _first_step_difference(scene, pixels)


def _first_step_difference(scene: Scene, pixels: Tensor) -> Tensor:
    """What the very first evaluation adds where it finds the crystal not yet rotated ``(P,)``."""
    if scene.first_orientations is None:
        return torch.zeros(pixels.shape, dtype=scene.lattice.kind.dtype, device=pixels.device)
    before_phi, starts_at_zero = scene.first_orientations
    first = pixels[:1]
    rays = scene.optics.trace(first, scene.plan.subpixels[:1], scene.plan.depths[:1])
    q = rays.q[0, 0, 0, 0]
    domains = before_phi.shape[0]
    lattice = scene.lattice.subset(slice(0, domains))
    found = replace(lattice, orientations=before_phi)
    difference = torch.where(starts_at_zero, found.summed(q) - lattice.summed(q), 0.0)
    if rays.kept is not None:
        difference = torch.where(rays.kept[0, 0, 0, 0], difference, 0.0)
    return torch.where(pixels == scene.first_pixel, difference, 0.0)


def _running_sum(scene: Scene, pixels: Tensor, start: Tensor) -> Tensor:
    """``I <- (I + term) f`` for every term in turn: each term meets the factors of all that follow it."""
    plan, switches = scene.plan, scene.switches
    rays = scene.optics.trace(pixels, plan.subpixels, plan.depths)
    terms, latt = scene.lattice.intensities(rays.q, scene.serial(pixels, slice(None), slice(None)))
    factor = torch.ones_like(terms[..., 0])
    if switches.omega:
        factor = factor * scene.optics.solid_angles(rays)[..., None]
    if switches.polar:
        factor = factor * scene.optics.polarizations(rays)
    if switches.thick:
        captured = scene.optics.captured(rays, plan.depths)
        # the reference program never evaluates the factor of a sensor without thickness: it stays 0
        factor = factor * (captured if scene.optics.layers is not None else 0.0 * captured)[..., None]
    factors = factor[..., None].expand_as(terms)
    skipped = torch.zeros_like(latt, dtype=torch.bool) if scene.background is not None else latt.detach() == 0
    if rays.kept is not None:
        skipped = skipped | ~rays.kept[..., None]
    factors = torch.where(skipped, 1.0, factors).flatten(1)
    terms = torch.where(skipped, 0.0, terms).flatten(1)
    following = factors.flip(-1).cumprod(-1).flip(-1)
    return start * following[:, 0] + (terms * following).sum(-1)


def _factors_once(scene: Scene, pixels: Tensor) -> Tensor:
    """The factors that are not in the running sum, each evaluated once a pixel ``(P,)``."""
    plan, optics, switches = scene.plan, scene.optics, scene.switches
    first = optics.trace(pixels, plan.subpixels[:1], plan.depths)
    factor = torch.ones(pixels.shape, dtype=scene.lattice.kind.dtype, device=pixels.device)
    if not switches.omega:
        factor = factor * optics.solid_angles(first)[:, 0, 0]
    if not switches.polar:
        factor = factor * _first_polarization(scene, pixels, first)
    if not switches.thick:
        factor = factor * optics.captured(first, plan.depths)[:, -1, 0]
    return factor


def _first_polarization(scene: Scene, pixels: Tensor, first: Rays) -> Tensor:
    """P of the first ray that dmin leaves, 0 where it leaves none, unless polarization is off."""
    optics, plan = scene.optics, scene.plan
    if first.kept is None or optics.K is None:
        return optics.polarizations(first)[:, 0, 0, 0]
    rays = optics.trace(pixels, plan.subpixels, plan.depths)
    assert rays.kept is not None  # noqa: S101  the limit that made it in `first` is the same
    kept = rays.kept.flatten(1)
    candidate = kept.to(torch.int8).argmax(-1, keepdim=True)
    factor = optics.polarizations(rays).flatten(1).gather(1, candidate)[:, 0]
    return torch.where(kept.any(-1), factor, 0.0)
