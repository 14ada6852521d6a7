"""One evaluation, one forked child: every replay starts from the same memory and leaves nothing behind.

Generators, caches and fixtures are for each child as they were before the test's body ran, so a replay differs from
the first run only in what was changed on purpose.
"""

from __future__ import annotations

import contextlib
import os
import pickle
import random
import select
import signal
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, NoReturn

import torch

from gradtriage.probe.explain.replay.checks import Check, checks_of
from gradtriage.probe.explain.replay.workspace import restore_workspaces

_EXIT_AFTER_RESULT = 0


class ChildFailedError(Exception):
    """A child ended without a result: it was killed, ran out of time, or the code under test ended the process."""


class ChildCrashedError(ChildFailedError):
    """A child was ended by a signal or ended the process itself: the code under test, as it was changed, cannot run."""


@dataclass(frozen=True)
class Failure:
    """What a child raised instead of returning.

    Attributes:
        checks: The statements that raised it, where these can be passed over, the innermost first.
    """

    type_name: str
    message: str
    checks: tuple[Check, ...] = ()


class Reply:
    """The way out of a child: hands over the result and ends the process at once."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor

    def send(self, result: Any) -> NoReturn:
        """Sends the result; nothing of the test runs after it."""
        data = memoryview(pickle.dumps(result, protocol=pickle.HIGHEST_PROTOCOL))
        while data:
            data = data[os.write(self._descriptor, data) :]
        os._exit(_EXIT_AFTER_RESULT)


Work = Callable[[Reply], None]


def run_child(work: Work, seconds: float) -> Any:
    """Runs work in a forked child and returns what it sent; errors as `run_children`."""
    return run_children([work], seconds, at_once=1)[0]


def run_children(works: Sequence[Work], seconds: float, at_once: int) -> list[Any]:
    """Runs several pieces of work, a few at a time, each in a child of its own.

    Args:
        works: Each sends its result through the reply that it is given.
        seconds: Time for each.
        at_once: How many children live at the same time.

    Returns:
        The results in order.

    Raises:
        ChildFailedError: One of them ended without a result.
    """
    results: list[Any] = [None] * len(works)
    waiting = list(enumerate(works))
    living: dict[int, _Child] = {}
    try:
        while waiting or living:
            if not living:
                restore_workspaces()
            while waiting and len(living) < at_once:
                index, work = waiting.pop(0)
                child = _start(work, seconds)
                living[child.descriptor] = child
                child.index = index
            for descriptor in _readable(living):
                child = living[descriptor]
                if child.read():
                    del living[descriptor]
                    results[child.index] = child.result()
            for child in living.values():
                if time.monotonic() > child.deadline:
                    raise ChildFailedError(f"no result within {seconds:g} s")
    finally:
        for child in living.values():
            child.kill()
    return results


def _readable(living: dict[int, _Child]) -> list[int]:
    return select.select(list(living), [], [], 0.05)[0]


class _Child:
    """The parent's side of a child: collects the bytes of its result."""

    def __init__(self, pid: int, descriptor: int, seconds: float) -> None:
        self.pid, self.descriptor, self.index = pid, descriptor, 0
        self.deadline = time.monotonic() + seconds
        self._chunks: list[bytes] = []

    def read(self) -> bool:
        """Takes what is there; True at the end."""
        chunk = os.read(self.descriptor, 1 << 20)
        self._chunks.append(chunk)
        return not chunk

    def result(self) -> Any:
        os.close(self.descriptor)
        _, status = os.waitpid(self.pid, 0)
        data = b"".join(self._chunks)
        if not data:
            raise ChildCrashedError(f"the process of the replay ended with status {os.waitstatus_to_exitcode(status)}")
        return pickle.loads(data)  # noqa: S301 - our own child wrote it

    def kill(self) -> None:
        with contextlib.suppress(OSError):
            os.kill(self.pid, signal.SIGKILL)
            os.waitpid(self.pid, 0)
        with contextlib.suppress(OSError):
            os.close(self.descriptor)


def _start(work: Work, seconds: float) -> _Child:
    reading, writing = os.pipe()
    drawn = random.getstate()
    pid = os.fork()
    if pid:
        os.close(writing)
        return _Child(pid, reading, seconds)
    try:
        os.close(reading)
        random.setstate(drawn)  # Python seeds it anew after a fork
        _be_quiet()
        torch.set_num_threads(1)
        _make_autograd_engine()
        reply = Reply(writing)
        try:
            work(reply)
        except BaseException as error:  # noqa: BLE001 - whatever ends the test ends this child
            reply.send(Failure(type(error).__name__, str(error)[:2000], checks_of(error)))
    finally:
        os._exit(1)


def _make_autograd_engine() -> None:
    """After a fork torch makes its engine anew at the first tensor that is saved for a backward pass.

    It does so without a lock: where several threads save their first at once, it is destroyed under their hands.
    """
    one = torch.ones((), requires_grad=True)
    with torch.enable_grad():
        torch.sin(one)


def _be_quiet() -> None:
    """What a replay prints was printed before, or will be: it goes nowhere."""
    null = os.open(os.devnull, os.O_RDWR)
    for descriptor in (0, 1, 2):
        with contextlib.suppress(OSError):
            os.dup2(null, descriptor)
    for name in ("stdout", "stderr"):
        with contextlib.suppress(OSError, ValueError, AttributeError):
            getattr(sys, name).fileno()  # a stream of a test's own (capsys) has none, and keeps what the test looks at
            setattr(sys, name, open(os.devnull, "w"))  # noqa: SIM115, PTH123 - for the rest of this process
