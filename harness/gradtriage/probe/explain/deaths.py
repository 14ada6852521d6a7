"""Gradients that are exactly zero: where they die, which factor is zero and since when, and the proof."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from gradtriage.probe.explain.question import Cause, Question
from gradtriage.probe.explain.rewrites import Identity, NonZero, Rewrite
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from gradtriage.probe.explain.trace import Key, Operation, Tape
    from gradtriage.probe.explain.replays import Target
    from gradtriage.probe.explain.backward import NodeReport

# hold their operand constant somewhere
FLAT = frozenset(
    {
        "clamp", "clip", "clamp_min", "clamp_max", "relu", "relu_", "relu6", "hardtanh", "threshold", "hardsigmoid",
        "hardswish", "hardshrink", "softshrink", "maximum", "minimum", "where", "max", "min", "clamp_", "leaky_relu",
        "sigmoid", "tanh", "softmax", "log_softmax", "softplus", "elu", "gelu", "silu", "erf", "exp", "nan_to_num",
    }
)  # fmt: skip
ROUNDING = frozenset(
    {"round", "floor", "ceil", "trunc", "sign", "sgn", "fix", "floor_divide", "__floordiv__", "heaviside"}
)
MOST_DEATHS = 12


def zero_causes(question: Question, targets: Sequence[Target]) -> tuple[str, list[Cause]]:
    """Why gradients are exactly zero, and the loss does not move either.

    Args:
        question: The gradient computation.
        targets: The targets whose gradients are zero.

    Returns:
        The verdict (`blank-output`, `saturated` or `insensitive`) and the causes, proven ones first.
    """
    bits = question.bits(targets)
    tape, reports = question.backward()
    causes: list[Cause] = []
    for index in _deaths(tape, reports, bits)[:MOST_DEATHS]:
        cause = _cause(question, targets, tape, index, bits)
        if cause is not None:
            causes.append(cause)
            if cause.proof == "proven":
                break
    causes.sort(key=lambda cause: cause.proof != "proven")
    if not causes:
        return "insensitive", []
    verdict = "blank-output" if causes[0].kind == "zero-factor" else "saturated"
    return verdict, causes[:1] if causes[0].proof == "proven" else causes[:3]


def _deaths(tape: Tape, reports: Sequence[NodeReport], bits: int) -> list[int]:
    """Operations whose backward receives a gradient and hands none on towards the targets, the longest path first."""
    found: dict[int, None] = {}
    for report in reports:
        towards = [alive for behind, alive, _ in report.edges if behind & bits]
        if report.operation is not None and report.alive and towards and not all(towards):
            found.setdefault(report.operation, None)
    known = [index for index in found if index < len(tape.operations)]
    return sorted(known, key=lambda index: -_computed_before(tape, index, bits))


def _computed_before(tape: Tape, index: int, bits: int) -> int:
    """How many operations lie between the targets and this one.

    Where several paths die, the one on which most is computed is the one that the author means; a guard that is not
    taken, or a tensor that is tied to the output by a constant zero, lies on a short one.
    """
    seen, waiting = set(), [index]
    while waiting:
        operation = tape.operations[waiting.pop()]
        for source, reach in zip(operation.sources, operation.reach_in, strict=True):
            if source >= 0 and reach & bits and source not in seen:
                seen.add(source)
                waiting.append(source)
    return len(seen)


def _cause(question: Question, targets: Sequence[Target], tape: Tape, index: int, bits: int) -> Cause | None:
    operation = tape.operations[index]
    site, name, _ = operation.key
    names = question.names(bits)
    factor = _zero_factor(tape, operation, bits)
    if factor is not None:
        origin = origin_of_zero(tape, factor)
        for replaced in dict.fromkeys((factor, origin)):
            comparison = _revived(question, targets, {tape.operations[replaced].key: NonZero()})
            if comparison is not None:
                return Cause("zero-factor", site, name, names, "proven", {**_birth(tape, factor, origin), **comparison})
        return Cause("zero-factor", site, name, names, "supported", _birth(tape, factor, origin))
    if name in FLAT or name in ROUNDING:
        kind = "integer" if name in ROUNDING else "saturated"
        comparison = _revived(question, targets, {operation.key: Identity()})
        return Cause(kind, site, name, names, "proven" if comparison else "supported", comparison or {})
    return None


def _birth(tape: Tape, factor: int, origin: int) -> dict[str, object]:
    born, used = tape.operations[origin].key[0], tape.operations[factor].key[0]
    return {
        "origin": {"file": born.file, "line": born.line, "source": born.source},
        "factor": {"file": used.file, "line": used.line, "source": used.source},
    }


def _revived(
    question: Question, targets: Sequence[Target], rewrites: Mapping[Key, Rewrite]
) -> dict[str, object] | None:
    """The derivatives of the counterfactual run, if the loss moves in it and autograd and differences agree."""
    comparison = question.compare(targets, rewrites)
    if comparison.numeric.moved and comparison.agree and comparison.autograd != 0:
        return {"autograd_revived": comparison.autograd, "numeric_revived": comparison.numeric.value}
    return None


def _zero_factor(tape: Tape, operation: Operation, bits: int) -> int | None:
    """The operand that is zero everywhere, and through which the targets' gradient does not flow itself."""
    for source, reach in zip(operation.sources, operation.reach_in, strict=True):
        if source >= 0 and tape.operations[source].zeros and not reach & bits:
            return source
    for source in operation.sources:
        if source >= 0 and tape.operations[source].zeros:
            return source
    return None


def origin_of_zero(tape: Tape, index: int) -> int:
    """The operation at which an all-zero value first was all zero, followed back from where it is used."""
    seen = {index}
    while True:
        earlier = [s for s in tape.operations[index].sources if s >= 0 and tape.operations[s].zeros and s not in seen]
        if not earlier:
            return index
        index = earlier[0]
        seen.add(index)
