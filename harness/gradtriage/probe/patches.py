"""The table of what is wrapped in torch, and how torch is left as it was found."""

# ruff: noqa: SLF001 - the compiler of TorchScript has no public table

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import torch
from torch.jit import _builtins as jit_builtins

from gradtriage.probe import calls, functional, gradcheck
from gradtriage.probe.interception import watched

_Place = tuple[Any, str]
_applied: list[tuple[Any, str, Any, Any]] = []


def apply() -> None:
    """Puts the wrappers in place; does nothing where they are."""
    if _applied:
        return
    for places, wrapper in _wrappers():
        for owner, name in places:
            _applied.append((owner, name, vars(owner)[name], wrapper))
            setattr(owner, name, wrapper)
    # known to the compiler of TorchScript by identity
    jit_builtins._register_builtin(torch.autograd.backward, "aten::backward")
    jit_builtins._register_builtin(torch.autograd.grad, "aten::grad")


def remove() -> None:
    """Puts the originals back, except where somebody else has put something on top of ours since."""
    while _applied:
        owner, name, original, wrapper = _applied.pop()
        if vars(owner).get(name) is wrapper:
            setattr(owner, name, original)
        if jit_builtins._builtin_table is not None:
            jit_builtins._builtin_table.pop(id(wrapper), None)


def _wrappers() -> Iterator[tuple[Iterable[_Place], Callable[..., Any]]]:
    """Each wrapper with the places where its original is to be had."""
    yield (
        [(torch.Tensor, "backward")],
        watched(torch.Tensor.backward, calls.open_tensor_backward, calls.settle_at((4, "inputs"))),
    )
    settle = calls.settle_at((0, "tensors"), (5, "inputs"))
    yield [(torch.autograd, "backward")], watched(torch.autograd.backward, calls.open_backward, settle)
    settle = calls.settle_at((0, "outputs"), (1, "inputs"))
    yield [(torch.autograd, "grad")], watched(torch.autograd.grad, calls.open_grad, settle)
    yield from _gradcheck_wrappers()
    for name in functional.FUNC_NAMES:
        places = _places_of(name, "torch.func", "torch._functorch.apis", "torch._functorch.eager_transforms")
        if places:
            yield places, functional.func_wrapper(name, vars(places[0][0])[name])
    for name in functional.FUNCTIONAL_NAMES:
        places = _places_of(name, "torch.autograd.functional")
        if places:
            yield places, functional.functional_wrapper(name, vars(places[0][0])[name])


def _gradcheck_wrappers() -> Iterator[tuple[Iterable[_Place], Callable[..., Any]]]:
    # the package's attribute of that name is the function: the module is to be had by its full name alone
    module = sys.modules["torch.autograd.gradcheck"]
    yield (
        [(module, "gradcheck"), (torch.autograd, "gradcheck")],
        watched(vars(module)["gradcheck"], gradcheck.open_gradcheck),
    )
    yield (
        [(module, "gradgradcheck"), (torch.autograd, "gradgradcheck")],
        watched(vars(module)["gradgradcheck"], gradcheck.open_gradgradcheck),
    )
    for name, wrapper in gradcheck.helpers_of(module):
        yield [(module, name)], wrapper


def _places_of(name: str, *modules: str) -> list[_Place]:
    """Where one and the same function of that name is to be had, the first module's being the one that counts."""
    owners = [sys.modules[module] for module in modules if module in sys.modules]
    originals = [vars(owner)[name] for owner in owners if name in vars(owner)]
    return [(owner, name) for owner in owners if originals and vars(owner).get(name) is originals[0]]
