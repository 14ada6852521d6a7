"""The gradient let through where it was cut, and writes past autograd left out."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from gradtriage.probe.explain.leaves.operations import LOOKS, tensors_in
from gradtriage.probe.explain.tape.rewrites import called, nonzero

if TYPE_CHECKING:
    from gradtriage.probe.explain.causes.cuts import Cut
    from gradtriage.probe.explain.tape.rewrites import Rewrite, Run
    from gradtriage.probe.explain.tape.tape import Key, Tape


class Repair:
    """The operations of one line with the gradient let through; one object for all of them, made anew for a replay.

    A detached tensor is the tensor itself, gradients are switched on again, and what comes back into torch with the
    values of the tensor that left on this line is that tensor.
    """

    def __init__(self) -> None:
        self._left: Tensor | None = None

    def result(self, func: Any, args: Sequence[Any], kwargs: Mapping[str, Any], run: Run, name: str) -> Any:
        """The operation's result, with a gradient."""
        operands = [tensor for tensor in tensors_in((args, kwargs)) if tensor.requires_grad]
        if operands:
            self._left = operands[0]
        if name in LOOKS and operands:
            return operands[0]
        with torch.enable_grad():
            result = func(*[_bare(a) for a in args], **kwargs) if operands and name in _ESCAPES else run()
        left = self._left
        if left is None or not isinstance(result, Tensor) or result.requires_grad or result.shape != left.shape:
            return result
        if bool((result == left.detach()).all()):
            return left * 1
        return result


_ESCAPES = frozenset({"numpy", "__array__", "item", "tolist", "__float__", "__dlpack__"})


def _bare(value: Any) -> Any:
    return value.detach() if isinstance(value, Tensor) else value


def repair_of(cut: Cut, tape: Tape) -> dict[Key, Rewrite]:
    """The gradient let through on the line of a cut."""
    repair = Repair()
    lines = {(cut.site.file, cut.site.line)}
    together = {operation.key for operation in tape.operations if _line(operation.key) in lines}
    return dict.fromkeys(together | set(cut.keys), repair)


def _line(key: Key) -> tuple[str, int]:
    return key[0].file, key[0].line


@dataclass(frozen=True)
class Constant:
    """An operation some of whose operands are taken as constants.

    Attributes:
        positions: Theirs, among the tensors in its arguments.
    """

    positions: frozenset[int]

    def result(self, func: Any, args: Sequence[Any], kwargs: Mapping[str, Any], run: Run, name: str) -> Any:  # noqa: ARG002
        """The operation on the operands without their graph."""
        chosen = {id(t) for at, t in enumerate(tensors_in((args, kwargs))) if at in self.positions}
        bare_args, bare_kwargs = _changed((tuple(args), dict(kwargs)), chosen, Tensor.detach)
        return called(func, bare_args, bare_kwargs)


@dataclass(frozen=True)
class NonZeroOperand:
    """An operation with other values in the place of an operand that is zero everywhere; its graph stays.

    Attributes:
        position: Of the operand, among the tensors in the arguments.
    """

    position: int

    def result(self, func: Any, args: Sequence[Any], kwargs: Mapping[str, Any], run: Run, name: str) -> Any:  # noqa: ARG002
        """The operation's result with it."""
        chosen = {id(t) for at, t in enumerate(tensors_in((args, kwargs))) if at == self.position}
        other_args, other_kwargs = _changed((tuple(args), dict(kwargs)), chosen, _moved_off_zero)
        return called(func, other_args, other_kwargs)


def _moved_off_zero(tensor: Tensor) -> Tensor:
    """The same numbers are added in every replay: a parameter that is moved is zero no longer."""
    return tensor + nonzero(torch.zeros_like(tensor.detach()))


def _changed(value: Any, chosen: set[int], change: Callable[[Tensor], Tensor]) -> Any:
    """The same nested arguments, the chosen tensors among them changed."""
    if isinstance(value, Tensor):
        return change(value) if id(value) in chosen else value
    if isinstance(value, (list, tuple)) and not hasattr(value, "_fields"):
        return type(value)(_changed(item, chosen, change) for item in value)
    if isinstance(value, dict):
        return {name: _changed(item, chosen, change) for name, item in value.items()}
    return value


class NoWrite:
    """A write that is not made."""

    def result(self, func: Any, args: Sequence[Any], kwargs: Mapping[str, Any], run: Run, name: str) -> Any:  # noqa: ARG002
        """What would be written into, as it was."""
        return None if name in ("__setitem__", "data=") else args[0]


class WrittenElsewhere:
    """A write into a copy: what else looks at the memory keeps its values."""

    def result(self, func: Any, args: Sequence[Any], kwargs: Mapping[str, Any], run: Run, name: str) -> Any:
        """What the write gives, in memory of its own."""
        if name in ("__setitem__", "data=") or not isinstance(args[0], Tensor):
            return run()
        return called(func, (args[0].clone(), *args[1:]), kwargs)
