"""What is explained: a body that computes gradients, run again and again under observation."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any, Protocol

import torch
from torch import Tensor

# what a computation raises whose loss nothing was recorded for
NO_GRAPH = "the loss has no graph"


@dataclass
class GradientCall:
    """One gradient computation of the body, seen just before it is made.

    Attributes:
        number: Counted from 1 within the body.
        kind: As in `gradients.json`.
        where: File and line of the call.
        roots: What is differentiated.
        weights: The gradient that each root is given; None stands for 1.
        targets: The tensors that the gradients are asked for, with those that the test can see and that get none.
        names: What the test's author calls them.
        made: Whether the body makes it; else it is only asked about.
        again: Evaluates what is differentiated once more, for the values of the moment; None where that is not to be
            had.
        frees: Whether its graph is used up by it.
    """

    number: int
    kind: str
    where: dict[str, Any]
    roots: Sequence[Tensor]
    weights: Sequence[Tensor | None]
    targets: Sequence[Tensor]
    names: Sequence[str]
    made: bool = True
    again: Callable[[], Sequence[Tensor]] | None = None
    frees: bool = False

    def loss(self) -> float:
        """The scalar whose gradient is computed: the sum of roots times weights, in double precision."""
        total = 0.0
        for root, weight in zip(self.roots, self.weights, strict=True):
            value = root.detach().double() if not root.is_complex() else torch.view_as_real(root.detach()).double()
            if weight is not None:
                seen = weight.detach()
                value = value * (torch.view_as_real(seen) if seen.is_complex() else seen).double()
            total += float(value.sum())
        return total

    def gradients(self) -> list[Tensor | None]:
        """What autograd gives each target; None where it has no path. The graph stays for the call itself."""
        asked = [index for index, target in enumerate(self.targets) if target.requires_grad]
        found: list[Tensor | None] = [None] * len(self.targets)
        live = [(root, weight) for root, weight in zip(self.roots, self.weights, strict=True) if root.requires_grad]
        if not asked or not live:
            return found
        weights = [torch.ones_like(root) if weight is None else weight for root, weight in live]
        results = torch.autograd.grad(
            [root for root, _ in live], [self.targets[i] for i in asked], weights, retain_graph=True, allow_unused=True
        )
        for index, gradient in zip(asked, results, strict=True):
            found[index] = gradient
        return found

    def gradient_of(self, tensor: Tensor) -> Tensor | None:
        """What autograd gives a tensor on the way, leaf or not."""
        return replace(self, targets=[tensor], names=[""]).gradients()[0]


class Observer(Protocol):
    """Told of each gradient computation of a body before it is made; may end the process there."""

    def opened(self, call: GradientCall) -> None:
        """Called before the computation."""


# Runs the body once, telling the observer; called in a forked child.
Program = Callable[[Observer], None]
