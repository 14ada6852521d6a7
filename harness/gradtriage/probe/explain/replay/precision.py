"""A body in a higher precision than its own: what is rounded coarsely jumps, and differences see the jumps."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor
from torch.overrides import TorchFunctionMode
from torch.utils import _pytree as pytree

from gradtriage.probe.calls import argument

if TYPE_CHECKING:
    from gradtriage.probe.explain.program import Observer, Program

HALF = (torch.float16, torch.bfloat16)
_SINGLE: Mapping[torch.dtype, torch.dtype] = dict.fromkeys(HALF, torch.float32)
_DOUBLE: Mapping[torch.dtype, torch.dtype] = {
    **dict.fromkeys((*HALF, torch.float32), torch.float64),
    torch.complex64: torch.complex128,
}
_CASTS = frozenset({Tensor.half, Tensor.bfloat16, Tensor.float, Tensor.to, Tensor.type, Tensor.type_as})
# draw other numbers where another precision is asked for
_DRAWN = frozenset({torch.rand, torch.randn, torch.normal, torch.rand_like, torch.randn_like})
_DRAWN_BY = frozenset({torch.bernoulli, Tensor.bernoulli})
_DRAWN_INTO = frozenset(
    {
        Tensor.uniform_, Tensor.normal_, Tensor.exponential_, Tensor.log_normal_, Tensor.cauchy_, Tensor.geometric_,
        Tensor.bernoulli_,
    }
)  # fmt: skip


def without_half(program: Program) -> Program:
    """The program in which nothing is rounded to half precision: `autocast` is off, and casts are copies."""

    def run(observer: Observer) -> None:
        with _autocast_is_off(), _Widening(_SINGLE):
            program(observer)

    return run


def in_double(program: Program) -> Program:
    """The program in double precision throughout, with the random numbers that it draws in its own."""

    def run(observer: Observer) -> None:
        default = torch.get_default_dtype()
        torch.set_default_dtype(_DOUBLE.get(default, default))
        try:
            with _autocast_is_off(), _Widening(_DOUBLE, drawn=default):
                program(observer)
        finally:
            torch.set_default_dtype(default)

    return run


@contextmanager
def leaves_in_double(leaves: Iterable[Tensor]) -> Iterator[None]:
    """For the length of its block these leaves are in double precision, with the values that they have."""
    narrow = [(leaf, leaf.data, leaf.grad) for leaf in leaves if leaf.dtype in _DOUBLE]
    try:
        for leaf, data, _ in narrow:
            leaf.grad = None  # it has to be of the leaf's own type
            leaf.data = data.to(_DOUBLE[data.dtype])
        yield
    finally:
        for leaf, data, gradient in narrow:
            leaf.grad = None
            leaf.data = data
            leaf.grad = gradient


class _Widening(TorchFunctionMode):
    """Tensors have the wider of two precisions wherever the program gives them the narrower.

    Args:
        wider: What stands for which precision.
        drawn: The default precision of the program, in which random numbers are drawn; None to leave that alone.
    """

    def __init__(self, wider: Mapping[torch.dtype, torch.dtype], drawn: torch.dtype | None = None) -> None:
        super().__init__()
        self._wider, self._drawn = wider, drawn

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        if self._drawn is not None and _draws_into(func) and _is_wide(first := argument(args, kwargs, 0, "tensor")):
            drawn = torch.empty_like(first.detach(), dtype=self._drawn)
            func(drawn, *args[1:], **{name: value for name, value in kwargs.items() if name != "tensor"})
            with torch.no_grad():
                first.copy_(drawn)
            return first
        if self._drawn is not None and func in _DRAWN:
            given = {} if func is torch.normal and any(isinstance(a, Tensor) for a in args) else {"dtype": self._drawn}
            return self._made_wide(func(*args, **{**given, **kwargs}))
        if self._drawn is not None and func in _DRAWN_BY and _is_wide(args[0]):
            return func(args[0].to(self._drawn), *args[1:], **kwargs).to(args[0].dtype)
        cast = func in _CASTS and args[0].is_floating_point() and args[0].dtype not in self._wider
        if cast:
            args, kwargs = pytree.tree_map_only(
                torch.dtype, lambda dtype: self._wider.get(dtype, dtype), (args, kwargs)
            )
        try:
            result = func(*args, **kwargs)
        except RuntimeError:  # what was there before the body is narrow as it was, and may not go with the rest
            operands = [one for one in pytree.tree_leaves((args, kwargs)) if isinstance(one, Tensor)]
            if not any(operand.dtype in self._wider for operand in operands):
                raise
            result = func(*self._operands(args), **self._operands(kwargs))
        if not isinstance(result, Tensor) or result.dtype not in self._wider:
            return result
        if cast:
            return args[0].clone()
        return result if args and isinstance(args[0], Tensor) else self._made_wide(result)

    def _made_wide(self, result: Tensor) -> Tensor:
        """What was made of no tensor; it may be a leaf."""
        wide = self._wider.get(result.dtype)
        return result if wide is None else result.detach().to(wide).requires_grad_(result.requires_grad)

    def _operands(self, values: Any) -> Any:
        """The same arguments, the tensors among them in the wider precision."""

        def wide(tensor: Tensor) -> Tensor:
            return tensor.to(self._wider.get(tensor.dtype, tensor.dtype))

        return pytree.tree_map_only(Tensor, wide, values)


def _draws_into(func: Any) -> bool:
    return func in _DRAWN_INTO or getattr(func, "__module__", "") == "torch.nn.init"


def _is_wide(value: Any) -> bool:
    return isinstance(value, Tensor) and value.dtype in _DOUBLE.values()


@contextmanager
def _autocast_is_off() -> Iterator[None]:
    autocast: Any = torch.autocast
    make: Callable[..., None] = autocast.__init__

    @functools.wraps(make)
    def disabled(self: Any, *args: Any, **options: Any) -> None:
        make(self, *args, **options)
        self._enabled = False

    autocast.__init__ = disabled
    try:
        yield
    finally:
        autocast.__init__ = make
