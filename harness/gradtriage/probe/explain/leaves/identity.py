"""Which leaf is which from replay to replay: those that were there before the body, and those born in it, in order."""

from __future__ import annotations

import gc
from collections import Counter
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from gradtriage.probe.explain.leaves.threads import current_strand, numbered
from gradtriage.probe.explain.leaves.transforms import is_wrapped, physical

# "old" with the tensor's id (a forked child has the parent's memory), "born" with its number, or "frozen", again with
# an id: a parameter that requires no gradient, and so is no leaf in question
Key = tuple[str, int]


def leaves_alive() -> dict[int, Tensor]:
    """All leaf tensors that require a gradient and exist now, by id."""
    return {id(tensor): tensor for tensor in _tensors_alive() if tensor.requires_grad and is_leaf(tensor)}


def frozen_alive() -> list[Tensor]:
    """All parameters of modules that exist now and require no gradient."""
    return [t for t in _tensors_alive() if issubclass(type(t), torch.nn.Parameter) and not t.requires_grad]


def _tensors_alive() -> list[Tensor]:
    # `type` and not `isinstance`: no `__class__` property of the code under test runs
    return [thing for thing in gc.get_objects() if issubclass(type(thing), Tensor)]


class Identities:
    """Numbers the leaves of one replay.

    Args:
        old: The leaves that existed before the fork, by id.
    """

    def __init__(self, old: Mapping[int, Tensor]) -> None:
        self._old = old
        self._born: dict[int, tuple[Tensor, int]] = {}
        self._counts: Counter[int] = Counter()

    def look_at(self, value: Any) -> Tensor | None:
        """The tensor, if it is a leaf that was not seen before: it is born now."""
        if not isinstance(value, Tensor) or not value.requires_grad or not is_leaf(value) or is_wrapped(value):
            return None
        if id(value) in self._old or id(value) in self._born:
            return None
        self._born[id(value)] = value, numbered(self._counts[current_strand()])
        self._counts[current_strand()] += 1
        return value

    def key(self, leaf: Tensor) -> Key | None:
        """The leaf's key; None for a tensor that is no leaf or was born out of sight."""
        if id(leaf) in self._born:
            return "born", self._born[id(leaf)][1]
        return ("old", id(leaf)) if id(leaf) in self._old else None


def is_leaf(tensor: Tensor) -> bool:
    """Whether it is a leaf; a view made under `no_grad` whose base was written into cannot even be asked."""
    try:
        return tensor.is_leaf
    except RuntimeError:
        return False


def node_of(tensor: Tensor) -> Any:
    """The node of the graph that made it; None where there is none, or it cannot be asked for as above."""
    try:
        return tensor.grad_fn
    except RuntimeError:
        return None


def outputs_of(result: Any) -> list[Any]:
    """A function's result as a flat list of values, containers one level deep opened."""
    if isinstance(result, (tuple, list)):
        return list(result)
    return [result]


def storage_of(tensor: Tensor) -> int:
    """Where a tensor's data lie: the same for all its views; 0 where there are none."""
    try:
        plain = physical(tensor)
        return int((plain if plain.layout is torch.strided else memory_of(plain)).untyped_storage()._cdata)
    except (RuntimeError, NotImplementedError, AttributeError):
        return 0


def memory_of(leaf: Tensor) -> Tensor:
    """What a leaf stores, without its graph and in the same memory: all entries, or those that a sparse one has."""
    leaf = leaf.detach()
    if leaf.layout is torch.strided:
        return leaf
    return leaf._values() if leaf.layout is torch.sparse_coo else leaf.values()


def product(gradient: Tensor, along: Tensor, leaf: Tensor) -> float:
    """The derivative along a direction of what a leaf stores."""
    if leaf.layout is not torch.strided:
        pattern = leaf.detach().to_sparse_coo()  # type: ignore[no-untyped-call]
        gradient = gradient.to_dense()[tuple(pattern._indices())]
    elif gradient.layout is not torch.strided:
        gradient = gradient.to_dense()
    found = (gradient.to(along.dtype).conj() * along).sum()
    return float(found.real if found.is_complex() else found)


def scale_of(leaf: Tensor) -> float:
    """The typical magnitude of a leaf, by which a step is measured; 1 for a leaf of zeros."""
    values = memory_of(leaf)
    values = values.abs().double() if values.is_complex() else values.double()
    rms = float(values.square().mean().sqrt()) if values.numel() else 0.0
    return rms if rms > 0 and torch.isfinite(torch.tensor(rms)) else 1.0


# far from the seeds that tests use: a parameter drawn with seed 0 and a direction drawn with seed 0 are parallel
_OUR_SEEDS = 0x5DEECE66D1234567


def direction(shape: torch.Size, scale: float, seed: int, *, complex_: bool, symmetric: bool = False) -> Tensor:
    """A fixed random direction in double precision, its entries as large as the leaf's; a scalar's is its scale.

    Args:
        shape: The leaf's.
        scale: Its typical magnitude.
        seed: Of the random numbers.
        complex_: Whether the leaf is complex.
        symmetric: Whether the direction keeps a symmetric (Hermitian) matrix one.
    """
    dtype = torch.complex128 if complex_ else torch.float64
    if shape.numel() == 1:
        return torch.full(shape, scale, dtype=dtype)
    generator = torch.Generator().manual_seed(_OUR_SEEDS + 7919 * seed)
    along = torch.randn(shape, generator=generator, dtype=dtype) * scale
    return (along + along.mH) / 2 if symmetric else along


def direction_of(leaf: Tensor, scale: float, seed: int, *, symmetric: bool, held: bool) -> Tensor:
    """The direction in which what a leaf stores is moved.

    Args:
        leaf: It.
        scale: Its typical magnitude.
        seed: Of the random numbers.
        symmetric: As above.
        held: Whether entries that are zero stay so.
    """
    stored = memory_of(leaf)
    along = direction(stored.shape, scale, seed, complex_=leaf.is_complex(), symmetric=symmetric)
    return along * (stored != 0) if held else along
