"""Moving a leaf a little, before the first time that anything reads the value in question."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from gradtriage.probe.explain.leaves.identity import Key, direction_of, memory_of
from gradtriage.probe.explain.leaves.transforms import outside

if TYPE_CHECKING:
    from gradtriage.probe.explain.leaves.epochs import LeafMemory


@dataclass(frozen=True)
class Nudge:
    """A step for one leaf: `step` times its direction is added to it.

    Attributes:
        key: The leaf.
        scale: Its typical magnitude, as the first run saw it.
        seed: Of the direction.
        step: Relative length of the step; 0 leaves the leaf alone.
        epoch: The value in question: how often the leaf was written into before.
        symmetric: Whether the direction keeps a symmetric matrix one.
        held: Whether entries that are zero stay so.
        copies: Whether a copy of the leaf (`deepcopy`, `load_state_dict`) counts as a reading of it.
    """

    key: Key
    scale: float
    seed: int
    step: float
    epoch: int = 0
    copies: bool = False
    symmetric: bool = False
    held: bool = False


def apply_nudge(leaf: Tensor, nudge: Nudge) -> None:
    """Adds the step to a leaf's data, unseen by autograd, by its version counter and by modes."""
    with torch.no_grad(), outside(), torch._C.DisableTorchFunction():
        data = leaf.data if leaf.layout is torch.strided else memory_of(leaf)
        along = direction_of(leaf, nudge.scale, nudge.seed, symmetric=nudge.symmetric, held=nudge.held)
        data.copy_((data.to(along.dtype) + along * nudge.step).to(data.dtype))


class PendingNudges:
    """The steps that are still to be taken, each when its leaf's value in question is first read.

    A leaf's value is not final when it is born: a module makes its parameters empty and fills them later, and an
    optimiser writes into them. So the step waits for the epoch, and in it for the first operation that reads the
    leaf's memory, and neither views it nor writes into it.

    Args:
        nudges: The steps of this replay.
        memory: Of the leaves.
    """

    def __init__(self, nudges: Sequence[Nudge], memory: LeafMemory) -> None:
        self._wanted = {nudge.key: nudge for nudge in nudges if nudge.step != 0}
        self._waiting: dict[Key, tuple[Tensor, Nudge]] = {}
        self._memory = memory
        self._lock = threading.RLock()

    def __bool__(self) -> bool:
        return bool(self._wanted or self._waiting)

    def born(self, leaf: Tensor, key: Key) -> None:
        """A leaf exists from now on."""
        nudge = self._wanted.pop(key, None)
        if nudge is not None:
            self._waiting[key] = leaf, nudge

    def read(self, keys: Iterable[Key], *, copy: bool = False) -> None:
        """Something is about to read these leaves: their steps are taken."""
        if not self._waiting or self._memory.paused:
            return
        with self._lock:
            for key in keys:
                leaf, nudge = self._waiting.get(key, (None, None))
                if leaf is None or nudge is None or self._memory.epoch(key) < nudge.epoch:
                    continue
                if nudge.copies or not copy:
                    apply_nudge(leaf, nudge)
                    del self._waiting[key]  # last: another thread that finds none waiting reads at once

    def unread(self) -> list[Tensor]:
        """The leaves whose steps still wait: nothing that we can see has read them."""
        return [leaf for leaf, _ in self._waiting.values()]

    def settle(self) -> None:
        """Takes all steps that wait: the gradient call has come."""
        for leaf, nudge in self._waiting.values():
            apply_nudge(leaf, nudge)
        self._waiting.clear()
