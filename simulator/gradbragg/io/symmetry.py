"""Reflections of an asymmetric unit to all of reciprocal space (docs/physics.md, section 6)."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from gradbragg.errors import FileError, GradBraggWarning
from gradbragg.io.reflection_rows import reflection_table

if TYPE_CHECKING:
    from pathlib import Path

    from gradbragg.models.reflections import ReflectionTable


@dataclass(frozen=True, eq=False)
class UniqueReflections:
    """Amplitudes as a file lists them, NaN where they are missing.

    Args:
        hkl: Whole indices ``(n, 3)``.
        F: Amplitudes in electrons ``(n,)``.
        F_mate: Those of the Friedel mates ``(n,)``; None: the same.
    """

    hkl: np.ndarray
    F: np.ndarray
    F_mate: np.ndarray | None = None


def signed_root(intensity: np.ndarray) -> np.ndarray:
    """Amplitudes of intensities; a negative intensity gives a negative one, to be counted and set to 0 later."""
    root: np.ndarray = np.sign(intensity) * np.sqrt(np.abs(intensity))
    return root


def expanded(path: str | Path, unique: UniqueReflections, space_group: Any) -> ReflectionTable:  # noqa: ANN401  gemmi's
    """All symmetry mates and Friedel mates of listed reflections.

    An operation x' = R x + t takes h to h R, and leaves the amplitude as it is. A Friedel mate that is listed
    itself keeps its own amplitude. What is missing stays unlisted; a mate that is missing takes the amplitude
    of its partner. Negative amplitudes, which weak data can have, become 0 with a warning.

    Args:
        path: The file that they come from, for errors.
        unique: What the file lists.
        space_group: As gemmi knows it.

    Raises:
        FileError: Nothing is left, or the indices span too large a box.
    """
    F = unique.F
    mate = F if unique.F_mate is None else unique.F_mate
    F, mate = np.where(np.isfinite(F), F, mate), np.where(np.isfinite(mate), mate, F)
    kept = np.isfinite(F)
    hkl, F, mate = unique.hkl[kept], F[kept], mate[kept]
    if not kept.any():
        raise FileError(path, "holds no reflection with an amplitude")
    negative = int(((F < 0) | (mate < 0)).sum())
    if negative:
        text = f"{path}: {negative} of {len(F)} amplitudes are negative and count as 0"
        warnings.warn(text, GradBraggWarning, stacklevel=3)
    F, mate = np.maximum(F, 0.0), np.maximum(mate, 0.0)
    operations = [np.array(op.rot) // op.DEN for op in space_group.operations().sym_ops]
    images = np.concatenate([hkl @ R for R in operations])
    # direct images come last and so beat the mates of others
    return reflection_table(
        path,
        np.concatenate([-images, images]),
        np.concatenate([np.tile(mate, len(operations)), np.tile(F, len(operations))]),
    )
