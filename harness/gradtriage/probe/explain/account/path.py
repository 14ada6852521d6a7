"""The way from a parameter to the loss, over the operations of a tape, with the break on it."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from gradtriage.probe.explain.tape.tape import LEAF

if TYPE_CHECKING:
    from gradtriage.probe.explain.question.question import Cause
    from gradtriage.probe.explain.source.sites import Site
    from gradtriage.probe.explain.tape.tape import Operation, Tape


@dataclass(frozen=True)
class Step:
    """One operation on the way.

    Attributes:
        broken: The gradient is lost here.
    """

    op: str
    site: Site
    broken: bool


def path_of(tape: Tape, cause: Cause) -> list[Step]:
    """The shortest way from a parameter through the place of a cause to the loss.

    Where values left torch at the break, what follows it is not on the tape: the way then ends there.
    """
    at = _operation_of(tape, cause)
    if at is None:
        return []
    users: dict[int, list[int]] = {}
    for index, operation in enumerate(tape.operations):
        for source in operation.sources:
            users.setdefault(source, []).append(index)
    operations = tape.operations
    before = _shortest(
        at, lambda i: (s for s in operations[i].sources if s >= 0), lambda i: LEAF in operations[i].sources
    )
    after = _shortest(at, lambda i: users.get(i, []), lambda i: i == len(operations) - 1)
    way = [*reversed(before[1:]), at, *after[1:]]
    return [Step(operations[i].key[1], cause.site if i == at else operations[i].key[0], i == at) for i in way]


def _operation_of(tape: Tape, cause: Cause) -> int | None:
    def fits(operation: Operation) -> bool:
        places = (operation.key[0], operation.gradless, operation.custom.backward_site if operation.custom else None)
        return any(
            place is not None and (place.file, place.line) == (cause.site.file, cause.site.line) for place in places
        )

    found = [index for index, operation in enumerate(tape.operations) if fits(operation)]
    return next((index for index in found if tape.operations[index].key[1] == cause.op), found[0] if found else None)


def _shortest(start: int, neighbours: Callable[[int], Iterable[int]], arrived: Callable[[int], bool]) -> list[int]:
    """Breadth first; only the start where there is no way."""
    came_from: dict[int, int | None] = {start: None}
    waiting = deque([start])
    while waiting:
        index = waiting.popleft()
        if arrived(index):
            way: list[int] = []
            step: int | None = index
            while step is not None:
                way.append(step)
                step = came_from[step]
            return way[::-1]
        for neighbour in neighbours(index):
            if neighbour not in came_from:
                came_from[neighbour] = index
                waiting.append(neighbour)
    return [start]
