"""Places in the code under test: where an operation was called from."""

from __future__ import annotations

import linecache
import sys
import sysconfig
from dataclasses import dataclass
from functools import lru_cache
from pathlib import PurePath
from types import CodeType, FrameType

from gradtriage.probe.frames import MACHINERY, RUNNER, kind_of


@dataclass(frozen=True)
class Site:
    """A line of the code under test.

    Attributes:
        file: Absolute file name.
        function: Qualified name of the function that the line is in.
    """

    file: str
    line: int
    function: str

    @property
    def source(self) -> str:
        """The line's text."""
        return linecache.getline(self.file, self.line).strip()

    @property
    def told(self) -> dict[str, object]:
        """The place as evidence tells it."""
        return {"file": self.file, "line": self.line, "source": self.source}


NOWHERE = Site("<unknown>", 1, "")


_NEAR = 8


def leaves_block() -> bool:
    """Whether torch is just ending a `with` block."""
    frame: FrameType | None = sys._getframe(1)
    for _ in range(_NEAR):
        if frame is None:
            return False
        if frame.f_code.co_name == "__exit__" and "grad_mode" in frame.f_code.co_filename:
            return True
        frame = frame.f_back
    return False


def is_within_function() -> bool:
    """Whether the forward or backward of a custom function is running."""
    frame: FrameType | None = sys._getframe(1)
    while frame is not None:
        code = frame.f_code
        if code.co_name == "apply" and code.co_filename.endswith(_FUNCTIONS):
            return True
        frame = frame.f_back
    return False


_FUNCTIONS = str(PurePath("torch", "autograd", "function.py"))
_STDLIB = tuple({sysconfig.get_path(name) for name in ("stdlib", "platstdlib")})
_CO_DECORATES = frozenset({"decorate_context", "generator_context"})


def calling_site(depth: int = 1, *, decorators: bool = False) -> Site:
    """The innermost line outside torch, the standard library and us that is being executed.

    Args:
        depth: Frames to skip.
        decorators: Whether a torch context manager that decorates a function is such a line: it stands above it.
    """
    frame: FrameType | None = sys._getframe(depth)
    while frame is not None:
        code = frame.f_code
        if decorators and code.co_name in _CO_DECORATES:
            decorated = getattr(frame.f_locals.get("func"), "__code__", None)
            if decorated is not None:
                return _decorator(decorated)
        kind = _kind(code.co_filename)
        if kind is RUNNER:
            break
        if kind is not MACHINERY:
            return Site(code.co_filename, frame.f_lineno or code.co_firstlineno, code.co_qualname)
        frame = frame.f_back
    return NOWHERE


@lru_cache(maxsize=4096)
def _kind(filename: str) -> str:
    """As elsewhere; `contextlib`, `functools` and their like are no place to look for a fault either."""
    if filename.startswith(_STDLIB) and not any(part in filename for part in ("site-packages", "dist-packages")):
        return MACHINERY
    return kind_of(filename)


@lru_cache(maxsize=1024)
def _decorator(code: CodeType) -> Site:
    """The line of the decorator that switches gradients off; a function's first line where none can be seen."""
    line = code.co_firstlineno
    for number in range(line, line + 12):
        text = linecache.getline(code.co_filename, number).strip()
        if not text.startswith("@"):
            break
        if "grad" in text or "inference" in text:
            return Site(code.co_filename, number, code.co_qualname)
    return Site(code.co_filename, line, code.co_qualname)
