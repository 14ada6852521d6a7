"""Tensors inside the transforms of `torch.func`: the memory that they stand for, and how they are wrapped.

Within `vmap`, `grad`, `jvp` and their kin a tensor is a wrapper, once for each transform around it. Values, storages
and the graph outside of all transforms belong to what is wrapped innermost.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

_F: Any = getattr(torch._C, "_functorch", None)
_NEEDED = ("peek_interpreter_stack", "is_functorch_wrapped_tensor", "get_unwrapped", "is_batchedtensor")
# without these names (another torch) transforms are out of sight, and what happens in them is told as unknown
SEEN = all(hasattr(_F, name) for name in _NEEDED) and hasattr(torch._C, "_DisableFuncTorch")


def in_transform() -> bool:
    """Whether a transform is running in this thread."""
    return _F is not None and _F.peek_interpreter_stack() is not None


def physical(tensor: Tensor) -> Tensor:
    """The tensor that a wrapper stands for, with its batch dimensions; a tensor that is none itself."""
    if SEEN:
        while _F.is_functorch_wrapped_tensor(tensor):
            tensor = _F.get_unwrapped(tensor)
    return tensor


def outside() -> AbstractContextManager[Any]:
    """Runs a block as if no transform were running: for our own work on physical tensors."""
    return torch._C._DisableFuncTorch() if SEEN and in_transform() else contextlib.nullcontext()


@dataclass(frozen=True)
class Wrapped:
    """The values behind a wrapper, and its batch dimensions: can be handed to another replay.

    Attributes:
        batches: Dimension and level of each `vmap` around it, innermost first.
    """

    values: Tensor
    batches: tuple[tuple[int, int], ...]

    @classmethod
    def of(cls, tensor: Tensor) -> Wrapped:
        """A copy of the values behind a tensor, whether it is wrapped or not."""
        batches = []
        layer = tensor
        while is_wrapped(layer):
            if _F.is_batchedtensor(layer):
                batches.append((_F.maybe_get_bdim(layer), _F.maybe_get_level(layer)))
            layer = _F.get_unwrapped(layer)
        with outside():
            return cls(layer.detach().clone(), tuple(reversed(batches)))

    def tensor(self) -> Tensor:
        """The values, wrapped as they were; to be called inside the same transforms."""
        layer = self.values
        for dimension, level in self.batches:
            layer = _F._add_batch_dim(layer, dimension, level)
        return layer


def is_wrapped(tensor: Tensor) -> bool:
    """Whether a transform's wrapper is around a tensor."""
    return SEEN and bool(_F.is_functorch_wrapped_tensor(tensor))


@contextmanager
def batches_leave(told: Callable[[Tensor, Tensor], None]) -> Iterator[None]:
    """Tells, while its block runs, which tensor each result of `vmap` was made of: their memory is the same."""
    from torch._functorch import vmap as module

    original = getattr(module, "_remove_batch_dim", None)
    if original is None or not SEEN:
        yield
        return

    def remove(tensor: Tensor, *arguments: Any) -> Tensor:
        result: Tensor = original(tensor, *arguments)
        told(physical(tensor), physical(result))
        return result

    setattr(module, "_remove_batch_dim", remove)  # noqa: B010
    try:
        yield
    finally:
        setattr(module, "_remove_batch_dim", original)  # noqa: B010
