"""Reading SMV images: headers, pixels, masks (docs/physics.md, section 9)."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from gradbragg.errors import FileError
from gradbragg.io.text import read_bytes

_MAGIC = b"{\nHEADER_BYT"
_MAX_HEADER = 1 << 20

_PIXEL_TYPES = {
    "char": "i1",
    "unsigned char": "u1",
    "short": "i2",
    "unsigned short": "u2",
    "long": "i4",
    "unsigned long": "u4",
    "float": "f4",
}
"""Pixels by the words of TYPE (ADSC) and Data_type (d*TREK), without int, IEEE and signed."""


@dataclass(frozen=True)
class SmvHeader:
    """The header of an SMV file.

    Args:
        path: The file.
        text: The header as it stands.
        last_substring: Find a key wherever its text occurs last, inside other keys too, as the reference
            program does.
    """

    path: Path
    text: str
    last_substring: bool = False

    def number(self, key: str) -> float | None:
        """The value of a key as a number; None where the key is missing.

        Raises:
            FileError: The value is no number.
        """
        if self.last_substring:
            start = self.text.rfind(key)
            found = re.match(r"[^=]*=\s*([^;\n]*)", self.text[start:]) if start >= 0 else None
        else:
            found = re.search(rf"(?m)^\s*{re.escape(key)}\s*=\s*([^;\n]*)", self.text)
        if found is None:
            return None
        try:
            value = float(found.group(1))
        except ValueError:
            value = math.nan
        if not math.isfinite(value):
            raise FileError(self.path, f"{key} is {found.group(1).strip()[:40]!r}, not a number")
        return value

    def word(self, key: str) -> str | None:
        """The value of a key as text; None where the key is missing."""
        found = re.search(rf"(?m)^\s*{re.escape(key)}\s*=\s*([^;\n]*)", self.text)
        return found.group(1).strip() if found else None


def read_smv_header(path: str | Path, last_substring: bool = False) -> SmvHeader:
    """Read the header of an SMV file.

    Args:
        path: The file.
        last_substring: See ``SmvHeader``.

    Raises:
        FileError: The file cannot be read or is not SMV.
    """
    content = read_bytes(path)
    if not content.startswith(_MAGIC):
        raise FileError(path, "is not an SMV image: it does not begin with '{', a new line and HEADER_BYTES")
    end = content.find(b"}")
    if not 0 <= end < _MAX_HEADER:
        raise FileError(path, "the header has no closing brace")
    return SmvHeader(Path(path), content[:end].decode("latin-1"), last_substring)


def read_pixels(header: SmvHeader, native_order: bool = False) -> np.ndarray:
    """The pixels of an SMV image.

    Args:
        header: The image's header.
        native_order: Ignore the byte order that the header names, as the reference program does.

    Returns:
        ``(slow, fast)``; whole numbers of 8, 16 or 32 bits or single precision, as the header says.

    Raises:
        FileError: The file is too short for its header, or its pixels are of a type that is not known.
    """
    fast, slow, start = (int(header.number(key) or 0) for key in ("SIZE1", "SIZE2", "HEADER_BYTES"))
    if fast <= 0 or slow <= 0 or start <= 0:
        raise FileError(header.path, "SIZE1, SIZE2 and HEADER_BYTES above 0 are needed in the header")
    kind = np.dtype("u2") if native_order else _pixel_type(header)
    size = kind.itemsize * fast * slow
    data = read_bytes(header.path)[start : start + size]
    if len(data) < size:
        raise FileError(header.path, f"{fast} x {slow} pixels of {kind.itemsize} bytes are needed after byte {start}")
    return np.frombuffer(data, dtype=kind).reshape(slow, fast).astype(kind.newbyteorder("="))


def _pixel_type(header: SmvHeader) -> np.dtype[Any]:
    """Type and byte order of the pixels; d*TREK's key beats the older one."""
    said = header.word("Data_type") or header.word("TYPE") or "unsigned_short"
    words = [
        word for word in said.lower().replace("_", " ").split() if word not in ("int", "integer", "ieee", "signed")
    ]
    code = _PIXEL_TYPES.get(" ".join(words))
    if code is None:
        raise FileError(header.path, f"TYPE is {said}; one of {', '.join(_PIXEL_TYPES)} is needed")
    swapped = (header.word("BYTE_ORDER") or "").lower() == "big_endian"
    return np.dtype((">" if swapped else "<") + code)


def read_mask(header: SmvHeader, native_order: bool = False) -> Tensor:
    """Which pixels of a mask are not 0.

    Args:
        header: The mask's header.
        native_order: See ``read_pixels``.

    Returns:
        ``(slow, fast)`` of bool.

    Raises:
        FileError: The file is too short for its header, or its pixels are of another type.
    """
    return torch.from_numpy(read_pixels(header, native_order) != 0)
