"""Checks of configurations: impossible plain numbers are refused where they are set.

Tensors are left alone, since looking at their values is not possible under ``torch.func``.
"""

from __future__ import annotations

import math
from dataclasses import fields

from gradbragg.errors import ConfigError

MAX_SAMPLES = 10**7
"""More samples of one kind in a pixel than any computer works through: a guard against a slip of the finger."""


def check_numbers(config: object) -> None:
    """Refuse numbers that are not finite.

    Raises:
        ConfigError: A plain number is NaN or infinite.
    """
    for field in fields(config):  # type: ignore[arg-type]
        value = getattr(config, field.name)
        for number in value if isinstance(value, (tuple, list)) else (value,):
            if isinstance(number, float) and not math.isfinite(number):
                raise ConfigError(f"{field.name} is {number}; a finite number is needed")


def check_positive(config: object, *names: str) -> None:
    """Refuse plain numbers of zero or less.

    Raises:
        ConfigError: One of the named fields is not above 0.
    """
    for name in names:
        value = getattr(config, name)
        for number in value if isinstance(value, (tuple, list)) else (value,):
            if isinstance(number, (int, float)) and number <= 0:
                raise ConfigError(f"{name} is {number}; a value above 0 is needed")


def check_not_negative(config: object, *names: str) -> None:
    """Refuse plain numbers below zero.

    Raises:
        ConfigError: One of the named fields is below 0.
    """
    for name in names:
        value = getattr(config, name)
        if isinstance(value, (int, float)) and value < 0:
            raise ConfigError(f"{name} is {value:g}; a value of 0 or more is needed")


def check_product(config: object, *names: str) -> None:
    """Refuse counts whose product no computer could work through.

    Raises:
        ConfigError: The product of the named fields is too large.
    """
    product = math.prod(getattr(config, name) for name in names)
    if product > MAX_SAMPLES:
        raise ConfigError(f"{' times '.join(names)} is {product}, more than {MAX_SAMPLES}")


def check_directions(config: object, *names: str) -> None:
    """Refuse plain vectors of length 0, and vectors that have not three entries.

    Raises:
        ConfigError: One of the named fields is no direction.
    """
    for name in names:
        vector = getattr(config, name)
        if vector is None:
            continue
        if len(vector) != 3:
            raise ConfigError(f"{name} has {len(vector)} entries; three are needed")
        if all(isinstance(x, (int, float)) and x == 0 for x in vector):
            raise ConfigError(f"{name} is 0 0 0; a direction is needed")


def check_angles_close(alpha: float, beta: float, gamma: float) -> None:
    """Refuse cell angles, in degrees, that no cell can have.

    Raises:
        ConfigError: The volume would not be positive.
    """
    x, y, z = (math.cos(math.radians(angle)) for angle in (alpha, beta, gamma))
    if max(alpha, beta, gamma) >= 180.0 or 1.0 - x * x - y * y - z * z + 2.0 * x * y * z <= 0.0:
        raise ConfigError(f"no cell has the angles {alpha:g} {beta:g} {gamma:g}: its volume would not be positive")
