"""Counterfactuals: what stands in the place of one operation when its part in a gradient is tested."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import torch
from torch import Tensor

from gradtriage.probe.explain.leaves.operations import tensors_in, written_tensor, written_tensors
from gradtriage.probe.explain.leaves.transforms import Wrapped, outside, physical
from gradtriage.probe.sinks import nobody_told

Run = Callable[[], Any]


class Rewrite(Protocol):
    """Makes the result of an operation."""

    def result(self, func: Any, args: Sequence[Any], kwargs: Mapping[str, Any], run: Run, name: str) -> Any:
        """The result that stands for that of `func(*args, **kwargs)`."""


@dataclass(frozen=True)
class Frozen:
    """The value that the operation had in the unchanged run, whatever goes in now."""

    value: Any

    def result(self, func: Any, args: Sequence[Any], kwargs: Mapping[str, Any], run: Run, name: str) -> Any:  # noqa: ARG002
        """Runs the operation, too, so that whatever else it does is done."""
        result = run()
        written = written_tensors(name, args, kwargs)
        with torch.no_grad():
            if written:
                for tensor, value in zip(written, self.value, strict=True):
                    _overwrite(tensor, value, name)
                return result
            if name == "__deepcopy__" and isinstance(result, Tensor):
                result.data.copy_(self.value)  # another leaf of the body: it goes on as one
                return result
            if isinstance(result, (tuple, list)):
                return type(result)(map(_restored, self.value))
            return _restored(self.value)


def _restored(value: Any) -> Any:
    if isinstance(value, Wrapped):
        return Wrapped(value.values.clone(), value.batches).tensor()
    return value.clone() if isinstance(value, Tensor) else value


def _overwrite(tensor: Tensor, value: Any, name: str) -> None:
    """Past the version counter, which the operation has moved on already if it does so at all."""
    if name == "data=":  # its memory may be another's by now
        tensor.data = _restored(value)
    elif isinstance(value, Wrapped):  # a batch has no `.data`
        tensor.copy_(_restored(value))
    else:
        tensor.data.copy_(value)


@dataclass(frozen=True)
class NonZero:
    """Values between 1/2 and 3/2 in the place of zeros: another factor, all else as it was."""

    def result(self, func: Any, args: Sequence[Any], kwargs: Mapping[str, Any], run: Run, name: str) -> Any:  # noqa: ARG002
        """The operation's result, its zeros replaced; they stay constant."""
        result = run()
        written = written_tensor(name, args, kwargs)
        if written is not None:
            with torch.no_grad():
                written.copy_(nonzero(written))
            return result
        if isinstance(result, Tensor):
            return (
                nonzero(result)
                if result.is_leaf and not result.requires_grad
                else result + nonzero(result.detach()) - result.detach()
            )
        return result


def nonzero(zeros: Tensor) -> Tensor:
    """The same values with numbers between 1/2 and 3/2 in the place of zeros."""
    with outside():
        numbers = torch.rand(zeros.shape, generator=torch.Generator().manual_seed(7), dtype=torch.float64) + 0.5
    return torch.where(zeros.detach() == 0, numbers.to(zeros.dtype), zeros.detach()).to(zeros.device)


@dataclass(frozen=True)
class NonZeroNumber:
    """Another number in the place of the number 0 that the operation multiplies by."""

    def result(self, func: Any, args: Sequence[Any], kwargs: Mapping[str, Any], run: Run, name: str) -> Any:  # noqa: ARG002
        """The operation with that number."""
        return func(*[0.75 if not isinstance(a, Tensor) and a == 0 else a for a in args], **kwargs)


@dataclass(frozen=True)
class Identity:
    """The operand itself in the place of an operation that holds it constant: clamp, rounding, dead activation."""

    def result(self, func: Any, args: Sequence[Any], kwargs: Mapping[str, Any], run: Run, name: str) -> Any:  # noqa: ARG002
        """The first tensor that went in, where it fits in shape; else the operation's own result."""
        result = run()
        tensors = [a for a in (*args, *kwargs.values()) if isinstance(a, Tensor)]
        # inside a custom function none has a gradient
        operands = [a for a in tensors if physical(a).requires_grad] or [a for a in tensors if a.is_floating_point()]
        if (
            isinstance(result, Tensor)
            and operands
            and operands[0].shape == result.shape
            and written_tensor(name, args, kwargs) is None
        ):
            return (operands[0].to(result.dtype) if result.is_floating_point() else operands[0]) * 1
        return result


@dataclass(frozen=True)
class FindSingular:
    """Runs the operation as it is and notes, for each operand, at which entries its derivative is not finite.

    Attributes:
        found: Filled with a mask for each operand, by its position.
    """

    found: dict[int, Wrapped]

    def result(self, func: Any, args: Sequence[Any], kwargs: Mapping[str, Any], run: Run, name: str) -> Any:  # noqa: ARG002
        """The operation's own result."""
        for index, operand in enumerate(args):
            if isinstance(operand, Tensor) and operand.is_floating_point():
                try:
                    mask = _singular(func, args, kwargs, index)
                except RuntimeError:  # its backward needs more than this operand
                    continue
                if bool(mask.values.any()):
                    self.found[index] = mask
        return run()


def _singular(func: Any, args: Sequence[Any], kwargs: Mapping[str, Any], index: int) -> Wrapped:
    operand = Wrapped.of(args[index])
    with torch.enable_grad(), nobody_told():
        with outside():
            values = operand.values.clone()
            values.requires_grad = True  # `requires_grad_()` is refused inside transforms
        trial = called(func, [*args[:index], Wrapped(values, operand.batches).tensor(), *args[index + 1 :]], kwargs)
        with outside():
            outputs = [o for o in map(physical, tensors_in(trial)) if o.requires_grad]
            total = sum(output.sum() for output in outputs)
            gradient = torch.autograd.grad(total, values, allow_unused=True)[0] if isinstance(total, Tensor) else None
            finite = torch.isfinite(operand.values)
            mask = ~finite if gradient is None else ~(torch.isfinite(gradient) & finite)
    return Wrapped(mask, operand.batches)


@dataclass(frozen=True)
class SafeOperand:
    """Operands moved away from the singular point at the entries where the derivative was not finite.

    Attributes:
        masks: For each operand, by its position, the entries to move; the same in every replay, whatever goes in.
    """

    masks: Mapping[int, Wrapped]
    shift: float = 0.1

    def result(self, func: Any, args: Sequence[Any], kwargs: Mapping[str, Any], run: Run, name: str) -> Any:  # noqa: ARG002
        """The operation on the safe operands."""
        moved = [self._safe(operand, index, name) for index, operand in enumerate(args)]
        return called(func, moved, kwargs)

    def _safe(self, operand: Any, index: int, name: str) -> Any:
        mask = self.masks.get(index)
        if mask is None:
            return operand
        # at both ends of the domain of these the derivative is singular: away from them is towards zero
        inwards = name in ("acos", "arccos", "asin", "arcsin", "atanh", "arctanh", "erfinv")
        safe = torch.full_like(operand, 0.5 if inwards else 1.0 + self.shift).detach()
        return torch.where(mask.tensor(), safe, operand)


@dataclass(frozen=True)
class NoHook:
    """A hook that is not registered."""

    def result(self, func: Any, args: Sequence[Any], kwargs: Mapping[str, Any], run: Run, name: str) -> Any:  # noqa: ARG002
        """A handle that removes nothing."""
        handle = run()
        handle.remove()
        return handle


def called(func: Any, args: Sequence[Any], kwargs: Mapping[str, Any]) -> Any:
    """The operation's result for other arguments: a custom function is applied, everything else called."""
    return func(*args, **kwargs) if not isinstance(func, type) else getattr(func, "apply")(*args)  # noqa: B009
