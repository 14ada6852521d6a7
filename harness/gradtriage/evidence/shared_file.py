"""Changing a file that people and other commands change too: locked, whole or not at all, and only when needed."""

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout

from gradtriage.errors import EvidenceError, UsageError
from gradtriage.evidence.files import write_whole

_PATIENCE = 120.0
_MOST_TRIES = 20


def edit_file(path: Path, changed: Callable[[bytes], bytes], remedy: str) -> bool:
    """Changes a file; whether anything was to be changed.

    Args:
        path: The file; a link stays a link.
        changed: Gives the new content for the old one. Called again where somebody saved the file meanwhile.
        remedy: What to do if there is no such file.

    Raises:
        UsageError: The file cannot be read.
        EvidenceError: It cannot be written, or another writer holds it for minutes.
    """
    path = Path(os.path.realpath(path))
    with _locked(path, remedy):
        for _ in range(_MOST_TRIES):
            before = _identity(path, remedy)
            old = read_shared(path, remedy)
            new = changed(old)
            if new == old:
                return False
            if _identity(path, remedy) == before:  # an editor knows nothing of our lock
                _write(path, new)
                return True
    raise EvidenceError(f"{path}: is being saved by somebody else all the time; close the other program and try again")


def read_shared(path: Path, remedy: str) -> bytes:
    """The bytes of a file.

    Raises:
        UsageError: It cannot be read.
    """
    try:
        return path.read_bytes()
    except OSError as error:
        raise UsageError(f"{path}: {error.strerror or error}; {remedy}") from error


def _identity(path: Path, remedy: str) -> tuple[int, int, int]:
    try:
        found = path.stat()
    except OSError as error:
        raise UsageError(f"{path}: {error.strerror or error}; {remedy}") from error
    return found.st_ino, found.st_mtime_ns, found.st_size


def _write(path: Path, data: bytes) -> None:
    try:
        write_whole(path, data)
    except OSError as error:
        raise EvidenceError(f"{path}: {error.strerror or error}; make it writable and try again") from error


@contextmanager
def _locked(path: Path, remedy: str) -> Iterator[None]:
    """One writer at a time. The lock's file is removed by its holder, so that none stays in the working tree."""
    if not path.parent.is_dir():
        raise UsageError(f"{path}: No such file or directory; {remedy}")
    lock = FileLock(path.with_name(f".{path.name}.lock"), timeout=_PATIENCE)
    try:
        lock.acquire()
    except Timeout:
        raise EvidenceError(
            f"{path}: another writer holds {lock.lock_file} for minutes; end it and try again"
        ) from None
    except OSError as error:
        raise EvidenceError(f"{path.parent}: {error.strerror or error}; make it writable and try again") from error
    try:
        yield
    finally:
        Path(lock.lock_file).unlink(missing_ok=True)
        lock.release()
