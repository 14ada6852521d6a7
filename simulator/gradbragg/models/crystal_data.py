"""What a crystallographic file says about a crystal."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from gradbragg.models.reflections import ReflectionTable


@dataclass(frozen=True, eq=False)
class CrystalData:
    """Structure factors and the cell that they belong to.

    Args:
        reflections: Amplitudes in electrons, expanded to P1, Friedel mates included.
        cell: a, b, c in angstrom, alpha, beta, gamma in degrees.
        space_group: Hermann-Mauguin symbol of the symmetry that was expanded.
        column: Where in the file the amplitudes were.
    """

    reflections: ReflectionTable
    cell: tuple[float, float, float, float, float, float]
    space_group: str
    column: str
