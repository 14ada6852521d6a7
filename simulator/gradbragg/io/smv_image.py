"""Writing SMV images: a text header and unsigned 16-bit pixels (docs/physics.md, section 10)."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from gradbragg.errors import FileError
from gradbragg.io.atomic import write_atomically

if TYPE_CHECKING:
    from pathlib import Path

    import numpy as np

    from gradbragg.models.image_header import ImageHeader

_SHORT_HEADER = 512
_LONG_HEADER = 1024


def write_smv(path: str | Path, counts: np.ndarray, header: ImageHeader, six_digits: bool = False) -> None:
    """Write an SMV image in the byte order of this computer.

    Args:
        path: The file.
        counts: Unsigned 16-bit numbers ``(slow, fast)``.
        header: What the header says about the experiment.
        six_digits: Write the header as the reference program does, byte for byte: 512 bytes, six digits,
            and a line without its semicolon. Otherwise every digit is kept.

    Raises:
        FileError: It cannot be written.
    """
    text = smv_header(counts.shape, header, six_digits)
    write_atomically(path, text + counts.tobytes())


def smv_header(shape: tuple[int, ...], header: ImageHeader, six_digits: bool = False) -> bytes:
    """The header, padded with blanks.

    Args:
        shape: Pixels along slow and fast.
        header: What it says about the experiment.
        six_digits: See ``write_smv``.
    """
    size = _SHORT_HEADER if six_digits else _LONG_HEADER

    def number(value: float) -> str:
        return f"{value:g}" if six_digits else f"{value:.15g}"

    slow, fast = shape
    origin = ",".join(number(x) for x in header.dials_origin_mm)
    lines = [
        f"HEADER_BYTES={size};",
        "DIM=2;",
        f"BYTE_ORDER={sys.byteorder}_endian;",
        "TYPE=unsigned_short;",
        f"SIZE1={fast};",
        f"SIZE2={slow};",
        *(f"{key}={number(value)};" for key, value in header.before_origin().items()),
        f"DIALS_ORIGIN={origin}" + ("" if six_digits else ";"),
        *(f"{key}={number(value)};" for key, value in header.after_origin().items()),
        "DETECTOR_SN=000;",
        "BEAMLINE=fake;",
    ]
    if header.note is not None and not six_digits:
        lines.append(f"COMMENT={header.note};")
    text = "{\n" + "\n".join(lines) + "\n}\n\f"
    if len(text) > size:
        raise FileError("SMV header", f"{len(text)} bytes do not fit in {size}")
    return text.encode("ascii").ljust(size)
