"""Custom functions as classes: which functions make up their formulas, and others in the place of these."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor

from gradtriage.probe.explain.leaves.transforms import physical
from gradtriage.probe.explain.source.sites import Site
from gradtriage.probe.explain.tape.numeric import is_large
from gradtriage.probe.explain.tape.tape import CustomCall, Key

Formula = Callable[..., Any]


def is_function(function: Any) -> bool:
    """Whether something called is a custom function; other classes (`torch.device`) are called as well."""
    return isinstance(function, type) and issubclass(function, torch.autograd.Function)


def is_made_by_torch(function: Any) -> bool:
    """Whether a custom function was made of another for a level of a transform."""
    return str(getattr(function, "__module__", "")).startswith("torch._functorch")


def custom_call(key: Key, function: Any, arguments: Sequence[Any]) -> CustomCall:
    """A call of a custom function, or of another class."""
    live = tuple(isinstance(a, Tensor) and physical(a).requires_grad for a in arguments)
    if not is_function(function):
        return CustomCall(key, live)
    return CustomCall(
        key,
        live,
        site_of(own_backward(function)),
        site_of(keeper(function)),
        contextless=keeps_apart(function),
        large=any(map(is_large, arguments)),
    )


def own_backward(function: Any) -> Formula | None:
    """The backward of a custom function as its author wrote it, also one registered for a custom operator."""
    registered = _registered(function)
    formula = registered._backward_fn if registered is not None else getattr(function, "backward", None)
    return formula if callable(formula) else None


def keeper(function: Any) -> Formula | None:
    """What keeps values for the backward: `setup_context`, or the forward of a function without one."""
    registered = _registered(function)
    if registered is not None:
        formula = registered._setup_context_fn
    else:
        formula = function.setup_context if keeps_apart(function) else function.forward
    return formula if callable(formula) else None


def set_backward(function: Any, formula: Formula) -> None:
    """Puts another backward in the place of a custom function's, for the rest of this process."""
    registered = _registered(function)
    if registered is not None:
        registered._backward_fn = formula
    else:
        function.backward = staticmethod(formula)


def set_keeper(function: Any, formula: Formula) -> None:
    """Puts another function in the place of the one that keeps values, for the rest of this process."""
    registered = _registered(function)
    if registered is not None:
        registered._setup_context_fn = formula
    elif keeps_apart(function):
        function.setup_context = staticmethod(formula)
    else:
        function.forward = staticmethod(formula)


def keeps_apart(function: Any) -> bool:
    """Whether values are kept by `setup_context`, and the forward takes no context."""
    return function.setup_context is not torch.autograd.Function.setup_context


def site_of(formula: Formula | None) -> Site | None:
    """Its first line; None for what has no source in Python."""
    code = getattr(None if formula is None else inspect.unwrap(formula), "__code__", None)
    return None if code is None else Site(code.co_filename, code.co_firstlineno, code.co_qualname)


def _registered(function: Any) -> Any:
    """What `register_autograd` was given for the operator that a class was generated for; None for other classes."""
    if not function.__name__.startswith("GeneratedBackwardFor_"):
        return None
    code, cells = getattr(function.backward, "__code__", None), getattr(function.backward, "__closure__", None)
    if code is None or not cells or "info" not in code.co_freevars:
        return None
    return cells[code.co_freevars.index("info")].cell_contents
