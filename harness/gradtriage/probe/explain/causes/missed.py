"""Gradients that a test misses although all that autograd gives is right: frozen parameters, and other tensors."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import TYPE_CHECKING

from gradtriage.probe.explain.causes.nonleaf import name_read_by
from gradtriage.probe.explain.leaves.origins import freezing_is_undone
from gradtriage.probe.explain.question.findings import Finding
from gradtriage.probe.explain.question.question import Cause, Question
from gradtriage.probe.explain.replay.replays import Replays

if TYPE_CHECKING:
    from gradtriage.probe.explain.leaves.identity import Key
    from gradtriage.probe.explain.program import Observer, Program
    from gradtriage.probe.explain.replay.listings import Missed


def thawed(program: Program) -> Program:
    """The program in which nothing is frozen."""

    def run(observer: Observer) -> None:
        with freezing_is_undone():
            program(observer)

    return run


def frozen_causes(question: Question, program: Program) -> list[tuple[Finding, Cause]]:
    """Parameters that were told to require no gradient: let, they have one, and the right one.

    Args:
        question: The gradient computation after which their gradients are missed.
        program: The body.
    """
    listing = question.listing
    waiting = [missed for missed in listing.missed if missed.frozen is not None]
    if not waiting:
        return []
    replays = Replays(thawed(program))
    listings = replays.listings()
    now = next((one for one in listings if one.number == listing.number), None)
    if now is None:
        return []
    other, known = Question(replays, now, listings), {target.name for target in listing.targets}
    found = []
    for target in (one for one in other.targets if one.name not in known and one.status == "ok"):
        missed = next((one for one in waiting if one.shape == target.shape), None)
        comparison = other.trial([target], {})
        if missed is None or missed.frozen is None or comparison is None or not comparison.agree:
            continue
        waiting.remove(missed)
        evidence: dict[str, object] = {"autograd_thawed": comparison.autograd, "numeric": comparison.numeric.value}
        evidence["read"] = missed.read.told
        cause = Cause("no-grad", missed.frozen, "requires_grad_", [target.name], "proven", evidence)
        found.append((Finding(target, "none"), cause))
    return found


def replaced_causes(missed: Sequence[Missed], known: Collection[Key | None]) -> list[Cause]:
    """Parameters that were made after the gradient call, in the place of those that it was about.

    Args:
        missed: The gradients that were read, and are not there.
        known: The leaves that the call was about.
    """
    new = [one for one in missed if one.requires and one.key not in known and one.made is not None]
    return [
        Cause("rebuild", one.made, "Parameter", [name_read_by(one.read)], "supported", {"read": one.read.told})
        for one in new
        if one.made is not None
    ]
