"""Which frame of a traceback is the project's own: the place by which a failure is known."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

Frame = dict[str, Any]

_FOREIGN = re.compile(r"(^|/)(site-packages|dist-packages|lib/python3[^/]*|lib64/python3[^/]*)/|^<")


def deepest_project_frame(frames: Sequence[Frame], test_file: str) -> Frame | None:
    """The innermost frame in the project's own code; without any, the innermost of all.

    Files outside the rootdir, of installed packages and of the standard library are foreign, unless the test itself
    belongs to an installed package: then that package is the project.

    Args:
        frames: From the outermost to the innermost, each with `file` (relative to the rootdir, or absolute), `line`,
            `function` and `statement`.
        test_file: The file that the test is in.
    """
    own = [frame for frame in frames if _is_own(str(frame["file"]), test_file)]
    # in the native style every file has its whole path
    found = own or [frame for frame in frames if not _FOREIGN.search(str(frame["file"]))] or frames
    return found[-1] if found else None


def _is_own(file: str, test_file: str) -> bool:
    if not _FOREIGN.search(file):
        return not file.startswith(("/", "..")) and file[1:2] != ":"
    home = _package(file)
    return home is not None and home == _package(test_file)


def _package(file: str) -> str | None:
    """The installed package that a file belongs to."""
    match = re.search(r"(?:site-packages|dist-packages)/([^/]+)/", file)
    return match.group(1) if match else None
