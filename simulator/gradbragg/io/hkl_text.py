"""Text reflection lists: h k l F (docs/physics.md, section 6)."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from gradbragg.errors import FileError
from gradbragg.io.reflection_rows import reflection_table
from gradbragg.io.text import read_text

if TYPE_CHECKING:
    from pathlib import Path

    from gradbragg.models.reflections import ReflectionTable

Row = tuple[int, int, int, float]

_LARGEST = 2**31
"""No index is larger."""


def read_hkl(path: str | Path, token_stream: bool = False) -> ReflectionTable:
    """Read a reflection list.

    Args:
        path: The file. Four columns a line; further columns, empty lines and what follows a ``#`` are ignored.
        token_stream: Read quadruples whatever the lines and stop at the first token that is no number, as the
            reference program does.

    Returns:
        The table; the last of several entries of one reflection counts.

    Raises:
        FileError: The file cannot be read, holds no reflection, or a line is not four numbers.
    """
    text = read_text(path)
    rows = _stream_rows(text) if token_stream else _line_rows(path, text)
    if not rows:
        raise FileError(path, "holds no reflection; lines of h k l F are needed")
    hkl = np.array([row[:3] for row in rows], dtype=np.int64)
    return reflection_table(path, hkl, np.array([row[3] for row in rows]))


def _line_rows(path: str | Path, text: str) -> list[Row]:
    rows = []
    for number, line in enumerate(text.splitlines(), start=1):
        words = line.split("#", 1)[0].split()
        if not words:
            continue
        try:
            *hkl, F = (float(word) for word in words[:4])
        except ValueError:
            raise FileError(path, f"{line.strip()[:60]!r} is not h k l F", number) from None
        if len(hkl) != 3 or not all(x.is_integer() and abs(x) < _LARGEST for x in hkl) or not math.isfinite(F):
            raise FileError(path, f"{line.strip()[:60]!r}: whole h k l and a finite F are needed on a line", number)
        rows.append((int(hkl[0]), int(hkl[1]), int(hkl[2]), F))
    return rows


def _stream_rows(text: str) -> list[Row]:
    numbers = []
    for word in text.split():
        try:
            numbers.append(float(word))
        except ValueError:
            break
    whole = len(numbers) - len(numbers) % 4
    rows = []
    for start in range(0, whole, 4):
        *hkl, F = numbers[start : start + 4]
        if not all(abs(x) < _LARGEST for x in hkl) or not math.isfinite(F):
            break
        rows.append((int(hkl[0]), int(hkl[1]), int(hkl[2]), F))
    return rows
