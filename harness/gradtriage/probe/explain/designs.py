"""Cuts that are meant: said so by a comment, or known by their form."""

from __future__ import annotations

import linecache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from gradtriage.probe.explain.cuts import Cut
    from gradtriage.probe.explain.trace import Operation, Tape

STOP = "gradtriage: stop-gradient"
_SUBTRACTIONS = frozenset({"sub", "subtract", "__sub__", "__rsub__", "rsub"})
_NEAR = 40
_ADDITIONS = frozenset({"add", "__add__", "__radd__", "add_", "__iadd__"})


def designed(cut: Cut, tape: Tape) -> bool:
    """Whether a cut is by design: a comment on its line or the line before, or a straight-through estimator."""
    lines = (linecache.getline(cut.site.file, number) for number in (cut.site.line, cut.site.line - 1))
    own, before = (line.strip() for line in lines)
    if STOP in own or (before.startswith("#") and STOP in before):
        return True
    return cut.kind in ("detach", "data") and _straight_through(cut, tape)


def _straight_through(cut: Cut, tape: Tape) -> bool:
    """Whether each detached value is a difference `y - x` that is added to `x`: y goes on, x has the gradient."""
    keys = set(cut.keys)
    detached = [index for index, operation in enumerate(tape.operations) if operation.key in keys]
    return bool(detached) and all(_is_added_to_what_was_taken(tape, index) for index in detached)


def _is_added_to_what_was_taken(tape: Tape, index: int) -> bool:
    later = tape.operations[index + 1 : index + _NEAR]
    sums = [operation for operation in later if operation.key[1] in _ADDITIONS and index in operation.sources]
    difference = _made_by(tape, tape.operations[index], 0)
    if difference is not None and difference.key[1] in _SUBTRACTIONS:
        return any((set(operation.sources) - {index}) & set(difference.sources) for operation in sums[:1])
    # `x - x.detach()` is nothing but a gradient, whatever it is added to
    taken = next(iter(tape.operations[index].sources), -1)
    without = [o for o in later if o.key[1] in _SUBTRACTIONS and index in o.sources]
    return (
        any(taken in _behind(tape, o, index) or _added(tape, o, taken) for o in without)
        or any(_is_only_a_gradient(tape, source) for o in sums for source in o.sources)
        or any(_followed_by_one(tape, o, later) for o in sums)
    )


def _added(tape: Tape, operation: Operation, taken: int) -> bool:
    """`y - x.detach() + x`: what was taken is added again afterwards."""
    at = next(i for i, o in enumerate(tape.operations) if o is operation)
    later = tape.operations[at + 1 : at + _NEAR]
    return any(o.key[1] in _ADDITIONS and at in o.sources and taken in o.sources for o in later)


def _behind(tape: Tape, operation: Operation, besides: int) -> set[int]:
    """The other operand, and what it is a sum of."""
    others = set(operation.sources) - {besides}
    return others | {
        s for o in others if o >= 0 and tape.operations[o].key[1] in _ADDITIONS for s in tape.operations[o].sources
    }


def _is_only_a_gradient(tape: Tape, index: int) -> bool:
    if index < 0 or tape.operations[index].key[1] not in _SUBTRACTIONS:
        return False
    sources = tape.operations[index].sources
    looks = [s for s in sources if s >= 0 and tape.operations[s].key[1] in ("detach", "data")]
    return any(set(tape.operations[look].sources) & set(sources) for look in looks)


def _followed_by_one(tape: Tape, total: Operation, later: list[Operation]) -> bool:
    """`y.detach() + x - x.detach()`: the sum is followed by the subtraction of what was added, detached."""
    at = next((i for i, o in enumerate(tape.operations) if o is total), -1)
    for operation in later:
        if operation.key[1] in _SUBTRACTIONS and at in operation.sources:
            looks = [s for s in operation.sources if s >= 0 and tape.operations[s].key[1] in ("detach", "data")]
            return any(set(tape.operations[look].sources) & set(total.sources) for look in looks)
    return False


def _made_by(tape: Tape, operation: Operation, position: int) -> Operation | None:
    source = operation.sources[position] if len(operation.sources) > position else -1
    return tape.operations[source] if source >= 0 else None
