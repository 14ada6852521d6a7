"""`backward` and `autograd.grad`: which tensors a call is about, and the gradient that each got from it."""

# ruff: noqa: ANN401, SLF001 - values of any type come by; torch's private state is what is probed

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from types import FrameType
from typing import TYPE_CHECKING, Any

import torch

from gradtriage.probe.frames import Stack
from gradtriage.probe.graph import graph_leaves
from gradtriage.probe.interception import settled
from gradtriage.probe.names import Names
from gradtriage.probe.statistics import Summary, reading, stored_values, summaries, unwrapped
from gradtriage.probe.visible import look

if TYPE_CHECKING:
    from gradtriage.probe.sinks import Sink

Arguments = tuple[tuple[Any, ...], dict[str, Any]]


def argument(args: tuple[Any, ...], kwargs: dict[str, Any], position: int, name: str) -> Any:
    """The argument of a call, wherever it was given; None where it was not."""
    return kwargs.get(name, args[position] if len(args) > position else None)


def as_sequence(value: Any) -> list[Any]:
    """Tensors or edges as a list: a single one, a sequence, the values of a dict."""
    if value is None:
        return []
    if isinstance(value, dict):
        return list(value.values())
    return list(value) if isinstance(value, (list, tuple)) else [value]


def loss_of(roots: Sequence[Any]) -> dict[str, Any]:
    """`loss`, the sum of scalar roots; `loss_status` says why there is no number."""
    total = 0.0
    for root in roots:
        if not isinstance(root, torch.Tensor):
            return {"loss": None, "loss_status": "unknown"}
        root = unwrapped(root)
        if root.numel() != 1 or root.is_complex():
            return {"loss": None, "loss_status": "complex" if root.is_complex() else "non-scalar"}
        try:
            total += stored_values(root)[0].item()
        except Exception:  # noqa: BLE001 - fake tensors and foreign types refuse in ways of their own
            return {"loss": None, "loss_status": "unreadable"}
    if not roots:
        return {"loss": None, "loss_status": "none"}
    if not math.isfinite(total):
        return {"loss": None, "loss_status": "nan" if math.isnan(total) else "inf"}
    return {"loss": total}


# begins the name of a leaf that no variable in sight leads to
NAMELESS = "leaf@"


class WatchedCall:
    """What every kind of call has: its place, its loss, its record.

    Attributes:
        asked: The tensors that gradients are asked for, by name; known once `before` was called.
    """

    kind = ""

    def __init__(self, sink: Sink) -> None:
        self.sink = sink
        self.where: dict[str, Any] = {}
        self.asked: list[tuple[str, torch.Tensor]] = []
        self.loss: dict[str, Any] = {"loss": None}
        self.extra: dict[str, Any] = {}

    def place(self, frame: FrameType) -> tuple[Stack, Names]:
        """Notes where the call was made."""
        stack = Stack(frame)
        self.where = stack.place(self.sink.root)
        return stack, Names(f"{NAMELESS}{self.where['file']}:{self.where['line']}")

    def release(self) -> None:
        """Lets go of what a call holds on to while it runs."""

    def entries(self, names: Sequence[str], found: Sequence[Summary], raised: str | None) -> dict[str, Any]:
        """The record, in the form of the contract."""
        return {
            "kind": self.kind,
            "raised": raised,
            "where": self.where,
            **self.loss,
            "gradients": dict(zip(names, found, strict=True)),
            **self.extra,
        }


class BackwardCall(WatchedCall):
    """`Tensor.backward` and `autograd.backward`: the contribution of this call to each leaf."""

    kind = "backward"

    def __init__(self, sink: Sink, roots: list[Any], inputs: Any) -> None:
        super().__init__(sink)
        self._roots = roots
        self._inputs = None if inputs is None else [t for t in as_sequence(inputs) if isinstance(t, torch.Tensor)]
        self._leaves: list[torch.Tensor] = []
        self._names: list[str] = []
        self._hooks: dict[int, _Listener] = {}
        self._reached: set[int] = set()

    def before(self, frame: FrameType) -> None:
        """Finds the leaves, while the graph is still there, and listens where `.grad` will not tell."""
        stack, names = self.place(frame)
        self.loss = loss_of(self._roots)
        if self._inputs is None:
            leaves, complete = graph_leaves(self._roots)
            self.extra = {} if complete else {"truncated": True}
        else:
            leaves, complete = self._inputs, True
        self._roots = []
        view = look(stack, {id(leaf) for leaf in leaves})
        self._reached = {id(leaf) for leaf in leaves}
        if self._inputs is None:
            leaves = leaves + [leaf for identity, leaf in view.leaves.items() if identity not in self._reached]
        if not complete:
            self._reached = {id(leaf) for leaf in leaves}
        # in the order in which the author would list them: as they are met in the code
        self._leaves = sorted(leaves, key=view.rank) if self._inputs is None else leaves
        self._names = [names.give(view.name(leaf)) for leaf in self._leaves]
        self.asked = list(zip(self._names, self._leaves, strict=True))
        for leaf in self._leaves:
            if id(leaf) in self._reached and not _told_by_grad(leaf):
                # frozen after the graph was built: it takes no hook, and nobody asks for its gradient
                if leaf.requires_grad:
                    self._hooks[id(leaf)] = _Listener(leaf)
                else:
                    self._reached.discard(id(leaf))

    def record(self, result: Any, raised: str | None) -> dict[str, Any]:  # noqa: ARG002 - it returns nothing
        """The gradient that each leaf got, whatever `.grad` held before."""
        heard = {identity: listener.stop() for identity, listener in self._hooks.items()}
        gradients = [
            leaf._grad if id(leaf) in self._reached and id(leaf) not in self._hooks else None for leaf in self._leaves
        ]
        found = summaries(gradients, self._leaves)
        for index, leaf in enumerate(self._leaves):
            told = heard.get(id(leaf))
            if told is not None:
                found[index] = told
        return self.entries(self._names, found, raised)

    def release(self) -> None:
        """Takes off the hooks that are still there."""
        while self._hooks:
            self._hooks.popitem()[1].stop()


def _told_by_grad(leaf: torch.Tensor) -> bool:
    """Whether `.grad` after the call is this call's contribution."""
    return leaf.is_leaf and leaf._grad is None and not leaf._post_accumulate_grad_hooks


class _Listener:
    """A hook on a leaf for the length of one call; it keeps figures, never the gradient."""

    __slots__ = ("_before", "_handle", "_leaf", "_told")

    def __init__(self, leaf: torch.Tensor) -> None:
        self._leaf = leaf
        self._before = leaf._backward_hooks
        self._told: Summary | None = None
        self._handle: Any = leaf.register_hook(self._hear)  # type: ignore[no-untyped-call]

    def _hear(self, gradient: torch.Tensor) -> None:
        try:
            with reading():
                self._told = summaries([gradient], [self._leaf])[0]
        except Exception:  # noqa: BLE001 - an exception in a hook would end the backward pass of the test
            self._told = None

    def stop(self) -> Summary | None:
        """Takes the hook off without a trace and hands over what it heard; the second time too."""
        self._handle.remove()
        if self._before is None and not self._leaf._backward_hooks:
            self._leaf._backward_hooks = None
        return self._told


class GradCall(WatchedCall):
    """`autograd.grad`: the gradients that it returned for its inputs, leaves or not."""

    kind = "grad"

    def __init__(self, sink: Sink, outputs: list[Any], inputs: Any) -> None:
        super().__init__(sink)
        self._outputs = outputs
        self._inputs = as_sequence(inputs)
        self._keys = [str(key) for key in inputs] if isinstance(inputs, dict) else []
        self._names: list[str] = []

    def before(self, frame: FrameType) -> None:
        """Names the inputs."""
        stack, names = self.place(frame)
        self.loss = loss_of(self._outputs)
        self._outputs = []
        view = look(stack, {id(tensor) for tensor in self._inputs})
        keys: Sequence[str | None] = self._keys or [None] * len(self._inputs)
        self._names = [names.give(view.name(t) or key) for t, key in zip(self._inputs, keys, strict=True)]
        self.asked = list(zip(self._names, self._inputs, strict=True))

    def record(self, result: Any, raised: str | None) -> dict[str, Any]:
        """What was returned, None included; nothing where the call raised."""
        gradients = as_sequence(result) if raised is None else [None] * len(self._inputs)
        tensors = [t if isinstance(t, torch.Tensor) else torch.empty(0) for t in self._inputs]
        return self.entries(self._names, summaries(gradients, tensors), raised)


def open_tensor_backward(sink: Sink, args: tuple[Any, ...], kwargs: dict[str, Any]) -> BackwardCall:
    """Of `Tensor.backward(self, gradient, retain_graph, create_graph, inputs)`."""
    return BackwardCall(sink, [argument(args, kwargs, 0, "self")], argument(args, kwargs, 4, "inputs"))


def open_backward(sink: Sink, args: tuple[Any, ...], kwargs: dict[str, Any]) -> BackwardCall:
    """Of `autograd.backward(tensors, grad_tensors, retain_graph, create_graph, grad_variables, inputs)`."""
    return BackwardCall(sink, as_sequence(argument(args, kwargs, 0, "tensors")), argument(args, kwargs, 5, "inputs"))


def open_grad(sink: Sink, args: tuple[Any, ...], kwargs: dict[str, Any]) -> GradCall:
    """Of `autograd.grad(outputs, inputs, ...)`."""
    return GradCall(sink, as_sequence(argument(args, kwargs, 0, "outputs")), argument(args, kwargs, 1, "inputs"))


def settle_at(*where: tuple[int, str]) -> Callable[[tuple[Any, ...], dict[str, Any]], Arguments]:
    """Replaces the iterators among these arguments (position, name) by tuples."""

    def settle(args: tuple[Any, ...], kwargs: dict[str, Any]) -> Arguments:
        kept = list(args)
        named = dict(kwargs)
        for position, name in where:
            if name in named:
                named[name] = settled(named[name])
            elif position < len(kept):
                kept[position] = settled(kept[position])
        return tuple(kept), named

    return settle
