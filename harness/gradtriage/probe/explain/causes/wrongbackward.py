"""Backward formulas that are wrong: a custom function's own, or a hook that edits gradients."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING

from gradtriage.probe.explain.causes.cuts import way_out
from gradtriage.probe.explain.causes.held import flats_inside, zeros_inside
from gradtriage.probe.explain.causes.localisation import AGREEMENT, Localisation, directions
from gradtriage.probe.explain.causes.repairs import Constant, NoWrite, WrittenElsewhere
from gradtriage.probe.explain.leaves.operations import HOOKS, MODULE_HOOKS, writes
from gradtriage.probe.explain.question.question import Cause, Comparison, Question
from gradtriage.probe.explain.tape.inside import write_into_gradient
from gradtriage.probe.explain.tape.remakes import LeftToAutograd, NumericBackward, OwnGradients
from gradtriage.probe.explain.tape.rewrites import Frozen, NoHook, Rewrite
from gradtriage.probe.explain.tape.tape import CustomCall

if TYPE_CHECKING:
    from gradtriage.probe.explain.causes.held import Death
    from gradtriage.probe.explain.replay.listings import Target
    from gradtriage.probe.explain.source.sites import Site
    from gradtriage.probe.explain.tape.tape import Key, Operation, Tape

_MOST_STATEMENTS = 24


def write_causes(question: Question, targets: Sequence[Target], wrong: Comparison) -> list[Cause]:
    """Writes that changed what autograd holds without its knowledge: without them it is right.

    Writes into what follows from the targets come first, then those into parameters, which may be factors of theirs.
    """
    bits = question.bits(targets)
    operations = question.tape().operations
    into_others = [one for one in operations if writes(one.key[1]) and one.leaf_memory and not one.past & bits]
    groups: dict[Site, list[Operation]] = {}
    for operation in [one for one in operations if one.past & bits] + into_others[::-1]:
        groups.setdefault(operation.key[0], []).append(operation)
    for site, operations in list(groups.items())[:_MOST_STATEMENTS]:
        place = site, operations[0].key[1]
        cause = _unwritten(question, targets, wrong, place, {one.key: NoWrite() for one in operations})
        if cause is not None:
            return [cause]
    return []


def _unwritten(
    question: Question,
    targets: Sequence[Target],
    wrong: Comparison,
    place: tuple[Site, str],
    rewrites: Mapping[Key, Rewrite],
) -> Cause | None:
    """A write as a cause, if autograd is right where it is not made, or made elsewhere."""
    comparison = question.trial(targets, rewrites)
    if comparison is None or not comparison.proves:
        return None
    evidence: dict[str, object] = {"autograd": wrong.autograd, "numeric": wrong.numeric.value}
    evidence |= {"autograd_unwritten": comparison.autograd, "numeric_unwritten": comparison.numeric.value}
    return Cause("inplace", *place, question.names(question.bits(targets)), "proven", evidence)


def stale_causes(question: Question, targets: Sequence[Target], wrong: Comparison) -> list[Cause]:
    """Values with a graph that were there before the run: as constants, which they are, they leave autograd right."""
    bits = question.bits(targets)
    for operation in question.tape().operations:
        if not operation.foreign or not any(reach & bits for reach in operation.reach_in):
            continue
        slope = question.slope(targets, {operation.key: Constant(operation.foreign)})
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
    written = _written_gradient(question, targets, wrong) or _written_in_forward(question, targets, wrong)
    if written is not None:
        return [written]
    bits = question.bits(targets)
    suspects = _suspects(question, bits)
    for calls in suspects:
        where, name, _ = calls[0].key
        along = directions(question, targets, wrong, calls)
        rewrites: dict[Key, Rewrite] = {
            call.key: NoHook() if name in HOOKS else NumericBackward(along=along.get(call.key, {})) for call in calls
        }
        slope = question.slope(targets, rewrites)
        if slope is None or not wrong.numeric.agrees(slope, max(question.tolerance, AGREEMENT)):
            slope = _slope_of_another_loss(question, targets, calls)
        if slope is None:
            continue
        kind = "hook" if name in HOOKS else "custom-backward"
        evidence: dict[str, object] = {"autograd": wrong.autograd, "numeric": wrong.numeric.value}
        evidence["autograd_restored"] = slope
        site = calls[0].backward_site
        if site is None:
            return [Cause(kind, where, name, question.names(bits), "proven", evidence)]
        held = _held_in_forward(question, targets, wrong, calls, zeros_inside)
        held = held or _held_in_forward(question, targets, wrong, calls, flats_inside)
        held = held or _cut_in_a_callback(question, targets, wrong, calls)
        if held is not None:
            return [held]
        line = Localisation(question, targets, wrong, calls, site, along).line()
        evidence |= line.evidence
        if not line.settled:
            evidence["line"] = "the likeliest; that the function's gradient is wrong is proven"
        proof = "proven" if line.settled else "supported"
        return [Cause(kind, line.site, name, question.names(bits), proof, evidence)]
    functions = [call for calls in suspects for call in calls if call.key[1] not in HOOKS]
    held = _held_in_forward(question, targets, wrong, functions, zeros_inside)
    held = held or _held_in_forward(question, targets, wrong, functions, flats_inside)
    held = held or _old_hook(question, targets, wrong)
    return [] if held is None else [held]


def _old_hook(question: Question, targets: Sequence[Target], wrong: Comparison) -> Cause | None:
    """A hook that a leaf has had since before the body, as of a model that a fixture makes: without it all is right."""
    sites = question.old_hooks(targets)
    if not sites:
        return None
    slope = sum(question.slopes(targets, without_hooks=True))
    if not wrong.numeric.agrees(slope, question.tolerance):
        return None
    evidence = {"autograd": wrong.autograd, "numeric": wrong.numeric.value, "autograd_restored": slope}
    return Cause("hook", sites[0], "register_hook", question.names(question.bits(targets)), "proven", dict(evidence))


def _held_in_forward(
    question: Question,
    targets: Sequence[Target],
    wrong: Comparison,
    calls: Sequence[CustomCall],
    deaths: Callable[[Tape, list[Key]], list[Death]],
) -> Cause | None:
    """A value that the forward holds constant, of which the formula knows nothing: left as it is, both agree."""
    tape, _ = question.backward()
    for death in deaths(tape, [call.key for call in calls]):
        for rewrites in death.rewrites:
            comparison = question.trial(targets, rewrites)
            if comparison is not None and comparison.proves:
                evidence = {**death.evidence, "autograd": wrong.autograd, "numeric": wrong.numeric.value}
                evidence |= {"autograd_revived": comparison.autograd, "numeric_revived": comparison.numeric.value}
                names = question.names(question.bits(targets))
                return Cause(death.kind, death.site, death.op, names, "proven", evidence)
    return None


def _cut_in_a_callback(
    question: Question, targets: Sequence[Target], wrong: Comparison, calls: Sequence[CustomCall]
) -> Cause | None:
    """A cut in a function that a custom function is handed, and that its backward differentiates: an adjoint's field.

    The formula is right for what it is handed. With the value frozen differences give what it gives.
    """
    tape, _ = question.backward()
    own = {call.backward_site.function.rpartition(".")[0] + "." for call in calls if call.backward_site is not None}
    groups: dict[tuple[Site, str], list[Key]] = {}
    for one in (one for call in calls for one in tape.inside.get(call.key, ()) if not one.backward):
        site, name, _ = one.key
        if way_out(name) is not None and not site.function.startswith(tuple(own)):
            groups.setdefault((site, name), []).append(one.key)
    for (site, name), keys in list(groups.items())[:_MOST_STATEMENTS]:
        values = question.replays.values(question.listing.number, frozenset(keys))
        frozen: dict[Key, Rewrite] = {key: Frozen(value) for key, value in values.items()}
        comparison = question.trial(targets, frozen, step=wrong.numeric.step, autograd=wrong.autograd)
        if comparison is not None and comparison.agree:
            evidence = {"autograd": wrong.autograd, "numeric": wrong.numeric.value}
            evidence["numeric_frozen"] = comparison.numeric.value
            names = question.names(question.bits(targets))
            return Cause(way_out(name) or "other", site, name, names, "proven", dict(evidence))
    return None


def _slope_of_another_loss(question: Question, targets: Sequence[Target], calls: Sequence[CustomCall]) -> float | None:
    """Autograd's derivative with a custom function left to autograd, where that changes the loss and is right.

    A loss that is made of gradients, as of forces, is another one with another backward. Only a function whose forward
    needs no context can be left to autograd.
    """
    if not calls[0].contextless:
        return None
    comparison = question.trial(targets, {call.key: LeftToAutograd() for call in calls})
    if comparison is None or not comparison.proves:
        return None
    return comparison.autograd


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
        slope = question.slope(targets, {operation.key: OwnGradients() for operation in operations})
        if slope is not None and wrong.numeric.agrees(slope, max(question.tolerance, AGREEMENT)):
            evidence: dict[str, object] = {"autograd": wrong.autograd, "numeric": wrong.numeric.value}
            evidence |= {"autograd_restored": slope, "writes": "into the gradient that comes in"}
            return Cause("custom-backward", site, name, question.names(bits), "proven", evidence)
    return None


def _written_in_forward(question: Question, targets: Sequence[Target], wrong: Comparison) -> Cause | None:
    """A write in a forward into what it keeps for its backward: with the write elsewhere the formula is right."""
    tape, _ = question.backward()
    bits = question.bits(targets)
    functions = [one for one in tape.operations if one.custom and any(reach & bits for reach in one.reach_in)]
    inner = [one for function in functions for one in tape.inside.get(function.key, ()) if not one.backward]
    groups: dict[tuple[Site, str], list[Key]] = {}
    for one in inner:
        if writes(one.key[1]):
            groups.setdefault(one.key[:2], []).append(one.key)
    found = (
        _unwritten(question, targets, wrong, place, dict.fromkeys(keys, WrittenElsewhere()))
        for place, keys in list(groups.items())[:_MOST_STATEMENTS]
    )
    return next((cause for cause in found if cause is not None), None)


def _suspects(question: Question, bits: int) -> list[list[CustomCall]]:
    """Custom functions on the way from the targets, and hooks, with all their calls; none that are meant.

    Those that are called inside of others come first: they are what these may be wrong by.
    """
    tape, _ = question.backward()
    nested, outer = [], []
    for operation in tape.operations:
        on_the_way = operation.key[1] in MODULE_HOOKS or any(reach & bits for reach in operation.reach_in)
        if not on_the_way or operation.key in question.meant:
            continue
        if operation.custom:
            outer.append(operation.custom)
            nested += tape.nested.get(operation.key, [])
        elif operation.key[1] in HOOKS:
            outer.append(CustomCall(operation.key))
    groups: dict[tuple[Site, str], list[CustomCall]] = {}
    for call in nested + outer:
        groups.setdefault((call.backward_site or call.key[0], call.key[1]), []).append(call)
    return list(groups.values())
