"""Reading text files with errors that name the file."""

from __future__ import annotations

from pathlib import Path

from gradbragg.errors import FileError


def read_bytes(path: str | Path) -> bytes:
    """The content of a file.

    Raises:
        FileError: It cannot be read.
    """
    try:
        return Path(path).read_bytes()
    except OSError as error:
        raise FileError(path, f"cannot be read ({error.strerror})") from error


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
