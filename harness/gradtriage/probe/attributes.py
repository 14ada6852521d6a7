"""What an object holds, read past everything that a class can do about it: no code of the object's class runs."""

from __future__ import annotations

import weakref
from collections.abc import Iterator
from types import GetSetDescriptorType, MemberDescriptorType
from typing import Any

_Plan = tuple[GetSetDescriptorType | None, tuple[tuple[str, MemberDescriptorType], ...]]

# by identity of the class, since a metaclass may say what is equal; the weak reference tells a new class from an old
_plans: dict[int, tuple[weakref.ref[type], _Plan]] = {}


def bases(cls: type) -> tuple[type, ...]:
    """The class and its bases, whatever its metaclass says about it."""
    mro: tuple[type, ...] = type.__dict__["__mro__"].__get__(cls)
    return mro


def attributes(value: object) -> Iterator[tuple[str, Any]]:
    """The attributes that an object itself holds, from its dictionary and its slots, past any descriptor."""
    dictionary, slots = _plan(type(value))
    if dictionary is not None:
        yield from list(dictionary.__get__(value).items())
    for name, slot in slots:
        try:
            yield name, slot.__get__(value)
        except AttributeError:
            continue


def instance_dict(value: object) -> dict[str, Any]:
    """The dictionary of an object, empty where it has none."""
    dictionary, _ = _plan(type(value))
    return {} if dictionary is None else dictionary.__get__(value)


def _plan(cls: type) -> _Plan:
    known = _plans.get(id(cls))
    if known is not None and known[0]() is cls:
        return known[1]
    dictionary: GetSetDescriptorType | None = None
    slots: list[tuple[str, MemberDescriptorType]] = []
    for base in bases(cls):
        for name, member in list(base.__dict__.items()):
            if type(member) is MemberDescriptorType:
                slots.append((name, member))
            elif name == "__dict__" and type(member) is GetSetDescriptorType and dictionary is None:
                dictionary = member
    plan = dictionary, tuple(slots)
    _plans[id(cls)] = weakref.ref(cls), plan
    return plan
