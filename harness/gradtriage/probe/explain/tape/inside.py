"""Operations inside custom functions: beside the tape, since gradients are off there, and no cut or death by that."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from gradtriage.probe.explain.leaves.entries import entries

if TYPE_CHECKING:
    from gradtriage.probe.explain.source.sites import Site

    Key = tuple[Site, str, int]


@dataclass(frozen=True)
class Inner:
    """One operation inside the forward or the backward of a custom function.

    Attributes:
        backward: It is part of the backward.
        sources: For each tensor that went in: the position of the operation inside that made it; -1 for others.
        zeros_in: For each tensor that went in: whether it is zero everywhere.
        finite_in: Whether all that went in is finite.
        zeros: The output is zero everywhere.
        finite: The output is finite.
        zero_number: It multiplies by the number 0.
        into_gradient: It writes into the memory of a gradient that came in.
    """

    key: Key
    backward: bool
    sources: tuple[int, ...]
    zeros_in: tuple[bool, ...]
    finite_in: bool
    zeros: bool
    finite: bool
    zero_number: bool
    into_gradient: bool = False


def all_zero(tensor: Tensor) -> bool:
    """Whether a tensor has entries and all are zero."""
    values = entries(tensor)
    if values.numel() == 0 or bool(values[(0,) * values.ndim]):  # the first entry settles it for nearly every tensor
        return False
    return not bool(values.any())


def all_finite(tensors: Iterable[Tensor]) -> bool:
    """Whether every floating-point entry is finite."""
    floating = (tensor for tensor in tensors if tensor.is_floating_point() or tensor.is_complex())
    return all(bool(torch.isfinite(entries(tensor)).all()) for tensor in floating)


def birth_of_nonfinite(inner: Sequence[Inner], *, backward: bool) -> Inner | None:
    """The first operation that makes a value that is not finite of finite ones."""
    found = (one for one in inner if one.backward is backward and not one.finite)
    return next((one for one in found if one.finite_in), None)


def write_into_gradient(inner: Sequence[Inner]) -> Inner | None:
    """The first operation of a backward that writes into what came in."""
    return next((one for one in inner if one.into_gradient), None)


def birth_of_zero(inner: Sequence[Inner]) -> Inner | None:
    """The operation of a backward whose result, handed on, is zero everywhere while something that went in is not."""
    found = [one for one in inner if one.backward and one.zeros and one.zeros_in and not all(one.zeros_in)]
    return found[0] if found else None


def zero_factors(inner: Sequence[Inner]) -> Iterator[tuple[Inner, Inner]]:
    """Operations of a forward in which a zero absorbs another operand, each with the one that made the zero there."""
    forward = [one for one in inner if not one.backward]
    for one in forward:
        if not one.zeros or all(one.zeros_in):
            continue
        if one.zero_number:
            yield one, one
        for source, zeros in zip(one.sources, one.zeros_in, strict=True):
            if zeros and source >= 0:
                yield one, _origin(forward, source)


def _origin(forward: Sequence[Inner], position: int) -> Inner:
    """Where a zero that was handed on inside was born."""
    while True:
        one = forward[position]
        earlier = [s for s, zeros in zip(one.sources, one.zeros_in, strict=True) if zeros and 0 <= s < position]
        if not earlier:
            return one
        position = earlier[0]
