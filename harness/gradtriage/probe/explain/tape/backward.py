"""The backward pass, node by node: where a gradient dies and where it stops being finite."""

from __future__ import annotations

import contextlib
import functools
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor
from torch.overrides import TorchFunctionMode

from gradtriage.probe.explain.leaves.entries import entries
from gradtriage.probe.explain.leaves.identity import node_of
from gradtriage.probe.explain.tape.reach import REACH, Reach

if TYPE_CHECKING:
    from gradtriage.probe.explain.program import GradientCall
    from gradtriage.probe.explain.tape.trace import TapeRecorder

OPERATION = "gradtriage.operation"


@dataclass(frozen=True)
class NodeReport:
    """What one node of the graph did to the gradient.

    Attributes:
        name: The node's type.
        operation: Index of the operation on the tape that made it; None for one that nobody saw.
        alive: Whether any gradient that it received is not zero.
        finite: Whether all that it received is finite.
        edges: For each edge on: the leaves behind it, whether what it hands on is not zero, whether it is finite.
    """

    name: str
    operation: int | None
    alive: bool
    finite: bool
    edges: tuple[tuple[int, bool, bool], ...]


def mark_nodes(outputs: list[Tensor], operation: int) -> None:
    """Notes in the nodes that an operation has just made which one it was."""
    waiting: list[Any] = [node_of(output) for output in outputs]
    while waiting:
        node = waiting.pop()
        if node is None or OPERATION in node.metadata or hasattr(node, "variable"):
            continue
        node.metadata[OPERATION] = operation
        waiting.extend(child for child, _ in node.next_functions)


def watch_backward(call: GradientCall, recorder: TapeRecorder) -> list[NodeReport]:
    """Runs the gradient computation with every node of its graph watched; the reports in order of execution."""
    reports: list[NodeReport] = []
    reach = Reach(recorder.bit_of)
    for root in call.roots:
        reach.of(root)
    for node in nodes_of(call):
        node.register_hook(_hook(node, reports))
    # a pass that raises ends there, and what it did before is told
    with formulas_are_seen(recorder), contextlib.suppress(Exception):
        call.gradients()
    return reports


@contextmanager
def formulas_are_seen(recorder: TapeRecorder) -> Iterator[None]:
    """What the backwards of custom functions call is recorded, each beside the operation that it belongs to.

    What a backward calls may have custom functions in turn: theirs belong to the same operation.
    """
    function: Any = torch.autograd.function.BackwardCFunction
    original = function.apply

    def apply(node: Any, *gradients: Any) -> Any:
        with recorder.within_formula(node.metadata.get(OPERATION), gradients), _InsideMode(recorder):
            return original(node, *gradients)

    function.apply = apply
    try:
        yield
    finally:
        function.apply = original


class _InsideMode(TorchFunctionMode):
    """Tells the recorder what a backward calls."""

    def __init__(self, recorder: TapeRecorder) -> None:
        super().__init__()
        self._recorder = recorder

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        return self._recorder.operation(func, args, kwargs, functools.partial(func, *args, **kwargs))


def nodes_of(call: GradientCall) -> list[Any]:
    """The nodes of the graph behind a gradient computation, but those that only take a gradient in."""
    found: dict[Any, None] = {}
    waiting = [root.grad_fn for root in call.roots if root.grad_fn is not None]
    while waiting:
        node = waiting.pop()
        if node in found:
            continue
        found[node] = None
        waiting.extend(child for child, _ in node.next_functions if child is not None)
    return [node for node in found if not hasattr(node, "variable")]


def _hook(node: Any, reports: list[NodeReport]) -> Callable[[Any, Any], None]:
    name, operation = type(node).__name__, node.metadata.get(OPERATION)
    behind = [0 if child is None else child.metadata.get(REACH, 0) for child, _ in node.next_functions]

    def hook(handed_on: Any, received: Any) -> None:
        with torch.no_grad():
            edges = tuple(
                (bits, _alive(gradient), _finite(gradient)) for bits, gradient in zip(behind, handed_on, strict=False)
            )
            alive = any(map(_alive, received))
            finite = all(map(_finite, received))
        reports.append(NodeReport(name, operation, alive, finite, edges))

    return hook


def _alive(gradient: Tensor | None) -> bool:
    return gradient is not None and bool((entries(gradient) != 0).any())


def _finite(gradient: Tensor | None) -> bool:
    return gradient is None or bool(torch.isfinite(entries(gradient)).all())
