"""Solid angle of a pixel (docs/physics.md, section 4)."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import Tensor


def solid_angle(distance: Tensor, pixel_size: Tensor, close_distance: Tensor) -> Tensor:
    """``(pixel^2/R^2) (close/R)``: area over squared distance, times the obliquity of a flat detector.

    Args:
        distance: R, sample to pixel, metres, any shape.
        pixel_size: Pixel edge, metres.
        close_distance: Distance along the detector normal, metres; below 0 where the normal points to the sample.

    Returns:
        Steradian, shape of distance.
    """
    return pixel_size.square() * close_distance / distance**3


def point_solid_angle(distance: Tensor) -> Tensor:
    """``1/R^2``: a pixel without area; the unit is 1/m^2, not steradian."""
    return distance**-2
