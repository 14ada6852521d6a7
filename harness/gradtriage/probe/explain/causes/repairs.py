"""The gradient let through where it was cut, and writes past autograd left out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from gradtriage.probe.explain.leaves.operations import tensors_in
from gradtriage.probe.explain.tape.rewrites import called

if TYPE_CHECKING:
    from gradtriage.probe.explain.causes.cuts import Cut
    from gradtriage.probe.explain.tape.rewrites import Rewrite, Run
    from gradtriage.probe.explain.tape.tape import Key, Tape

_LOOKS = frozenset({"detach", "data"})


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
        if name in _LOOKS and operands:
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
        bare_args, bare_kwargs = _without_graph((tuple(args), dict(kwargs)), chosen)
        return called(func, bare_args, bare_kwargs)


def _without_graph(value: Any, chosen: set[int]) -> Any:
    """The same nested arguments, the chosen tensors among them detached."""
    if isinstance(value, Tensor):
        return value.detach() if id(value) in chosen else value
    if isinstance(value, (list, tuple)) and not hasattr(value, "_fields"):
        return type(value)(_without_graph(item, chosen) for item in value)
    if isinstance(value, dict):
        return {name: _without_graph(item, chosen) for name, item in value.items()}
    return value


class NoWrite:
    """A write that is not made."""

    def result(self, func: Any, args: Sequence[Any], kwargs: Mapping[str, Any], run: Run, name: str) -> Any:  # noqa: ARG002
        """What would be written into, as it was."""
        return None if name in ("__setitem__", "data=") else args[0]
