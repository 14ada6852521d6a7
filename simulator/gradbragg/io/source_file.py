"""Source lists: X Y Z weight wavelength (docs/physics.md, section 4)."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from gradbragg.errors import FileError
from gradbragg.io.text import read_text
from gradbragg.units import METRE_IN_ANGSTROM

if TYPE_CHECKING:
    from pathlib import Path

_SEPARATORS = re.compile(r"[\s,;:!]+")


@dataclass(frozen=True, eq=False)
class SourceList:
    """Sources as a file lists them.

    Args:
        positions: Seen from the sample ``(n, 3)``, any unit.
        weights: ``(n,)``.
        wavelengths: Angstrom ``(n,)``.
    """

    positions: Tensor
    weights: Tensor
    wavelengths: Tensor


def read_sources(path: str | Path, beam: tuple[float, float, float], wavelength: float) -> SourceList:
    """Read a source list.

    Args:
        path: The file. Columns X Y Z weight wavelength[m], separated by space, tab or one of ``,;:!``; empty
            lines and what follows a ``#`` are ignored.
        beam: Beam direction; missing coordinates are those of -10 times it.
        wavelength: Angstrom, where the column is missing.

    Raises:
        FileError: The file cannot be read, a line is not numbers, or a source is impossible.
    """
    rows = []
    for number, line in enumerate(read_text(path).splitlines(), start=1):
        words = [word for word in _SEPARATORS.split(line.split("#", 1)[0]) if word]
        if not words:
            continue
        try:
            given = [float(word) for word in words[:5]]
        except ValueError:
            raise FileError(path, f"{line.strip()[:60]!r} is not X Y Z weight wavelength", number) from None
        defaults = [*(-10.0 * x for x in beam), 1.0, wavelength / METRE_IN_ANGSTROM]
        row = given + defaults[len(given) :]
        if not all(math.isfinite(x) for x in row) or row[4] <= 0 or not any(row[:3]):
            raise FileError(path, f"{line.strip()[:60]!r}: a place off the sample and a wavelength above 0 m", number)
        rows.append(row)
    if not rows:
        raise FileError(path, "holds no source; lines of X Y Z weight wavelength are needed")
    table = torch.tensor(rows, dtype=torch.float64)
    if not torch.any(table[:, 3] != 0) or torch.any(table[:, 3] < 0):
        raise FileError(path, "the weights need to be 0 or more, and one of them above 0")
    return SourceList(table[:, :3], table[:, 3], table[:, 4] * METRE_IN_ANGSTROM)
