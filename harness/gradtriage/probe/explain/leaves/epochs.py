"""What becomes of the memory of leaves: how often it was written, which of its values a graph was built on."""

from __future__ import annotations

import threading
from collections import Counter, defaultdict
from collections.abc import Iterable
from typing import Any

from torch import Tensor

from gradtriage.probe.explain.leaves.identity import Key, storage_of


class _Thread(threading.local):
    paused = 0


class LeafMemory:
    """The memory of the leaves of one replay.

    A leaf's value has epochs: each write into its memory (initialisation, an optimiser's step, `load_state_dict`)
    begins a new one. A write into a leaf that was in use already begins one for all leaves: a step of training is over,
    and what other leaves became by it is no part of the derivative. A gradient belongs to the values of one epoch, the
    one that its graph was built on.
    """

    def __init__(self) -> None:
        self._storage: dict[Key, int] = {}
        self._keys: defaultdict[int, set[Key]] = defaultdict(set)
        self._written: Counter[Key] = Counter()
        self._read: dict[Key, int] = {}
        self._differentiated: dict[Key, int] = {}
        self._copied_from: dict[Key, Key] = {}
        self._steps = 0
        self._thread = _Thread()

    def place(self, leaf: Tensor, key: Key) -> None:
        """A leaf's data lie here from now on."""
        storage = storage_of(leaf)
        if key in self._storage:
            self._keys[self._storage[key]].discard(key)
        self._storage[key] = storage
        if storage:
            self._keys[storage].add(key)

    def pause(self, on: bool) -> None:
        """Between on and off, which may be nested, nothing of this thread counts: a copy is made, a type is changed."""
        self._thread.paused += 1 if on else -1

    @property
    def paused(self) -> bool:
        """Whether nothing counts now."""
        return self._thread.paused > 0

    def keys(self, values: Iterable[Any]) -> set[Key]:
        """The leaves whose memory these tensors look at."""
        found: set[Key] = set()
        for value in values:
            if isinstance(value, Tensor):
                found |= self._keys.get(storage_of(value), set())
        return found

    def written(self, keys: Iterable[Key]) -> None:
        """These leaves were written into."""
        if self.paused:
            return
        for key in keys:
            self._written[key] += 1
            if key in self._read:
                self._steps += 1

    def read(self, keys: Iterable[Key], *, differentiated: bool) -> None:
        """These leaves were read, by an operation that autograd recorded or by another."""
        if self.paused:
            return
        for key in keys:
            self._read[key] = self.epoch(key)
            if differentiated:
                self._differentiated[key] = self.epoch(key)

    def copied(self, copy: Key, original: Key) -> None:
        """One leaf has got its value from another."""
        self._copied_from[copy] = original

    def epoch(self, key: Key) -> int:
        """The epoch of a leaf's value now."""
        return self._written[key] + self._steps

    def epoch_in_use(self, key: Key, *, reached: bool) -> int:
        """The epoch of the value that a gradient is about.

        Args:
            key: The leaf.
            reached: Whether autograd has a path to it: then the value that was last differentiated, else the one
                that was last read.
        """
        last = self._read.get(key, self.epoch(key))
        return self._differentiated.get(key, last) if reached else last

    def original_of(self, key: Key) -> Key | None:
        """The leaf that this one is a copy of, at the end of the chain."""
        original = None
        while key in self._copied_from and self._copied_from[key] != original:
            key = original = self._copied_from[key]
        return original
