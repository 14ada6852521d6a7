"""Detector conventions: the vectors and the pivot that each name stands for (docs/physics.md, section 2)."""

from __future__ import annotations

from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal

Pivot = Literal["beam", "sample"]
Axis = tuple[float, float, float]

X: Axis = (1.0, 0.0, 0.0)
Y: Axis = (0.0, 1.0, 0.0)
Z: Axis = (0.0, 0.0, 1.0)


def _minus(axis: Axis) -> Axis:
    return (-axis[0], -axis[1], -axis[2])


@dataclass(frozen=True)
class Convention:
    """The laboratory frame of a convention, all unit vectors.

    Args:
        beam: Direction of the X-ray beam.
        fast: Fast detector axis.
        slow: Slow detector axis.
        normal: Detector normal, pointing away from the sample.
        twotheta: Axis of the two-theta swing.
        polarization: Direction of the electric vector.
        spindle: Axis of the phi rotation.
        pivot: What stays in place when the detector rotates: the beam spot or the sample distance.
    """

    beam: Axis
    fast: Axis
    slow: Axis
    normal: Axis
    twotheta: Axis
    polarization: Axis
    spindle: Axis
    pivot: Pivot


_MOSFLM = Convention(X, Z, _minus(Y), X, _minus(Z), Z, Z, "beam")

CONVENTIONS = MappingProxyType(
    {
        "mosflm": _MOSFLM,
        "denzo": _MOSFLM,
        "adxv": Convention(Z, X, _minus(Y), Z, _minus(X), X, X, "beam"),
        "xds": Convention(Z, X, Y, Z, X, X, X, "sample"),
        "dials": Convention(Z, X, Y, Z, Y, Y, Y, "sample"),
        "custom": Convention(X, Z, _minus(Y), X, Y, Z, Z, "beam"),
    }
)
"""Convention by name."""
