"""What follows from a configuration of plain numbers alone is worked out once for it.

Such a configuration cannot change, so nothing that is kept gets stale; one with a tensor in it can, by a change in
place, and is worked out each time. What is kept goes when its configuration does.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable
from numbers import Real
from typing import Any, TypeVar
from weakref import WeakKeyDictionary

import torch

from gradbragg.models.shapes import continuous_values
from gradbragg.models.transforms import function_transform_active
from gradbragg.simulation.observers import operations_observed

T = TypeVar("T")

_kept: WeakKeyDictionary[object, dict[Hashable, Any]] = WeakKeyDictionary()


def once(config: object, key: Hashable, work: Callable[[], T]) -> T:
    """The result of work, of an earlier time where there is one.

    Args:
        config: What the work depends on, beside the key.
        key: What else it depends on.
        work: Has no other inputs; nobody changes its result.
    """
    if torch.is_inference_mode_enabled() or function_transform_active() or operations_observed(()):
        return work()  # tensors made here are of no use elsewhere, or somebody wants to see them made
    results = _kept.get(config)
    if results is None:
        if not all(unchangeable(value) for _, _, value in continuous_values(config)):
            return work()
        results = _kept[config] = {}
    if key not in results:
        results[key] = work()
    found: T = results[key]
    return found


def unchangeable(value: object) -> bool:
    """Whether a value is a number, nothing, or a tuple of such."""
    if isinstance(value, tuple):
        return all(map(unchangeable, value))
    return value is None or isinstance(value, (Real, str))
