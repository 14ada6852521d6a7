"""The detector: where its pixels are (docs/physics.md, section 2)."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from gradbragg.constants import SMALLEST_RATIO
from gradbragg.kernels.rotation import axis_rotation, fixed_axes_rotation, unit
from gradbragg.models.batch import check_single
from gradbragg.models.beam_center import detector_points
from gradbragg.models.config import DetectorConfig
from gradbragg.models.conventions import CONVENTIONS, Convention
from gradbragg.rules import PHYSICAL, Rules
from gradbragg.units import DEGREE, MICROMETRE, MM, TensorKind, Vector


@dataclass(frozen=True, eq=False)
class DetectorGeometry:
    """A detector in place; lengths in metres.

    Args:
        pix0: Corner of pixel (0, 0) from the sample ``(3,)``.
        fast: Unit vector along the fast axis ``(3,)``.
        slow: Unit vector along the slow axis ``(3,)``.
        normal: Unit vector along the normal ``(3,)``.
        beam: Unit vector along the beam ``(3,)``.
        pixel_size: Pixel edge.
        close_distance: Sample to detector plane along the normal.
        distance: Sample to detector along the beam.
        curved: Pixels lie on a sphere.
    """

    pix0: Tensor
    fast: Tensor
    slow: Tensor
    normal: Tensor
    beam: Tensor
    pixel_size: Tensor
    close_distance: Tensor
    distance: Tensor
    curved: bool = False


@dataclass(frozen=True, eq=False)
class SensorLayers:
    """The layers of the sensor; lengths in metres.

    Args:
        depths: Front face of each layer ``(layers,)``.
        spacing: Thickness of a layer.
        mu: Attenuation per metre.
    """

    depths: Tensor
    spacing: Tensor
    mu: Tensor


class Detector:
    """A detector as its configuration describes it; computes nothing until it is asked.

    Args:
        config: The description.
    """

    def __init__(self, config: DetectorConfig | None = None) -> None:
        self.config = config if config is not None else DetectorConfig()

    @property
    def convention(self) -> Convention:
        """The laboratory frame of the detector's convention."""
        return CONVENTIONS[self.config.convention]

    def geometry(
        self,
        kind: TensorKind | None = None,
        rules: Rules = PHYSICAL,
        beam_direction: Vector | None = None,
    ) -> DetectorGeometry:
        """The detector in place, from the values of the moment.

        Args:
            kind: Dtype and device; None: double precision on the CPU.
            rules: Physics or reference program.
            beam_direction: None: that of the convention.
        """
        kind = kind if kind is not None else TensorKind()
        config, frame = self.config, self.convention
        check_single(config)
        beam = unit(kind.vector(beam_direction if beam_direction is not None else frame.beam))
        axes = self._unrotated_axes(kind, rules)
        R = fixed_axes_rotation(kind.vector(config.rotation_deg) * DEGREE)
        swing = self._swing(kind, rules)

        ratio = _dot(beam, R @ axes[2])
        ratio = torch.where(ratio == 0, SMALLEST_RATIO, ratio)
        fast, slow, normal = (swing @ (R @ axis) for axis in axes)
        if config.pix0_mm is not None:
            pix0 = kind.vector(config.pix0_mm) * MM
            # whatever the order of the axes, the sensor lies behind its front
            normal = torch.where(_dot(pix0, normal) < 0, -normal, normal)
        elif (config.pivot or frame.pivot) == "sample":
            points, near = detector_points(config, kind), self._near_distance(ratio, kind)
            corner = -points.near_fast * axes[0] - points.near_slow * axes[1] + near * axes[2]
            pix0 = swing @ (R @ corner)
        else:
            points, near = detector_points(config, kind), self._near_distance(ratio, kind)
            pix0 = -points.beam_fast * fast - points.beam_slow * slow + near / ratio * beam
        close = _dot(pix0, normal)
        along = ratio if rules.distance_ignores_swing else _dot(beam, normal)
        along = torch.where(along == 0, SMALLEST_RATIO, along)
        pixel = kind.scalar(config.pixel_size_mm) * MM
        return DetectorGeometry(pix0, fast, slow, normal, beam, pixel, close, close / along, config.curved)

    def _near_distance(self, ratio: Tensor, kind: TensorKind) -> Tensor:
        """Sample to detector plane along the unrotated normal, metres; ``ratio`` is its cosine to the beam."""
        if self.config.close_distance_mm is not None:
            return kind.scalar(self.config.close_distance_mm) * MM
        return (ratio * kind.scalar(self.config.distance_mm) * MM).abs()

    def _swing(self, kind: TensorKind, rules: Rules) -> Tensor:
        axis = self.config.twotheta_axis
        vector = kind.vector(axis if axis is not None else self.convention.twotheta)
        if not rules.swing_axis_as_given:
            vector = unit(vector)
        return axis_rotation(vector, kind.scalar(self.config.twotheta_deg) * DEGREE)

    def _unrotated_axes(self, kind: TensorKind, rules: Rules) -> tuple[Tensor, Tensor, Tensor]:
        config, frame = self.config, self.convention
        fast = unit(kind.vector(config.fast_axis if config.fast_axis is not None else frame.fast))
        slow = unit(kind.vector(config.slow_axis if config.slow_axis is not None else frame.slow))
        normal = kind.vector(config.normal if config.normal is not None else frame.normal)
        length = torch.linalg.vector_norm(normal.detach())
        derived = unit(torch.linalg.cross(fast, slow))
        usable = length == 1.0 if rules.normal_needs_unit_length else length > 0.0
        return fast, slow, torch.where(usable, unit(normal), derived)

    def layers(self, kind: TensorKind, rules: Rules = PHYSICAL) -> SensorLayers | None:
        """The sensor's layers; None where the thickness is a plain 0 and every photon counts."""
        config = self.config
        if not isinstance(config.thickness_um, Tensor) and config.thickness_um == 0:
            return None
        thickness = kind.scalar(config.thickness_um) * MICROMETRE
        depth = thickness if config.attenuation_um is None else kind.scalar(config.attenuation_um) * MICROMETRE
        if config.thickness_steps is None:
            steps, spacing = 2, thickness / 2.0
        elif rules.layers_span_thickness:
            steps = max(config.thickness_steps, 2)
            spacing = thickness / (steps - 1)
        else:
            steps = config.thickness_steps
            spacing = thickness / steps
        return SensorLayers(torch.arange(steps, dtype=kind.dtype, device=kind.device) * spacing, spacing, 1.0 / depth)


def pixel_positions(geometry: DetectorGeometry, fast: Tensor, slow: Tensor, depth: Tensor, rules: Rules) -> Tensor:
    """Positions from the sample.

    Args:
        geometry: The detector in place.
        fast: Coordinate along the fast axis from the detector's corner, in pixels, any shape.
        slow: Coordinate along the slow axis, same shape.
        depth: Depth in the sensor, metres, broadcast.
        rules: Physics or reference program.

    Returns:
        ``(..., 3)`` in metres.
    """
    f, s = (fast * geometry.pixel_size)[..., None], (slow * geometry.pixel_size)[..., None]
    flat = geometry.pix0 + f * geometry.fast + s * geometry.slow + depth[..., None] * geometry.normal
    if not geometry.curved:
        return flat
    if rules.curved_detector_swaps_axes:
        angles = flat[..., 1:] / geometry.distance
        first, second, ray = angles[..., 0], angles[..., 1], geometry.distance * geometry.beam
        turn = axis_rotation(geometry.fast, second) @ axis_rotation(geometry.slow, first)
        return (turn @ ray[:, None])[..., 0]
    offset = flat - geometry.distance * geometry.beam
    x1, x2 = (offset * geometry.fast).sum(-1), (offset * geometry.slow).sum(-1)
    # a turn about beam x axis moves the beam towards that axis
    along_slow = torch.linalg.cross(geometry.beam, geometry.slow)
    along_fast = torch.linalg.cross(geometry.beam, geometry.fast)
    turn = axis_rotation(unit(along_fast), x1 / geometry.distance) @ axis_rotation(
        unit(along_slow), x2 / geometry.distance
    )
    return (turn @ (geometry.distance * geometry.beam)[:, None])[..., 0]


def _dot(a: Tensor, b: Tensor) -> Tensor:
    return (a * b).sum(-1)
