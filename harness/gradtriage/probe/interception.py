"""The interception point: wraps a function of torch so that its outermost call is watched.

A watched call is told before it runs and after it returned or raised; what the watching itself does wrong goes to
the sink, and the call goes through as if nobody had looked.
"""

# ruff: noqa: ANN401, SLF001 - values of any type come by; torch's private state is what is probed

from __future__ import annotations

import functools
import signal
import sys
import threading
from collections.abc import Callable, Iterable, Sequence
from types import FrameType, TracebackType
from typing import Any, Protocol

import torch

from gradtriage.probe import sinks
from gradtriage.probe.statistics import reading


class Call(Protocol):
    """One gradient call that is being watched."""

    @property
    def asked(self) -> Sequence[tuple[str, torch.Tensor]]:
        """The tensors that gradients are asked for, by name; known once `before` was called."""

    def before(self, frame: FrameType) -> None:
        """Called before it runs, with the frame of the caller."""

    def record(self, result: Any, raised: str | None) -> dict[str, Any]:
        """What became of it: the result, or the type of the exception that it raised."""

    def release(self) -> None:
        """Called last, also when one of the others failed: nothing of the watching may stay behind."""


Opener = Callable[[sinks.Sink, tuple[Any, ...], dict[str, Any]], Call]
Settle = Callable[[tuple[Any, ...], dict[str, Any]], tuple[tuple[Any, ...], dict[str, Any]]]

_thread = threading.local()


def admits() -> bool:
    """Whether a call made now is one to look at.

    Not: without a sink; inside another gradient call of this thread, or of a thread in which autograd runs one;
    while the code is being traced, where every operation of ours would become part of the trace.
    """
    return (
        sinks.current() is not None
        and not getattr(_thread, "busy", False)
        and torch._C._current_graph_task_id() == -1
        and torch._C._get_tracing_state() is None
    )


def watched(original: Callable[..., Any], opener: Opener, settle: Settle | None = None) -> Callable[..., Any]:
    """`original`, its outermost calls watched.

    Args:
        original: The function to wrap; the wrapper passes for it.
        opener: Makes a `Call` of the arguments.
        settle: Replaces arguments that can be read only once (generators) before anybody reads them.
    """

    @functools.wraps(original)
    def wrapper(*args: Any, **kwargs: Any) -> Any:
        __tracebackhide__ = True
        # first of all, and simple enough for dynamo to see through: compiled code calls straight through
        if torch.compiler.is_compiling() or not admits():
            return original(*args, **kwargs)
        if settle is not None:
            args, kwargs = settle(args, kwargs)
        watch = _Watch()
        _thread.busy = True
        try:
            watch.open(opener, args, kwargs)
            result = watch.returned(original(*args, **kwargs))
            watch.close(result, None)
        except BaseException as error:
            watch.close(None, type(error).__name__)
            raise
        finally:
            _thread.busy = False
        return result

    return wrapper


class _Watch:
    """The life of one watched call; empty before the call returns, so that tracebacks keep no tensor alive."""

    __slots__ = ("_call", "_sink")

    def __init__(self) -> None:
        self._call: Call | None = None
        self._sink = sinks.current()

    def open(self, opener: Opener, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        sink = self._sink
        if sink is None:
            return
        try:
            with reading():
                self._call = opener(sink, args, kwargs)
                self._call.before(sys._getframe(2))
        except Exception as error:  # noqa: BLE001 - the call goes through whatever happened here
            if self._call is not None:
                self._call.release()
                self._call = None
            _tell(sink, "before the call", error)
        if self._call is not None:
            sink.opened(self._call, args, kwargs)

    def returned(self, result: Any) -> Any:
        sink, call = self._sink, self._call
        return result if sink is None or call is None else sink.returned(call, result)

    def close(self, result: Any, raised: str | None) -> None:
        sink, call = self._sink, self._call
        self._sink = self._call = None
        if sink is None or call is None:
            return
        try:
            with reading():
                sink.gradient(call.record(result, raised))
        except Exception as error:  # noqa: BLE001 - as above
            _tell(sink, "after the call", error)
        finally:
            call.release()


def _tell(sink: sinks.Sink, place: str, error: Exception) -> None:
    if _from_signal_handler(error.__traceback__):
        # a time limit of the test ran out while we were looking: that is its exception, not ours
        raise error
    traceback = error.__traceback__
    while traceback is not None and traceback.tb_next is not None:
        traceback = traceback.tb_next
    if traceback is not None:
        code = traceback.tb_frame.f_code
        place = f"{place}: {code.co_name} line {traceback.tb_lineno}"
    sink.error(place, error.with_traceback(None))


def _from_signal_handler(traceback: TracebackType | None) -> bool:
    handlers = {code for code in map(_handler_code, signal.valid_signals()) if code is not None}
    while traceback is not None:
        if traceback.tb_frame.f_code in handlers:
            return True
        traceback = traceback.tb_next
    return False


def _handler_code(number: signal.Signals) -> object:
    handler = signal.getsignal(number)
    return getattr(getattr(handler, "__func__", handler), "__code__", None)


def settled(value: Any) -> Any:
    """A sequence in place of an iterator that only one reader could read."""
    if isinstance(value, (torch.Tensor, list, tuple, dict)) or hasattr(value, "node") or value is None:
        return value
    if isinstance(value, Iterable) and not hasattr(value, "keys"):
        return tuple(value)
    return value
