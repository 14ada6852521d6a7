"""Gradients that are stopped or replaced on purpose: said so in the source, or known by their form."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from gradtriage.probe.explain.causes.cuts import Cut, find_cuts, moved_operations
from gradtriage.probe.explain.causes.held import is_held
from gradtriage.probe.explain.leaves.operations import HOOKS
from gradtriage.probe.explain.question.choice import trained
from gradtriage.probe.explain.question.question import Design
from gradtriage.probe.explain.source.intent import (
    is_meaning_name,
    said_by_a_condition,
    said_by_comment,
    said_by_name,
    said_by_settings,
)
from gradtriage.probe.explain.tape.flow import Exit, Flow
from gradtriage.probe.explain.tape.rewrites import Frozen, NoHook, Rewrite
from gradtriage.probe.explain.tape.slopes import Still, true_slope
from gradtriage.probe.explain.tape.tape import LEAF
from gradtriage.probe.frames import MACHINERY, kind_of

if TYPE_CHECKING:
    from gradtriage.probe.explain.question.question import Comparison, Question
    from gradtriage.probe.explain.replay.listings import Target
    from gradtriage.probe.explain.source.sites import Site
    from gradtriage.probe.explain.tape.tape import Key, Operation, Tape

_DIFFERENCES = frozenset({"sub", "subtract", "__sub__", "__rsub__", "rsub", "sub_", "__isub__"})
_RATIOS = frozenset({"div", "divide", "true_divide", "__truediv__", "__rtruediv__", "__rdiv__", "div_", "__itruediv__"})
_SUMS = frozenset({"add", "__add__", "__radd__", "add_", "__iadd__"})
_COPIES = frozenset({"detach", "data", "clone", "copy_", "to", "contiguous"})
_AVERAGES = (
    _COPIES | _DIFFERENCES | _SUMS | frozenset({"mul", "mul_", "__mul__", "__rmul__", "__imul__", "lerp", "lerp_"})
)
_LOSSES = frozenset(
    {
        "mse_loss", "l1_loss", "smooth_l1_loss", "huber_loss", "cross_entropy", "kl_div", "binary_cross_entropy",
        "binary_cross_entropy_with_logits", "gaussian_nll_loss", "poisson_nll_loss", "nll_loss",
    }
)  # fmt: skip
_LIMITING = re.compile(r"clamp|clip|mask|nan_to_num")
_NAMED_TARGET = re.compile(r"\w*(?:target|teacher)\w*\s*=(?!=)")
_TEACHER = re.compile(r"teacher|target|frozen|reference|momentum|(?:^|_|\.)(?:ema|old|ref)(?:_|\.)")
_NEAR = 40
_ALL_BITS = -1

EQUAL = "it equals the live value that it is subtracted from or divided by"
LIMITS = "the hook clips or masks: that is what it is for"
TARGET = "it is a target: what a prediction is held against does not follow it"
SAMPLE = "a sample is a constant for the distribution that it is drawn from (`rsample` would follow it)"
STRAIGHT = "straight-through: the value of one goes on, with the gradient of the other"
TORCHS_OWN = "torch's own code does it"
ONCE = "the memory of a module is set once, by what comes first"
UNWANTED = "an assertion says that this gradient is missing or zero"
UNREAD = "the test stops it itself, and looks at other gradients than these"
KEPT = "it is kept in the memory of a module, as the weights of a target network or running statistics are"


@dataclass
class Meant:
    """The designs of a gradient computation, and the counterfactual in which they make no difference.

    Attributes:
        rewrites: Cuts are frozen, and slopes that are meant replaced by the derivative.
        unhooked: Hooks that parameters have had since before the body are off.
    """

    designs: list[Design] = field(default_factory=list)
    rewrites: dict[Key, Rewrite] = field(default_factory=dict)
    unhooked: bool = False


def find_designs(question: Question, targets: Sequence[Target], wrong: Comparison) -> Meant:
    """What is meant among all that parts autograd from differences.

    Args:
        question: The gradient computation.
        targets: The targets whose gradient is missing or differs.
        wrong: Autograd against differences along their directions.
    """
    tape, nudged = question.tape(), question.nudged_tape(targets, wrong.numeric.step)
    bits = question.bits(targets)
    flow = Flow(tape, nudged, moved_operations(tape, nudged), single=question.listing.single)
    elsewhere = trained(question.others)
    bare = question.bits([target for target in targets if target.status == "none" and target.key not in elsewhere])
    meant = Meant()
    keys: list[Key] = []
    for cut in find_cuts(tape, nudged, bits):
        reason = said(cut.site, question.by_design) or (form_of(cut, flow, bare) if cut.escape else "")
        if not reason and not cut.bits & bare:
            reason = _meant_by_its_line(cut)
        if not reason and _is_in_the_caller(cut, question):
            reason = _meant_by_its_caller(cut, flow, question, bare)
        if cut.kind == "no-grad" and kind_of(cut.site.file) is MACHINERY:
            reason = TORCHS_OWN
        if reason:
            meant.designs.append(Design(cut.site, reason, question.names(cut.bits & bits)))
            lines = {key[:2] for key in cut.keys}  # a call that does not move may do so once the others are frozen
            keys += [operation.key for operation in tape.operations if operation.key[:2] in lines]
    for operation in _statistics(flow, bits):
        meant.designs.append(Design(operation.key[0], KEPT, question.names(operation.reach_out & bits)))
        keys.append(operation.key)
    if keys:
        values = question.replays.values(question.listing.number, frozenset(keys))
        meant.rewrites.update({key: Frozen(value) for key, value in values.items()})
    _add_slopes(meant, question, flow, bits)
    hooks = question.old_hooks(targets)
    if hooks and all(map(is_limiting, hooks)):
        meant.designs += [Design(site, LIMITS, question.names(bits)) for site in dict.fromkeys(hooks)]
        meant.unhooked = True
    return meant


def find_steps(question: Question, targets: Sequence[Target], wrong: Comparison) -> Meant:
    """Custom functions that give a step a slope, a spike or a quantiser for one.

    Their result does not follow their operand (they round, compare, fire), so the derivative is zero. Of one operand
    only: what else is constant inside is a fault of its own.
    """
    tape, nudged, bits = (
        question.backward()[0],
        question.nudged_tape(targets, wrong.numeric.step),
        question.bits(targets),
    )
    moved = moved_operations(tape, nudged)
    groups: dict[tuple[Site, str], list[tuple[int, Operation]]] = {}
    for index, operation in enumerate(tape.operations):
        if operation.custom and any(reach & bits for reach in operation.reach_in):
            groups.setdefault(operation.key[:2], []).append((index, operation))
    meant = Meant()
    for (site, name), calls in groups.items():
        if all(_is_step(tape, index, moved, bits) for index, _ in calls):
            meant.designs.append(Design(site, f"{name} is a step that is given a slope", question.names(bits)))
            meant.rewrites.update({call.key: Still() for _, call in calls})
    return meant


def _is_step(tape: Tape, index: int, moved: set[int], bits: int) -> bool:
    """Whether the result stays although the one operand follows the targets, and not by a zero factor or a bound."""
    call = tape.operations[index]
    live = [source for source, reach in zip(call.sources, call.reach_in, strict=True) if reach & bits]
    follows = any(source == LEAF or source in moved for source in live)
    alone = call.custom is not None and sum(call.custom.arguments) == 1
    return alone and follows and index not in moved and not is_held(tape, call.key)


def said(site: Site, listed: Sequence[str]) -> str:
    """What the source or the settings say about a line."""
    if comment := said_by_comment(site):
        return f"a comment says so: {comment}"
    if name := said_by_name(site):
        return f"{name} says so by its name"
    entry = said_by_settings(site, listed)
    return f"the settings say so: {entry}" if entry else ""


def _meant_by_its_line(cut: Cut) -> str:
    """A target, by the name that it is given, or a sample of a distribution; of parameters that have a gradient yet."""
    lines = [key[0].source for key in cut.keys]
    if cut.kind in ("detach", "data", "no-grad") and all(map(_NAMED_TARGET.match, lines)):
        return TARGET
    return SAMPLE if cut.kind == "no-grad" and all(".sample(" in line for line in lines) else ""


def _is_in_the_caller(cut: Cut, question: Question) -> bool:
    """Whether the function that asks for the gradient stops it itself, in a block or by a call."""
    caller = question.listing.caller
    here = (cut.site.file, cut.site.function) == (caller.file, caller.function)
    return here and cut.kind in ("detach", "data", "no-grad")


def _meant_by_its_caller(cut: Cut, flow: Flow, question: Question, bare: int) -> str:
    """What is stopped in a test itself: a target or a teacher, or parameters at which the test does not look."""
    names, read = question.names(cut.bits & bare), question.listing.read
    if _is_held_against(cut, flow) and all(map(_TEACHER.search, names)):
        return TARGET
    keys = {target.key for target in question.targets if target.name in names}
    looked_at = keys & read - {t.key for t in question.targets if t.name in question.listing.unwanted}
    return UNREAD if cut.bits & ~bare == 0 and read and not looked_at else ""


def _is_held_against(cut: Cut, flow: Flow) -> bool:
    """Whether a prediction is compared with all that comes of it: by a difference, or as the target of a loss."""
    exits = [exit_ for start in flow.indexes(cut.keys) for exit_ in flow.exits(start, _ALL_BITS)]
    exits = [exit_ for exit_ in exits if exit_.kind != "end"]
    meetings = [(flow.operation(exit_.at), exit_.dead) for exit_ in exits]
    return bool(exits) and all(
        exit_.kind == "meets"
        and (meeting.key[1] in _DIFFERENCES or (meeting.key[1] in _LOSSES and meeting.sources[1:2] == [dead]))
        for exit_, (meeting, dead) in zip(exits, meetings, strict=True)
    )


def form_of(cut: Cut, flow: Flow, bare: int) -> str:
    """How a cut is known to be meant by where its values go: all of them, or it is not.

    Args:
        cut: The cut.
        flow: Where values go.
        bare: The targets that have no gradient, here or elsewhere.
    """
    reasons: dict[str, None] = {}
    for start in flow.indexes(cut.keys):
        for exit_ in flow.exits(start, cut.bits):
            reason = _reason(exit_, cut, flow, bare)
            if not reason:
                return ""
            reasons[reason] = None
    return "; ".join(reasons)


def _reason(exit_: Exit, cut: Cut, flow: Flow, bare: int) -> str:
    if exit_.kind == "kept":
        if not cut.bits & bare and (name := said_by_a_condition(cut.site)):
            return f"{ONCE} ({name})"
        return KEPT if _may_be_kept(exit_, flow, bare=bool(cut.bits & bare)) else ""
    if exit_.kind != "meets":
        return ""
    if _cancels(exit_, flow):
        return EQUAL
    meeting = flow.operation(exit_.at)
    if meeting.key[1] in _LOSSES and meeting.sources[1:2] == [exit_.dead] and not cut.bits & bare:
        return TARGET
    return STRAIGHT if _straight_through(exit_, flow) else ""


def _may_be_kept(exit_: Exit, flow: Flow, *, bare: bool) -> bool:
    """A copy may always be kept. A parameter may take an average, a buffer anything, if a gradient flows elsewhere.

    A parameter that is filled with a function of another is a path that is lost: generated weights, for one.
    """
    names = {flow.operation(index).key[1] for index in exit_.way}
    if bare:
        return names <= _COPIES and "copy_" in names
    return names <= _AVERAGES if flow.operation(exit_.at).state == "parameter" else True


def _cancels(exit_: Exit, flow: Flow) -> bool:
    """Whether the value meets its live twin: the difference is zero or the ratio one, wherever the targets are."""
    operation = flow.operation(exit_.at)
    if operation.key[1] not in _DIFFERENCES | _RATIOS:
        return False
    others = [source for source in operation.sources if source != exit_.dead]
    if any(flow.stay_same(other, exit_.dead) for other in others):
        return True
    first = flow.operation(exit_.way[0])
    copied = first.sources[:1] == [LEAF] and {flow.operation(index).key[1] for index in exit_.way} <= _COPIES
    # of a leaf the tape has no value: what is left of it and its copy does not move
    return LEAF in others and copied and exit_.at not in flow.moved


def _straight_through(exit_: Exit, flow: Flow) -> bool:
    """One of the usual forms, told by its values: the whole is y, or adds nothing."""
    at, dead, name = exit_.at, exit_.dead, flow.operation(exit_.at).key[1]
    if name in _SUMS:
        difference = _difference(flow, dead)
        if difference is not None and any(flow.same(at, source) for source in difference.sources):
            return True  # x + (y - x).detach()
        # y.detach() + (x - x.detach()), or y.detach() + x - x.detach(); what is zero in another way carries no gradient
        others = [source for source in flow.operation(at).sources if source >= 0 and source != dead]
        cancelled = any(_difference(flow, other) is not None for other in others)
        return (cancelled and flow.same(at, dead)) or _is_undone(flow, at, dead)
    return name in _DIFFERENCES and _is_undone(flow, at, dead)


def _difference(flow: Flow, dead: int) -> Operation | None:
    """The subtraction that made a value, itself or what it is a look at."""
    operation = flow.operation(dead)
    if operation.key[1] in _DIFFERENCES:
        return operation
    source = operation.sources[0] if operation.sources else -1
    made = flow.operation(source) if source >= 0 else None
    return made if made is not None and made.key[1] in _DIFFERENCES else None


def _is_undone(flow: Flow, at: int, dead: int) -> bool:
    """Whether the next sum or difference gives back the value that went into this one beside the detached one."""
    before = {source for source in flow.operation(at).sources if source >= 0}
    for later in flow.users_of(at):
        if later - at <= _NEAR and flow.operation(later).key[1] in _DIFFERENCES | _SUMS:
            return any(flow.same(later, source) for source in before | {dead})
    return False


def _statistics(flow: Flow, bits: int) -> Iterator[Operation]:
    """Operations that keep statistics of live values in a module's memory, which is read later."""
    for index, operation in enumerate(flow.tape.operations):
        live = operation.reach_out & bits and index in flow.moved
        if operation.key[1] == "batch_norm" and operation.state and live:
            read = any(index in flow.operation(user).sources[1:] for user in flow.users_of(index))
            if read:
                yield operation


def _add_slopes(meant: Meant, question: Question, flow: Flow, bits: int) -> None:
    """Operations on the way whose slope is meant: by documentation, name, comment or settings."""
    groups: dict[tuple[Site, str], list[str]] = {}
    for index, operation in enumerate(flow.tape.operations):
        reach = 0
        for behind in operation.reach_in:
            reach |= behind & bits
        reason = _slope_reason(operation, question.by_design) if reach else ""
        if reason:
            groups.setdefault((operation.key[0], reason), question.names(reach))
            hook = operation.key[1] in HOOKS
            meant.rewrites[operation.key] = NoHook() if hook else true_slope(operation, still=index not in flow.moved)
    meant.designs += [Design(site, reason, names) for (site, reason), names in groups.items()]


def _slope_reason(operation: Operation, listed: Sequence[str]) -> str:
    if operation.meant_slope:
        return operation.meant_slope
    site, name, _ = operation.key
    if not operation.custom and name not in HOOKS:
        return ""
    if is_meaning_name(name):
        return f"{name} says so by its name"
    if name in HOOKS and is_limiting(site):
        return LIMITS
    places = (site, operation.custom and operation.custom.backward_site)
    return next((reason for place in places if place and (reason := said(place, listed))), "")


def is_limiting(site: Site) -> bool:
    """Whether a hook's line, or what it hands to the registration, says that it clips or masks gradients."""
    _, registered, handed = site.source.partition("hook(")
    return _LIMITING.search(handed if registered else site.source) is not None


def shown(designs: Sequence[Design]) -> str:
    """Where gradients are stopped or replaced on purpose, in a few words."""
    return ", ".join(dict.fromkeys(f"{design.site.function} line {design.site.line}" for design in designs))
