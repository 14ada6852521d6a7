"""Binary caches of structure factors as the reference program writes them (docs/physics.md, section 6)."""

from __future__ import annotations

import math
import re
from typing import TYPE_CHECKING

import numpy as np
import torch

from gradbragg.errors import FileError
from gradbragg.io.atomic import write_atomically
from gradbragg.io.reflection_rows import check_size
from gradbragg.io.text import read_bytes
from gradbragg.models.reflections import ReflectionTable

if TYPE_CHECKING:
    from pathlib import Path

_HEADER = re.compile(rb"(-?\d{1,9}) (-?\d{1,9}) (-?\d{1,9}) (-?\d{1,9}) (-?\d{1,9}) (-?\d{1,9})\n\x0c")
_PADDING = 1
"""Rows that each axis of the file has beyond the box of indices."""


def read_fdump(path: str | Path) -> ReflectionTable:
    """Read a binary cache.

    Args:
        path: The file: ``hmin hmax kmin kmax lmin lmax``, new line, form feed, then double-precision numbers
            in the byte order of this computer, l quickest, each axis one longer than its range.

    Returns:
        The table. Every entry counts as listed: the file does not tell listed entries from filled ones.

    Raises:
        FileError: The file cannot be read, or is not exactly that.
    """
    content = read_bytes(path)
    head = _HEADER.match(content)
    if head is None:
        raise FileError(path, "is no structure factor dump: 'hmin hmax kmin kmax lmin lmax', new line, form feed", 1)
    ends = [int(text) for text in head.groups()]
    low, high = ends[::2], ends[1::2]
    if any(a > b for a, b in zip(low, high, strict=True)):
        raise FileError(path, f"the ranges {' '.join(map(str, ends))} are not from low to high", 1)
    shape = tuple(b - a + 1 + _PADDING for a, b in zip(low, high, strict=True))
    check_size(path, shape)
    data = content[head.end() :]
    if len(data) != 8 * math.prod(shape):
        raise FileError(path, f"{8 * math.prod(shape)} bytes are needed after the header, {len(data)} are there")
    F = np.frombuffer(data, dtype=np.float64).reshape(shape)[:-_PADDING, :-_PADDING, :-_PADDING]
    if not np.isfinite(F).all():
        raise FileError(path, "holds numbers that are not finite; was it written on another kind of computer?")
    return ReflectionTable(torch.from_numpy(F.copy()), (low[0], low[1], low[2]))


def write_fdump(path: str | Path, table: ReflectionTable, default_F: float) -> None:
    """Write a binary cache.

    Args:
        path: The file.
        table: Structure factors.
        default_F: What entries that are not listed are filled with, electrons.

    Raises:
        FileError: It cannot be written.
    """
    F = table.F_hkl.detach().cpu().double().numpy()
    if table.known is not None:
        F = np.where(table.known.cpu().numpy(), F, default_F)
    ends = " ".join(f"{low} {high}" for low, high in zip(table.origin, table.upper, strict=True))
    write_atomically(path, ends.encode() + b"\n\f" + np.pad(F, [(0, _PADDING)] * 3).tobytes())
