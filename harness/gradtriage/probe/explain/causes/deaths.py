"""Gradients that are exactly zero: where they die, which factor is zero and since when, and the proof."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from gradtriage.probe.explain.causes.cuts import moved_operations
from gradtriage.probe.explain.causes.held import HOLDING, Death, flats_inside, zeros_inside
from gradtriage.probe.explain.causes.repairs import NonZeroOperand, NoWrite
from gradtriage.probe.explain.leaves.operations import FLAT, INTEGER, writes
from gradtriage.probe.explain.question.question import Cause, Question
from gradtriage.probe.explain.tape.rewrites import Identity, NonZero, NonZeroNumber, Rewrite
from gradtriage.probe.explain.tape.tape import LEAF

if TYPE_CHECKING:
    from gradtriage.probe.explain.replay.listings import Target
    from gradtriage.probe.explain.source.sites import Site
    from gradtriage.probe.explain.tape.backward import NodeReport
    from gradtriage.probe.explain.tape.tape import Key, Operation, Tape

MOST_DEATHS = 16
STEP = 1e-4


def zero_causes(question: Question, targets: Sequence[Target], *, moving: bool = False) -> tuple[str, list[Cause]]:
    """Why gradients are exactly zero, or there is none, and the loss does not move either.

    Args:
        question: The gradient computation.
        targets: The targets whose gradients are zero.
        moving: The loss moves all the same: at an extremum every operation may be right.

    Returns:
        The verdict (`blank-output`, `saturated`, `severed` or `insensitive`) and the causes, proven ones first.
    """
    bits = question.bits(targets)
    names = question.names(bits)
    deaths = _deaths(question, targets, bits, moving=moving)
    proven = [(d, found, names) for d, found in _revive(question, targets, deaths)]
    proven += _behind(question, targets, deaths, [death for death, _, _ in proven])
    proven.sort(key=lambda entry: entry[0].unusual)
    blank = question.bits([target for target in question.targets if target.blank and target.status == "ok"])
    causes = [
        Cause(d.kind, d.site, d.op, loses, "proven", {**d.evidence, **found, **_learning(question, d.behind & blank)})
        for d, found, loses in proven
    ]
    if not causes and any(target.status == "zero" for target in targets):
        # without a path, what holds something constant may well have nothing to do with it
        usual = [death for death in deaths if not death.unusual]
        causes = [Cause(d.kind, d.site, d.op, names, "supported", d.evidence) for d in usual[:3]]
        if not causes:
            return "insensitive", [Cause("other", d.site, d.op, names, "supported", {}) for d in deaths[:1]]
    if not causes:
        return "insensitive", []
    if all(target.status == "none" for target in targets):
        return "severed", causes
    return ("blank-output" if causes[0].kind == "zero-factor" else "saturated"), causes


def _learning(question: Question, bits: int) -> dict[str, object]:
    return {"learns": ", ".join(question.names(bits))} if bits else {}


def _revive(
    question: Question, targets: Sequence[Target], deaths: Sequence[Death]
) -> list[tuple[Death, dict[str, object]]]:
    """The one death, or the smallest set that was found, without which the loss moves and autograd is right."""
    for death in deaths:
        comparison = _alone(question, targets, death)
        if comparison is not None:
            return [_first_in_line(question, targets, deaths, (death, comparison))]
    if len(deaths) < 2:
        return []
    keep = list(deaths)
    comparison = _revived(question, targets, _together(keep))
    if comparison is None:
        return []
    for death in deaths:
        rest = [other for other in keep if other is not death]
        without = _revived(question, targets, _together(rest)) if rest else None
        if without is not None:
            keep, comparison = rest, without
    return [(death, comparison) for death in keep]


def _behind(
    question: Question, targets: Sequence[Target], deaths: Sequence[Death], known: Sequence[Death]
) -> list[tuple[Death, dict[str, object], list[str]]]:
    """What holds some of the targets constant before it comes to what holds them all: seen where that is undone."""
    if not known or len(targets) < 2 or not all(death.unusual for death in known):
        return []  # what is dead beside another value of a factor may well be alive
    base = _together(known)
    slopes = question.slopes(targets, base)
    dead = [target for target, slope in zip(targets, slopes, strict=False) if slope == 0]
    for death in deaths if dead and len(dead) < len(targets) else ():
        if death not in known and not death.unusual:
            comparison = _revived(question, dead, {**base, **death.rewrites[-1]})
            if comparison is not None:
                return [(death, comparison, question.names(question.bits(dead)))]
    return []


def _alone(question: Question, targets: Sequence[Target], death: Death) -> dict[str, object] | None:
    found = (_revived(question, targets, rewrites) for rewrites in death.rewrites)
    return next((comparison for comparison in found if comparison is not None), None)


def _first_in_line(
    question: Question, targets: Sequence[Target], deaths: Sequence[Death], last: tuple[Death, dict[str, object]]
) -> tuple[Death, dict[str, object]]:
    """Of deaths in a row the first without which alone the loss moves: the later ones follow from it.

    One that is revived while a later one still holds everything constant changes nothing, and does not count.
    """
    tape, _ = question.backward()
    ends = [index for index, one in enumerate(tape.operations) if one.key[:2] == (last[0].site, last[0].op)]
    on_the_way = {tape.operations[index].key[:2] for end in ends for index in tape.ancestors(end)}
    earlier = [death for death in deaths if death is not last[0] and (death.site, death.op) in on_the_way]
    for death in reversed(earlier):  # the later ones, before which most is computed, come first
        comparison = _alone(question, targets, death)
        if comparison is not None:
            return death, comparison
    return last


def _together(deaths: Sequence[Death]) -> dict[Key, Rewrite]:
    return {key: rewrite for death in deaths for key, rewrite in death.rewrites[-1].items()}


def _revived(
    question: Question, targets: Sequence[Target], rewrites: Mapping[Key, Rewrite]
) -> dict[str, object] | None:
    """The derivatives of the counterfactual run, if the loss moves in it and autograd and differences agree."""
    slope = question.slope(targets, rewrites)
    if not slope or slope != slope:
        return None
    comparison = question.trial(targets, rewrites, autograd=slope)
    if comparison is not None and comparison.numeric.moved and comparison.agree:
        return {"autograd_revived": comparison.autograd, "numeric_revived": comparison.numeric.value}
    return None


def _deaths(question: Question, targets: Sequence[Target], bits: int, *, moving: bool) -> list[Death]:
    """What holds its result constant: seen forward (inputs moved, the output did not), and in the backward pass."""
    tape, reports = question.backward()
    moved = moved_operations(tape, question.nudged_tape(targets, STEP))
    found: dict[tuple[Site, str], Death] = {}
    before: dict[tuple[Site, str], int] = {}
    answered: set[tuple[Site, str]] = set()
    # in order, and looked up below
    stuck, dead = dict.fromkeys(_stuck(tape, moved, bits)), dict.fromkeys(_dead(tape, reports, bits))
    live = question.bits([target for target in question.targets if target.status == "ok"])
    for index in stuck | dead:
        operation = tape.operations[index]
        if operation.key[:2] in answered:
            continue
        for death in _deaths_of(tape, operation, bits, live, stuck=index in stuck, dead=index in dead, moving=moving):
            answered.add(operation.key[:2])
            found[death.site, death.op] = death
            before[death.site, death.op] = len(tape.ancestors(index, bits))
    # of several paths on which a gradient dies, the one on which most is computed is the one that matters; what is
    # inside a custom function may only hand on a zero that was made before it
    ranked = sorted(found, key=lambda place: (found[place].unusual, found[place].inside, -before[place]))
    return [found[place] for place in ranked][:MOST_DEATHS]


def _deaths_of(
    tape: Tape, operation: Operation, bits: int, live: int, *, stuck: bool, dead: bool, moving: bool
) -> list[Death]:
    """What may hold the result of one operation constant."""
    if not dead and operation.key[1].lstrip("_") in _INVARIANT:
        return []
    death = _death(tape, operation, bits)
    if moving and not stuck and (operation.custom or (death is not None and death.kind == "zero-factor")):
        return []  # a product of two that are zero moves with both
    if operation.custom:
        inside = [*zeros_inside(tape, [operation.key]), *flats_inside(tape, [operation.key])]
        return inside if death is None else [death, *inside]
    if death is None and not moving and stuck and operation.reach_out & bits:
        # where others come through, only these targets' direction is lost: an invariance
        shared = not dead and any(reach & bits and reach & live for reach in operation.reach_in)
        death = None if shared else _unusual_death(tape, operation)
    return [] if death is None else [death]


def _stuck(tape: Tape, moved: set[int], bits: int) -> list[int]:
    """Operations whose inputs followed the targets while the output did not; those that autograd passes come first."""
    found = [
        index
        for index, operation in enumerate(tape.operations)
        if index not in moved
        and not operation.escape
        and any(
            reach & bits and (source == LEAF or source in moved)
            for source, reach in zip(operation.sources, operation.reach_in, strict=True)
        )
    ]
    return sorted(found, key=lambda index: not tape.operations[index].reach_out & bits)


def _dead(tape: Tape, reports: Sequence[NodeReport], bits: int) -> list[int]:
    """Operations whose backward receives a gradient and hands none on towards the targets, nearest the loss first."""
    found: dict[int, None] = {}
    for report in reports:
        towards = [alive for behind, alive, _ in report.edges if behind & bits]
        if report.operation is not None and report.alive and towards and not all(towards):
            found.setdefault(report.operation, None)
    return [index for index in found if index < len(tape.operations)]


def _death(tape: Tape, operation: Operation, bits: int) -> Death | None:
    site, name, _ = operation.key
    factor = _zero_factor(tape, operation, bits)
    if factor is not None:
        origin = origin_of_zero(tape, factor)
        rewrites = [_zeros_of(tape, replaced) for replaced in dict.fromkeys((factor, origin))]
        born = tape.operations[origin]
        if born.zero_number or born.key[1] in HOLDING:  # made zero of what was not: that is the place
            site, name, _ = born.key
        behind = operation.reach_in[operation.sources.index(factor)]
        return Death(site, "zero-factor", name, tuple(rewrites), _birth(tape, factor, origin), behind=behind)
    elsewhere = _zero_from_elsewhere(operation, bits)
    if elsewhere is not None:
        zero = [other.key for other in _alike(tape, operation) if elsewhere in other.zeros_in]
        others = (dict.fromkeys(zero, NonZeroOperand(elsewhere)),)
        behind = operation.reach_in[elsewhere]
        return Death(site, "zero-factor", name, others, {"origin": site.told}, behind=behind)
    together = [other.key for other in _alike(tape, operation)]
    if operation.zero_number:
        here = site.told
        return Death(site, "zero-factor", name, (dict.fromkeys(together, NonZeroNumber()),), {"origin": here})
    if name in FLAT or name in INTEGER:
        kind = "integer" if name in INTEGER else "saturated"
        return Death(site, kind, name, (dict.fromkeys(together, _undone(name)),), {})
    return None


# constant along some directions, whatever their arguments: a shift, a scale
_INVARIANT = frozenset(
    {
        "softmax",
        "log_softmax",
        "logsumexp",
        "softmin",
        "layer_norm",
        "group_norm",
        "batch_norm",
        "instance_norm",
        "rms_norm",
        "normalize",
        "cosine_similarity",
        "var",
        "std",
    }
)


def _unusual_death(tape: Tape, operation: Operation) -> Death | None:
    """An operation that autograd passes and that holds its result constant by its arguments: overwritten, cancelled."""
    site, name, _ = operation.key
    if operation.custom or operation.escape:
        return None
    kind = "inplace" if writes(name) else "saturated"
    keys = [other.key for other in _alike(tape, operation)]
    return Death(site, kind, name, (dict.fromkeys(keys, _undone(name)),), {}, unusual=True)


def _undone(name: str) -> Rewrite:
    """What goes in, as it is."""
    return NoWrite() if writes(name) else Identity()


def _alike(tape: Tape, operation: Operation) -> list[Operation]:
    """All calls of the operation from its line."""
    return [other for other in tape.operations if other.key[:2] == operation.key[:2]]


def _zeros_of(tape: Tape, index: int) -> dict[Key, Rewrite]:
    """Other values for an all-zero result, and for those of the same line."""
    site, name, _ = tape.operations[index].key
    return {other.key: NonZero() for other in tape.operations if other.key[:2] == (site, name) and other.zeros}


def _birth(tape: Tape, factor: int, origin: int) -> dict[str, object]:
    born, used = tape.operations[origin].key[0], tape.operations[factor].key[0]
    return {
        "origin": born.told,
        "factor": used.told,
    }


def _zero_factor(tape: Tape, operation: Operation, bits: int) -> int | None:
    """The operand that is zero everywhere, and through which the targets' gradient does not flow itself."""
    through = [bool(reach & bits) for reach in operation.reach_in]
    if not any(through) or operation.key[1] in FLAT | INTEGER | _SUMS:
        return None
    for source, flows in zip(operation.sources, through, strict=True):
        if source >= 0 and tape.operations[source].zeros and not flows:
            return source
    return None


def _zero_from_elsewhere(operation: Operation, bits: int) -> int | None:
    """An operand that was zero before the run or is a parameter; also one of two that are: each is at a saddle."""
    if operation.key[1] in FLAT | INTEGER | _SUMS or not operation.reach_out & bits:
        return None
    for position in sorted(operation.zeros_in & {0, 1}):  # what comes third is added
        others = [reach for at, reach in enumerate(operation.reach_in) if at != position and reach & bits]
        if any(not reach & operation.reach_in[position] for reach in others):
            return position
    return None


# a zero operand of these is no factor
_SUMS = frozenset(
    {
        "add",
        "sub",
        "__add__",
        "__sub__",
        "__radd__",
        "__rsub__",
        "add_",
        "sub_",
        "cat",
        "stack",
        "where",
        "__setitem__",
        "copy_",
        "index_put",
        "index_put_",
        "scatter",
        "scatter_",
    }
)


def origin_of_zero(tape: Tape, index: int) -> int:
    """The operation at which an all-zero value first was all zero, followed back from where it is used."""
    seen = {index}
    while True:
        earlier = [s for s in tape.operations[index].sources if s >= 0 and tape.operations[s].zeros and s not in seen]
        if not earlier:
            return index
        index = max(earlier)  # a constant zero that is chosen elsewhere was there before
        seen.add(index)
