"""What lies on the way from the parameters to the loss, in numbers: suspects of each kind, and how many there are."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from gradtriage.probe.explain.causes.cuts import find_cuts
from gradtriage.probe.explain.leaves.operations import HOOKS
from gradtriage.probe.explain.question.oracle import LADDER

if TYPE_CHECKING:
    from gradtriage.probe.explain.question.question import Question
    from gradtriage.probe.explain.replay.listings import Target


@dataclass(frozen=True)
class Survey:
    """Counts over the operations of the unchanged run.

    Attributes:
        operations: On the way from the parameters in question.
        cuts: Lines at which a value goes on and its gradient does not, by kind.
        custom: Custom functions on the way, by name.
        hooks: Hooks on the way.
        foreign: Operands with a graph that was there before the run.
        writes: Writes past autograd into memory that it holds.
    """

    operations: int
    cuts: Counter[str] = field(default_factory=Counter)
    custom: Counter[str] = field(default_factory=Counter)
    hooks: int = 0
    foreign: int = 0
    writes: int = 0


def survey(question: Question, targets: Sequence[Target], *, compared: bool) -> Survey:
    """Counts what could be to blame.

    Args:
        question: The gradient computation.
        targets: The targets in question.
        compared: Whether a run in which they are moved may be looked at as well; without it no cut is counted.
    """
    bits, tape = question.bits(targets), question.tape()
    on_the_way = [o for o in tape.operations if any(reach & bits for reach in o.reach_in)]
    found = find_cuts(tape, question.nudged_tape(targets, LADDER[0]), bits) if compared else []
    return Survey(
        operations=len(on_the_way),
        cuts=Counter(cut.kind for cut in found if cut.escape),
        custom=Counter(o.key[1] for o in on_the_way if o.custom),
        hooks=sum(o.key[1] in HOOKS for o in on_the_way),
        foreign=sum(bool(o.foreign) for o in on_the_way),
        writes=sum(bool(o.past & bits) for o in tape.operations),
    )
