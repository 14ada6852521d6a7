"""One replay of a body: its leaves numbered, some moved, some values replaced, its operations told."""

from __future__ import annotations

import functools
import inspect
import os
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

import torch
import torch.utils.checkpoint
import torch.utils.data
from torch import Tensor
from torch._functorch import autograd_function
from torch.overrides import TorchFunctionMode

from gradtriage.probe.explain.leaves.identity import outputs_of
from gradtriage.probe.explain.leaves.operations import MODULE_HOOKS
from gradtriage.probe.explain.leaves.origins import ORIGINS
from gradtriage.probe.explain.leaves.threads import threads_are_seen
from gradtriage.probe.explain.leaves.transforms import batches_leave
from gradtriage.probe.explain.replay.precision import HALF
from gradtriage.probe.explain.tape.scripted import scripted_calls_are_seen

if TYPE_CHECKING:
    from gradtriage.probe.explain.leaves.training import Training
    from gradtriage.probe.explain.leaves.watch import LeafWatch


class Recorder(Protocol):
    """Sees every operation of a replay and may replace its result."""

    def operation(self, func: Any, args: Sequence[Any], kwargs: Mapping[str, Any], run: Any) -> Any:
        """Runs the operation (by `run`) and returns its result or what stands for it."""

    def gradients(self, on: bool, *, before: bool) -> None:
        """The recording of gradients was switched."""

    def gradient_call(self, *, frees: bool) -> None:
        """A gradient computation of the body comes now; does it use up its graph?"""

    def same(self, tensor: Tensor, other: Tensor) -> None:
        """Another tensor is made of one without an operation."""


@dataclass
class Conditions:
    """What is changed in a replay.

    Attributes:
        leaves: The leaves, and their steps.
        recorder: Sees the operations; None where nobody needs to.
        keep_graphs: Whether a gradient computation leaves its graph for the next one.
        grad_read: Told of each tensor whose `.grad` is read.
        half_seen: Told that a result is in half precision.
        training: Keeps or holds what optimisers make of parameters.
    """

    leaves: LeafWatch
    recorder: Recorder | None = None
    keep_graphs: bool = False
    grad_read: Callable[[Tensor], None] | None = None
    half_seen: Callable[[], None] | None = None
    training: Training | None = None


def _compiled_functions_run_eagerly() -> None:
    """For the rest of this process, which is a child: compiled code cannot be looked into."""
    os.environ["TORCHDYNAMO_DISABLE"] = "1"
    dynamo = sys.modules.get("torch._dynamo")
    if dynamo is not None:
        dynamo.config.disable = True


def _anomalies_do_not_raise() -> None:
    """For the rest of this process: what is not finite is looked for here, and has to come through."""
    torch.set_anomaly_enabled(False)
    torch.set_anomaly_enabled = lambda *_, **__: None


def _data_are_loaded_here() -> None:
    """For the rest of this process: a loader's workers, forked from a fork, would wait for ever."""
    loader: Any = torch.utils.data.DataLoader
    make = loader.__init__

    @functools.wraps(make)
    def without_workers(self: Any, *args: Any, **options: Any) -> None:
        given = inspect.signature(make).bind(self, *args, **options).arguments
        given = {name: value for name, value in given.items() if name not in ("self", *_OF_WORKERS)}
        make(self, **given)

    loader.__init__ = without_workers


_OF_WORKERS = ("num_workers", "prefetch_factor", "persistent_workers", "timeout", "multiprocessing_context", "in_order")


@contextmanager
def conditions_hold(conditions: Conditions) -> Iterator[None]:
    """Runs its block under the conditions: called in a child, around the body."""
    _compiled_functions_run_eagerly()
    _anomalies_do_not_raise()
    _data_are_loaded_here()
    leaves, recorder = conditions.leaves, conditions.recorder
    leaves.start()
    with ExitStack() as stack:
        stack.enter_context(_reentrant_checkpoints_run_at_once(recorder))
        stack.enter_context(scripted_calls_are_seen(functools.partial(_operation, conditions)))
        stack.enter_context(_parameters_are_seen(conditions))
        stack.enter_context(leaves.conversions_are_seen())
        if leaves.active:
            stack.enter_context(_copies_are_seen(conditions))
        if recorder is not None or leaves.active:
            stack.enter_context(_function_calls_are_seen(conditions))
        if recorder is not None:
            stack.enter_context(_inference_mode_is_seen(recorder))
            stack.enter_context(_from_numpy_is_seen(recorder))
            stack.enter_context(_module_hooks_are_seen(recorder))
            stack.enter_context(batches_leave(recorder.same))
        if conditions.keep_graphs:
            stack.enter_context(_graphs_are_kept())
        if conditions.training is not None:
            stack.enter_context(conditions.training.goes_on())
        stack.enter_context(threads_are_seen(functools.partial(_Mode, conditions)))
        stack.enter_context(_Mode(conditions))
        yield


def _operation(conditions: Conditions, func: Any, args: Sequence[Any], kwargs: Mapping[str, Any], run: Any) -> Any:
    """Runs an operation under the eyes of everybody whom it concerns."""
    recorder = conditions.recorder
    recorded = run if recorder is None else functools.partial(recorder.operation, func, args, kwargs, run)
    return conditions.leaves.operation(func, args, kwargs, recorded)


class _Mode(TorchFunctionMode):
    """Sees the calls of torch's functions: births of leaves, reads that never reach the dispatcher, operations."""

    def __init__(self, conditions: Conditions) -> None:
        super().__init__()
        self._conditions = conditions

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        if self._conditions.grad_read is not None:
            ORIGINS.note(func, args, kwargs)
            if _reads_grad(func):
                self._conditions.grad_read(args[0])
        result = _operation(self._conditions, func, args, kwargs, functools.partial(func, *args, **kwargs))
        if self._conditions.half_seen is not None and isinstance(result, Tensor) and result.dtype in HALF:
            self._conditions.half_seen()
        for value in (*outputs_of(result), *args[:1]):
            self._conditions.leaves.see_birth(value)
        return result


def _reads_grad(func: Any) -> bool:
    return getattr(func, "__name__", "") == "__get__" and getattr(func, "__self__", None) is torch.Tensor.grad


@contextmanager
def _reentrant_checkpoints_run_at_once(recorder: Recorder | None) -> Iterator[None]:
    """A reentrant checkpoint refuses `autograd.grad`, by which gradients are asked here; it is the same without.

    Where no operand has a gradient its result has none either, whatever is used inside: such a checkpoint stays, and
    is where gradients go off.
    """
    function: Any = torch.utils.checkpoint.CheckpointFunction
    apply = function.apply

    def run(inner: Any, preserve: Any, *args: Any) -> Any:
        if not torch.is_grad_enabled():
            return apply(inner, preserve, *args)
        if any(isinstance(a, Tensor) and a.requires_grad for a in args):
            return inner(*args)
        if recorder is not None:
            recorder.gradients(False, before=True)
        result = apply(inner, preserve, *args)
        if recorder is not None:
            recorder.gradients(True, before=True)
        return result

    function.apply = staticmethod(run)
    try:
        yield
    finally:
        del function.apply


@contextmanager
def _parameters_are_seen(conditions: Conditions) -> Iterator[None]:
    """`nn.Parameter` is made past the function mode."""
    new = torch.nn.Parameter.__new__

    def make(cls: Any, *args: Any, **kwargs: Any) -> Any:
        run = functools.partial(new, cls, *args, **kwargs)
        data = args[0] if args else kwargs.get("data")
        # made of something that has a gradient: it is lost here
        known = isinstance(data, Tensor) and data.requires_grad
        parameter = conditions.recorder.operation(new, (data,), {}, run) if conditions.recorder and known else run()
        if conditions.grad_read is not None:
            ORIGINS.note_making(parameter)
        conditions.leaves.see_birth(parameter)
        return parameter

    torch.nn.Parameter.__new__ = staticmethod(make)  # type: ignore[method-assign]
    try:
        yield
    finally:
        torch.nn.Parameter.__new__ = staticmethod(new)  # type: ignore[method-assign]


@contextmanager
def _copies_are_seen(conditions: Conditions) -> Iterator[None]:
    """`deepcopy` of a leaf is one operation, and reading its memory for it is nobody's doing."""
    classes = (Tensor, torch.nn.Parameter)
    originals = [cls.__dict__["__deepcopy__"] for cls in classes]

    def copying(original: Any) -> Any:
        @functools.wraps(original)
        def deepcopy(tensor: Tensor, memo: Any) -> Any:
            run = functools.partial(original, tensor, memo)
            recorder = conditions.recorder
            recorded = run if recorder is None else functools.partial(recorder.operation, original, (tensor,), {}, run)
            return conditions.leaves.copy(tensor, recorded)

        return deepcopy

    for cls, original in zip(classes, originals, strict=True):
        cls.__deepcopy__ = copying(original)  # type: ignore[attr-defined]
    try:
        yield
    finally:
        for cls, original in zip(classes, originals, strict=True):
            cls.__deepcopy__ = original  # type: ignore[attr-defined]


@contextmanager
def _function_calls_are_seen(conditions: Conditions) -> Iterator[None]:
    """Custom functions never meet the function mode; each is one operation, whatever its forward calls.

    `apply` is often taken from the class once and for all (`square = Square.apply`), so it is caught where it leads to:
    to the class behind `Function`, or inside a transform to the operator for that.
    """
    plain: Any = torch.autograd.function._SingleLevelFunction
    transformed = autograd_function.custom_function_call

    def apply(cls: Any, *args: Any) -> Any:
        run = functools.partial(super(plain, cls).apply, *args)
        # what a transform makes of a function for one of its levels, or a checkpoint is, has no formula of its own
        formula = issubclass(cls, torch.autograd.Function) and cls is not torch.utils.checkpoint.CheckpointFunction
        return _operation(conditions, cls, args, {}, run) if formula else run()

    def apply_transformed(cls: Any, *args: Any, **kwargs: Any) -> Any:
        return _operation(conditions, cls, args, kwargs, functools.partial(transformed, cls, *args, **kwargs))

    plain.apply = classmethod(apply)
    autograd_function.custom_function_call = apply_transformed  # type: ignore[assignment]
    try:
        yield
    finally:
        del plain.apply
        autograd_function.custom_function_call = transformed


@contextmanager
def _module_hooks_are_seen(recorder: Recorder) -> Iterator[None]:
    """Hooks of modules are registered in plain Python."""
    originals = {name: torch.nn.Module.__dict__[name] for name in MODULE_HOOKS}

    def seen(original: Any) -> Any:
        @functools.wraps(original)
        def register(module: Any, *args: Any, **kwargs: Any) -> Any:
            run = functools.partial(original, module, *args, **kwargs)
            return recorder.operation(original, (module, *args), kwargs, run)

        return register

    for name, original in originals.items():
        setattr(torch.nn.Module, name, seen(original))
    try:
        yield
    finally:
        for name, original in originals.items():
            setattr(torch.nn.Module, name, original)


@contextmanager
def _graphs_are_kept() -> Iterator[None]:
    """Every gradient computation is one with `retain_graph=True`."""
    autograd: Any = torch.autograd
    run = autograd._engine_run_backward

    def keeping(tensors: Any, gradients: Any, retain: Any, *rest: Any, **options: Any) -> Any:  # noqa: ARG001
        return run(tensors, gradients, True, *rest, **options)

    autograd._engine_run_backward = keeping
    try:
        yield
    finally:
        autograd._engine_run_backward = run


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
