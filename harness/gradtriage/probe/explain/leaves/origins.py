"""Where parameters were made and where they stopped requiring a gradient, in the body and before it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor
from torch.overrides import TorchFunctionMode

from gradtriage.probe.calls import argument
from gradtriage.probe.explain.source.sites import Site, calling_site


@dataclass
class Origins:
    """What is known of the tensors of this process.

    Attributes:
        made: Where parameters were made, by their id; the tensors are kept, so that an id stays its own.
        frozen: Where tensors were told to require no gradient, or where parameters were made that require none.
    """

    made: dict[int, tuple[Tensor, Site]] = field(default_factory=dict)
    frozen: dict[int, tuple[Tensor, Site]] = field(default_factory=dict)

    def note_making(self, parameter: Any) -> None:
        """A parameter was made."""
        if isinstance(parameter, Tensor):
            self.made[id(parameter)] = parameter, calling_site(2)
            if not parameter.requires_grad:
                self.frozen[id(parameter)] = self.made[id(parameter)]

    def note(self, func: Any, args: Sequence[Any], kwargs: Mapping[str, Any]) -> None:
        """A function of torch is called: it may freeze a tensor."""
        if freezes(func, args, kwargs):
            self.frozen[id(args[0])] = args[0], calling_site(2)

    def place_of_freezing(self, tensor: Tensor) -> Site | None:
        """Where the tensor stopped requiring a gradient; None where that was not seen."""
        known = self.frozen.get(id(tensor))
        return None if known is None else known[1]

    def place_of_making(self, tensor: Tensor) -> Site | None:
        """Where the parameter was made; None where that was not seen."""
        known = self.made.get(id(tensor))
        return None if known is None else known[1]


# of this process: a forked child has its parent's
ORIGINS = Origins()


def freezes(func: Any, args: Sequence[Any], kwargs: Mapping[str, Any]) -> bool:
    """Whether `requires_grad_(False)` is called, or `requires_grad = False` assigned, of what requires a gradient."""
    name = getattr(func, "__name__", "")
    sets = name == "__set__" and getattr(func, "__self__", None) is torch.Tensor.requires_grad
    told = argument(tuple(args), dict(kwargs), 1, "requires_grad") if sets or name == "requires_grad_" else None
    return told is False and bool(args[0].requires_grad)


class _Noting(TorchFunctionMode):
    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        ORIGINS.note(func, args, kwargs or {})
        return func(*args, **(kwargs or {}))


@contextmanager
def origins_are_noted() -> Iterator[None]:
    """For code that runs before the body: imports, fixtures."""
    with _Noting():
        yield


class _Thawing(TorchFunctionMode):
    """Nothing is frozen."""

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        if freezes(func, args, kwargs or {}):
            return args[0]
        return func(*args, **(kwargs or {}))


@contextmanager
def freezing_is_undone() -> Iterator[None]:
    """For a counterfactual: what was frozen before requires a gradient again, and nothing is frozen."""
    for tensor, _ in ORIGINS.frozen.values():
        if tensor.is_floating_point() or tensor.is_complex():
            tensor.requires_grad_(True)
    new = torch.nn.Parameter.__new__

    def make(cls: Any, *args: Any, **kwargs: Any) -> Any:
        parameter = new(cls, *args, **kwargs)
        return parameter.requires_grad_(parameter.is_floating_point() or parameter.is_complex())

    torch.nn.Parameter.__new__ = staticmethod(make)  # type: ignore[method-assign]
    try:
        with _Thawing():
            yield
    finally:
        torch.nn.Parameter.__new__ = staticmethod(new)  # type: ignore[method-assign]
