"""One replay of a body: its leaves numbered, some moved, some values replaced, its operations told."""

from __future__ import annotations

import functools
import os
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from typing import Any, Protocol

import torch
from torch import Tensor
from torch.overrides import TorchFunctionMode

from gradtriage.probe.explain.identity import Identities, outputs_of
from gradtriage.probe.explain.nudge import Nudge, PendingNudges, apply_nudge
from gradtriage.probe.explain.operations import is_view, operation_name, tensors_in, written_tensor


class Recorder(Protocol):
    """Sees every operation of a replay and may replace its result."""

    def operation(self, func: Any, args: Sequence[Any], kwargs: Mapping[str, Any], run: Any) -> Any:
        """Runs the operation (by `run`) and returns its result or what stands for it."""

    def gradients(self, on: bool, *, before: bool) -> None:
        """The recording of gradients was switched."""


@dataclass
class Conditions:
    """What is changed in a replay.

    Attributes:
        old: Leaves that exist before the body, by id.
        nudges: Steps of leaves.
        recorder: Sees the operations; None where nobody needs to.
    """

    old: Mapping[int, Tensor]
    nudges: Sequence[Nudge] = ()
    recorder: Recorder | None = None
    identities: Identities = field(init=False)
    pending: PendingNudges = field(init=False)

    def __post_init__(self) -> None:
        self.identities = Identities(self.old)
        self.pending = PendingNudges([nudge for nudge in self.nudges if nudge.key[0] == "born"])


def _compiled_functions_run_eagerly() -> None:
    """For the rest of this process, which is a child: compiled code cannot be looked into."""
    os.environ["TORCHDYNAMO_DISABLE"] = "1"
    dynamo = sys.modules.get("torch._dynamo")
    if dynamo is not None:
        dynamo.config.disable = True


@contextmanager
def conditions_hold(conditions: Conditions) -> Iterator[None]:
    """Runs its block under the conditions: called in a child, around the body."""
    _compiled_functions_run_eagerly()
    for nudge in conditions.nudges:
        if nudge.key[0] == "old" and nudge.step != 0:
            apply_nudge(conditions.old[nudge.key[1]], nudge)
    with ExitStack() as stack:
        stack.enter_context(_parameters_are_seen(conditions))
        if conditions.recorder is not None or conditions.pending:
            stack.enter_context(_function_calls_are_seen(conditions))
        if conditions.recorder is not None:
            stack.enter_context(_inference_mode_is_seen(conditions.recorder))
            stack.enter_context(_from_numpy_is_seen(conditions.recorder))
        stack.enter_context(_Mode(conditions))
        yield


class _Mode(TorchFunctionMode):
    """Sees the calls of torch's functions: births of leaves, reads that never reach the dispatcher, operations."""

    def __init__(self, conditions: Conditions) -> None:
        super().__init__()
        self._conditions = conditions

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        conditions = self._conditions
        if conditions.pending:
            note_read(conditions, func, args, kwargs)
        if conditions.recorder is None:
            result = func(*args, **kwargs)
        else:
            result = conditions.recorder.operation(func, args, kwargs, functools.partial(func, *args, **kwargs))
        for value in (*outputs_of(result), *args[:1]):
            see_birth(conditions, value)
        return result


def note_read(conditions: Conditions, func: Any, args: Sequence[Any], kwargs: Mapping[str, Any]) -> None:
    """Takes the steps of leaves whose memory this operation is about to read."""
    name = operation_name(func)
    if name is None or is_view(name):
        return
    written = written_tensor(name, args, kwargs)
    conditions.pending.read(tensor for tensor in tensors_in((args, kwargs)) if tensor is not written)


def see_birth(conditions: Conditions, value: Any) -> None:
    """Notes a leaf that was not there before."""
    leaf = conditions.identities.look_at(value)
    if leaf is not None and conditions.pending:
        key = conditions.identities.key(leaf)
        assert key is not None  # noqa: S101 - it was numbered a line ago
        conditions.pending.born(leaf, key)


@contextmanager
def _parameters_are_seen(conditions: Conditions) -> Iterator[None]:
    """`nn.Parameter` is made, and a module converted, past the function mode."""
    new = torch.nn.Parameter.__new__
    convert = torch.nn.Module._apply

    def make(cls: Any, *args: Any, **kwargs: Any) -> Any:
        run = functools.partial(new, cls, *args, **kwargs)
        data = args[0] if args else kwargs.get("data")
        # made of something that has a gradient: it is lost here
        known = isinstance(data, Tensor) and data.requires_grad
        parameter = conditions.recorder.operation(new, (data,), {}, run) if conditions.recorder and known else run()
        see_birth(conditions, parameter)
        return parameter

    def apply(module: Any, fn: Any, recurse: bool = True) -> Any:
        conditions.pending.pause(True)  # a change of type or device copies a value that nobody has used yet
        try:
            converted = convert(module, fn, recurse)  # type: ignore[no-untyped-call]
        finally:
            conditions.pending.pause(False)
        for parameter in module.parameters(recurse=False):
            see_birth(conditions, parameter)
        return converted

    torch.nn.Parameter.__new__ = staticmethod(make)  # type: ignore[method-assign]
    torch.nn.Module._apply = apply  # type: ignore[method-assign]
    try:
        yield
    finally:
        torch.nn.Parameter.__new__ = staticmethod(new)  # type: ignore[method-assign]
        torch.nn.Module._apply = convert  # type: ignore[method-assign]


@contextmanager
def _function_calls_are_seen(conditions: Conditions) -> Iterator[None]:
    """`autograd.Function.apply` never meets the function mode; it is one operation, whatever its forward calls."""
    original = torch.autograd.Function.__dict__["apply"]

    def apply(cls: Any, *args: Any, **kwargs: Any) -> Any:
        conditions.pending.read(tensors_in((args, kwargs)))
        run = functools.partial(original.__get__(None, cls), *args, **kwargs)
        return run() if conditions.recorder is None else conditions.recorder.operation(cls, args, kwargs, run)

    torch.autograd.Function.apply = classmethod(apply)  # type: ignore[assignment, method-assign]
    try:
        yield
    finally:
        torch.autograd.Function.apply = original  # type: ignore[method-assign]


@contextmanager
def _inference_mode_is_seen(recorder: Recorder) -> Iterator[None]:
    """`torch.inference_mode` switches gradients off past the function mode."""
    enter, leave = torch.inference_mode.__enter__, torch.inference_mode.__exit__

    def entered(mode: Any) -> None:
        before = torch.is_grad_enabled()
        enter(mode)
        if mode.mode:
            recorder.gradients(False, before=before)

    def left(mode: Any, *details: Any) -> None:
        leave(mode, *details)
        if torch.is_grad_enabled():
            recorder.gradients(True, before=True)

    torch.inference_mode.__enter__ = entered  # type: ignore[method-assign]
    torch.inference_mode.__exit__ = left  # type: ignore[method-assign]
    try:
        yield
    finally:
        torch.inference_mode.__enter__ = enter  # type: ignore[method-assign]
        torch.inference_mode.__exit__ = leave  # type: ignore[method-assign]


@contextmanager
def _from_numpy_is_seen(recorder: Recorder) -> Iterator[None]:
    """`torch.from_numpy` never meets the function mode."""
    original = torch.from_numpy

    def from_numpy(array: Any) -> Tensor:
        result: Tensor = recorder.operation(original, (array,), {}, functools.partial(original, array))
        return result

    torch.from_numpy = from_numpy  # type: ignore[assignment]
    try:
        yield
    finally:
        torch.from_numpy = original
