"""MOSFLM orientation matrices (docs/physics.md, section 3)."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from gradbragg.errors import FileError
from gradbragg.io.text import read_text

if TYPE_CHECKING:
    from pathlib import Path


def read_matrix(path: str | Path) -> Tensor:
    """Read the first nine numbers of a matrix file.

    Args:
        path: The file; row 1 holds the x components of a*, b*, c*, rows 2 and 3 the others, each multiplied
            by the wavelength.

    Returns:
        ``(3, 3)``, columns a*, b*, c* times the wavelength, dimensionless.

    Raises:
        FileError: The file cannot be read, does not begin with nine numbers, or spans no volume.
    """
    numbers: list[float] = []
    line = 1
    for line, text in enumerate(read_text(path).splitlines(), start=1):
        try:
            numbers += [float(word) for word in text.split()[: 9 - len(numbers)]]
        except ValueError:
            raise FileError(path, f"{text.strip()[:60]!r}: nine numbers are needed first", line) from None
        if len(numbers) == 9:
            break
    if len(numbers) < 9 or not all(math.isfinite(number) for number in numbers):
        raise FileError(path, f"nine finite numbers are needed, {len(numbers)} are there", line)
    matrix = torch.tensor(numbers, dtype=torch.float64).reshape(3, 3)
    if torch.linalg.det(matrix) == 0:
        raise FileError(path, "the matrix spans no volume")
    return matrix
