"""Scripted code: run as the Python function that it was made of, where that is known; else one opaque operation."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import torch

if TYPE_CHECKING:
    from gradtriage.probe.explain.tape.tape import Tape

_PREFIX = "scripted "
# what sees an operation: function, arguments, and what runs it
Seeing = Callable[[Any, Sequence[Any], Mapping[str, Any], Callable[[], Any]], Any]


@contextmanager
def scripted_calls_are_seen(seeing: Seeing) -> Iterator[None]:
    """`torch.jit` calls its functions and methods past the function mode, and what they do is seen by nobody."""
    classes: tuple[Any, ...] = (torch._C.ScriptFunction, torch._C.ScriptMethod)
    originals = [cls.__call__ for cls in classes]

    def calling(original: Callable[..., Any]) -> Callable[..., Any]:
        def call(scripted: Any, *args: Any, **kwargs: Any) -> Any:
            written = getattr(scripted, "_torchdynamo_inline", None)
            if callable(written):
                return written(*args, **kwargs)
            run = functools.partial(original, scripted)
            return seeing(_Opaque(_name(scripted), run), args, kwargs, functools.partial(run, *args, **kwargs))

        return call

    for cls, original in zip(classes, originals, strict=True):
        cls.__call__ = calling(original)
    try:
        yield
    finally:
        for cls, original in zip(classes, originals, strict=True):
            cls.__call__ = original


class _Opaque:
    """A scripted method as an operation."""

    def __init__(self, name: str, run: Callable[..., Any]) -> None:
        self.__name__ = name
        self._run = run

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        return self._run(*args, **kwargs)


def _name(scripted: Any) -> str:
    owner: Any = getattr(scripted, "owner", None)
    of_class = str(owner._type().name()) + "." if hasattr(owner, "_type") else ""
    return f"{_PREFIX}{of_class}{scripted.name}"


def remedy(tape: Tape) -> str:
    """What to do about the scripted code that ran; empty where there was none."""
    calls = {op.key[1]: op.key[0] for op in tape.operations if op.key[1].startswith(_PREFIX)}
    if not calls:
        return ""
    names = ", ".join(f"{name.removeprefix(_PREFIX)} (called in line {site.line})" for name, site in calls.items())
    return (
        f"scripted code cannot be looked into: {names}; run with PYTORCH_JIT=0 from the start of the process, "
        "as `gradtriage explain` does, or explain the module before it is scripted"
    )
