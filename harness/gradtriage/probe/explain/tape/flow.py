"""Where a value that lost its gradient goes: the operations at which it meets live ones, is kept, or leaves torch."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from gradtriage.probe.explain.tape.tape import LEAF

if TYPE_CHECKING:
    from gradtriage.probe.explain.tape.tape import Key, Operation, Tape


@dataclass(frozen=True)
class Exit:
    """An operation at which a value without gradient ends.

    Attributes:
        kind: It `meets` a value with a gradient, is `kept` in the memory of a module, `leaves` torch, or is the `end`.
        at: Index of the operation.
        dead: Index of the operation that made the value that goes in.
        way: The operations from the cut to `dead`, by index.
    """

    kind: Literal["meets", "kept", "leaves", "end"]
    at: int
    dead: int
    way: tuple[int, ...]


class Flow:
    """The operations of a run as a graph, forwards.

    Args:
        tape: Of the unchanged run.
        nudged: Of a run in which the targets were moved.
        moved: The operations that followed them.
        single: Whether values are in single precision.
    """

    def __init__(self, tape: Tape, nudged: Tape, moved: set[int], *, single: bool) -> None:
        self.tape, self.moved = tape, moved
        self._nudged = {operation.key: operation for operation in nudged.operations}
        self._tolerance = 1e-5 if single else 1e-9
        self._users: dict[int, list[int]] = {}
        self._made: dict[Key, int] = {}
        self._look_at_leaves: list[int] = []
        for index, operation in enumerate(tape.operations):
            self._made[operation.key] = index
            for source in dict.fromkeys(operation.sources):
                self._users.setdefault(source, []).append(index)
            looks = zip(operation.sources, operation.reach_in, strict=True)
            if any(source == LEAF and not reach for source, reach in looks):
                self._look_at_leaves.append(index)

    def indexes(self, keys: Iterable[Key]) -> list[int]:
        """Where operations are on the tape."""
        return [self._made[key] for key in keys if key in self._made]

    def exits(self, start: int, bits: int) -> Iterator[Exit]:
        """Where the result of an operation that lost the gradient of some targets goes."""
        operations = self.tape.operations
        waiting: list[tuple[int, ...]] = [(start,)]
        seen = {start}
        while waiting:
            way = waiting.pop()
            dead = way[-1]
            if operations[dead].state:
                yield Exit("kept", dead, dead, way)
                continue
            users = self.users_of(dead)
            if dead == len(operations) - 1:
                yield Exit("end", dead, dead, way)
            for user in users:
                if operations[user].reach_out & bits:
                    yield Exit("meets", user, dead, way)
                elif user in self.moved and operations[user].escape:
                    yield Exit("leaves", user, dead, way)
                elif user in self.moved and user not in seen:
                    seen.add(user)
                    waiting.append((*way, user))

    def users_of(self, index: int) -> list[int]:
        """The operations that an operation's result goes into.

        Of a look at a leaf's memory the tape does not say which of the looks is used: all that come later count.
        """
        users = self._users.get(index, [])
        if self.tape.operations[index].leaf_memory and not self.tape.operations[index].state:
            users = [*users, *(later for later in self._look_at_leaves if later > index)]
        return users

    def operation(self, index: int) -> Operation:
        """The operation at an index."""
        return self.tape.operations[index]

    def same(self, one: int, other: int) -> bool:
        """Whether two results are equal but for rounding."""
        return other >= 0 and self._equal(self.operation(one).digest, self.operation(other).digest)

    def stay_same(self, one: int, other: int) -> bool:
        """Whether two results are equal, and stay so when the targets move."""
        if one < 0 or not self.same(one, other):
            return False
        a, b = (self._nudged.get(self.operation(index).key) for index in (one, other))
        return a is not None and b is not None and self._equal(a.digest, b.digest)

    def _equal(self, a: tuple[float | str, ...], b: tuple[float | str, ...]) -> bool:
        return len(a) == len(b) and all(
            isinstance(x, float) and isinstance(y, float) and math.isclose(x, y, rel_tol=self._tolerance, abs_tol=1e-12)
            for x, y in zip(a, b, strict=True)
        )
