"""What the author of a test would call a tensor: how values are reached from names, and which names are poor."""

from __future__ import annotations

import dis
import inspect
from collections.abc import Callable, Iterator
from types import CodeType, FrameType, FunctionType
from typing import Any

_CACHE = dis.opmap.get("CACHE", 0)
_EXTENDED = dis.opmap["EXTENDED_ARG"]
_FOR_ITER = dis.opmap["FOR_ITER"]
_UNPACK = {dis.opmap["UNPACK_SEQUENCE"], dis.opmap["UNPACK_EX"]}
_TWO_STORES = dis.opmap.get("STORE_FAST_STORE_FAST")
_STORE_AND_LOAD = dis.opmap.get("STORE_FAST_LOAD_FAST")
# by identity, as hashing a code object hashes all of its bytecode; the code is kept so that no other gets its id
_targets: dict[int, tuple[CodeType, frozenset[str]]] = {}
_globals_used: dict[int, tuple[CodeType, tuple[str, ...]]] = {}


def loop_targets(code: CodeType) -> frozenset[str]:
    """The variables that a `for` loop or comprehension of this code assigns.

    `for name, t in params.items()` leaves a `t` behind that is no name for any of the parameters.
    """
    found = _targets.get(id(code))
    if found is None:
        found = _targets[id(code)] = code, frozenset(_assigned_by_loops(code))
    return found[1]


def _assigned_by_loops(code: CodeType) -> Iterator[str]:
    operations = code.co_code[::2]
    arguments = code.co_code[1::2]
    at = operations.find(_FOR_ITER)
    while at >= 0:
        yield from _stored_after(code, operations, arguments, at + 1)
        at = operations.find(_FOR_ITER, at + 1)


def _stored_after(code: CodeType, operations: bytes, arguments: bytes, at: int) -> Iterator[str]:
    wanted, extended = 1, 0
    while wanted > 0 and at < len(operations):
        operation, argument = operations[at], arguments[at] | extended
        at += 1
        extended = 0
        if operation == _CACHE:
            continue
        if operation == _EXTENDED:
            extended = argument << 8
        elif operation in _UNPACK:
            # (argument & 255) values before the starred one, argument >> 8 after it
            starred = operation == dis.opmap["UNPACK_EX"]
            wanted += (argument & 0xFF) + (argument >> 8) if starred else argument - 1
        elif operation == _TWO_STORES:
            wanted -= 2
            yield code.co_varnames[argument >> 4]
            yield code.co_varnames[argument & 15]
        elif operation == _STORE_AND_LOAD:
            wanted -= 1
            yield code.co_varnames[argument >> 4]
        elif dis.opname[operation] == "STORE_FAST":
            wanted -= 1
            yield _fast_name(code, argument)
        elif dis.opname[operation] in ("STORE_NAME", "STORE_GLOBAL"):
            wanted -= 1
            yield code.co_names[argument]
        elif dis.opname[operation] == "STORE_DEREF":
            wanted -= 1
            yield _fast_name(code, argument)
        else:
            return


def _fast_name(code: CodeType, slot: int) -> str:
    """The variable in a slot of the frame: locals, then cells that are not also arguments, then free variables."""
    cells = tuple(name for name in code.co_cellvars if name not in code.co_varnames)
    return (*code.co_varnames, *cells, *code.co_freevars)[slot]


def used_globals(frame: FrameType) -> tuple[str, ...]:
    """The module-level variables that the frame's code refers to, itself or through functions of the same module.

    A tensor that another test of the module uses is none that this one could have expected a gradient for.
    """
    known = _globals_used.get(id(frame.f_code))
    if known is None:
        module = frame.f_globals
        found: dict[str, None] = {}
        waiting = [frame.f_code]
        outer = module.get(frame.f_code.co_qualname.partition(".")[0])
        methods = vars(outer) if type(outer) is type else {}
        codes = {id(frame.f_code)}
        while waiting:
            code = waiting.pop()
            below = [constant for constant in code.co_consts if type(constant) is CodeType]
            for name in code.co_names:
                value = module.get(name, methods.get(name))
                if name in module and type(value) is not FunctionType:
                    found[name] = None
                elif type(value) is FunctionType and value.__globals__ is module:
                    below.append(value.__code__)
            waiting.extend(inner for inner in below if id(inner) not in codes)
            codes.update(map(id, below))
        known = _globals_used[id(frame.f_code)] = frame.f_code, tuple(found)
    return known[1]


def key_name(parent: str, key: object, *, of_module: bool) -> str:
    """What a dictionary's entry is called: by its key if that is a word, else by the dictionary and the key."""
    if isinstance(key, str):
        return f"{parent}.{key}" if of_module else key
    if isinstance(key, (int, float, bool, tuple)):
        return f"{parent}[{key!r}]" if len(repr(key)) < 40 else f"{parent}[...]"
    return f"{parent}[{type(key).__name__}]"


def parameter_names(function: Callable[..., Any], count: int) -> list[str | None]:
    """The names of a function's first `count` positional parameters, None where it has none.

    A module's are those of its `forward`; of `*xs`, the items are called `xs[0]`, `xs[1]`.
    """
    target = getattr(type(function), "forward", None)
    skip = 1 if target is not None else 0
    try:
        parameters = list(inspect.signature(target or function).parameters.values())[skip:]
    except (TypeError, ValueError):
        return [None] * count
    names: list[str | None] = []
    for parameter in parameters:
        if parameter.kind is parameter.VAR_POSITIONAL:
            names += [f"{parameter.name}[{i}]" for i in range(count - len(names))]
        elif parameter.kind in (parameter.POSITIONAL_ONLY, parameter.POSITIONAL_OR_KEYWORD):
            names.append(parameter.name)
    return (names + [None] * count)[:count]


class Names:
    """Hands out names of one record, each only once: a second `w` becomes `w#2`."""

    def __init__(self, fallback: str) -> None:
        self._fallback = fallback
        self._given: set[str] = set()

    def give(self, name: str | None) -> str:
        """The name to use for a tensor that is called `name`, or has none."""
        wanted = unique = self._fallback if name is None else name
        number = 1
        while unique in self._given:
            number += 1
            unique = f"{wanted}#{number}"
        self._given.add(unique)
        return unique
