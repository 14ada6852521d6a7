"""Whether code runs under a function transform of ``torch.func``."""

from __future__ import annotations

import torch


def function_transform_active() -> bool:
    """Whether ``vmap``, ``grad``, ``jvp`` or their like is tracing the current call.

    Under one, a tensor's value cannot be looked at, and recomputation during backward is not available.
    """
    return bool(torch._C._are_functorch_transforms_active())  # noqa: SLF001  torch has no public name for it
