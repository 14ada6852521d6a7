"""What an object holds, read past everything that a class can do about it: no code of the object's class runs."""

from __future__ import annotations

from collections.abc import Iterator
from types import GetSetDescriptorType, MemberDescriptorType
from typing import Any


def bases(cls: type) -> tuple[type, ...]:
    """The class and its bases, whatever its metaclass says about it."""
    mro: tuple[type, ...] = type.__dict__["__mro__"].__get__(cls)
    return mro


def attributes(value: object) -> Iterator[tuple[str, Any]]:
    """The attributes that an object itself holds, from its dictionary and its slots, past any descriptor."""
    for cls in bases(type(value)):
        for attribute, member in list(cls.__dict__.items()):
            if type(member) is MemberDescriptorType:
                try:
                    yield attribute, member.__get__(value)
                except AttributeError:
                    continue
            elif attribute == "__dict__" and type(member) is GetSetDescriptorType:
                yield from list(member.__get__(value).items())
