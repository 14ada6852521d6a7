"""Operations as they were in a known run, in the place of today's: the counterfactual of a differential trace."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from gradtriage.probe.explain.differential.functions import NotAgainError, call_named
from gradtriage.probe.explain.leaves.identity import outputs_of
from gradtriage.probe.explain.leaves.operations import HOOKS, tensors_in, written_tensor

if TYPE_CHECKING:
    from gradtriage.probe.explain.differential.comparison import RunComparison, Suspect
    from gradtriage.probe.explain.differential.recording import Operand
    from gradtriage.probe.explain.tape.rewrites import Rewrite, Run
    from gradtriage.probe.explain.tape.tape import Key

_MOST_AGAIN = 2000


def formulas(comparison: RunComparison, suspects: Sequence[Suspect]) -> dict[Key, Rewrite]:
    """Each of the suspects' operations computed by the formula of then, of today's tensors: gradients follow.

    Args:
        comparison: Of the two runs, as they are.
        suspects: Whose operations.

    Raises:
        NotAgainError: An operation of then cannot be called again.
    """
    live = _Live(comparison)
    made: dict[int, _Formula] = {}
    for index in dict.fromkeys(i for suspect in suspects for i in suspect.group):
        old = comparison.pairs.get(index)
        if old is not None:
            made[index] = _Formula(live, index, old, None)
            live.need_operation(old)
        elif (operand := comparison.counterpart(index)) is not None:
            made[index] = _Formula(live, index, None, operand)
            live.need(operand)
    rewrites: dict[Key, Rewrite] = {comparison.now.keys[index]: _Kept(live, index) for index in live.needed}
    return rewrites | {comparison.now.keys[index]: formula for index, formula in made.items()}


def values(comparison: RunComparison, suspects: Sequence[Suspect]) -> dict[Key, Rewrite]:
    """The value of then in the place of each result, the gradient's path kept: only losses can be compared.

    Raises:
        NotAgainError: A value of then was not kept.
    """
    rewrites: dict[Key, Rewrite] = {}
    for index in dict.fromkeys(i for suspect in suspects for i in suspect.group):
        old = comparison.pairs.get(index)
        operand = comparison.counterpart(index) if old is None else None
        numbers = comparison.then.operations[old].outputs if old is not None else (operand.value,) if operand else ()
        if not numbers:
            continue
        known = [comparison.then.values[number].tensor() for number in numbers]
        if any(tensor is None for tensor in known):
            raise NotAgainError("a value that was not kept")
        rewrites[comparison.now.keys[index]] = ValueOfThen(tuple(tensor for tensor in known if tensor is not None))
    return rewrites


def left_out(comparison: RunComparison, suspect: Suspect) -> dict[Key, Rewrite]:
    """The suspect's operation left out, wherever its line calls it: its first operand goes on in its place."""
    name, place = comparison.now.operations[suspect.operation].name, comparison.now.operations[suspect.operation].place
    together = [
        i
        for i in range(comparison.call_now.operations)
        if comparison.now.operations[i].name == name and comparison.now.operations[i].place == place
    ]
    return {comparison.now.keys[index]: LeftOut() for index in together}


class LeftOut:
    """The first operand in the place of an operation's result."""

    def result(self, func: Any, args: Sequence[Any], kwargs: Mapping[str, Any], run: Run, name: str) -> Any:  # noqa: ARG002
        """The operand, in the result's type."""
        written = written_tensor(name, args, kwargs)
        if written is not None:
            return None if name in ("__setitem__", "data=") else written
        result = run()
        if name in HOOKS:
            result.remove()
            return result
        operand = next(tensors_in((args, kwargs)), None)
        if operand is None or not isinstance(result, Tensor) or operand.shape != result.shape:
            raise NotAgainError(f"{name} cannot be left out")
        return operand * 1 if result.is_floating_point() == operand.is_floating_point() else result


@dataclass(frozen=True)
class ValueOfThen:
    """Known numbers as the result of an operation; the gradient passes as it would."""

    known: tuple[Tensor, ...]

    def result(self, func: Any, args: Sequence[Any], kwargs: Mapping[str, Any], run: Run, name: str) -> Any:  # noqa: ARG002
        """Runs the operation, too, so that whatever else it does is done."""
        result = run()
        written = written_tensor(name, args, kwargs)
        if written is not None:
            _fitting(written, self.known[0])
            written.data.copy_(self.known[0])
            return result
        outputs = outputs_of(result)
        if not any(isinstance(output, Tensor) for output in outputs):
            return type(result)(self.known[0].item()) if self.known[0].numel() == 1 else self.known[0].tolist()
        moved = [_with_value(output, known) for output, known in zip(outputs, self.known, strict=True)]
        return type(result)(moved) if isinstance(result, (list, tuple)) else moved[0]


def _with_value(output: Any, known: Tensor) -> Any:
    if not isinstance(output, Tensor):
        return output
    _fitting(output, known)
    return _Exactly.apply(output, known) if output.requires_grad else known.to(output.device)  # type: ignore[no-untyped-call]


def _fitting(tensor: Tensor, known: Tensor) -> None:
    if tensor.shape != known.shape or tensor.dtype != known.dtype:
        raise NotAgainError(f"a value of shape {tuple(known.shape)} for one of shape {tuple(tensor.shape)}")


class _Exactly(torch.autograd.Function):
    """Other numbers, to the last bit, with the gradient handed on."""

    @staticmethod
    def forward(ctx: Any, tensor: Tensor, known: Tensor) -> Tensor:  # noqa: ARG004
        return known.to(tensor.device)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None]:  # noqa: ARG004
        return gradients[0], None


class _Live:
    """The tensors of one replay that formulas of then ask for, by today's operations."""

    def __init__(self, comparison: RunComparison) -> None:
        self._comparison = comparison
        self.needed: set[int] = set()
        self._results: dict[int, list[Any]] = {}
        self._leaves: dict[str, Tensor] = {}
        self._again: dict[int, Any] = {}
        self._asked: set[int] = set()

    def need(self, operand: Operand) -> None:
        """Notes which of today's operations an operand of then is found at."""
        if operand.source in self._comparison.inverse:
            self.needed.add(self._comparison.inverse[operand.source])
        elif operand.source >= 0:
            self.need_operation(operand.source)
        elif operand.leaf >= 0:
            self.needed.add(self._user_of(operand.leaf))

    def need_operation(self, index: int) -> None:
        """The same for an operation of then that is computed again."""
        if index in self._asked:
            return
        self._asked.add(index)
        operation = self._comparison.then.operations[index]
        if operation.function is None or operation.escape or len(self._asked) > _MOST_AGAIN:
            raise NotAgainError(f"the operation {operation.name}")
        for operand in operation.operands:
            self.need(operand)

    def _user_of(self, leaf: int) -> int:
        name = self._comparison.then.leaves[leaf]
        leaves = self._comparison.now.leaves
        for index, operation in enumerate(self._comparison.now.operations):
            if name and any(o.leaf >= 0 and leaves[o.leaf] == name for o in operation.operands):
                return index
        raise NotAgainError(f"the parameter {name}")

    def keep(self, index: int, result: Any, arguments: Any) -> None:
        """Remembers what an operation of today gave in this replay, and the parameters that went in."""
        self._results[index] = outputs_of(result)
        leaves = self._comparison.now.leaves
        operands = self._comparison.now.operations[index].operands
        for operand, tensor in zip(operands, tensors_in(arguments), strict=False):
            if operand.leaf >= 0:
                self._leaves[leaves[operand.leaf]] = tensor

    def tensor(self, operand: Operand) -> Tensor:
        """The tensor of this replay that stands for an operand of then."""
        found: Any = None
        if operand.source in self._comparison.inverse:
            results = self._results.get(self._comparison.inverse[operand.source])
            found = results[operand.output] if results is not None and operand.output < len(results) else None
        elif operand.source >= 0:
            found = outputs_of(self.again(operand.source))[operand.output]
        elif operand.leaf >= 0:
            found = self._leaves.get(self._comparison.then.leaves[operand.leaf])
        else:
            found = self._comparison.then.values[operand.value].tensor()
        if not isinstance(found, Tensor):
            raise NotAgainError("a tensor that this run does not have yet")
        return found

    def again(self, index: int, written: Tensor | None = None) -> Any:
        """What an operation of then gives for today's tensors."""
        if index not in self._again or written is not None:
            operation = self._comparison.then.operations[index]
            tensors = [self.tensor(operand) for operand in operation.operands]
            if written is not None:
                tensors[0] = written
            self._again[index] = call_named(operation.function, operation.args, operation.kwargs, tensors)
        return self._again[index]


@dataclass(frozen=True)
class _Kept:
    """An operation as it is, its result remembered."""

    live: _Live
    index: int

    def result(self, func: Any, args: Sequence[Any], kwargs: Mapping[str, Any], run: Run, name: str) -> Any:  # noqa: ARG002
        """The operation's own result."""
        result = run()
        written = written_tensor(name, args, kwargs)
        self.live.keep(self.index, result if written is None else written, (args, kwargs))
        return result


@dataclass(frozen=True)
class _Formula:
    """An operation of then in the place of one of today.

    Attributes:
        index: Today's.
        old: Then's; None where `operand` says which value stands there.
    """

    live: _Live
    index: int
    old: int | None
    operand: Operand | None

    def result(self, func: Any, args: Sequence[Any], kwargs: Mapping[str, Any], run: Run, name: str) -> Any:  # noqa: ARG002
        """What the formula of then gives."""
        self.live.keep(self.index, None, (args, kwargs))
        if self.old is None:
            assert self.operand is not None  # noqa: S101 - one of the two is there
            result: Any = self.live.tensor(self.operand)
            self.live.keep(self.index, result, (args, kwargs))
            return result
        written = written_tensor(name, args, kwargs)
        result = self.live.again(self.old, written)
        self.live.keep(self.index, result if written is None else written, (args, kwargs))
        return result
