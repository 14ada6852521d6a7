"""Folders that replays write into, as temporary ones of tests: put back before each, and after the last."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

_State = frozenset[tuple[str, int, int]]


class Workspace:
    """One folder, and a copy of what was in it.

    Args:
        folder: It.
        copy: An empty folder for the copy.
    """

    def __init__(self, folder: Path, copy: Path) -> None:
        self._folder, self._copy = folder, copy
        shutil.copytree(folder, copy, symlinks=True, dirs_exist_ok=True)
        self._state = _state_of(folder)

    def restore(self) -> None:
        """Puts the folder back as it was, if it is not so."""
        if _state_of(self._folder) == self._state:
            return
        for entry in self._folder.iterdir():
            if entry.is_dir() and not entry.is_symlink():
                shutil.rmtree(entry)
            else:
                entry.unlink()
        shutil.copytree(self._copy, self._folder, symlinks=True, dirs_exist_ok=True)
        self._state = _state_of(self._folder)


def _state_of(folder: Path) -> _State:
    found = ((path, path.lstat()) for path in folder.rglob("*"))
    return frozenset((str(path), status.st_size, status.st_mtime_ns) for path, status in found)


_kept: list[Workspace] = []


@contextmanager
def workspaces_are_kept(folders: Iterable[Path]) -> Iterator[None]:
    """For the length of its block replays find these folders as they are now, and leave them so."""
    with tempfile.TemporaryDirectory(prefix="gradtriage-") as copies:
        for number, folder in enumerate(folders):
            _kept.append(Workspace(folder, Path(copies, str(number))))
        try:
            yield
        finally:
            restore_workspaces()
            _kept.clear()


def restore_workspaces() -> None:
    """Puts them back; for when no replay is running."""
    for workspace in _kept:
        workspace.restore()
