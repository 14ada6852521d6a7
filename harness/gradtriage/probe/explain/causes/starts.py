"""Zero gradients that training starts with: of a parameter behind another that is zero at first, and learns."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from gradtriage.probe.explain.question.choice import place, trained
from gradtriage.probe.explain.question.question import Design

if TYPE_CHECKING:
    from gradtriage.probe.explain.question.question import Cause, Question
    from gradtriage.probe.explain.replay.listings import Target

LEARNS = "the factor is a module's parameter that starts at zero, and has a gradient itself"


def starting_points(question: Question, causes: Sequence[Cause]) -> list[Design]:
    """The causes as designs, if each is a zero that is learned away: a gate, an adapter, the last layer of a branch.

    Of a test that fails, or whose loss is zero as well, the zero is what is looked for.

    Args:
        question: The gradient computation.
        causes: Why gradients are zero.
    """
    learned = causes and all(cause.evidence.get("learns") and cause.proof == "proven" for cause in causes)
    if question.fails or not learned or question.listing.loss == 0:
        return []
    return [Design(cause.site, f"{LEARNS} ({cause.evidence['learns']})", cause.targets) for cause in causes]


def learn_later(question: Question, targets: Sequence[Target]) -> set[str]:
    """Targets with a zero gradient that get one in a later computation at the same place, of a test that passes."""
    if question.fails:
        return set()
    here = question.listing
    later = [one for one in question.others if one.number > here.number and place(one) == place(here)]
    keys = trained(later)
    return {target.name for target in targets if target.key in keys}
