"""Sees what a replay does with its leaves: births, readings, writes and copies; takes their steps in time."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor
from torch.nn.utils import parametrize

from gradtriage.probe.explain.leaves.epochs import LeafMemory
from gradtriage.probe.explain.leaves.identity import Identities, Key
from gradtriage.probe.explain.leaves.nudge import Nudge, PendingNudges, apply_nudge
from gradtriage.probe.explain.leaves.operations import is_view, operation_name, tensors_in, written_tensors
from gradtriage.probe.explain.leaves.transforms import physical


@dataclass
class LeafWatch:
    """The leaves of one replay.

    Attributes:
        old: Leaves that exist before the body, by id.
        frozen: Parameters without a gradient that exist before the body.
        nudges: Steps to take.
        listening: Whether readings and writes matter although no step is to be taken.
    """

    old: Mapping[int, Tensor]
    frozen: Sequence[Tensor] = ()
    nudges: Sequence[Nudge] = ()
    listening: bool = False
    memory: LeafMemory = field(default_factory=LeafMemory)
    identities: Identities = field(init=False)
    pending: PendingNudges = field(init=False)
    _kept: list[Tensor] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.identities = Identities(self.old)
        # an old leaf's first value is there already; readings that nobody sees then come after its step, too
        self.pending = PendingNudges([nudge for nudge in self.nudges if not _at_once(nudge)], self.memory)

    def start(self) -> None:
        """Takes the steps of the values that are there before the body."""
        for nudge in self.nudges:
            if _at_once(nudge) and nudge.step != 0:
                apply_nudge(self.old[nudge.key[1]], nudge)
        for identity, leaf in self.old.items():
            self._appeared(leaf, ("old", identity))
        for parameter in self.frozen:
            self._place(parameter)

    @property
    def active(self) -> bool:
        """Whether anything depends on what happens to leaves from now on."""
        return self.listening or bool(self.pending)

    def operation(self, func: Any, args: Sequence[Any], kwargs: Mapping[str, Any], run: Callable[[], Any]) -> Any:
        """Runs an operation: the steps of the leaves that it reads are taken before, what it did is noted after."""
        name = operation_name(func) if self.active else None
        if name is None:
            return run()
        written = written_tensors(name, args, kwargs)
        into = self.memory.keys(written)
        operands = (tensor for tensor in tensors_in((args, kwargs)) if all(tensor is not other for other in written))
        read = set() if is_view(name, args) else self.memory.keys(operands) - into
        copy = bool(into) or any(isinstance(tensor, torch.nn.Parameter) for tensor in written)
        self.pending.read(read, copy=copy)
        result = run()
        self.memory.read(read, differentiated=any(physical(tensor).requires_grad for tensor in tensors_in(result)))
        for one, other in zip(sorted(into), sorted(read), strict=False):
            self.memory.copied(one, other)
        self.memory.written(into)
        if name == "data=":
            self._place(args[0])
        return result

    def see_birth(self, value: Any) -> None:
        """Notes a leaf that was not there before."""
        leaf = self.identities.look_at(value)
        key = None if leaf is None else self.identities.key(leaf)
        if leaf is not None and key is not None:
            self._appeared(leaf, key)
        elif isinstance(value, torch.nn.Parameter) and not value.requires_grad:
            self._place(value)

    def _appeared(self, leaf: Tensor, key: Key) -> None:
        if self.active:
            self.memory.place(leaf, key)
            self.pending.born(leaf, key)

    def _place(self, leaf: Any) -> None:
        key = self.identities.key(leaf)
        if key is None and isinstance(leaf, torch.nn.Parameter):
            self._kept.append(leaf)  # its id stays its own
            key = "frozen", id(leaf)
        if key is not None and self.active:
            self.memory.place(leaf, key)

    @contextmanager
    def unseen(self) -> Iterator[None]:
        """For the length of its block nothing counts as read or written."""
        self.memory.pause(True)
        try:
            yield
        finally:
            self.memory.pause(False)

    @contextmanager
    def conversions_are_seen(self) -> Iterator[None]:
        """A module that changes its type or device, or is parametrised, makes its parameters anew.

        Nobody has used the values yet: what is read of them in between is no reading.
        """
        places = [(torch.nn.Module, "_apply"), (parametrize, "register_parametrization")]
        originals = [vars(owner)[name] for owner, name in places]
        for (owner, name), original in zip(places, originals, strict=True):
            setattr(owner, name, self._converting(original))
        try:
            yield
        finally:
            for (owner, name), original in zip(places, originals, strict=True):
                setattr(owner, name, original)

    def _converting(self, original: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(original)
        def convert(module: Any, *args: Any, **kwargs: Any) -> Any:
            with self.unseen():
                converted = original(module, *args, **kwargs)
            for parameter in module.parameters():
                self.see_birth(parameter)
                self._place(parameter)
            return converted

        return convert

    def copy(self, leaf: Tensor, run: Callable[[], Tensor]) -> Tensor:
        """Runs a copying that makes another leaf: a target network, say, and no step on the way to the loss."""
        self.pending.read(self.memory.keys([leaf]), copy=True)
        with self.unseen():
            copy = run()
        self.see_birth(copy)
        one, other = self.identities.key(copy), self.identities.key(leaf)
        if one is not None and other is not None and one != other:
            self.memory.read([other], differentiated=False)
            self.memory.copied(one, other)
        return copy


def _at_once(nudge: Nudge) -> bool:
    return nudge.key[0] == "old" and nudge.epoch == 0
