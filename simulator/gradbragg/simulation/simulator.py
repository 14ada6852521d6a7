"""The simulator: a crystal, a detector and a beam to an image."""

from __future__ import annotations

import math
import warnings
from dataclasses import replace
from typing import TYPE_CHECKING

import torch
from torch import Tensor
from torch.utils.checkpoint import checkpoint

from gradbragg.errors import BlankImageWarning, ConfigError
from gradbragg.kernels.background import water_intensity
from gradbragg.kernels.solid_angle import solid_angle
from gradbragg.models.batch import batch_entries, batch_shape
from gradbragg.models.beam import Beam
from gradbragg.models.crystal import Crystal
from gradbragg.models.detector import Detector, pixel_positions
from gradbragg.models.image_header import BLANK_IMAGE
from gradbragg.models.run_config import RunConfig
from gradbragg.models.transforms import function_transform_active
from gradbragg.simulation.accumulate import Scene, Switches, physical_pixels, reference_pixels
from gradbragg.simulation.connection import connected
from gradbragg.simulation.fused import fused_pixels
from gradbragg.simulation.interpolation_limit import first_miss
from gradbragg.simulation.lattice import LatticeModel
from gradbragg.simulation.memo import once, unchangeable
from gradbragg.simulation.pixel_set import PixelSet
from gradbragg.simulation.plan import chosen_oversample, sampling_plan
from gradbragg.simulation.rays import RayOptics
from gradbragg.simulation.structure import structure_factors
from gradbragg.units import MICROMETRE, Scalar

if TYPE_CHECKING:
    from collections.abc import Callable

    from gradbragg.models.config import BeamConfig, CrystalConfig, DetectorConfig
    from gradbragg.models.crystal import CrystalState


class Simulator:
    """Simulates the diffraction image of a crystal.

    Args:
        crystal: The crystal.
        detector: The detector; its convention sets the laboratory frame.
        beam: The beam.
        run: How to compute; None: the defaults.
    """

    def __init__(self, crystal: Crystal, detector: Detector, beam: Beam, run: RunConfig | None = None) -> None:
        self.crystal = crystal
        self.detector = detector
        self.beam = beam
        self.run_config = run if run is not None else RunConfig()

    def run(self, progress: Callable[[int, int], None] | None = None) -> Tensor:
        """The expected photons in every pixel.

        Everything is worked out from the values of the moment; nothing is kept between calls. Where fields
        hold batches, their experiments are simulated one after the other.

        Args:
            progress: Called with the pixels that are done and those in all, now and then.

        Returns:
            Image ``(slow, fast)`` in the dtype of the run, after the dimensions of the batch if there is one.
            Pixels outside the region of interest or under the mask are 0.

        Raises:
            ConfigError: A value in a tensor is impossible (not looked at under ``torch.func``).

        Warns:
            BlankImageWarning: The crystal has no structure factor. The image is 0 and still connected to
                its inputs: their gradients are 0.
        """
        batch = batch_shape(*self._configs)
        if not batch:
            return self._image(progress)
        size = math.prod(batch)
        images = []
        for number, (crystal, detector, beam, run) in enumerate(batch_entries(batch, self._configs)):
            one = Simulator(Crystal(crystal), Detector(detector), Beam(beam), run)
            images.append(one._image(_part_of(progress, number, size)))
        if not images:
            raise ConfigError(f"the batch {batch} is empty")
        return torch.stack(images).reshape(*batch, *images[0].shape)

    @property
    def _configs(self) -> tuple[CrystalConfig, DetectorConfig, BeamConfig, RunConfig]:
        return self.crystal.config, self.detector.config, self.beam.config, self.run_config

    def _image(self, progress: Callable[[int, int], None] | None) -> Tensor:
        """The image of a single experiment."""
        crystal, config, beam, run = self._configs
        readable = not function_transform_active()
        for checked in (crystal, config, beam):
            checked.check_values(tensors=readable)
        if not run.compat:
            config.check_distances(tensors=readable)
        if not self.crystal.has_structure_factors():
            warnings.warn(BLANK_IMAGE, BlankImageWarning, stacklevel=3)
        pixels = self.rendered_pixels()
        values = self._values(pixels, progress)
        if pixels.listed is not None:
            blank = torch.zeros(config.n_fast * config.n_slow, dtype=values.dtype, device=values.device)
            values = blank.index_copy(0, pixels.listed, values)
        image = values.reshape(config.n_slow, config.n_fast)
        return connected(image, self._configs) if torch.is_grad_enabled() else image

    def rendered_pixels(self) -> PixelSet:
        """The pixels inside the region of interest and the mask."""
        config, roi = self.detector.config, self.run_config.roi
        device = torch.device(self.run_config.device)
        everything = PixelSet(config.n_fast * config.n_slow, device=device)
        if roi is None and config.mask is None:
            return everything
        if roi is None:
            pixels = everything.indices
        else:
            fast = torch.arange(config.n_fast, device=device)[max(roi.fast_min, 0) : max(roi.fast_max + 1, 0)]
            slow = torch.arange(config.n_slow, device=device)[max(roi.slow_min, 0) : max(roi.slow_max + 1, 0)]
            pixels = (slow[:, None] * config.n_fast + fast).reshape(-1)
        if config.mask is not None:
            pixels = pixels[config.mask.to(device).reshape(-1)[pixels] != 0]
        return PixelSet.of(pixels)

    @torch.no_grad()
    def solid_angle(self, pixels: PixelSet) -> float:
        """Solid angle in steradian that pixels subtend, each taken at its middle.

        Args:
            pixels: The pixels.
        """
        kind, config = self.run_config.phase_kind, self.detector.config
        geometry = self.detector.geometry(kind, self.run_config.rules, self.beam.config.direction)
        fast, slow = pixels.indices % config.n_fast + 0.5, pixels.indices // config.n_fast + 0.5
        X = pixel_positions(geometry, fast.to(kind.dtype), slow.to(kind.dtype), kind.scalar(0.0), self.run_config.rules)
        distance = torch.linalg.vector_norm(X, dim=-1)
        return float(solid_angle(distance, geometry.pixel_size, geometry.close_distance.abs()).sum())

    def scene(self, pixels: PixelSet) -> Scene:
        """Everything that the given pixels are computed from, from the values of the moment."""
        run, rules = self.run_config, self.run_config.rules
        kind, image_kind = run.phase_kind, run.image_kind
        config = self.detector.config
        frame = self.detector.convention
        direction, named = self.beam.config.direction, (kind, rules, config.convention)
        crystal = once(self.crystal.config, named, lambda: self.crystal.build_state(kind, rules, frame.spindle))
        sources = once(self.beam.config, named, lambda: self.beam.sources(kind, rules, frame))
        if unchangeable(direction):
            geometry = once(config, (named, direction), lambda: self.detector.geometry(kind, rules, direction))
        else:
            geometry = self.detector.geometry(kind, rules, direction)
        layers = self.detector.layers(kind, rules)
        wavelength = kind.scalar(self.beam.config.wavelength_angstrom)
        oversample = chosen_oversample(run, crystal, geometry, wavelength)
        optics = RayOptics(
            geometry=geometry,
            n_fast=config.n_fast,
            layers=layers,
            sources=sources,
            K=kind.scalar(self.beam.config.polarization) if self.beam.config.polarized else None,
            dmin=_unless_zero(run.dmin_angstrom, kind.scalar),
            point_pixel=config.point_pixel,
            rules=rules,
            kind=image_kind,
        )
        background = _unless_zero(self.crystal.config.water_um, kind.scalar)
        reuses = rules.phi_zero_reuses_previous and crystal.real.shape[0] > 1
        scene = Scene(
            optics=optics,
            lattice=self._lattice(crystal),
            plan=sampling_plan(oversample, sources, crystal, layers, kind),
            flux=self.beam.photons_per_electron(kind).to(image_kind.dtype),
            background=None if background is None else water_intensity(background * MICROMETRE).to(image_kind.dtype),
            first_orientations=(crystal.before_phi, crystal.starts_at_zero) if reuses else None,
            first_pixel=pixels.first,
            switches=Switches(run.oversample_omega, run.oversample_polar, run.oversample_thick),
            block_steps=run.block_steps,
        )
        structure = scene.lattice.structure
        if structure.interpolate and rules.interpolation_stops_at_first_miss:
            limited = replace(structure, interpolate_before=first_miss(scene, pixels.indices))
            scene = replace(scene, lattice=replace(scene.lattice, structure=limited))
        return scene

    def _lattice(self, crystal: CrystalState) -> LatticeModel:
        config, run = self.crystal.config, self.run_config
        kind = run.image_kind
        in_length = run.rules.spot_width_in_reciprocal_length and config.shape in ("gauss", "tophat")
        return LatticeModel(
            orientations=crystal.orientations,
            cells=kind.scalar(crystal.cells),
            shape=config.shape,
            fudge=kind.scalar(config.fudge),
            softness=_unless_zero(config.tophat_softness, kind.scalar),
            structure=structure_factors(config, crystal.cells, kind),
            kind=kind,
            spot_metric=kind.scalar(self.crystal.spot_metric(crystal.unrotated, run.phase_kind)) if in_length else None,
        )

    def _values(self, pixels: PixelSet, progress: Callable[[int, int], None] | None) -> Tensor:
        """Photons of the given pixels, compiled where that pays, otherwise block by block.

        Where gradients are wanted and there is more than one block, a block's intermediate tensors are not
        kept: they are computed again when the backward pass comes to it. (Not under ``torch.func``, which has
        no means for that.)
        """
        run = self.run_config
        if pixels.count == 0:
            return torch.zeros(0, dtype=run.image_kind.dtype, device=pixels.device)
        scene = self.scene(pixels)
        fused = fused_pixels(scene, pixels, progress)
        if fused is not None:
            return fused
        compute = reference_pixels if run.rules.factors_once_a_pixel else physical_pixels
        blocks = torch.split(pixels.indices, max(1, run.block_steps // scene.plan.steps))
        recompute = len(blocks) > 1 and torch.is_grad_enabled() and not function_transform_active()
        pieces: list[Tensor] = []
        for number, block in enumerate(blocks):
            if progress is not None:
                progress(number * blocks[0].shape[0], pixels.count)
            if recompute:
                pieces.append(checkpoint(compute, scene, block, use_reentrant=False, preserve_rng_state=False))
            else:
                pieces.append(compute(scene, block))
        return torch.cat(pieces)


def _part_of(progress: Callable[[int, int], None] | None, number: int, size: int) -> Callable[[int, int], None] | None:
    """The progress of one image of a batch, told as that of the whole."""
    if progress is None:
        return None
    return lambda done, total: progress(number * total + done, size * total)


def _unless_zero(value: Scalar, promote: Callable[[Scalar], Tensor]) -> Tensor | None:
    """The value as a tensor; None for a plain 0, which turns a feature off."""
    return None if not isinstance(value, Tensor) and value == 0 else promote(value)
