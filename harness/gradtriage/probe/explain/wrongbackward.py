"""Backward formulas that are wrong: a custom function's own, or a hook that edits gradients."""

from __future__ import annotations

from collections.abc import Sequence

from gradtriage.probe.explain.operations import HOOKS
from gradtriage.probe.explain.question import Cause, Comparison, Question
from gradtriage.probe.explain.rewrites import NoHook, NumericBackward, Rewrite
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from gradtriage.probe.explain.trace import Key, Operation
    from gradtriage.probe.explain.replays import Target


def backward_causes(question: Question, targets: Sequence[Target], wrong: Comparison) -> list[Cause]:
    """The custom functions and hooks whose part in the backward pass accounts for the difference.

    Each is replaced alone: a custom function's backward by differences of its forward, a hook by none. Agreement
    restored is the proof.
    """
    bits = question.bits(targets)
    for operations in _suspects(question, bits):
        name = operations[0].key[1]
        rewrite: Rewrite = NoHook() if name in HOOKS else NumericBackward()
        rewrites: dict[Key, Rewrite] = {operation.key: rewrite for operation in operations}
        slope = sum(question.replays.slopes(question.listing.number, targets, rewrites))
        if wrong.numeric.agrees(slope, max(question.tolerance, _DIFFERENCES)):
            kind = "hook" if name in HOOKS else "custom-backward"
            evidence = {"autograd": wrong.autograd, "numeric": wrong.numeric.value, "autograd_restored": slope}
            site = operations[0].backward_site or operations[0].key[0]
            return [Cause(kind, site, name, question.names(bits), "proven", evidence)]
    return []


_DIFFERENCES = 1e-4


def _suspects(question: Question, bits: int) -> list[list[Operation]]:
    """Custom functions on the way from the targets, and hooks, each with all its calls."""
    groups: dict[tuple[object, str], list[Operation]] = {}
    for operation in question.tape().operations:
        on_the_way = any(reach & bits for reach in operation.reach_in)
        if on_the_way and (operation.custom or operation.key[1] in HOOKS):
            place = operation.backward_site or operation.key[0]
            groups.setdefault((place, operation.key[1]), []).append(operation)
    return list(groups.values())
