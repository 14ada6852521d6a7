"""What the function transforms of ``torch.func`` allow."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

from gradbragg.errors import ConfigError

if TYPE_CHECKING:
    from torch import Tensor


def function_transform_active() -> bool:
    """Whether ``vmap``, ``grad``, ``jvp`` or their like is tracing the current call.

    Under one, recomputation during backward is not available.
    """
    return bool(torch._C._are_functorch_transforms_active())  # noqa: SLF001  torch has no public name for it


def read_value(value: Tensor, remedy: str) -> float:
    """The value of a tensor of one entry, without its gradient, for a choice that has none.

    Args:
        value: No dimension.
        remedy: What to set instead where the value cannot be read.

    Raises:
        ConfigError: ``vmap`` is tracing the value.
    """
    found = readable(value)
    if found is None:
        raise ConfigError(f"under vmap {remedy}: the automatic choice would depend on the values")
    return found


def readable(value: Tensor) -> float | None:
    """The value of a tensor of one entry, without its gradient; None where ``vmap`` is tracing it."""
    try:
        return float(value.detach())
    except RuntimeError:
        if function_transform_active():
            return None
        raise
