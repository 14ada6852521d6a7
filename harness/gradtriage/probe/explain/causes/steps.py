"""Parameters on which a loss depends in steps: rounded, compared, chosen by; no small move of them is seen."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING

from gradtriage.probe.explain.causes.cuts import Cut, find_cuts
from gradtriage.probe.explain.question.question import Cause, Question, nudges
from gradtriage.probe.explain.replay.replays import BodyFailedError
from gradtriage.probe.explain.tape.rewrites import Frozen, Rewrite

if TYPE_CHECKING:
    from gradtriage.probe.explain.replay.listings import Target
    from gradtriage.probe.explain.tape.tape import Key

# relative to the parameter's magnitude; the smallest at which the loss moves is used
JUMPS = (0.01, 0.1, 0.5, 1.0, 3.0)
# of the loss, above what rounding makes of it
LEAST, LEAST_SINGLE = 1e-9, 1e-5


def step_cause(question: Question, target: Target) -> Cause | None:
    """The operation that turns a parameter into steps; None where the loss does not follow large moves either.

    With the operation's value frozen the loss stays where it is: all of the dependence goes through it.

    Args:
        question: The gradient computation.
        target: A target without a gradient, small moves of which leave the loss as it is.
    """
    jump = _moving_jump(question, target)
    if jump is None:
        return None
    bits = question.bits([target])
    cuts = find_cuts(question.tape(), question.nudged_tape([target], jump), bits)
    cuts = [cut for cut in cuts if cut.escape]
    if not cuts:
        return None
    values = question.replays.values(question.listing.number, frozenset(key for cut in cuts for key in cut.keys))
    moved = _losses(question, target, jump, {})[0]
    for cut in cuts:
        frozen = {key: Frozen(values[key]) for key in cut.keys if key in values}
        if _losses(question, target, jump, frozen)[:1] == [question.listing.loss]:
            evidence: dict[str, object] = {
                "autograd": 0.0,
                "jump": jump * target.scale,
                "loss_before": question.listing.loss,
                "loss_after": moved,
                "loss_frozen": question.listing.loss,
            }
            return _cause(cut, target, "proven", evidence)
    return _cause(cuts[0], target, "supported", {"loss_before": question.listing.loss, "loss_after": moved})


def _moving_jump(question: Question, target: Target) -> float | None:
    loss, least = question.listing.loss, LEAST_SINGLE if question.listing.single else LEAST
    for jump in JUMPS:
        for side in (jump, -jump):
            found = _losses(question, target, side, {})
            if found and math.isfinite(found[0]) and abs(found[0] - loss) > least * max(abs(loss), abs(found[0])):
                return side
    return None


def _losses(question: Question, target: Target, jump: float, rewrites: Mapping[Key, Rewrite]) -> list[float]:
    """The loss after a jump; nothing where the body cannot go on after it."""
    try:
        return question.replays.losses(question.listing.number, [nudges([target], jump)], rewrites)
    except BodyFailedError:
        return []


def _cause(cut: Cut, target: Target, proof: str, evidence: dict[str, object]) -> Cause:
    return Cause(cut.kind, cut.site, cut.op, [target.name], proof, evidence)
