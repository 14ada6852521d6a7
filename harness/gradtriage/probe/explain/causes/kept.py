"""Functions that remember: what an evaluation keeps, the next one takes for its own, whatever its parameters are."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from gradtriage.probe.explain.causes.cuts import moved_operations
from gradtriage.probe.explain.question.question import Cause, Question, nudges
from gradtriage.probe.explain.replay.replays import BodyFailedError
from gradtriage.probe.explain.tape.rewrites import Frozen, Rewrite

if TYPE_CHECKING:
    from gradtriage.probe.explain.tape.tape import Key, Tape

# relative; large enough that a remembered value is told from rounding
STEP = 1e-3
_MOST_CANDIDATES = 16


def kept_value(question: Question) -> Cause | None:
    """The value of one evaluation that the next one uses again; None where evaluations do not depend on each other.

    A second evaluation at moved parameters is held against one in a process of its own. The proof is a run in a
    process of its own in which the suspect alone has its old value: it gives what the second evaluation gave.

    Args:
        question: The gradient computation; its loss can be evaluated again.
    """
    targets, number = question.targets, question.listing.number
    step = nudges(targets, STEP)
    try:
        if not _equal(question.replays.second_loss(number, []), question.listing.loss):
            return None  # it draws random numbers, or counts its calls: nothing is said about values that it keeps
        second = question.replays.second_loss(number, step)
        fresh = question.replays.losses(number, [step])[0]
    except BodyFailedError:
        return None
    if _equal(second, fresh):
        return None
    tape = question.replays.second_tape(number, targets)
    moved = moved_operations(question.tape(), question.nudged_tape(targets, STEP))
    candidates = _used_again(tape, moved)
    values = question.replays.values(number, frozenset(tape.operations[made].key for _, made in candidates))
    names = [target.name for target in targets]
    for user, made in candidates[:_MOST_CANDIDATES]:
        key = tape.operations[made].key
        rewrites: Mapping[Key, Rewrite] = {key: Frozen(values[key])} if key in values else {}
        if rewrites and _equal(question.replays.losses(number, [step], rewrites)[0], second):
            evidence = {"loss_second": second, "loss_fresh": fresh, "loss_kept": second, **_used(tape, user)}
            return Cause("stale", *key[:2], names, "proven", evidence)
    if not candidates:
        return None
    user, made = candidates[0]
    evidence = {"loss_second": second, "loss_fresh": fresh, **_used(tape, user)}
    return Cause("stale", *tape.operations[made].key[:2], names, "supported", evidence)


def _used_again(tape: Tape, moved: set[int]) -> list[tuple[int, int]]:
    """Operations of the second evaluation with an operand that followed the parameters in the first, and which."""
    boundary, _ = tape.calls[-1]
    return [
        (index, source)
        for index in range(boundary, len(tape.operations))
        for source in tape.operations[index].sources
        if 0 <= source < boundary and source in moved
    ]


def _used(tape: Tape, user: int) -> dict[str, object]:
    """Where the kept value is used again; it is blamed on the line that made it, where it was kept."""
    site = tape.operations[user].key[0]
    return {"used": site.told}


def _equal(one: float, other: float) -> bool:
    return abs(one - other) <= 1e-12 * max(abs(one), abs(other)) or (one != one and other != other)
