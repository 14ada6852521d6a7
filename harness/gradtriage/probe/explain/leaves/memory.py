"""Whose memory is written: a module keeps parameters and buffers, and what lies in them is state, not a path."""

from __future__ import annotations

import functools
import gc
import weakref
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Literal

import torch
from torch import Tensor

from gradtriage.probe.explain.leaves.identity import storage_of

Owner = Literal["", "parameter", "buffer"]


class ModuleMemory:
    """Tells the memory of modules' parameters and buffers from any other.

    Modules that exist already are found when the first question is asked; those that are made or copied afterwards are
    seen while `watching` holds.
    """

    def __init__(self) -> None:
        self._modules: dict[int, weakref.ref[Any]] = {}
        self._searched = False
        self._known: dict[int, tuple[weakref.ref[Any], str, Owner]] = {}
        self._strange: set[int] = set()

    @contextmanager
    def watching(self) -> Iterator[None]:
        """Sees the modules that are made or copied in its block."""
        made, copied = torch.nn.Module.__init__, torch.nn.Module.__setstate__
        torch.nn.Module.__init__ = self._noting(made)  # type: ignore[method-assign]
        torch.nn.Module.__setstate__ = self._noting(copied)  # type: ignore[method-assign]
        try:
            yield
        finally:
            torch.nn.Module.__init__ = made  # type: ignore[method-assign]
            torch.nn.Module.__setstate__ = copied  # type: ignore[method-assign]

    def _noting(self, original: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(original)
        def method(module: Any, *args: Any, **kwargs: Any) -> Any:
            result = original(module, *args, **kwargs)
            self._modules[id(module)] = weakref.ref(module)
            self._strange.clear()
            return result

        return method

    def owner(self, tensor: Tensor) -> Owner:
        """What the tensor's memory belongs to; empty for memory of no module."""
        storage = storage_of(tensor)
        found = self._owner(storage)
        if found or storage in self._strange:
            return found
        self._search()
        found = self._owner(storage)
        if not found:
            self._strange.add(storage)
        return found

    def look_again(self) -> None:
        """What belonged to nobody may belong to a module by now."""
        self._strange.clear()

    def _owner(self, storage: int) -> Owner:
        if storage not in self._known:
            return ""
        reference, name, kind = self._known[storage]
        module = reference()
        held = None if module is None else (module._parameters if kind == "parameter" else module._buffers).get(name)
        return kind if held is not None and storage_of(held) == storage else ""

    def _search(self) -> None:
        if not self._searched:
            self._searched = True
            # `type` and not `isinstance`: no `__class__` property of the code under test runs
            for thing in gc.get_objects():
                if issubclass(type(thing), torch.nn.Module) and "_buffers" in thing.__dict__:
                    self._modules[id(thing)] = weakref.ref(thing)
        for reference in list(self._modules.values()):
            module = reference()
            state = {} if module is None else module.__dict__
            tables: tuple[tuple[Owner, Any], ...] = (("buffer", "_buffers"), ("parameter", "_parameters"))
            for kind, table in tables:
                for name, tensor in (state.get(table) or {}).items():
                    if isinstance(tensor, Tensor):
                        self._known[storage_of(tensor)] = reference, name, kind
