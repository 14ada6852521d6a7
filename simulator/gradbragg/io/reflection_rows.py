"""Lists of reflections to a table."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
import torch

from gradbragg.errors import FileError
from gradbragg.models.reflections import ReflectionTable

if TYPE_CHECKING:
    from pathlib import Path

MAX_ENTRIES = 2**27
"""Largest table that is made: a stray index would otherwise ask for all the memory there is."""


def check_size(path: str | Path, shape: tuple[int, ...]) -> None:
    """Refuse a table that would not fit in memory.

    Raises:
        FileError: It is too large.
    """
    if math.prod(shape) > MAX_ENTRIES:
        raise FileError(path, f"the indices span {' x '.join(map(str, shape))} entries, more than {MAX_ENTRIES}")


def reflection_table(path: str | Path, hkl: np.ndarray, F: np.ndarray) -> ReflectionTable:
    """A table of listed reflections.

    Args:
        path: The file that they come from, for errors.
        hkl: Whole indices ``(n, 3)``, at least one row.
        F: Amplitudes in electrons ``(n,)``; the last of several entries of one reflection counts.

    Raises:
        FileError: The indices span too large a box.
    """
    low, high = hkl.min(axis=0), hkl.max(axis=0)
    shape = tuple(int(n) for n in high - low + 1)
    check_size(path, shape)
    where = (hkl - low).astype(np.int64)
    flat = np.ravel_multi_index((where[:, 0], where[:, 1], where[:, 2]), shape)
    # of several entries the last: the first of the reversed list
    entry, first = np.unique(flat[::-1], return_index=True)
    values = np.zeros(math.prod(shape))
    known = np.zeros(math.prod(shape), dtype=bool)
    values[entry], known[entry] = F[::-1][first], True
    origin = (int(low[0]), int(low[1]), int(low[2]))
    return ReflectionTable(torch.from_numpy(values.reshape(shape)), origin, torch.from_numpy(known.reshape(shape)))
