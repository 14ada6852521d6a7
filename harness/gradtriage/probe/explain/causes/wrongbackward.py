"""Backward formulas that are wrong: a custom function's own, or a hook that edits gradients."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from gradtriage.probe.explain.causes.localisation import AGREEMENT, Localisation, slope_under
from gradtriage.probe.explain.causes.repairs import Constant, NoWrite
from gradtriage.probe.explain.leaves.operations import HOOKS, MODULE_HOOKS
from gradtriage.probe.explain.question.question import Cause, Comparison, Question
from gradtriage.probe.explain.replay.replays import BodyFailedError
from gradtriage.probe.explain.tape.inside import write_into_gradient
from gradtriage.probe.explain.tape.rewrites import LeftToAutograd, NoHook, NumericBackward, OwnGradients, Rewrite

if TYPE_CHECKING:
    from gradtriage.probe.explain.replay.listings import Target
    from gradtriage.probe.explain.source.sites import Site
    from gradtriage.probe.explain.tape.tape import Operation

_MOST_STATEMENTS = 24


def write_causes(question: Question, targets: Sequence[Target], wrong: Comparison) -> list[Cause]:
    """Writes that changed what autograd holds without its knowledge: without them it is right."""
    bits = question.bits(targets)
    groups: dict[Site, list[Operation]] = {}
    for operation in question.tape().operations:
        if operation.past & bits:
            groups.setdefault(operation.key[0], []).append(operation)
    for site, operations in list(groups.items())[:_MOST_STATEMENTS]:
        try:
            comparison = question.compare(targets, {operation.key: NoWrite() for operation in operations})
        except BodyFailedError:
            continue
        if comparison.agree and comparison.conclusive and comparison.numeric.moved:
            evidence = {"autograd": wrong.autograd, "numeric": wrong.numeric.value}
            evidence |= {"autograd_unwritten": comparison.autograd, "numeric_unwritten": comparison.numeric.value}
            return [Cause("inplace", site, operations[0].key[1], question.names(bits), "proven", dict(evidence))]
    return []


def stale_causes(question: Question, targets: Sequence[Target], wrong: Comparison) -> list[Cause]:
    """Values with a graph that were there before the run: as constants, which they are, they leave autograd right."""
    bits = question.bits(targets)
    for operation in question.tape().operations:
        if not operation.foreign or not any(reach & bits for reach in operation.reach_in):
            continue
        slope = slope_under(question, targets, {operation.key: Constant(operation.foreign)})
        if slope is not None and slope != wrong.autograd and wrong.numeric.agrees(slope, question.tolerance):
            evidence = {"autograd": wrong.autograd, "numeric": wrong.numeric.value, "autograd_constant": slope}
            site, name, _ = operation.key
            return [Cause("stale", site, name, question.names(bits), "proven", dict(evidence))]
    return []


def backward_causes(question: Question, targets: Sequence[Target], wrong: Comparison) -> list[Cause]:
    """The custom functions and hooks whose part in the backward pass accounts for the difference.

    Each is replaced alone: a custom function's backward by differences of its forward, a hook by none. Agreement
    restored is the proof.
    """
    written = _written_gradient(question, targets, wrong)
    if written is not None:
        return [written]
    bits = question.bits(targets)
    for operations in _suspects(question, bits):
        name = operations[0].key[1]
        rewrite: Rewrite = NoHook() if name in HOOKS else NumericBackward()
        slope = slope_under(question, targets, {operation.key: rewrite for operation in operations})
        if slope is None or not wrong.numeric.agrees(slope, max(question.tolerance, AGREEMENT)):
            slope = _slope_of_another_loss(question, targets, operations)
        if slope is None:
            continue
        kind = "hook" if name in HOOKS else "custom-backward"
        evidence = {"autograd": wrong.autograd, "numeric": wrong.numeric.value, "autograd_restored": slope}
        site = operations[0].backward_site
        if site is None:
            return [Cause(kind, operations[0].key[0], name, question.names(bits), "proven", evidence)]
        located, more = Localisation(question, targets, wrong, operations, site).line()
        return [Cause(kind, located, name, question.names(bits), "proven", {**evidence, **more})]
    return []


def _slope_of_another_loss(
    question: Question, targets: Sequence[Target], operations: Sequence[Operation]
) -> float | None:
    """Autograd's derivative with a custom function left to autograd, where that changes the loss and is right.

    A loss that is made of gradients, as of forces, is another one with another backward. Only a function whose forward
    needs no context can be left to autograd.
    """
    if not operations[0].contextless:
        return None
    try:
        comparison = question.compare(targets, {operation.key: LeftToAutograd() for operation in operations})
    except BodyFailedError:
        return None
    return comparison.autograd if comparison.agree and comparison.conclusive and comparison.numeric.moved else None


def _written_gradient(question: Question, targets: Sequence[Target], wrong: Comparison) -> Cause | None:
    """A backward that writes into the gradient that it is handed, which others read: with copies all are right.

    It need not lie on the way from the targets: the others may.
    """
    tape, _ = question.backward()
    bits = question.bits(targets)
    writing: dict[tuple[Site, str], list[Operation]] = {}
    for operation in tape.operations:
        write = write_into_gradient(tape.inside.get(operation.key, ())) if operation.custom else None
        if write is not None:
            writing.setdefault((write.key[0], operation.key[1]), []).append(operation)
    for (site, name), operations in writing.items():
        slope = slope_under(question, targets, {operation.key: OwnGradients() for operation in operations})
        if slope is not None and wrong.numeric.agrees(slope, max(question.tolerance, AGREEMENT)):
            evidence: dict[str, object] = {"autograd": wrong.autograd, "numeric": wrong.numeric.value}
            evidence |= {"autograd_restored": slope, "writes": "into the gradient that comes in"}
            return Cause("custom-backward", site, name, question.names(bits), "proven", evidence)
    return None


def _suspects(question: Question, bits: int) -> list[list[Operation]]:
    """Custom functions on the way from the targets, and hooks, with all its calls; none that are meant."""
    groups: dict[tuple[object, str], list[Operation]] = {}
    for operation in question.tape().operations:
        on_the_way = operation.key[1] in MODULE_HOOKS or any(reach & bits for reach in operation.reach_in)
        if operation.key in question.meant:
            continue
        if on_the_way and (operation.custom or operation.key[1] in HOOKS):
            place = operation.backward_site or operation.key[0]
            groups.setdefault((place, operation.key[1]), []).append(operation)
    return list(groups.values())
