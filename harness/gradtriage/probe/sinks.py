"""Who is told about gradient calls: a stack, since a session may run inside a test of another one."""

# ruff: noqa: ANN401 - calls and results of every kind

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Protocol


class Sink(Protocol):
    """Takes what the probe found."""

    root: Path
    """Folder that the files of a record are named relative to."""

    def opened(self, call: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        """Told of a gradient call before it runs; may look at it, and may end the process instead."""

    def returned(self, call: Any, result: Any) -> Any:
        """Told of what a call returned; hands on what its caller is to get."""

    def gradient(self, record: dict[str, Any]) -> None:
        """Takes a record: `kind`, `raised`, `where`, `loss`, `gradients`, without the test that it belongs to."""

    def error(self, place: str, error: BaseException) -> None:
        """Takes an error of the probe itself, which the code under test must never see."""


_stack: list[Sink | None] = []


def push(sink: Sink) -> None:
    """From now on `sink` is told, and who was told before is not."""
    _stack.append(sink)


@contextmanager
def nobody_told() -> Iterator[None]:
    """For the length of its block gradient calls are our own business."""
    _stack.append(None)
    try:
        yield
    finally:
        _stack.pop()


def remove(sink: Sink) -> bool:
    """`sink` is not told any more; False when it was not on the stack."""
    for position, present in enumerate(_stack):
        if present is sink:
            del _stack[position]
            return True
    return False


def current() -> Sink | None:
    """Who is told now."""
    return _stack[-1] if _stack else None
