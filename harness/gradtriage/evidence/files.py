"""Writing files whole or not at all, and hashing them."""

import hashlib
import os
import shutil
from pathlib import Path


def write_whole(path: Path, content: str | bytes) -> None:
    """Writes a file so that a reader sees the old content or the new, never a part; its permissions stay.

    Raises:
        OSError: The disk is full or the place not writable; nothing of the new content stays behind.
    """
    data = content.encode() if isinstance(content, str) else content
    temporary = path.with_name(f".{path.name}.new")
    try:
        with temporary.open("wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        if path.exists():
            shutil.copymode(path, temporary)
        temporary.replace(path)
    except OSError:
        temporary.unlink(missing_ok=True)
        raise


def sha256(path: Path) -> str:
    """SHA-256 of a file's bytes, in hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def files_below(folder: Path) -> list[str]:
    """Every file below a folder, relative to it with forward slashes, in order."""
    return sorted(
        path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file() or path.is_symlink()
    )
