"""Reading files with errors that name the file."""

from __future__ import annotations

import bz2
import gzip
import zlib
from pathlib import Path

from gradbragg.errors import FileError


def read_bytes(path: str | Path) -> bytes:
    """The content of a file, unpacked if gzip or bzip2 packed it.

    Raises:
        FileError: It cannot be read.
    """
    try:
        content = Path(path).read_bytes()
    except (OSError, ValueError) as error:
        raise FileError(path, f"cannot be read ({getattr(error, 'strerror', None) or error})") from error
    try:
        if content.startswith(b"\x1f\x8b"):
            return gzip.decompress(content)
        return bz2.decompress(content) if content.startswith(b"BZh") else content
    except (OSError, EOFError, ValueError, zlib.error) as error:
        raise FileError(path, f"cannot be unpacked ({error})") from error


def read_text(path: str | Path) -> str:
    """The content of a text file.

    Raises:
        FileError: It cannot be read or is not text.
    """
    content = read_bytes(path)
    try:
        text = content.decode("utf-8")
    except UnicodeDecodeError as error:
        raise FileError(path, "is not a text file") from error
    if "\0" in text:
        raise FileError(path, "is not a text file")
    return text
