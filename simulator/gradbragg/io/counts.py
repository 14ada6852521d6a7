"""Images as the whole numbers that a detector would store."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from gradbragg.simulation.statistics import ImageStatistics

LARGEST_COUNT = 65535
"""Of an unsigned 16-bit pixel."""

_AUTO_MAXIMUM = 55000.0
"""Counts of the brightest pixel when the scale is left open."""

_AUTO_GRAY = 250.0
"""Gray level of five standard deviations when the scale of a PGM image is left open."""


def count_scale(scale: float | None, maximum: float) -> float:
    """Counts per photon: as given, or so that the brightest pixel gets 55000.

    Args:
        scale: As given; None or 0 and below: open.
        maximum: Photons in the brightest pixel.
    """
    if scale is not None and scale > 0:
        return scale
    return _AUTO_MAXIMUM / maximum if maximum > 0 else 1.0


def gray_scale(scale: float | None, statistics: ImageStatistics, counts_per_photon: float) -> float:
    """Gray levels per photon of a PGM image: as given, or ``250/(5 rmsd)``, or that of the counts.

    Args:
        scale: As given; None or 0 and below: open.
        statistics: Of the image.
        counts_per_photon: Scale of the SMV image, for an image without contrast.
    """
    if scale is not None and scale > 0:
        return scale
    return _AUTO_GRAY / (5.0 * statistics.rmsd) if statistics.rmsd > 0 else counts_per_photon


def scaled_counts(image: np.ndarray, scale: float, offset: float) -> np.ndarray:
    """``floor(clip(I scale + offset, 0, 65535) + 1/2)``, the sum rounded to single precision.

    Args:
        image: Photons, single precision, any shape.
        scale: Counts per photon.
        offset: Added to every pixel.

    Returns:
        Unsigned 16-bit numbers of the same shape.
    """
    value = np.clip(image.astype(np.float64) * scale + offset, 0, LARGEST_COUNT)
    return np.minimum(np.floor((value + 0.5).astype(np.float32)), LARGEST_COUNT).astype(np.uint16)


def stored_counts(counted: np.ndarray, offset: float) -> tuple[np.ndarray, int]:
    """Counted photons plus the offset, truncated to whole numbers between 0 and 65535.

    Args:
        counted: Photons, any shape.
        offset: Added to every pixel.

    Returns:
        Unsigned 16-bit numbers of the same shape, and how many pixels were too bright for them.
    """
    value = counted + offset
    return np.clip(value, 0, LARGEST_COUNT).astype(np.uint16), int((value > LARGEST_COUNT).sum())


def gray_bytes(image: np.ndarray, scale: float) -> np.ndarray:
    """``trunc(min(255, I scale))`` as bytes, any shape."""
    return np.clip(image.astype(np.float64) * scale, 0.0, 255.0).astype(np.uint8)
