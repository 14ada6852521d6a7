"""torch's functions by name, and their arguments as plain data: enough to call them again in another run."""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import torch
from torch import Tensor

_SPACES = {
    "Tensor": torch.Tensor,
    "nn.functional": torch.nn.functional,
    "linalg": torch.linalg,
    "fft": torch.fft,
    "special": torch.special,
    "": torch,
}
_PROPERTIES = ("data", "T", "mT", "H", "mH", "real", "imag")
# a stored run is a file: it names functions of numbers, and nothing that opens files
_REFUSED = frozenset({"from_file", "save", "load", "compile"})
_MOST_ITEMS = 10_000
_OTHER = "other"


@functools.cache
def _by_identity() -> dict[int, str]:
    names: dict[int, str] = {}
    for space, home in _SPACES.items():
        for name in dir(home):
            if name not in _REFUSED and callable(getattr(home, name, None)):
                names.setdefault(id(getattr(home, name)), f"{space}.{name}" if space else name)
    return names


def function_name(func: Any) -> str | None:
    """The name by which `function_named` finds a function again; None for one that is not torch's own."""
    if getattr(func, "__name__", "") == "__get__":
        name = getattr(getattr(func, "__self__", None), "__name__", "")
        return f"property.{name}" if name in _PROPERTIES else None
    return None if isinstance(func, type) else _by_identity().get(id(func))


def function_named(name: str) -> Callable[..., Any] | None:
    """The function; None where this torch has none of that name, or it is none of numbers."""
    space, _, plain = name.rpartition(".")
    if space == "property":
        return (lambda tensor: getattr(tensor, plain)) if plain in _PROPERTIES else None
    found = getattr(_SPACES.get(space), plain, None) if space in _SPACES else None
    return found if found is not None and id(found) in _by_identity() else None


def described(value: Any) -> Any:
    """An argument as JSON, its tensors as `{"tensor": n}` in the order in which `tensors_in` gives them."""
    counter = iter(range(1 << 30))
    return _described(value, counter)


def _described(value: Any, counter: Iterator[int]) -> Any:
    if isinstance(value, Tensor):
        return {"tensor": next(counter)}
    if value is None or isinstance(value, (bool, str)):
        return value
    if isinstance(value, int):
        return int(value)
    if isinstance(value, float):
        return float(value) if math.isfinite(value) else {"float": repr(float(value))}
    if isinstance(value, complex):
        return {"complex": [_described(value.real, counter), _described(value.imag, counter)]}
    if isinstance(value, (torch.dtype, torch.device, torch.layout, torch.memory_format)):
        return {type(value).__name__: str(value).removeprefix("torch.")}
    if value is Ellipsis:
        return {"ellipsis": True}
    if isinstance(value, slice):
        return {"slice": [_described(part, counter) for part in (value.start, value.stop, value.step)]}
    if isinstance(value, (list, tuple)) and len(value) <= _MOST_ITEMS:
        kind = "list" if isinstance(value, list) else "tuple"
        return {kind: [_described(item, counter) for item in value]}
    if isinstance(value, dict) and len(value) <= _MOST_ITEMS and all(isinstance(key, str) for key in value):
        return {"dict": {key: _described(item, counter) for key, item in value.items()}}
    return {_OTHER: type(value).__name__}


class NotAgainError(Exception):
    """An argument or a function that cannot be had again from its description."""


def undescribed(data: Any, tensors: Callable[[int], Tensor]) -> Any:
    """The argument that was described.

    Args:
        data: Its description.
        tensors: Gives the n-th tensor.

    Raises:
        NotAgainError: The argument was no plain data.
    """
    if not isinstance(data, dict):
        return data
    ((kind, content),) = data.items()
    again = functools.partial(undescribed, tensors=tensors)
    if kind == "tensor":
        return tensors(content)
    if kind in ("list", "tuple"):
        items = [again(item) for item in content]
        return items if kind == "list" else tuple(items)
    if kind == "dict":
        return {key: again(item) for key, item in content.items()}
    if kind == "slice":
        return slice(*[again(part) for part in content])
    if kind == "ellipsis":
        return Ellipsis
    if kind == "float":
        return float(content)
    if kind == "complex":
        return complex(*[again(part) for part in content])
    if kind == "device":
        return torch.device(content)
    if kind in ("dtype", "layout", "memory_format"):
        return getattr(torch, content)
    raise NotAgainError(f"an argument of type {content}")


def plain_numbers(data: Any) -> Iterator[float]:
    """The numbers among described arguments, in order."""
    if isinstance(data, (int, float)) and not isinstance(data, bool):
        yield float(data)
    elif isinstance(data, dict):
        for kind, content in data.items():
            if kind != "tensor":
                yield from plain_numbers(content)
    elif isinstance(data, list):
        for item in data:
            yield from plain_numbers(item)


def call_named(name: str | None, args: Any, kwargs: Any, tensors: Sequence[Tensor]) -> Any:
    """Calls a function that was described with its arguments.

    Raises:
        NotAgainError: It cannot be had again.
    """
    function = function_named(name) if name else None
    if function is None:
        raise NotAgainError(f"the function {name}")
    positional, named = undescribed(args, tensors.__getitem__), undescribed(kwargs, tensors.__getitem__)
    return function(*positional, **named)
