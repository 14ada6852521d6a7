"""The table of what is wrapped in torch, and how torch is left as it was found."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any

import torch
from torch.jit import _builtins as jit_builtins

from gradtriage.probe import calls
from gradtriage.probe.interception import watched

_applied: list[tuple[Any, str, Any, Any]] = []


def apply() -> None:
    """Puts the wrappers in place; does nothing where they are."""
    if _applied:
        return
    _replace(
        torch.Tensor,
        "backward",
        watched(torch.Tensor.backward, calls.open_tensor_backward, calls.settle_at((4, "inputs"))),
    )
    _replace(
        torch.autograd,
        "backward",
        watched(torch.autograd.backward, calls.open_backward, calls.settle_at((0, "tensors"), (5, "inputs"))),
        scripted="aten::backward",
    )
    _replace(
        torch.autograd,
        "grad",
        watched(torch.autograd.grad, calls.open_grad, calls.settle_at((0, "outputs"), (1, "inputs"))),
        scripted="aten::grad",
    )


def remove() -> None:
    """Puts the originals back, except where somebody else has put something on top of ours since."""
    while _applied:
        owner, name, original, wrapper = _applied.pop()
        if vars(owner).get(name) is wrapper:
            setattr(owner, name, original)
        table = jit_builtins._builtin_table
        if table is not None:
            table.pop(id(wrapper), None)


def _replace(owner: Any, name: str, wrapper: Callable[..., Any], scripted: str | None = None) -> None:
    _applied.append((owner, name, vars(owner)[name], wrapper))
    setattr(owner, name, wrapper)
    if scripted is not None:
        # the compiler of TorchScript knows its builtins by identity
        jit_builtins._register_builtin(wrapper, scripted)
