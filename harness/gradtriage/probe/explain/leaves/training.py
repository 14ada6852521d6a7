"""What optimisers made of parameters in the real run: held in replays, where a step is no part of the derivative.

A generator that is moved moves what the discriminator learns from it, and with that the generator's own loss.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor
from torch.optim.optimizer import register_optimizer_step_post_hook

# entries of all parameters at all steps together: more are not kept
_MOST = 16_000_000


@dataclass
class Training:
    """The values of an optimiser's parameters after each step of the run, in order.

    Attributes:
        steps: What they were; kept, or held.
        holding: Whether they are put back after each step, instead of being kept.
        entries: How many there are.
    """

    steps: list[list[Tensor]] = field(default_factory=list)
    holding: bool = False
    entries: int = 0

    @contextmanager
    def goes_on(self) -> Iterator[None]:
        """Sees the steps of its block."""
        done = iter(list(self.steps))

        def after(optimizer: Any, args: Any, kwargs: Any) -> None:  # noqa: ARG001 - as torch calls it
            with torch.no_grad(), torch._C.DisableTorchFunction():
                parameters = [one for group in optimizer.param_groups for one in group["params"]]
                if self.holding:
                    for parameter, value in zip(parameters, next(done, []), strict=False):
                        parameter.data.copy_(value)
                elif self.entries <= _MOST:
                    self.entries += sum(one.numel() for one in parameters)
                    self.steps.append([one.detach().clone() for one in parameters])

        handle = register_optimizer_step_post_hook(after)
        try:
            yield
        finally:
            handle.remove()
