"""Scattering of a cube of water: a flat background (docs/physics.md, section 6)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gradbragg.constants import AVOGADRO, WATER_AMPLITUDE, WATER_DENSITY, WATER_MOLAR_MASS

if TYPE_CHECKING:
    from torch import Tensor


def water_intensity(edge: Tensor) -> Tensor:
    """``N F^2`` with ``N = edge^3 density N_A / M``: molecules times squared amplitude.

    Args:
        edge: Edge of the cube, metres.

    Returns:
        Squared electrons.
    """
    return WATER_AMPLITUDE**2 * edge**3 * (WATER_DENSITY * AVOGADRO / WATER_MOLAR_MASS)
