"""The tensors that a test can see: a bounded search from the variables of its frames, calling nobody's code.

Attributes are read from instance dictionaries and slots, containers by the methods of `dict`, `list` and `tuple`
themselves: no property, `__getattr__`, `__iter__` or `__eq__` of the code under test ever runs.
"""

# ruff: noqa: ANN401 - values of any type come by here

from __future__ import annotations

import functools
from collections.abc import Iterator
from itertools import islice
from types import (
    BuiltinFunctionType,
    CodeType,
    FrameType,
    FunctionType,
    MethodType,
    ModuleType,
)
from typing import Any

import torch

from gradtriage.probe.attributes import attributes, bases, instance_dict
from gradtriage.probe.frames import Stack, namespace
from gradtriage.probe.names import key_name, loop_targets, used_globals
from gradtriage.probe.view import Memory, View

_DEPTH = 6
_OBJECTS_PER_FRAME = 1500
_ITEMS_PER_CONTAINER = 512

# how a value is searched, by its exact type; of two equally near names, the one reached by the earlier kind is better
_NOTHING, _TENSOR, _MODULE, _OBJECT, _DICT, _SEQUENCE, _FUNCTION, _METHOD, _PARTIAL = range(9)

_BY_TYPE: dict[type, int] = {
    torch.Tensor: _TENSOR,
    torch.nn.Parameter: _TENSOR,
    dict: _DICT,
    list: _SEQUENCE,
    tuple: _SEQUENCE,
    FunctionType: _FUNCTION,
    MethodType: _METHOD,
    functools.partial: _PARTIAL,
    **dict.fromkeys((type(None), bool, int, float, complex, str, bytes, bytearray, range, slice, set, frozenset), 0),
    **dict.fromkeys((ModuleType, BuiltinFunctionType, CodeType, FrameType, type, torch.dtype, torch.device), 0),
    **dict.fromkeys((torch.Size, torch.Generator, type(Ellipsis), type(NotImplemented)), 0),
}

# packages whose objects hold a session's machinery, or data in which no tensor that requires a gradient can be
_CLOSED = {
    "_pytest",
    "pluggy",
    "pytest",
    "numpy",
    "logging",
    "threading",
    "hypothesis",
    "gradtriage",
    "_io",
    "unittest",
}

# what torch keeps in every module, beside parameters and submodules
_MODULE_PRIVATE = set(torch.nn.Module().__dict__) | {"_forward_pre_hooks_with_kwargs", "_non_persistent_buffers_set"}

_MODULE_TABLES = ("_parameters", "_modules", "_buffers")
_memory = Memory()

_Waiting = tuple[Any, str, int, int, bool]


def look(stack: Stack, wanted: set[int]) -> View:
    """Searches the stack's frames and the test module for leaves, and for the tensors whose ids are wanted.

    Names from the test function go before those of deeper frames, near ones before far ones, and targets of loops
    come last. Frames of libraries name what is wanted, but what only they see is not visible to the test.

    A loop that calls `backward` again and again is searched once, and again when something in it was rebound.
    """
    frames = [*stack.own, *stack.libraries]
    spaces = [namespace(frame) for frame in frames]
    modules = [
        {name: frame.f_globals[name] for name in used_globals(frame) if name in frame.f_globals} for frame in stack.own
    ]
    signature = [mark for space in (*spaces, *modules) for mark in _marks(space)]
    view = _memory.recall(stack.code, signature, wanted)
    if view is not None:
        return view
    view = View()
    seen: set[int] = set()
    for order, (frame, space) in enumerate(zip(frames, spaces, strict=True)):
        poor = loop_targets(frame.f_code)
        # pytest's rewritten assertions and comprehensions have variables of their own: `@py_assert1`, `.0`
        start = [(value, name, 0, name in poor) for name, value in space.items() if name.isidentifier()]
        _gather(view, _search(start, seen), order, wanted, collect=order < len(stack.own))
    for space in modules:
        start = [(value, name, 0, False) for name, value in space.items()]
        _gather(view, _search(start, seen), len(frames), wanted, collect=True)
    _memory.keep(stack.code, signature, view)
    return view


def _marks(space: dict[str, Any]) -> Iterator[tuple[str, int, int]]:
    """What of a namespace says whether it would have to be searched again."""
    for name, value in space.items():
        kind = _BY_TYPE.get(type(value))
        if kind is None:
            kind = _kind_of(type(value))
        if kind == _TENSOR:
            if value.requires_grad and value.is_leaf:
                yield name, id(value), 0
        elif kind != _NOTHING:
            yield name, id(value), _size(value, kind)


def _size(value: Any, kind: int) -> int:
    if kind == _DICT:
        return dict.__len__(value)
    if kind == _SEQUENCE:
        return list.__len__(value) if list in bases(type(value)) else 0
    if kind == _MODULE:
        members = instance_dict(value)
        return len(members) + sum(len(members[table]) for table in _MODULE_TABLES if table in members)
    return len(instance_dict(value)) if kind == _OBJECT else 0


def _gather(
    view: View,
    found: Iterator[tuple[torch.Tensor, str, int, int, bool]],
    order: int,
    wanted: set[int],
    *,
    collect: bool,
) -> None:
    for tensor, name, depth, kind, poor in found:
        leaf = tensor.requires_grad and tensor.is_leaf
        if id(tensor) in wanted or leaf:
            view.add(tensor, name, (int(poor), order, depth, kind), visible=leaf and collect)


def _search(
    start: list[tuple[Any, str, int, bool]], seen: set[int]
) -> Iterator[tuple[torch.Tensor, str, int, int, bool]]:
    """Breadth first: tensor, name, depth, how it was reached (modules first), whether its name is a loop's."""
    waiting: list[_Waiting] = [(value, name, depth, _MODULE, poor) for value, name, depth, poor in start]
    budget = _OBJECTS_PER_FRAME
    at = 0
    while at < len(waiting):
        value, name, depth, reached, poor = waiting[at]
        at += 1
        kind = _BY_TYPE.get(type(value))
        if kind is None:
            kind = _kind_of(type(value))
        if kind == _TENSOR:
            yield value, name, depth, reached, poor
        elif kind != _NOTHING and depth < _DEPTH and id(value) not in seen:
            seen.add(id(value))
            budget -= 1
            if budget <= 0:
                return
            waiting.extend(
                (child, label, depth + deeper, how, poor) for child, label, deeper, how in _children(value, kind, name)
            )


def _kind_of(cls: type) -> int:
    """How to search a value of a class that is not in the table."""
    mro = bases(cls)
    if torch.Tensor in mro:
        return _TENSOR
    if torch.nn.Module in mro:
        return _MODULE
    if ModuleType in mro or type in mro:
        return _NOTHING
    if dict in mro:
        return _DICT
    if list in mro or tuple in mro:
        return _SEQUENCE
    module = cls.__dict__.get("__module__", "")
    if isinstance(module, str) and module.partition(".")[0] in _CLOSED:
        return _NOTHING
    return _OBJECT


def _children(value: Any, kind: int, name: str) -> Iterator[tuple[Any, str, int, int]]:
    """What a value holds: child, its name, how much deeper it is, how it was reached."""
    if kind == _DICT:
        for key, child in islice(list(dict.items(value)), _ITEMS_PER_CONTAINER):
            yield child, key_name(name, key, of_module=False), 1, _DICT
    elif kind == _SEQUENCE:
        yield from _items(value, name)
    elif kind == _MODULE:
        yield from _module_members(value, name)
    elif kind == _FUNCTION:
        for variable, cell in zip(value.__code__.co_freevars, value.__closure__ or (), strict=False):
            try:
                yield cell.cell_contents, variable, 1, _FUNCTION
            except ValueError:  # not assigned yet
                continue
    elif kind == _METHOD:
        yield value.__self__, "self", 1, _METHOD
    elif kind == _PARTIAL:
        yield value.func, name, 1, _PARTIAL
        yield value.args, name, 1, _PARTIAL
        yield value.keywords, name, 1, _PARTIAL
    else:
        for attribute, child in attributes(value):
            yield child, attribute, 1, _OBJECT


def _items(value: Any, name: str) -> Iterator[tuple[Any, str, int, int]]:
    base: type = list if list in type(value).__mro__ else tuple
    fields = type(value).__dict__.get("_fields") if base is tuple else None
    for index, child in enumerate(islice(base.__iter__(value), _ITEMS_PER_CONTAINER)):  # type: ignore[attr-defined]
        named = isinstance(fields, tuple) and index < len(fields)
        yield child, str(fields[index]) if named else f"{name}[{index}]", 1, _SEQUENCE  # type: ignore[index]


def _module_members(module: Any, name: str) -> Iterator[tuple[Any, str, int, int]]:
    """Parameters and submodules are as near as the module itself: `model.block.fc.weight` is one name."""
    prefix = "" if name == "self" else f"{name}."
    members = dict(attributes(module))
    for table, deeper in zip(_MODULE_TABLES, (1, 0, 1), strict=True):
        entries = members.get(table)
        if isinstance(entries, dict):
            for key, child in list(dict.items(entries)):
                if child is not None:
                    yield child, f"{prefix}{key}", deeper, _MODULE
    for key, child in members.items():
        if key not in _MODULE_PRIVATE:
            yield child, f"{prefix}{key}", 1, _MODULE
