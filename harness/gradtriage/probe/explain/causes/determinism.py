"""Two runs from the same memory: where they differ nothing can be said about differences."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from gradtriage.probe.explain.causes.cuts import same_digest
from gradtriage.probe.explain.question.question import Cause, Question

if TYPE_CHECKING:
    from gradtriage.probe.explain.replay.listings import Listing
    from gradtriage.probe.explain.replay.replays import Replays


@dataclass(frozen=True)
class Varying:
    """A computation that gives other values in another run.

    Attributes:
        cause: The first operation that does; None where none was found.
    """

    listing: Listing
    cause: Cause | None


def first_varying(replays: Replays, first: Sequence[Listing], second: Sequence[Listing]) -> Varying | None:
    """The first computation in which two runs differ; None where they do not.

    Args:
        replays: Of the body.
        first: The computations of one run.
        second: Those of another.
    """
    for one, other in zip(first, second, strict=False):
        same = one.loss == other.loss or (math.isnan(one.loss) and math.isnan(other.loss))
        if not same or not _same_gradients(one, other):
            question = Question(replays, one)
            tape, again = question.tape(), replays.tape(one.number, question.targets)
            digests = {operation.key: operation.digest for operation in again.operations}
            for left in tape.operations:  # not side by side: operations of several threads come in any order
                if not same_digest(digests.get(left.key, ()), left.digest):
                    names = [target.name for target in one.targets]
                    evidence: dict[str, object] = {"varies": "two runs from the same state differ here first"}
                    return Varying(one, Cause("other", left.key[0], left.key[1], names, "supported", evidence))
            return Varying(one, None)
    return None


def _same_gradients(one: Listing, other: Listing) -> bool:
    """Whether the norms agree but for rounding: the order in which a sum comes from several threads is free."""
    rounding = 1e-5 if one.single else 1e-12
    norms = {target.name: target.norm for target in other.targets}
    return norms.keys() == {target.name for target in one.targets} and all(
        norm is None if target.norm is None else norm is not None and math.isclose(target.norm, norm, rel_tol=rounding)
        for target in one.targets
        for norm in (norms[target.name],)
    )
