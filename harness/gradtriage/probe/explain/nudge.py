"""Moving a leaf a little, before the first time that anything reads it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from gradtriage.probe.explain.identity import Key, direction, storage_of


@dataclass(frozen=True)
class Nudge:
    """A step for one leaf: `step` times its direction is added to it.

    Attributes:
        key: The leaf.
        scale: Its typical magnitude, as the first run saw it.
        seed: Of the direction.
        step: Relative length of the step; 0 leaves the leaf alone.
    """

    key: Key
    scale: float
    seed: int
    step: float


def apply_nudge(leaf: Tensor, nudge: Nudge) -> None:
    """Adds the step to a leaf's data, unseen by autograd, by its version counter and by modes."""
    with torch.no_grad(), torch._C.DisableTorchFunction():
        step = direction(leaf.shape, nudge.scale, nudge.seed, complex_=leaf.is_complex()) * nudge.step
        data = leaf.data
        data.copy_((data.to(step.dtype) + step).to(data.dtype))


class PendingNudges:
    """The steps that are still to be taken, each when its leaf is first read.

    A leaf's value is not final when it is born: a module makes its parameters empty and fills them later. So the step
    waits for the first operation that reads the leaf's memory, and neither views it nor writes into it.

    Args:
        nudges: The steps of this replay.
    """

    def __init__(self, nudges: Sequence[Nudge]) -> None:
        self._wanted = {nudge.key: nudge for nudge in nudges if nudge.step != 0}
        self._waiting: list[tuple[Tensor, Nudge]] = []
        self._paused = False

    def __bool__(self) -> bool:
        return bool(self._wanted or self._waiting)

    def born(self, leaf: Tensor, key: Key) -> None:
        """A leaf exists from now on."""
        nudge = self._wanted.pop(key, None)
        if nudge is not None:
            self._waiting.append((leaf, nudge))

    def read(self, values: Iterable[Any]) -> None:
        """Something reads these values now: the steps of the leaves among them (or behind them) are taken."""
        if not self._waiting or self._paused:
            return
        memory = {storage_of(value) for value in values if isinstance(value, Tensor)}
        # asked anew each time: a module that changes type or device gives its parameters other memory
        due = [waiting for waiting in self._waiting if storage_of(waiting[0]) in memory]
        if due:
            self._waiting = [waiting for waiting in self._waiting if all(waiting is not one for one in due)]
            for leaf, nudge in due:
                apply_nudge(leaf, nudge)

    def pause(self, on: bool) -> None:
        """While we read memory ourselves, nothing counts as read."""
        self._paused = on

    def unread(self) -> list[Tensor]:
        """The leaves whose steps still wait: nothing that we can see has read them."""
        return [leaf for leaf, _ in self._waiting]

    def settle(self) -> None:
        """Takes all steps that wait: the gradient call has come."""
        for leaf, nudge in self._waiting:
            apply_nudge(leaf, nudge)
        self._waiting.clear()
