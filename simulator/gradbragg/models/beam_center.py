"""Where the beam meets the detector, by convention (docs/physics.md, section 2)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from gradbragg.units import MM, Scalar, TensorKind

if TYPE_CHECKING:
    from torch import Tensor

    from gradbragg.models.config import DetectorConfig, OptionalPair


@dataclass(frozen=True, eq=False)
class DetectorPoints:
    """Two points on the detector, in metres along the fast and slow axis from its corner.

    Args:
        beam_fast: Beam spot.
        beam_slow: Beam spot.
        near_fast: Point nearest to the sample.
        near_slow: Point nearest to the sample.
    """

    beam_fast: Tensor
    beam_slow: Tensor
    near_fast: Tensor
    near_slow: Tensor


def _entries(pair: OptionalPair | None) -> tuple[Scalar | None, Scalar | None]:
    return (None, None) if pair is None else (pair[0], pair[1])


def _given_or(value: Scalar | None, default: Tensor, kind: TensorKind) -> Tensor:
    return default if value is None else kind.scalar(value) * MM


def detector_points(config: DetectorConfig, kind: TensorKind) -> DetectorPoints:
    """Beam spot and near point of a detector.

    Args:
        config: The detector.
        kind: Kind of the result.
    """
    pixel = kind.scalar(config.pixel_size_mm) * MM
    size_fast, size_slow = _entries(config.detector_size_mm)
    edge_fast = _given_or(size_fast, config.n_fast * pixel, kind)
    edge_slow = _given_or(size_slow, config.n_slow * pixel, kind)
    org_x, org_y = _entries(config.origin_pixels)
    near_fast = edge_fast / 2.0 if org_x is None else (kind.scalar(org_x) - 0.5) * pixel
    near_slow = edge_slow / 2.0 if org_y is None else (kind.scalar(org_y) - 0.5) * pixel
    X, Y = _entries(config.beam_center_mm)

    if config.convention in ("xds", "dials", "custom"):
        near_x, near_y = _entries(config.near_point_mm) if config.convention == "custom" else (None, None)
        beam_fast = _given_or(X, _given_or(near_x, near_fast, kind), kind)
        beam_slow = _given_or(Y, _given_or(near_y, near_slow, kind), kind)
        return DetectorPoints(beam_fast, beam_slow, beam_fast, beam_slow)

    if config.convention == "adxv":
        beam_fast = _given_or(X, (edge_fast + pixel) / 2.0, kind)
        beam_slow = edge_slow - _given_or(Y, (edge_slow - pixel) / 2.0, kind)
    else:  # mosflm and denzo: X is the slow coordinate
        shift = pixel / 2.0 if config.convention == "mosflm" else 0.0 * pixel
        beam_fast = _given_or(Y, (edge_fast + pixel) / 2.0, kind) + shift
        beam_slow = _given_or(X, (edge_slow + pixel) / 2.0, kind) + shift
    if org_x is None:
        near_fast = beam_fast
    if org_y is None:
        near_slow = beam_slow
    return DetectorPoints(beam_fast, beam_slow, near_fast, near_slow)
