"""Gradients made wrong on purpose, to see whether a test notices."""

# ruff: noqa: ANN401 - results of any form come by

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from gradtriage.probe import sinks
from gradtriage.probe.calls import BackwardCall, WatchedCall
from gradtriage.probe.gradcheck import GradcheckCall

# one for the process, which is a replay: two gradients that a test holds against each other get different noise
_generator = torch.Generator().manual_seed(11)


def noise(gradient: Tensor) -> Tensor:
    """Noise of the gradient's shape and size, another one in each call."""
    dtype = torch.complex128 if gradient.is_complex() else torch.float64
    numbers = torch.randn(gradient.shape, generator=_generator, dtype=dtype)
    size = float(torch.linalg.vector_norm(gradient.detach().to(dtype))) / max(1, gradient.numel()) ** 0.5
    return (numbers * (size if size > 0 else 1.0)).to(device=gradient.device, dtype=gradient.dtype)


def dropped(gradient: Tensor) -> Tensor:
    """The gradient with its largest entry zero."""
    flat = gradient.detach().clone().reshape(-1)
    if flat.numel():
        flat[int(flat.abs().argmax())] = 0
    return flat.reshape(gradient.shape)


def other_noise(gradient: Tensor) -> Tensor:
    """The same noise with the other sign: a test that looks at signs alone may be content with one of the two."""
    return -noise(gradient)


CORRUPTIONS: dict[str, Callable[[Tensor], Tensor]] = {
    "noise": noise,
    "other noise": other_noise,
    "zeroed": torch.zeros_like,
    "negated": torch.neg,
    "scaled by 1.01": lambda gradient: gradient * 1.01,
    "scaled by 1.5": lambda gradient: gradient * 1.5,
    "one entry dropped": dropped,
}

Place = tuple[str, str, int]


class Corrupter:
    """A sink that corrupts the gradients of the calls made at one place, on their way to the test.

    Args:
        root: Folder that places are named relative to.
        place: Kind, file and line of the calls; None corrupts nothing.
        corruption: What is done to them.
    """

    def __init__(self, root: Path, place: Place | None, corruption: str) -> None:
        self.root = root
        self.corrupted = 0
        self._place, self._change = place, CORRUPTIONS[corruption]
        self._hooks: list[Any] = []

    def opened(self, call: WatchedCall, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:  # noqa: ARG002
        """A backward pass hands its gradients to leaves: there they are changed."""
        if self._meant(call) and isinstance(call, BackwardCall):
            for _, leaf in call.asked:
                if leaf.requires_grad:
                    self._hooks.append(leaf.register_hook(self._changed))  # type: ignore[no-untyped-call]

    def returned(self, call: WatchedCall, result: Any) -> Any:
        """Other calls return their gradients: there they are changed."""
        while self._hooks:
            self._hooks.pop().remove()
        if not self._meant(call) or isinstance(call, (BackwardCall, GradcheckCall)):
            return result
        return self._nested(result)

    def gradient(self, record: dict[str, Any]) -> None:
        """Nothing is recorded in a replay."""

    def error(self, place: str, error: BaseException) -> None:
        """Nor are the probe's own errors."""

    def _meant(self, call: WatchedCall) -> bool:
        return (call.kind, call.where.get("file"), call.where.get("line")) == self._place

    def _changed(self, gradient: Tensor) -> Tensor:
        self.corrupted += 1
        with torch.no_grad():
            return self._change(gradient)

    def _nested(self, value: Any) -> Any:
        if isinstance(value, Tensor):
            return self._changed(value) if value.is_floating_point() or value.is_complex() else value
        if type(value) in (tuple, list):
            return type(value)(self._nested(item) for item in value)
        if type(value) is dict:
            return {key: self._nested(item) for key, item in value.items()}
        return value


def passes_with(body: Callable[[], Any], root: Path, place: Place | None, corruption: str) -> tuple[bool, int]:
    """Runs a test's body with the gradients of one place corrupted.

    Returns:
        Whether it passed all the same, and how many gradients were corrupted.
    """
    corrupter = Corrupter(root, place, corruption)
    sinks.push(corrupter)
    try:
        body()
    except BaseException as error:  # noqa: BLE001 - a failing test is what a good test is here
        # one that skips itself tells nobody
        return type(error).__name__ == "Skipped", corrupter.corrupted
    finally:
        sinks.remove(corrupter)
    return True, corrupter.corrupted
