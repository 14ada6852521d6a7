"""The author's frames of a stack: which code is the user's, and where it stands."""

from __future__ import annotations

import os
import sys
import sysconfig
from pathlib import Path
from types import CodeType, FrameType
from typing import Any

import torch

_CO_OPTIMIZED = 0x1
_OUTER_FRAMES = 12
_INNER_FRAMES = 12

# files of pytest that call tests and fixtures: nothing outside of them is the test's; other files of pytest
# (`pytest.raises(Error, function)`) may stand between a test and its own code
_RUNNERS = ("python.py", "fixtures.py", "runner.py", "unittest.py", "doctest.py", "main.py", "pathlib.py")

# code without a file of its own: of torch.fx, of the import system, of decorators
_GENERATED = (
    "<eval_with_key>",
    "<frozen ",
    "<@beartype",
    "<attrs generated",
    "<__array_function__",
    "<lambdifygenerated",
)

USER, LIBRARY, MACHINERY, RUNNER = "user", "library", "machinery", "runner"

_TORCH = os.path.dirname(os.path.abspath(torch.__file__)) + os.sep  # noqa: PTH120, PTH100
# under the name by which we are imported, which may be a link, and under our own
_OURS = tuple({str(path.parent.parent) + os.sep for path in (Path(__file__).absolute(), Path(__file__).resolve())})
_STDLIB = tuple({sysconfig.get_path(name) + os.sep for name in ("stdlib", "platstdlib")})
_kinds: dict[str, str] = {}


def kind_of(filename: str) -> str:
    """Whose code a file is: the user's, a library's, torch's or ours (machinery), or what runs tests."""
    kind = _kinds.get(filename)
    if kind is None:
        kind = _kinds[filename] = _classified(filename)
    return kind


def _classified(filename: str) -> str:
    parts = filename.replace("\\", "/").split("/")
    if filename.startswith((_TORCH, *_OURS, *_GENERATED)) or "functorch" in parts:
        return MACHINERY
    if "pluggy" in parts:
        return RUNNER
    if "_pytest" in parts:
        return RUNNER if parts[-1] in _RUNNERS else MACHINERY
    if "site-packages" in parts or "dist-packages" in parts or filename.startswith(_STDLIB):
        return LIBRARY
    return USER


class Stack:
    """The frames from a gradient call out to the test function.

    Attributes:
        innermost: The frame that made the call, torch's and ours left out.
        own: The author's frames from the test function inwards; all frames where none is the author's.
        libraries: Frames of installed packages and of the standard library, outermost first.
    """

    __slots__ = ("innermost", "libraries", "own")

    @property
    def code(self) -> CodeType | None:
        """The code of the outermost frame: the test function."""
        return self.own[0].f_code if self.own else None

    def __init__(self, frame: FrameType | None) -> None:
        found: list[tuple[str, FrameType]] = []
        while frame is not None:
            kind = kind_of(frame.f_code.co_filename)
            if kind is RUNNER:
                break
            if kind is not MACHINERY:
                found.append((kind, frame))
            frame = frame.f_back
        self.innermost = _author(found)
        found.reverse()
        if len(found) > _OUTER_FRAMES + _INNER_FRAMES:
            found = found[:_OUTER_FRAMES] + found[-_INNER_FRAMES:]
        home = found[0][1].f_code.co_filename if found else ""
        self.own = [frame for kind, frame in found if kind is USER or frame.f_code.co_filename == home]
        self.libraries = [frame for kind, frame in found if kind is LIBRARY and frame not in self.own]

    def place(self, root: Path) -> dict[str, Any]:
        """File and line of the call, relative to `root` where it lies below."""
        if self.innermost is None:
            return {"file": "<unknown>", "line": 0}
        return {"file": relative_file(self.innermost.f_code.co_filename, root), "line": self.innermost.f_lineno or 0}


def _author(found: list[tuple[str, FrameType]]) -> FrameType | None:
    return found[0][1] if found else None


def relative_file(filename: str, root: Path) -> str:
    """`filename` relative to `root` with forward slashes, as it is when it lies outside."""
    prefix = str(root) + os.sep
    return filename[len(prefix) :].replace(os.sep, "/") if filename.startswith(prefix) else filename


def namespace(frame: FrameType) -> dict[str, Any]:
    """The local variables of a frame; nothing stays behind that would keep them alive.

    Before Python 3.13 `f_locals` of a function leaves a snapshot in the frame, which holds every value until the
    function returns: a test that deletes a tensor and asks a weak reference about it would see the difference. So
    the snapshot is emptied again, unless somebody else (a debugger, a call of `locals()`) holds it too.
    """
    names = frame.f_locals
    if not frame.f_code.co_flags & _CO_OPTIMIZED:
        return names
    found = dict(names)
    if sys.version_info < (3, 13) and sys.getrefcount(names) <= _REFERENCES_OF_AN_UNSHARED_SNAPSHOT:
        names.clear()
    return found


def _references() -> int:
    def own() -> int:
        names = sys._getframe().f_locals  # noqa: SLF001
        return sys.getrefcount(names)

    return own()


_REFERENCES_OF_AN_UNSHARED_SNAPSHOT = _references()
