"""Checks of configurations: impossible values are refused.

Plain numbers are looked at when they are set, tensors when an image is made of them, since their values can
change in place, and cannot be looked at under ``vmap``.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from numbers import Real

import torch
from torch import Tensor

from gradbragg.errors import ConfigError
from gradbragg.models.shapes import continuous_values, entries_of

MAX_SAMPLES = 10**7
"""More samples of one kind in a pixel than any computer works through: a guard against a slip of the finger."""


def numbers_in(value: object, tensors: bool) -> Iterator[float]:
    """The numbers of a value; of a tensor, if tensors are looked at, the smallest and the largest."""
    for one in entries_of(value):
        if isinstance(one, Real):
            yield float(one)
        elif tensors and isinstance(one, Tensor) and one.numel():
            low, high = torch.aminmax(one.detach())
            yield from (float(low), float(high))


def check_finite(config: object, tensors: bool = False) -> None:
    """Refuse values that are not finite.

    Args:
        config: The configuration.
        tensors: Look into tensors too.

    Raises:
        ConfigError: A value is NaN or infinite.
    """
    for field, _, value in continuous_values(config):
        for number in numbers_in(value, tensors):
            if not math.isfinite(number):
                raise ConfigError(f"{field.name} is {number}; a finite number is needed")


def check_positive(config: object, *names: str, tensors: bool = False) -> None:
    """Refuse values of zero or less.

    Args:
        config: The configuration.
        names: Of the fields.
        tensors: Look into tensors too.

    Raises:
        ConfigError: One of the named fields is not above 0.
    """
    for name in names:
        for number in numbers_in(getattr(config, name), tensors):
            if number <= 0:
                raise ConfigError(f"{name} is {number:g}; a value above 0 is needed")


def check_not_negative(config: object, *names: str) -> None:
    """Refuse plain numbers below zero; a tensor may pass through them on its way to a minimum.

    Raises:
        ConfigError: One of the named fields is below 0.
    """
    for name in names:
        for number in numbers_in(getattr(config, name), tensors=False):
            if number < 0:
                raise ConfigError(f"{name} is {number:g}; a value of 0 or more is needed")


def check_product(config: object, *names: str) -> None:
    """Refuse counts whose product no computer could work through.

    Raises:
        ConfigError: The product of the named fields is too large.
    """
    product = math.prod(getattr(config, name) for name in names)
    if product > MAX_SAMPLES:
        raise ConfigError(f"{' times '.join(names)} is {product}, more than {MAX_SAMPLES}")


def check_directions(config: object, *names: str, tensors: bool = False) -> None:
    """Refuse vectors of length 0.

    Args:
        config: The configuration.
        names: Of the fields.
        tensors: Look into tensors too.

    Raises:
        ConfigError: One of the named fields is no direction.
    """
    for name in names:
        vector = getattr(config, name)
        unseen = not tensors and any(isinstance(x, Tensor) for x in entries_of(vector))
        if vector is not None and not unseen and not any(numbers_in(vector, tensors)):
            raise ConfigError(f"{name} is 0 0 0; a direction is needed")


def check_angles_close(alpha: float, beta: float, gamma: float) -> None:
    """Refuse cell angles, in degrees, that no cell can have.

    Raises:
        ConfigError: The volume would not be positive.
    """
    x, y, z = (math.cos(math.radians(angle)) for angle in (alpha, beta, gamma))
    if max(alpha, beta, gamma) >= 180.0 or 1.0 - x * x - y * y - z * z + 2.0 * x * y * z <= 0.0:
        raise ConfigError(f"no cell has the angles {alpha:g} {beta:g} {gamma:g}: its volume would not be positive")
