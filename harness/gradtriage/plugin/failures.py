"""Where in the project's code an exception comes from."""

from __future__ import annotations

import linecache
from collections import deque
from pathlib import Path
from types import TracebackType
from typing import Any

import pytest

from gradtriage.evidence.project_files import deepest_project_frame
from gradtriage.plugin.phases import clean, relative

_DEEPEST = 300  # of an endless recursion


def exception_fields(error: BaseException, nodeid: str, root: Path) -> dict[str, Any]:
    """Type of an exception and the deepest frame of the project in its traceback.

    Args:
        error: What was raised; of a module that cannot be imported, what made it so.
        nodeid: The test or module in which it was.
        root: pytest's rootdir.
    """
    if isinstance(error, pytest.Collector.CollectError) and error.__cause__ is not None:
        error = error.__cause__
    frames = [_frame(code, line, root) for code, line in _traceback(error.__traceback__)]
    return {
        "exception": type(error).__name__,
        "frame": deepest_project_frame(frames, _absolute_if_outside(nodeid, root)),
    }


def _traceback(traceback: TracebackType | None) -> deque[tuple[Any, int]]:
    found: deque[tuple[Any, int]] = deque(maxlen=_DEEPEST)
    while traceback is not None:
        found.append((traceback.tb_frame.f_code, traceback.tb_lineno))
        traceback = traceback.tb_next
    return found


def _frame(code: Any, line: int, root: Path) -> dict[str, Any]:  # noqa: ANN401 - a code object
    file = code.co_filename
    return {
        "file": file if file.startswith("<") else relative(Path(file), root),
        "line": line,
        "function": code.co_name,
        "statement": clean(linecache.getline(file, line).strip())[:300],
    }


def _absolute_if_outside(nodeid: str, root: Path) -> str:
    """The file of a test as frames name it: node ids of `--pyargs` runs are relative also outside the rootdir."""
    return relative((root / nodeid.partition("::")[0]).resolve(), root)
