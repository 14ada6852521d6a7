"""Results in short: a figure that changes with any value, and copies that can be handed to another replay."""

from __future__ import annotations

import hashlib
from typing import Any

import torch
from torch import Tensor

from gradtriage.probe.explain.leaves.entries import entries
from gradtriage.probe.explain.leaves.transforms import Wrapped, is_wrapped

_weights = torch.empty(0, dtype=torch.float64)


def digest_of(tensor: Tensor) -> float:
    """One figure that changes when any value does: the product with fixed random weights; 0 for zeros only."""
    global _weights
    try:
        values = entries(tensor.detach())
        values = torch.view_as_real(values.resolve_conj()) if values.is_complex() else values
        flat = values.reshape(-1).to(torch.float64)
        if flat.numel() > _weights.numel():
            generator = torch.Generator().manual_seed(1)
            _weights = 0.5 + torch.rand(max(flat.numel(), 4096), generator=generator, dtype=torch.float64)
        figure = float(torch.dot(flat, _weights[: flat.numel()]))
        if figure == 0.0 and flat.numel() and bool(flat.any()):
            return 1.0
        return figure
    except (RuntimeError, NotImplementedError, TypeError):
        return 0.5


def repr_digest(value: Any) -> str:
    """A digest of a value outside of torch."""
    raw = value.tobytes() if hasattr(value, "tobytes") else repr(value).encode()
    return hashlib.blake2b(raw, digest_size=12).hexdigest()


def snapshot(value: Any) -> Any:
    """A copy of a result that can be handed to another replay."""
    if isinstance(value, Tensor):
        return Wrapped.of(value) if is_wrapped(value) else value.detach().clone()
    if isinstance(value, (tuple, list)):
        return [snapshot(item) for item in value]
    return value.copy() if hasattr(value, "tobytes") and hasattr(value, "copy") else value
