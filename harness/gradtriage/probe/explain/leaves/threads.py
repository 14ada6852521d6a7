"""Work that the body hands to threads: seen there as well, and told apart by the order in which it was handed over."""

from __future__ import annotations

import functools
import itertools
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from concurrent.futures import thread as pools
from contextlib import AbstractContextManager, contextmanager
from typing import Any

# Numbers that are given out within one strand are below this, so that `numbered` is unique over all strands.
_WIDTH = 1 << 32


class _Strand(threading.local):
    number = 0


_strand = _Strand()


def current_strand() -> int:
    """The number of the work that this thread does: 0 for the body itself.

    Threads have odd numbers in the order in which they are started, what is submitted to a pool even ones in the order
    of submission: whichever thread of the pool takes it, and whenever, it is the same work in every replay.
    """
    return _strand.number


def numbered(count: int) -> int:
    """A number that is counted within the current strand, as one that is unique over all strands."""
    return _strand.number * _WIDTH + count


@contextmanager
def threads_are_seen(seeing: Callable[[], AbstractContextManager[Any]]) -> Iterator[None]:
    """Modes belong to one thread: threads that start while the block runs enter theirs by `seeing`."""
    start, submit = threading.Thread.start, ThreadPoolExecutor.submit
    odd, even = itertools.count(1, 2), itertools.count(2, 2)
    worker = getattr(pools, "_worker", None)

    def started(thread: threading.Thread) -> None:
        # how many workers a pool starts depends on chance: they are not counted
        of_pool = worker is not None and getattr(thread, "_target", None) is worker
        number = 0 if of_pool else next(odd)
        thread.run = functools.partial(_seen, thread.run, seeing, number)  # type: ignore[method-assign]
        start(thread)

    def submitted(pool: Any, function: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Any:
        return submit(pool, functools.partial(_numbered, function, next(even)), *args, **kwargs)

    threading.Thread.start = started  # type: ignore[method-assign, assignment]
    ThreadPoolExecutor.submit = submitted  # type: ignore[method-assign]
    try:
        yield
    finally:
        threading.Thread.start = start  # type: ignore[method-assign]
        ThreadPoolExecutor.submit = submit  # type: ignore[method-assign]


def _seen(run: Callable[[], None], seeing: Callable[[], AbstractContextManager[Any]], number: int) -> None:
    _strand.number = number
    with seeing():
        run()


def _numbered(function: Callable[..., Any], number: int, /, *args: Any, **kwargs: Any) -> Any:
    before, _strand.number = _strand.number, number
    try:
        return function(*args, **kwargs)
    finally:
        _strand.number = before
