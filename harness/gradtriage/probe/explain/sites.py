"""Places in the code under test: where an operation was called from."""

from __future__ import annotations

import linecache
import sys
from dataclasses import dataclass
from types import FrameType

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


NOWHERE = Site("<unknown>", 1, "")


def calling_site(depth: int = 1) -> Site:
    """The innermost line outside torch and outside of us that is being executed."""
    frame: FrameType | None = sys._getframe(depth)
    while frame is not None:
        kind = kind_of(frame.f_code.co_filename)
        if kind is RUNNER:
            break
        if kind is not MACHINERY:
            code = frame.f_code
            return Site(code.co_filename, frame.f_lineno or code.co_firstlineno, code.co_qualname)
        frame = frame.f_back
    return NOWHERE
