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
    words = read_text(path).split()[:9]
    try:
        numbers = [float(word) for word in words]
    except ValueError:
        raise FileError(path, f"does not begin with nine numbers: {' '.join(words)[:60]!r}") from None
    if len(numbers) < 9 or not all(math.isfinite(number) for number in numbers):
        raise FileError(path, f"nine finite numbers are needed, {len(numbers)} are there")
    matrix = torch.tensor(numbers, dtype=torch.float64).reshape(3, 3)
    if torch.linalg.det(matrix) == 0:
        raise FileError(path, "the matrix spans no volume")
    return matrix
