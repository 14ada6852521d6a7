"""What a failing test may miss beside wrong gradients: frozen parameters, other tensors, values from before."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gradtriage.probe.explain.account.diagnosis import Diagnosis
from gradtriage.probe.explain.causes.missed import frozen_causes, replaced_causes
from gradtriage.probe.explain.question.findings import as_listed

if TYPE_CHECKING:
    from gradtriage.probe.explain.program import Program
    from gradtriage.probe.explain.question.question import Question


def frozen_diagnosis(question: Question, program: Program, other: Diagnosis) -> Diagnosis | None:
    """What a failing test misses by name goes before what else there is: frozen parameters whose gradient it reads."""
    listing = question.listing
    frozen = frozen_causes(question, program)
    if not frozen:
        return None
    findings = other.findings if other.listing is listing else as_listed(listing)
    causes = [cause for _, cause in frozen] + other.causes
    return Diagnosis("severed", listing, [*findings, *(finding for finding, _ in frozen)], causes)


def red_all_the_same(question: Question, healthy: Diagnosis) -> Diagnosis:
    """What a failing test may miss after its last gradient computation, where each gradient is right."""
    listing = question.listing
    findings = healthy.findings if healthy.listing is listing else as_listed(listing)
    known = {target.key for target in listing.targets}
    replaced = replaced_causes(listing.missed, known)
    if replaced:
        reason = f"{replaced[0].targets[0]} was made after the gradient call: another tensor than the call was about"
        return Diagnosis("insensitive", listing, findings, replaced, reason)
    missed = {one.key for one in listing.missed if one.requires}
    unread = [t.name for t in question.targets if t.status == "none" and (t.key in missed or listing.refused)]
    if unread:
        reason = (
            f"nothing that the test runs reads {', '.join(unread)}; what was computed of it before (in a fixture, at "
            "import) is a constant here"
        )
        return Diagnosis("insensitive", listing, findings, [], reason)
    if listing.refused:
        return Diagnosis("unknown", listing, findings, reason=f"the gradients are right; the call: {listing.refused}")
    zero = [f.target.name for f in findings if f.status == "zero" and f.target.key in listing.read]
    if zero:
        reason = f"the gradient of {', '.join(zero)} is zero, and so is the derivative; nothing is proven to be wrong"
        return Diagnosis("unknown", listing, findings, reason=reason, designs=healthy.designs)
    strangers = [target.name for target in listing.targets if target.key is None]
    if strangers:
        reason = (
            f"{', '.join(strangers)}: no leaf, or made out of sight; it cannot be told whether its gradient is right"
        )
        return Diagnosis("unknown", listing, findings, reason=reason)
    return healthy
