"""Cuts that are meant: said so by a comment, or known by their form."""

from __future__ import annotations

import linecache
import math
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
    """One of the usual forms, told by its values: the whole is y, or adds nothing."""
    later = range(index + 1, min(len(tape.operations), index + _NEAR))
    sums = [at for at in later if tape.operations[at].key[1] in _ADDITIONS and index in tape.operations[at].sources]
    difference = _made_by(tape, tape.operations[index], 0)
    if difference is not None and difference.key[1] in _SUBTRACTIONS:
        # x + (y - x).detach()
        return any(_same_value(tape, at, source) for at in sums for source in difference.sources)
    without = [
        at for at in later if tape.operations[at].key[1] in _SUBTRACTIONS and index in tape.operations[at].sources
    ]
    return (
        any(tape.operations[at].zeros or _is_undone(tape, at, index) for at in without)  # x - x.detach()
        or any(_same_value(tape, at, index) for at in sums)  # y.detach() + (x - x.detach())
        or any(_is_undone(tape, at, index) for at in sums)  # y.detach() + x - x.detach()
    )


def _is_undone(tape: Tape, at: int, index: int) -> bool:
    """Whether the next sum or difference gives back the value that went into this one beside the detached one."""
    for later in range(at + 1, min(len(tape.operations), at + _NEAR)):
        operation = tape.operations[later]
        if operation.key[1] in _SUBTRACTIONS | _ADDITIONS and at in operation.sources:
            before = {source for source in tape.operations[at].sources if source >= 0}
            return any(_same_value(tape, later, source) for source in before | {index})
    return False


def _same_value(tape: Tape, one: int, other: int) -> bool:
    """Whether two results are equal, but for rounding."""
    if other < 0:
        return False
    a, b = tape.operations[one].digest, tape.operations[other].digest
    return len(a) == len(b) and all(
        isinstance(x, float) and isinstance(y, float) and math.isclose(x, y, rel_tol=1e-9, abs_tol=1e-12)
        for x, y in zip(a, b, strict=True)
    )


def _made_by(tape: Tape, operation: Operation, position: int) -> Operation | None:
    source = operation.sources[position] if len(operation.sources) > position else -1
    return tape.operations[source] if source >= 0 else None
