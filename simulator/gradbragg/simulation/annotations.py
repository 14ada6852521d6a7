"""What to draw on an image: where its spots are and where resolution rings run."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from gradbragg.models.image_header import ImageHeader

_RING_SHARES = (0.25, 0.5, 0.75, 1.0)
"""Of the distance from the beam spot to the farthest corner, the last a little inside."""


@dataclass(frozen=True)
class Spot:
    """A bright place.

    Args:
        fast: Centre of mass, pixels, the middle of the first pixel being 0.
        slow: Likewise.
        peak: Value of the brightest pixel.
        d: Spacing there, angstrom.
    """

    fast: float
    slow: float
    peak: float
    d: float


@dataclass(frozen=True)
class Ring:
    """Where one spacing is seen.

    Args:
        d: Spacing, angstrom.
        points: Places ``(fast, slow)`` in pixels, as for spots.
    """

    d: float
    points: Sequence[tuple[float, float]]


@dataclass(frozen=True, eq=False)
class Plane:
    """A flat detector as a header describes it, enough for spacings.

    The normal is the direction in which the beam spot and the near point differ, which is all that a spacing
    depends on: it is the angle to the beam that counts.

    Args:
        header: The header.
    """

    header: ImageHeader

    def spacings(self, fast: np.ndarray, slow: np.ndarray) -> np.ndarray:
        """Spacing d = lambda/(2 sin theta) in angstrom at places in pixels; infinite at the beam spot."""
        header = self.header
        x = (fast + 0.5) * header.pixel_mm - header.near_mm[0]
        y = (slow + 0.5) * header.pixel_mm - header.near_mm[1]
        bx, by = (spot - near for spot, near in zip(header.spot_mm, header.near_mm, strict=True))
        z = abs(header.close_distance_mm)
        dot = x * bx + y * by + z * z
        norms = np.sqrt((x * x + y * y + z * z) * (bx * bx + by * by + z * z))
        cosine = np.clip(dot / norms, -1.0, 1.0)
        sine = np.sqrt((1.0 - cosine) / 2.0)
        with np.errstate(divide="ignore"):
            found: np.ndarray = header.wavelength_angstrom / (2.0 * sine)
        return found


def spots_of(image: np.ndarray, plane: Plane, most: int = 200) -> list[Spot]:
    """The brightest local maxima, brightest first.

    A spot is brighter than its eight neighbours and stands three standard deviations of the image's fainter
    half above its median.

    Args:
        image: ``(slow, fast)``.
        plane: Where its pixels are.
        most: How many at most.
    """
    values = image.astype(float)
    middle = float(np.median(values))
    faint = values[values <= middle]
    level = middle + 3.0 * float(faint.std() if faint.size else 0.0) + 1e-3 * float(values.max() - middle)
    padded = np.pad(values, 1, constant_values=-np.inf)
    windows = np.lib.stride_tricks.sliding_window_view(padded, (3, 3))
    highest = (values == windows.max(axis=(2, 3))) & (values > level)
    slow, fast = np.nonzero(highest)
    order = np.argsort(-values[slow, fast], kind="stable")[:most]
    spots = []
    for j, i in zip(slow[order], fast[order], strict=True):
        x, y = _centre(values, int(i), int(j), middle)
        d = float(plane.spacings(np.array(x), np.array(y)))
        spots.append(Spot(x, y, float(values[j, i]), d))
    return spots


def _centre(values: np.ndarray, fast: int, slow: int, background: float) -> tuple[float, float]:
    """Centre of mass of a pixel and its neighbours above the background."""
    rows = np.arange(max(slow - 1, 0), min(slow + 2, values.shape[0]))[:, None]
    columns = np.arange(max(fast - 1, 0), min(fast + 2, values.shape[1]))
    weight = np.clip(values[rows, columns] - background, 0.0, None)
    total = float(weight.sum())
    if total <= 0:
        return float(fast), float(slow)
    return float((columns * weight).sum() / total), float((rows * weight).sum() / total)


def rings_of(shape: tuple[int, ...], plane: Plane) -> list[Ring]:
    """Rings of even spacing between the beam spot and the farthest corner.

    Args:
        shape: Pixels along slow and fast.
        plane: Where the pixels are.
    """
    slow, fast = np.meshgrid(np.linspace(0, shape[0], 9), np.linspace(0, shape[1], 9), indexing="ij")
    finest = float(plane.spacings(fast, slow).min())
    wavelength = plane.header.wavelength_angstrom
    far = 2.0 * math.asin(min(1.0, wavelength / (2.0 * finest)))
    rings = []
    for share in _RING_SHARES:
        angle = math.atan(math.tan(min(far, 1.4)) * share * 0.95)
        d = wavelength / (2.0 * math.sin(angle / 2.0))
        rings.append(Ring(d, _ring_points(plane, d)))
    return rings


def _ring_points(plane: Plane, d: float) -> list[tuple[float, float]]:
    """Places around the beam spot where a spacing is seen, found by bisection along each direction."""
    header = plane.header
    spot = np.array([header.spot_mm[0], header.spot_mm[1]]) / header.pixel_mm - 0.5
    turn = np.linspace(0.0, 2.0 * math.pi, 181)
    near = np.zeros_like(turn)
    far = np.full_like(turn, 20.0 * abs(header.distance_mm) / header.pixel_mm)
    for _ in range(50):
        middle = (near + far) / 2.0
        inside = plane.spacings(spot[0] + middle * np.cos(turn), spot[1] + middle * np.sin(turn)) > d
        near, far = np.where(inside, middle, near), np.where(inside, far, middle)
    return [
        (float(spot[0] + r * math.cos(t)), float(spot[1] + r * math.sin(t))) for r, t in zip(near, turn, strict=True)
    ]
