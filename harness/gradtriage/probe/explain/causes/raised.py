"""Gradient computations that raise: a value of an earlier graph, a write into what autograd had kept, a formula."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from gradtriage.probe.explain.causes.repairs import Constant, NoWrite
from gradtriage.probe.explain.causes.wrongbackward import backward_causes
from gradtriage.probe.explain.leaves.operations import INTEGER, writes
from gradtriage.probe.explain.question.question import Cause, Comparison, Question
from gradtriage.probe.explain.replay.replays import BodyFailedError
from gradtriage.probe.explain.tape.rewrites import Identity

if TYPE_CHECKING:
    from gradtriage.probe.explain.replay.listings import Target
    from gradtriage.probe.explain.tape.rewrites import Rewrite
    from gradtriage.probe.explain.tape.tape import Key, Tape

MOST_WRITES = 24


def raising_causes(question: Question, targets: Sequence[Target]) -> tuple[str, list[Cause]]:
    """Why autograd raises: that without which it gives a gradient, and the right one.

    Args:
        question: The gradient computation.
        targets: Its targets.

    Returns:
        The verdict, `severed` or `wrong-backward`, and the causes.
    """
    bits = question.bits(targets)
    stale = _stale(question, targets, bits)
    if stale is not None:
        return "severed", [stale]
    write = _write(question, targets, bits)
    if write is not None:
        return "severed", [write]
    undefined = _undefined(question, targets, bits)
    if undefined is not None:
        return "severed", [undefined]
    numeric = question.numeric(targets)
    return "wrong-backward", backward_causes(question, targets, Comparison(float("nan"), numeric, question.tolerance))


def _stale(question: Question, targets: Sequence[Target], bits: int) -> Cause | None:
    """Values with a graph that an earlier gradient computation has used up.

    Two counterfactuals show it: taken as constants (what they are after a step of training) they do no harm, or the
    earlier computation leaves its graph.
    """
    tape = question.tape()
    old = _used_after_their_call(tape, bits)
    if not old:
        return None
    key, (_, origin) = next(iter(old.items()))
    made = tape.operations[origin].key[0]
    evidence: dict[str, object] = {"origin": made.told}
    cause = Cause("stale", key[0], key[1], question.names(bits), "supported", evidence)
    comparison = _under(question, targets, {key: Constant(positions) for key, (positions, _) in old.items()})
    if comparison is None or not comparison.agree:
        comparison = _with_graphs_kept(question, targets)
    if comparison is not None and comparison.agree and comparison.conclusive:
        evidence |= {"autograd_mended": comparison.autograd, "numeric_mended": comparison.numeric.value}
        cause.proof = "proven"
    return cause


def _with_graphs_kept(question: Question, targets: Sequence[Target]) -> Comparison | None:
    try:
        slopes = question.slopes(targets, keep_graphs=True)
    except BodyFailedError:
        return None
    return question.compare(targets, autograd=sum(slopes))


def _used_after_their_call(tape: Tape, bits: int) -> dict[Key, tuple[frozenset[int], int]]:
    """Operations since a graph was last used up with operands from before that: which ones, and their origin."""
    used_up = [before for before, frees in tape.calls[:-1] if frees]
    if not used_up:
        return {}
    boundary = used_up[-1]
    found: dict[Key, tuple[frozenset[int], int]] = {}
    for operation in (one for one in tape.operations[boundary:] if one.reach_out & bits):
        old = [
            (position, source)
            for position, (source, reach) in enumerate(zip(operation.sources, operation.reach_in, strict=True))
            if 0 <= source < boundary and reach & bits
        ]
        if old:
            found[operation.key] = frozenset(position for position, _ in old), old[0][1]
    return found


def _write(question: Question, targets: Sequence[Target], bits: int) -> Cause | None:
    """The write without which autograd finds what it had kept, the latest first."""
    tape = question.tape()
    written = [o for o in reversed(tape.operations) if writes(o.key[1]) and (o.reach_out | o.past) & bits]
    sites = dict.fromkeys(operation.key[0] for operation in written)
    supported: Cause | None = None
    for site in list(sites)[:MOST_WRITES]:
        here = [operation for operation in written if operation.key[0] == site]
        comparison = _under(question, targets, {operation.key: NoWrite() for operation in here})
        if comparison is None:
            continue
        cause = Cause("inplace", site, here[0].key[1], question.names(bits), "supported", {})
        if comparison.agree and comparison.conclusive:
            values = {"autograd_unwritten": comparison.autograd, "numeric_unwritten": comparison.numeric.value}
            return replace(cause, proof="proven", evidence=dict(values))
        supported = supported or cause  # without it nothing raises, but what comes out is not finite, say
    return supported


_UNDEFINED = re.compile(r"derivative for (?:aten::)?(\w+) is not implemented")


def _undefined(question: Question, targets: Sequence[Target], bits: int) -> Cause | None:
    """An operation without a derivative in torch, such as `//`: with its operand in its place there is a gradient."""
    named = _UNDEFINED.search(question.listing.raises)
    if named is None:
        return None
    name = _plain(named[1])
    found = [o for o in question.tape().operations if _plain(o.key[1]) == name and o.reach_out & bits]
    if not found:
        return None
    comparison = _under(question, targets, {operation.key: Identity() for operation in found})
    right = comparison is not None and comparison.agree and comparison.conclusive
    kind = "integer" if found[-1].key[1] in INTEGER else "other"
    site, shown, _ = found[-1].key
    evidence: dict[str, object] = {"raises": question.listing.raises}
    return Cause(kind, site, shown, question.names(bits), "proven" if right else "supported", evidence)


def _plain(name: str) -> str:
    """`__floordiv__` and `floor_divide` are the same."""
    bare = name.strip("_")
    return {"floordiv": "floor_divide"}.get(bare, bare)


def _under(question: Question, targets: Sequence[Target], rewrites: dict[Key, Rewrite]) -> Comparison | None:
    """Autograd and differences under a counterfactual; None where it raises all the same, and for none at all."""
    return question.trial(targets, rewrites) if rewrites else None
