"""The gradient of an operation by differences of its forward."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor

from gradtriage.probe.explain.leaves.identity import scale_of, storage_of
from gradtriage.probe.explain.leaves.transforms import is_wrapped

# entries, above which an operand is moved along one direction instead of entry by entry
_MANY = 64


def is_large(operand: Any) -> bool:
    """Whether differences for each entry of an operand would take long."""
    if not isinstance(operand, Tensor) or not operand.requires_grad or is_wrapped(operand):
        return False
    return operand.layout is torch.strided and operand.numel() > _MANY


class Numeric(torch.autograd.Function):
    """A function whose backward is the product with the differences of its forward, for chosen operands."""

    @staticmethod
    def forward(
        ctx: Any,
        forward: Callable[..., list[Tensor]],
        numeric: list[bool],
        along: list[Tensor | None],
        *operands: Tensor,
    ) -> tuple[Tensor, ...]:
        """The operation as it is; its operands are kept, and their memory.

        Args:
            ctx: Keeps them.
            forward: The operation as a function of its operands.
            numeric: For which of them differences are taken.
            along: Along which direction alone; None for entry by entry.
            operands: Theirs.
        """
        ctx.function, ctx.numeric, ctx.along = forward, numeric, along
        ctx.operands = [operand.detach().clone() for operand in operands]
        ctx.shared = [operand.data for operand in operands]  # its changes are not counted
        with torch.no_grad():
            return tuple(output.detach().clone() for output in forward(*operands))

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor | None) -> tuple[Tensor | None, ...]:
        """The product for the chosen operands, the function's own gradients for the others."""
        own = [None] * len(ctx.operands) if all(ctx.numeric) else _own_gradients(ctx, gradients)
        found: list[Tensor | None] = [None, None, None]
        with torch.no_grad():
            for position, operand in enumerate(ctx.operands):
                shared = ctx.shared[position]
                if not ctx.numeric[position]:
                    found.append(own[position])
                elif ctx.along[position] is not None:
                    found.append(_product_along(ctx.function, ctx.operands, position, ctx.along[position], gradients))
                elif operand.layout is not torch.strided:
                    found.append(_sparse_product(ctx.function, ctx.operands, position, gradients))
                elif 0 in shared.stride() or not torch.equal(shared, operand) or _is_twice(ctx.shared, position):
                    filled = _with(ctx.operands, position, operand.clone())
                    found.append(_product(ctx.function, filled, filled[position], gradients))
                else:
                    # in its own memory, which a function that the operation was handed may read as well
                    found.append(_product(ctx.function, ctx.shared, shared, gradients))
        return tuple(found)


def _own_gradients(ctx: Any, gradients: Sequence[Tensor | None]) -> list[Tensor | None]:
    """What the function's own backward gives."""
    with torch.enable_grad():
        operands = [operand.clone().requires_grad_() for operand in ctx.operands]
        outputs = ctx.function(*operands)
        live = [(o, g) for o, g in zip(outputs, gradients, strict=True) if o.requires_grad and g is not None]
        return list(torch.autograd.grad([o for o, _ in live], operands, [g for _, g in live], allow_unused=True))


def _is_twice(operands: Sequence[Tensor], position: int) -> bool:
    """Whether another operand lies in the memory of this one, and would be moved with it."""
    own = storage_of(operands[position])
    return any(storage_of(other) == own for at, other in enumerate(operands) if at != position)


def _with(operands: Sequence[Tensor], position: int, operand: Tensor) -> list[Tensor]:
    return [*operands[:position], operand, *operands[position + 1 :]]


def _product(
    function: Callable[..., list[Tensor]],
    operands: Sequence[Tensor],
    entries: Tensor,
    gradients: Sequence[Tensor | None],
) -> Tensor:
    """The gradient of the entries of one operand by differences: they are moved in their memory and put back."""
    product = torch.zeros(entries.shape, dtype=entries.dtype)
    scale = scale_of(entries)
    for entry in itertools.product(*map(range, entries.shape)):
        value = entries[entry].item()
        step = _relative_step(entries) * max(scale, abs(value))
        for axis in (1.0, 1j) if entries.is_complex() else (1.0,):
            sides = []
            for moved in (value + step * axis, value - step * axis):
                entries[entry] = torch.tensor(moved, dtype=entries.dtype)
                sides.append([output.detach().clone() for output in function(*operands)])
            product[entry] += axis * _change(sides[0], sides[1], gradients) / (2 * step)
        entries[entry] = value
    return product


def _relative_step(operand: Tensor) -> float:
    return 1e-6 if operand.dtype in (torch.float64, torch.complex128) else 1e-3


def _change(plus: Sequence[Tensor], minus: Sequence[Tensor], gradients: Sequence[Tensor | None]) -> float:
    """The change of the loss; torch's gradient by a complex value is that by its parts, real + i imaginary."""
    change = 0.0
    for one, other, gradient in zip(plus, minus, gradients, strict=True):
        if gradient is not None and (one.is_floating_point() or one.is_complex()):
            change += float(((one - other) * gradient.conj()).real.sum())
    return change


def _product_along(
    function: Callable[..., list[Tensor]],
    operands: Sequence[Tensor],
    position: int,
    direction: Tensor,
    gradients: Sequence[Tensor | None],
) -> Tensor:
    """A gradient of one operand that is right along a direction, by one difference; across it, it is zero."""
    operand, square = operands[position], float(direction.abs().square().sum())
    if square == 0:
        return torch.zeros_like(operand)
    step = _relative_step(operand) * scale_of(operand) / math.sqrt(square / direction.numel())
    plus, minus = (function(*_with(operands, position, operand + side * direction)) for side in (step, -step))
    return direction * (_change(plus, minus, gradients) / (2 * step) / square)


def _sparse_product(
    function: Callable[..., list[Tensor]],
    operands: Sequence[Tensor],
    position: int,
    gradients: Sequence[Tensor | None],
) -> Tensor:
    """The gradient of the entries that a sparse operand stores, in its layout."""
    operand = operands[position].clone()
    operand = operand.coalesce() if operand.layout is torch.sparse_coo else operand
    product = operand.clone()
    product.values().copy_(_product(function, _with(operands, position, operand), operand.values(), gradients))
    return product
