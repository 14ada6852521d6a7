"""Gradients that are NaN or infinite: the operation that makes them, and the proof by a safe operand."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from gradtriage.probe.explain.causes.deaths import origin_of_zero
from gradtriage.probe.explain.causes.held import held_on_the_way
from gradtriage.probe.explain.question.question import Cause, Question
from gradtriage.probe.explain.tape.inside import birth_of_nonfinite
from gradtriage.probe.explain.tape.rewrites import Frozen, Rewrite, SafeOperand

if TYPE_CHECKING:
    from gradtriage.probe.explain.replay.listings import Target
    from gradtriage.probe.explain.source.sites import Site
    from gradtriage.probe.explain.tape.backward import NodeReport
    from gradtriage.probe.explain.tape.tape import Key, Operation, Tape

# of one line, that are made safe together
_MOST_CALLS = 64
_MOST_BEFORE = 400
_MOST_GROUPS = 6
_MOST_VALUES = 4
_ROOTS = (
    "sqrt",
    "rsqrt",
    "norm",
    "acos",
    "arccos",
    "asin",
    "arcsin",
    "pow",
    "__pow__",
    "__rpow__",
    "dist",
    "cdist",
    "std",
    "hypot",
)
_DIVISIONS = ("div", "true_divide", "__truediv__", "__rtruediv__", "reciprocal", "__rdiv__", "normalize")
_CHOICES = (
    "where", "masked_fill", "masked_fill_", "nan_to_num", "__setitem__", "masked_scatter", "index_put_", "minimum",
    "maximum", "clamp", "nansum", "nanmean",
)  # fmt: skip
_COMPARISONS = frozenset(
    {
        "gt", "lt", "ge", "le", "eq", "ne", "__gt__", "__lt__", "__ge__", "__le__", "__eq__", "__ne__", "isclose",
        "isnan", "isinf", "isfinite", "logical_and", "logical_or", "logical_not", "__and__", "__or__", "__invert__",
        "greater", "less", "greater_equal", "less_equal", "not_equal", "allclose", "equal", "__bool__", "any", "all",
    }
)  # fmt: skip


def nonfinite_causes(question: Question, targets: Sequence[Target]) -> list[Cause]:
    """The operation at which a finite gradient becomes NaN or infinite, or a finite value does.

    A gradient that is not finite may be dropped further on, where it is masked: of several places the first one counts
    without which the gradients are right.
    """
    bits = question.bits(targets)
    tape, reports = question.backward()
    values = _bad_values(tape)
    places = [(index, True) for index in values]
    if not values or math.isfinite(question.listing.loss):  # a value that is chosen away may do no harm
        places += [(index, False) for index in _bad_gradients(tape, reports, bits) if index not in values]
    if not places:
        return []
    held = _branches_held(question, tape)
    found = []
    for index, forward in places:
        found.append((_cause_at(question, targets, index, held, forward=forward), index))
        if found[-1][0].proof == "proven":
            break
    # a value that is no number on purpose, and chosen away, makes no difference to the gradient
    telling = [entry for entry in found if entry[0].evidence.get("autograd_safe") is not None]
    cause, index = found[-1] if found[-1][0].proof == "proven" else (telling or found)[0]
    if cause.evidence.get("origin", cause.site.told) == cause.site.told:
        cause.evidence |= _held_before(question, targets, tape, index)
    return [cause]


def _cause_at(
    question: Question, targets: Sequence[Target], index: int, held: dict[Key, Rewrite], *, forward: bool
) -> Cause:
    """What makes one operation singular: its own operand, or an operation before it."""
    tape, _ = question.backward()
    operation = tape.operations[index]
    site, name, _ = operation.key
    # of a custom function: the line inside; the safe operand is that of the whole
    inner = birth_of_nonfinite(tape.inside.get(operation.key, ()), backward=not forward)
    if inner is not None:
        site, name, _ = inner.key
    finite = math.isfinite(question.listing.loss)
    together = [other.key for other in tape.operations if other.key[:2] == operation.key[:2]][:_MOST_CALLS]
    safe = _safe(question, together)
    comparison = question.trial(targets, {**held, **safe})
    names = question.names(question.bits(targets))
    cause = Cause(_kind(tape, index, name, finite), site, name, names, "supported", _origin(tape, index))
    if comparison is None or not comparison.agree:
        before = tape.ancestors(index)[:_MOST_BEFORE]
        # what a nested gradient is not finite by is an operation inside before it
        inside = [one.key for one in tape.inside.get(operation.key, ())] if name == "grad" else []
        for place, others in _safe_groups(question, tape, before, inside).items():
            other = question.trial(targets, {**held, **safe, **others})
            if other is None or not other.agree:
                continue
            comparison = other
            at = next((one for one in before if tape.operations[one].key[:2] == place), None)
            if at is not None and (safe or inner is not None):  # singular itself, at what the other one made
                cause.evidence.setdefault("origin", place[0].told)
            else:
                kind = _kind(tape, index if at is None else at, place[1], finite)
                cause = replace(cause, kind=kind, site=place[0], op=place[1])
            break
    if comparison is not None:
        cause.evidence |= {"autograd_safe": _number(comparison.autograd)}
        cause.evidence |= {"numeric_safe": _number(comparison.numeric.value)}
        cause.proof = "proven" if comparison.agree else "supported"
    return cause


def _safe(question: Question, keys: Sequence[Key]) -> dict[Key, Rewrite]:
    """The operations with safe operands, as far as they are singular."""
    singular = question.replays.singular(question.listing.number, keys) if keys else {}
    return {key: SafeOperand(masks) for key, masks in singular.items() if masks}


def _safe_groups(
    question: Question, tape: Tape, indexes: Sequence[int], inside: Sequence[Key]
) -> dict[tuple[Site, str], dict[Key, Rewrite]]:
    """Safe operands for singular operations, with all calls from their lines: by line and operation.

    Args:
        question: The gradient computation.
        tape: Its operations.
        indexes: Of the operations that may be singular.
        inside: Operations inside of custom functions that may be, too.
    """
    places = dict.fromkeys([*(key[:2] for key in inside), *(tape.operations[index].key[:2] for index in indexes)])
    keys = [one.key for one in tape.operations if one.key[:2] in places and not one.custom]
    safe = _safe(question, [*inside, *keys])
    groups: dict[tuple[Site, str], dict[Key, Rewrite]] = {
        place: {key: rewrite for key, rewrite in safe.items() if key[:2] == place} for place in places
    }
    return dict([(place, group) for place, group in groups.items() if group][:_MOST_GROUPS])


def _held_before(question: Question, targets: Sequence[Target], tape: Tape, index: int) -> dict[str, Any]:
    """A value held constant on the way there, without which all is finite and right."""
    before = tape.ancestors(index)[:_MOST_BEFORE]
    deaths = held_on_the_way(tape, [tape.operations[one] for one in before])
    for death in deaths:
        for rewrites in death.rewrites:
            slope = question.slope(targets, rewrites)
            if slope is None or not math.isfinite(slope):
                continue
            comparison = question.trial(targets, rewrites, autograd=slope)
            if comparison is not None and comparison.agree and comparison.numeric.moved:
                return {"origin": death.site.told, "origin_op": death.op, "autograd_revived": comparison.autograd}
    return {}


def _origin(tape: Tape, index: int) -> dict[str, Any]:
    """Where an operand that is zero everywhere became so."""
    for source in tape.operations[index].sources:
        if source >= 0 and tape.operations[source].zeros:
            site = tape.operations[origin_of_zero(tape, source)].key[0]
            return {"origin": site.told}
    return {}


def _branches_held(question: Question, tape: Tape) -> dict[Key, Rewrite]:
    """Comparisons keep their outcome: a singular point often lies on the edge of a mask, and a step would cross it."""
    keys = frozenset(operation.key for operation in tape.operations if operation.key[1] in _COMPARISONS)
    if not keys:
        return {}
    values = question.replays.values(question.listing.number, keys)
    return {key: Frozen(value) for key, value in values.items()}


def _number(value: float) -> float | None:
    return value if math.isfinite(value) else None


def _bad_values(tape: Tape) -> list[int]:
    """The operations at which bad values with a gradient were born, one of each line: maybe of constants."""
    bad = {index for index, operation in enumerate(tape.operations) if _not_finite(operation)}
    found: dict[tuple[Site, str], int] = {}
    for index in sorted(one for one in bad if tape.operations[one].reach_out):
        born: int | None = index
        while born is not None:
            index = born
            born = next((source for source in tape.operations[index].sources if source in bad and source < index), None)
        found.setdefault(tape.operations[index].key[:2], index)
    return list(found.values())[:_MOST_VALUES]


def _not_finite(operation: Operation) -> bool:
    return any(isinstance(figure, float) and not math.isfinite(figure) for figure in operation.digest)


def _bad_gradients(tape: Tape, reports: Sequence[NodeReport], bits: int) -> list[int]:
    """The operations whose backward received finite gradients and handed on one that is not, one of each line."""
    found: dict[tuple[Site, str], int] = {}
    for report in reports:
        made_by = report.operation
        if made_by is None or made_by >= len(tape.operations) or not report.finite:
            continue
        if any(b & bits and not finite for b, _, finite in report.edges):
            found.setdefault(tape.operations[made_by].key[:2], made_by)
    return list(found.values())[:_MOST_GROUPS]


def _kind(tape: Tape, index: int, name: str, finite_loss: bool) -> str:
    if finite_loss and _feeds_a_choice(tape, index):
        return "nan-where"
    if name in _DIVISIONS:
        return "nan-div"
    return "nan-sqrt" if name in _ROOTS else "nan-other"


def _feeds_a_choice(tape: Tape, index: int) -> bool:
    """Whether the value goes, within few steps, into an operation that takes it or another."""
    reached = {index}
    for later in range(index + 1, min(len(tape.operations), index + 40)):
        operation = tape.operations[later]
        if reached & set(operation.sources):
            if operation.key[1] in _CHOICES:
                return True
            reached.add(later)
    return False
