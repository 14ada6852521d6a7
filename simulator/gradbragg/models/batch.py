"""Batches: tensors with dimensions before their field's own stand for as many experiments.

``cell_a`` of shape ``(5,)`` is five crystals, ``misset_deg`` of shape ``(5, 3)`` five orientations. The
leading dimensions of all fields are broadcast against each other, as those of any tensors are.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any, TypeVar

import numpy as np
from torch import Tensor

from gradbragg.errors import ConfigError
from gradbragg.models.reflections import ReflectionTable
from gradbragg.models.shapes import continuous_values, entries_of

T = TypeVar("T")

Shape = tuple[int, ...]

_TABLE_DIMENSIONS = 3
"""Of the indices of a reflection table."""


def batch_shape(*configs: object) -> Shape:
    """The batch that configurations describe together; ``()`` for a single experiment.

    Raises:
        ConfigError: The fields' batches cannot be broadcast against each other.
    """
    shapes = {name: shape for config in configs for name, shape in _batches(config)}
    if not shapes:
        return ()
    try:
        return np.broadcast_shapes(*shapes.values())
    except ValueError as error:
        listed = ", ".join(f"{name} {shape}" for name, shape in shapes.items())
        raise ConfigError(f"the batches do not go together: {listed}") from error


def batch_entries(batch: Shape, configs: Sequence[Any]) -> Iterator[list[Any]]:
    """The configurations of each experiment of a batch, the last dimension quickest.

    Args:
        batch: What ``batch_shape`` found.
        configs: The configurations.
    """
    for index in itertools.product(*(range(size) for size in batch)):
        yield [_entry_of(config, batch, index) for config in configs]


def check_single(config: object) -> None:
    """Refuse a batch where only a single experiment can be described.

    Raises:
        ConfigError: A field holds a batch.
    """
    for name, shape in _batches(config):
        raise ConfigError(f"{name} holds a batch {shape}; Simulator.run and Crystal.build_state alone take batches")


def _batches(config: object) -> Iterator[tuple[str, Shape]]:
    """Name and leading dimensions of every field that holds a batch."""
    for field, own, value in continuous_values(config):
        for one in entries_of(value):
            dimensions = len(own) if one is value else 0
            if isinstance(one, Tensor) and one.ndim > dimensions:
                yield field.name, tuple(one.shape[: one.ndim - dimensions])
    table = getattr(config, "reflections", None)
    if table is not None and table.F_hkl.ndim > _TABLE_DIMENSIONS:
        yield "reflections", tuple(table.F_hkl.shape[:-_TABLE_DIMENSIONS])


def _entry_of(config: T, batch: Shape, index: Shape) -> T:
    changes: dict[str, object] = {}
    for field, own, value in continuous_values(config):
        if isinstance(value, (tuple, list)):
            changes[field.name] = tuple(_chosen(one, 0, batch, index) for one in value)
        else:
            changes[field.name] = _chosen(value, len(own), batch, index)
    table = getattr(config, "reflections", None)
    if isinstance(table, ReflectionTable):
        F_hkl, known = (_chosen(one, _TABLE_DIMENSIONS, batch, index) for one in (table.F_hkl, table.known))
        changes["reflections"] = ReflectionTable(F_hkl, table.origin, known)  # type: ignore[arg-type]
    return replace(config, **changes)  # type: ignore[type-var]


def _chosen(value: object, dimensions: int, batch: Shape, index: Shape) -> object:
    """One entry of a value that may be a batch."""
    if not isinstance(value, Tensor) or value.ndim <= dimensions:
        return value
    return value.expand(batch + tuple(value.shape[value.ndim - dimensions :]))[index]
