"""Parameters that a gradient computation is not about: copies, and those that the same function trains elsewhere."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from gradtriage.probe.explain.causes.severed import severance_causes
from gradtriage.probe.explain.question.choice import place, trained

if TYPE_CHECKING:
    from gradtriage.probe.explain.question.question import Cause, Comparison, Question
    from gradtriage.probe.explain.replay.listings import Listing, Target
    from gradtriage.probe.explain.source.sites import Site

# what somebody writes who does not want a gradient there
_ON_PURPOSE = frozenset({"detach", "data", "no-grad"})


def copies(listing: Listing, all_listings: Sequence[Listing]) -> set[str]:
    """Targets without a gradient that are copies of targets with one somewhere: target networks, averages."""
    known = trained((listing, *all_listings))
    return {t.name for t in listing.targets if t.status == "none" and t.original in known and t.original is not None}


def trained_elsewhere(listing: Listing, all_listings: Sequence[Listing]) -> list[Target]:
    """Targets without a gradient here, at this place never with one, and with one at another place of the body."""
    if listing.kind != "backward":
        return []
    reached = [
        (place(other) == place(listing), {t.key for t in other.targets if t.status == "ok"}) for other in all_listings
    ]
    here = {key for same, keys in reached if same for key in keys}
    wanted = {key for same, keys in reached if not same for key in keys} - here
    return [target for target in listing.targets if target.status == "none" and target.key in wanted]


def stopped_by_the_caller(question: Question, targets: Sequence[Target], wrong: Comparison) -> str:
    """Where the function that computes the gradient itself stops it for these targets; empty where it does not.

    The generator is detached where the discriminator is trained, the critic where the actor is: a stop in the very
    function that asks for the gradient, for parameters that get theirs elsewhere, is meant.
    """
    causes = severance_causes(question, targets, wrong)
    if not all(on_purpose(cause, question.listing.caller) for cause in causes):
        return ""
    lines = ", ".join(str(cause.site.line) for cause in causes)
    return f"line {lines} stops it" if causes else ""


def on_purpose(cause: Cause, caller: Site | None) -> bool:
    """Whether it is a stop that is written in the function that asks for the gradient."""
    same = caller is not None and (cause.site.file, cause.site.function) == (caller.file, caller.function)
    return same and cause.kind in _ON_PURPOSE and cause.proof == "proven"
