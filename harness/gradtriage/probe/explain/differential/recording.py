"""One run of a body with all that another is compared with: operations, values, losses, gradients, backward nodes."""

from __future__ import annotations

import functools
import hashlib
import os
import sys
import threading
import weakref
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from gradtriage.probe.explain.differential.functions import described, function_name
from gradtriage.probe.explain.differential.values import Value, Values, same
from gradtriage.probe.explain.leaves.identity import Key as LeafKey
from gradtriage.probe.explain.leaves.identity import is_leaf, outputs_of
from gradtriage.probe.explain.leaves.operations import operation_name, tensors_in, written_tensor
from gradtriage.probe.explain.leaves.transforms import SEEN, in_transform, outside, physical
from gradtriage.probe.explain.tape.backward import OPERATION, nodes_of
from gradtriage.probe.explain.tape.trace import TapeRecorder

if TYPE_CHECKING:
    from gradtriage.probe.explain.program import GradientCall
    from gradtriage.probe.explain.tape.rewrites import Rewrite
    from gradtriage.probe.explain.tape.tape import Key

# A node of a backward pass: the operation that made it, its type, and which of several of these it is.
NodeKey = tuple[int, str, int]

# draw from torch's own generator: what they give follows from all draws before
_DRAWS = frozenset(
    {
        "rand", "randn", "randint", "randperm", "rand_like", "randn_like", "randint_like", "normal", "bernoulli",
        "multinomial", "poisson", "dropout", "alpha_dropout", "feature_dropout", "rrelu", "normal_", "uniform_",
        "bernoulli_", "exponential_", "cauchy_", "log_normal_", "geometric_", "random_", "dropout1d", "dropout2d",
        "dropout3d", "gumbel_softmax", "kaiming_uniform_", "xavier_uniform_", "trunc_normal_",
    }
)  # fmt: skip


@dataclass(frozen=True)
class Place:
    """A line, named so that it can be found in another checkout.

    Attributes:
        file: Relative to the folder of the run, or to where Python imports it from.
        source: The line's text.
    """

    file: str
    line: int
    function: str
    source: str


@dataclass(frozen=True)
class Operand:
    """A tensor that went into an operation.

    Attributes:
        source: Index of the operation that made it; -1 for none that was seen.
        output: Which of that operation's results it is.
        leaf: Index of the parameter that it is; -1 for none.
        value: Number of its value before the operation ran.
    """

    source: int
    output: int
    leaf: int
    value: int


@dataclass(frozen=True)
class RecordedOperation:
    """One operation.

    Attributes:
        name: As on a tape.
        function: By which it can be called again; None where it cannot.
        args: Its positional arguments, described.
        outputs: Numbers of the values of its results; of what it wrote into, where it wrote.
        draws: It takes random numbers from torch's generator: a digest of the generator's state before.
        writes: It writes into its first operand.
        escape: Values left torch.
        custom: It is a custom function.
    """

    place: Place
    name: str
    function: str | None
    args: Any
    kwargs: Any
    operands: tuple[Operand, ...]
    outputs: tuple[int, ...]
    draws: str | None = None
    writes: bool = False
    escape: bool = False
    custom: bool = False


@dataclass(frozen=True)
class RecordedNode:
    """One node of a backward pass.

    Attributes:
        operation: Index of the operation that made it; -1 where that was not seen.
        received: Numbers of the values of the gradients that came; -1 for none.
        handed_on: The same of those that it gave.
    """

    name: str
    operation: int
    received: tuple[int, ...]
    handed_on: tuple[int, ...]


@dataclass(frozen=True)
class RecordedCall:
    """One gradient computation.

    Attributes:
        operations: How many came before it.
        roots: What is differentiated.
        weights: Numbers of the values that the roots are weighted with; -1 for ones.
        gradients: Number of each parameter's gradient's value by name; -1 for none.
        nodes: Of its backward pass, in order.
    """

    number: int
    loss: float
    operations: int
    roots: tuple[Operand, ...]
    weights: tuple[int, ...]
    gradients: dict[str, int]
    nodes: tuple[RecordedNode, ...]


@dataclass
class Recording:
    """One run.

    Attributes:
        leaves: The parameters' names.
        keys: Of the operations in a replay; empty for a run of another process.
    """

    operations: list[RecordedOperation] = field(default_factory=list)
    calls: list[RecordedCall] = field(default_factory=list)
    values: list[Value] = field(default_factory=list)
    leaves: list[str] = field(default_factory=list)
    keys: list[Key] = field(default_factory=list)

    def call(self, number: int) -> RecordedCall | None:
        """The numbered gradient computation."""
        return next((call for call in self.calls if call.number == number), None)

    def same(self, mine: int, other: Recording, theirs: int) -> bool:
        """Whether two values of two runs are the same; -1 is the same as itself only."""
        if mine < 0 or theirs < 0:
            return mine == theirs
        return same(self.values[mine], other.values[theirs])


class _Before(threading.local):
    """What one thread's operations found, the innermost last: described arguments, operands, the generator's state."""

    def __init__(self) -> None:
        self.found: list[tuple[Any, tuple[Operand, ...], str | None]] = []


class RunRecorder(TapeRecorder):
    """Records every operation of a replay with its values.

    Args:
        root: Folder that places are named relative to.
        key_of: Which leaf a tensor is; None for one that is none.
        rewrites: What stands in the place of operations.
        pause: As for a tape.
        handed_on: What nodes of the backward pass hand on in place of their own gradients.
    """

    def __init__(
        self,
        root: Path,
        key_of: Callable[[Tensor], LeafKey | None],
        rewrites: Mapping[Key, Rewrite],
        pause: Callable[[bool], None],
        handed_on: Mapping[NodeKey, Sequence[Tensor | None]],
    ) -> None:
        super().__init__(lambda _: 0, rewrites=rewrites, pause=pause)
        self._root, self._key_of, self._handed_on = root, key_of, handed_on
        self._leaves: dict[LeafKey, int] = {}
        self._values = Values()
        self.recording = Recording(values=self._values.table)
        self._results: dict[int, tuple[weakref.ref[Tensor], int, int]] = {}
        self._before = _Before()

    def operation(self, func: Any, args: Sequence[Any], kwargs: Mapping[str, Any], run: Callable[[], Any]) -> Any:
        """Runs an operation and records it."""
        name = operation_name(func)
        if name is None or self._thread.inside or (in_transform() and not SEEN):
            return super().operation(func, args, kwargs, run)
        with _unseen(), outside(), self._lock:
            state = torch.get_rng_state() if name in _DRAWS else None
            draws = None if state is None else hashlib.blake2b(bytes(state), digest_size=8).hexdigest()
            operands = tuple(self.operand(physical(tensor)) for tensor in tensors_in((args, kwargs)))
            self._before.found.append((described([list(args), dict(kwargs)])["list"], operands, draws))
        try:
            return super().operation(func, args, kwargs, run)
        finally:
            self._before.found.pop()

    def _result(
        self, key: Key, func: Any, args: Sequence[Any], kwargs: Mapping[str, Any], run: Callable[[], Any]
    ) -> Any:
        with self._suspended(key in self._rewrites):  # what stands in an operation's place is not the test's
            return super()._result(key, func, args, kwargs, run)

    def _describe(
        self,
        key: Key,
        arguments: tuple[Sequence[Any], Mapping[str, Any]],
        inputs: list[Tensor],
        sources: list[int],
        reach_in: list[int],
        result: Any,
        func: Any,
    ) -> None:
        (args, kwargs), operands, draws = self._before.found[-1]
        index, name, custom = len(self.tape.operations), key[1], isinstance(func, type)
        super()._describe(key, arguments, inputs, sources, reach_in, result, func)
        written = written_tensor(name, *arguments)
        outputs = [written] if written is not None else outputs_of(result)
        outputs = [physical(output) if isinstance(output, Tensor) else output for output in outputs]
        with _unseen():
            numbers = tuple(self._values.add(output) for output in outputs)
        escape = bool(operands) and not any(True for _ in tensors_in(outputs))
        place, function = place_of(key, self._root), function_name(func)
        self.recording.operations.append(
            RecordedOperation(
                place, name, function, args, kwargs, operands, numbers, draws, written is not None, escape, custom
            )
        )
        self.recording.keys.append(key)
        for position, output in enumerate(outputs):
            if isinstance(output, Tensor):
                self._results[id(output)] = weakref.ref(output), index, position

    def same(self, tensor: Tensor, other: Tensor) -> None:
        """Another tensor is made of one without an operation: the same operation made it."""
        super().same(tensor, other)
        known = self._results.get(id(tensor))
        if known is not None and known[0]() is tensor:
            self._results[id(other)] = weakref.ref(other), known[1], known[2]

    @contextmanager
    def _suspended(self, yes: bool = True) -> Iterator[None]:
        self._thread.inside += yes
        try:
            yield
        finally:
            self._thread.inside -= yes

    def operand(self, tensor: Tensor) -> Operand:
        """Where a tensor comes from, and its value now."""
        known = self._results.get(id(tensor))
        source, output = (known[1], known[2]) if known is not None and known[0]() is tensor else (-1, 0)
        return Operand(source, output, self._leaf(tensor), self._values.add(tensor))

    def _leaf(self, tensor: Tensor) -> int:
        key = self._key_of(tensor) if is_leaf(tensor) and tensor.requires_grad else None
        if key is None:
            return -1
        if key not in self._leaves:
            self._leaves[key] = len(self._leaves)
            self.recording.leaves.append("")
        return self._leaves[key]

    def add_call(self, call: GradientCall) -> None:
        """Records a gradient computation that is about to be made, by making it once more."""
        with self._suspended():
            nodes, gradients = self._watched(call)
            names = unique(call.names)
            with _unseen():
                recorded = RecordedCall(
                    call.number,
                    call.loss(),
                    len(self.recording.operations),
                    tuple(self.operand(root) for root in call.roots),
                    tuple(-1 if weight is None else self._values.add(weight) for weight in call.weights),
                    dict(zip(names, gradients, strict=True)),
                    tuple(nodes),
                )
                for name, target in zip(names, call.targets, strict=True):
                    if (leaf := self._leaf(target)) >= 0:
                        self.recording.leaves[leaf] = self.recording.leaves[leaf] or name
        self.recording.calls.append(recorded)

    def _watched(self, call: GradientCall) -> tuple[list[RecordedNode], list[int]]:
        nodes: list[RecordedNode] = []
        counts: Counter[tuple[int, str]] = Counter()

        def numbers(gradients: Sequence[Tensor | None]) -> tuple[int, ...]:
            return tuple(-1 if gradient is None else self._values.add(gradient) for gradient in gradients)

        def hook(name: str, operation: int, handed_on: Any, received: Any) -> Any:
            other = self._handed_on.get((operation, name, counts[operation, name]))
            counts[operation, name] += 1
            with _unseen():
                nodes.append(RecordedNode(name, operation, numbers(received), numbers(other or handed_on)))
            return other

        handles = [
            node.register_hook(functools.partial(hook, type(node).__name__, node.metadata.get(OPERATION, -1)))
            for node in nodes_of(call)
        ]
        try:
            gradients = call.gradients()
        except Exception:  # noqa: BLE001 - whatever a custom backward raises: the test meets it itself
            gradients = [None] * len(call.targets)
        for handle in handles:
            handle.remove()
        with _unseen():
            return nodes, [-1 if gradient is None else self._values.add(gradient) for gradient in gradients]


def unique(names: Sequence[str]) -> list[str]:
    """The names, repeated ones numbered."""
    seen: Counter[str] = Counter()
    found = []
    for name in names:
        seen[name] += 1
        found.append(name if seen[name] == 1 else f"{name}#{seen[name]}")
    return found


@contextmanager
def _unseen() -> Iterator[None]:
    """What we read ourselves meets no mode and no graph."""
    with torch.no_grad(), torch._C.DisableTorchFunction():
        yield


def place_of(key: Key, root: Path) -> Place:
    """An operation's line."""
    site = key[0]
    return Place(portable(site.file, str(root)), site.line, site.function, site.source)


@functools.lru_cache(maxsize=4096)
def portable(file: str, root: str) -> str:
    """A file's name without the folder that it is installed or checked out in.

    The name from the longest folder of the import path, so that `src/package/module.py` and the same file in
    `site-packages` are one; the name relative to the root where no such folder holds it.
    """
    homes = [entry for entry in sys.path if entry and file.startswith(entry.rstrip(os.sep) + os.sep)]
    home = max([root, *homes] if file.startswith(root + os.sep) else homes, key=len, default="")
    return os.path.relpath(file, home).replace(os.sep, "/") if home else file
