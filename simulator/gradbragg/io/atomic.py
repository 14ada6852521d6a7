"""Writing a file so that it is there whole or not at all."""

from __future__ import annotations

import contextlib
import os
import tempfile
from pathlib import Path

from gradbragg.errors import FileError


def write_atomically(path: str | Path, content: bytes) -> None:
    """Write a file under a temporary name beside it and rename it.

    Args:
        path: Where the file is to be; an old file there is replaced.
        content: What it is to hold.

    Raises:
        FileError: The folder is missing or nothing can be written there.
    """
    target = Path(path)
    if target.is_dir():
        raise FileError(target, "is a folder; the name of a file to write is needed")
    partial: Path | None = None
    try:
        handle, name = tempfile.mkstemp(dir=target.parent, prefix=f".{target.name}.", suffix=".partial")
        partial = Path(name)
        with os.fdopen(handle, "wb") as stream:
            stream.write(content)
        mask = os.umask(0)
        os.umask(mask)
        partial.chmod(0o666 & ~mask)
        partial.replace(target)
    except OSError as error:
        if partial is not None:
            with contextlib.suppress(OSError):
                partial.unlink(missing_ok=True)
        raise FileError(target, f"cannot be written ({error.strerror}); give a folder that can be") from error
