"""Tests that read the `.grad` of a tensor that is no leaf: it has none, and the leaf is another tensor."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING

from gradtriage.probe.explain.question.oracle import differentiate
from gradtriage.probe.explain.question.question import Cause, Comparison, Question
from gradtriage.probe.explain.replay.listings import Target
from gradtriage.probe.explain.replay.results import Moved

if TYPE_CHECKING:
    from gradtriage.probe.explain.source.sites import Site

_READ = re.compile(r"([A-Za-z_][\w.]*(?:\[[^\]]*\])?)\.grad\b")


def nonleaf_cause(question: Question) -> tuple[Target, Comparison, Cause] | None:
    """The operation that made the tensor, with its two derivatives; None where it was not seen.

    The proof: asked for this tensor, autograd gives what differences along it give. It is only that nobody keeps it.

    Args:
        question: The gradient computation before the reading.
    """
    listing, replays = question.listing, question.replays
    if listing.nonleaf is None:
        return None
    key = replays.maker_of_nonleaf(listing.number)
    if key is None:
        return None

    def evaluate(steps: Sequence[float]) -> list[float]:
        return [replays.losses(listing.number, [[]], {key: Moved(step)})[0] for step in steps]

    slope = replays.slope_of_result(listing.number, key, Moved(0.0))
    numeric = differentiate(evaluate, single=listing.single)
    comparison = Comparison(slope, numeric, question.tolerance)
    name = name_read_by(listing.nonleaf)
    proven = comparison.agree and comparison.conclusive
    evidence: dict[str, object] = {
        "autograd_asked": slope,
        "numeric": numeric.value,
        "read": listing.nonleaf.told,
    }
    target = Target(name, None, 1.0, 0, (), listing.single, "none", None, None)
    cause = Cause("nonleaf", key[0], key[1], [name], "proven" if proven else "supported", evidence)
    return target, Comparison(0.0, numeric, question.tolerance), cause


def name_read_by(site: Site) -> str:
    """What the line that reads a tensor's `.grad` calls the tensor."""
    found = _READ.search(site.source)
    return found[1] if found else f"tensor@line {site.line}"
