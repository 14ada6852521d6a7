"""Backward formulas that are wrong: a custom function's own, or a hook that edits gradients."""

from __future__ import annotations

import functools
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from gradtriage.probe.explain.formulas import Edit, Formula, Statement
from gradtriage.probe.explain.inside import birth_of_zero
from gradtriage.probe.explain.operations import HOOKS, MODULE_HOOKS
from gradtriage.probe.explain.question import Cause, Comparison, Question
from gradtriage.probe.explain.repairs import Constant, NoWrite
from gradtriage.probe.explain.replays import BodyFailedError
from gradtriage.probe.explain.rewrites import NoHook, NumericBackward, OtherBackward, Rewrite
from gradtriage.probe.explain.sites import Site

if TYPE_CHECKING:
    from gradtriage.probe.explain.replays import Target
    from gradtriage.probe.explain.trace import Key, Operation

_DIFFERENCES = 1e-4
# numbers by which a formula is usually wrong
_USUAL = (-1.0, 2.0, 0.5, 3.0, 1 / 3, 1.5, 2 / 3, 4.0, 0.25, 10.0, 0.1, -2.0, -0.5)
_MOST_STATEMENTS = 24
_MOST_EDITS = 48


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
        slope = _slope(question, targets, {operation.key: Constant(operation.foreign)})
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
    bits = question.bits(targets)
    suspects = _suspects(question, bits)
    for operations in suspects:
        name = operations[0].key[1]
        rewrite: Rewrite = NoHook() if name in HOOKS else NumericBackward()
        slope = _slope(question, targets, {operation.key: rewrite for operation in operations})
        if slope is None or not wrong.numeric.agrees(slope, max(question.tolerance, _DIFFERENCES)):
            continue
        kind = "hook" if name in HOOKS else "custom-backward"
        evidence = {"autograd": wrong.autograd, "numeric": wrong.numeric.value, "autograd_restored": slope}
        site = operations[0].backward_site
        if site is None:
            return [Cause(kind, operations[0].key[0], name, question.names(bits), "proven", evidence)]
        located, more = _Localisation(question, targets, wrong, operations, site).line()
        return [Cause(kind, located, name, question.names(bits), "proven", {**evidence, **more})]
    return []


def _slope(question: Question, targets: Sequence[Target], rewrites: Mapping[Key, Rewrite]) -> float | None:
    """Autograd's derivative under a counterfactual; None where the body cannot run under it."""
    try:
        return sum(question.slopes(targets, rewrites))
    except BodyFailedError:
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


class _Localisation:
    """Looks for the statement of a backward that is wrong."""

    def __init__(
        self, question: Question, targets: Sequence[Target], wrong: Comparison, calls: Sequence[Operation], site: Site
    ) -> None:
        self._question, self._targets, self._wrong, self._calls = question, targets, wrong, calls
        self._site, self._formula = site, Formula(site)
        self._other: tuple[list[Target], float] | None = None

    def line(self) -> tuple[Site, dict[str, object]]:
        """The likeliest line of the formula, with what tells it from the others."""
        if not self._formula.statements:
            return self._site, {}
        elements = self._wrong_elements()
        candidates = self._formula.of_elements(elements) or self._formula.statements
        computing = [statement for statement in candidates if not statement.plain] or candidates
        evidence: dict[str, object] = {"operands": sorted(elements)}
        if not any(statement.names & self._formula.gradients for statement in candidates):
            evidence["ignores"] = "the gradient that comes in"
            return self._at(computing[-1]), evidence
        zeroed = self._zeroed()
        if zeroed is not None:
            return zeroed, {**evidence, "zeroed": "the gradient is zero from here on"}
        mended = self._mended_by_a_number(computing) or self._mended_by_a_variable(computing)
        if mended:
            statement, by = mended
            return self._at(statement), {**evidence, "mended_by": by}
        return self._at(computing[-1]), evidence

    def _zeroed(self) -> Site | None:
        """The line of a backward at which the whole gradient of the targets becomes zero."""
        if any(target.status != "zero" for target in self._targets):
            return None
        tape, _ = self._question.backward()
        born = (birth_of_zero(tape.inside.get(call.key, ())) for call in self._calls)
        return next((one.key[0] for one in born if one is not None), None)

    def _at(self, statement: Statement) -> Site:
        return Site(self._site.file, statement.line, self._site.function)

    def _wrong_elements(self) -> set[int]:
        """The operands whose gradients are wrong: those that have to be replaced."""
        positions = range(max(len(call.arguments) for call in self._calls))
        live = [p for p in positions if any(p < len(c.arguments) and c.arguments[p] for c in self._calls)]
        if len(live) == 1:
            return set(live)
        for position in live:
            rewrite = NumericBackward(position)
            slope = _slope(self._question, self._targets, {call.key: rewrite for call in self._calls})
            if slope is not None and self._wrong.numeric.agrees(slope, self._tolerance):
                return {position}
        return set(live)

    @property
    def _tolerance(self) -> float:
        return max(self._question.tolerance, _DIFFERENCES)

    def _mended_by_a_number(self, candidates: Sequence[Statement]) -> tuple[Statement, float | str] | None:
        """The statement whose value, times a usual number, mends the gradient along two directions.

        Several of a chain can do it; then one in which this number is written, else the last.
        """
        found: list[tuple[Statement, float]] = []
        for statement in candidates[-_MOST_STATEMENTS:]:
            factor = self._factor(statement)
            if factor is not None:
                found.append((statement, factor))
        if not found:
            return None
        written = [(s, f) for s, f in found if any(_is(f * factor, 1.0) or _is(f, factor) for factor in s.factors)]
        return max(written or found, key=lambda entry: (entry[0].element is None, entry[0].number))

    def _factor(self, statement: Statement) -> float | None:
        none = self._with(Edit(statement, None, 0.0), self._targets)
        if none is None or _is(none, self._wrong.autograd):
            return None
        # the numeric derivative is right: the number follows, if the gradient depends on the value in a linear way
        wanted = (self._wrong.numeric.value - none) / (self._wrong.autograd - none)
        numbers = (*_USUAL, *(1 / factor for factor in statement.factors))
        factor = next((number for number in numbers if _is(number, wanted)), None)
        return factor if factor is not None and self._holds_elsewhere(Edit(statement, None, factor)) else None

    def _mended_by_a_variable(self, candidates: Sequence[Statement]) -> tuple[Statement, float | str] | None:
        """The last statement that is right with another variable in it, or with one more factor."""
        edits = [edit for statement in reversed(candidates) for edit in self._formula.edits(statement)]
        edits.sort(key=lambda edit: edit.position is None)
        for edit in edits[:_MOST_EDITS]:
            slope = self._with(edit, self._targets)
            if slope is not None and self._wrong.numeric.agrees(slope, self._tolerance) and self._holds_elsewhere(edit):
                return edit.statement, edit.by
        return None

    def _holds_elsewhere(self, edit: Edit) -> bool:
        """Whether the changed formula is right along a second direction, too."""
        others, numeric = self._second_direction()
        slope = self._with(edit, others)
        return slope is not None and abs(slope - numeric) <= 1e-3 * max(abs(slope), abs(numeric))

    def _with(self, edit: Edit, targets: Sequence[Target]) -> float | None:
        other = OtherBackward(functools.partial(self._formula.edited, edit))
        return _slope(self._question, targets, {call.key: other for call in self._calls})

    def _second_direction(self) -> tuple[list[Target], float]:
        if self._other is None:
            others = [replace(target, seed=target.seed + 1000) for target in self._targets]
            self._other = others, self._question.numeric(others, step=self._wrong.numeric.step).value
        return self._other


def _is(a: float, b: float) -> bool:
    return abs(a - b) <= 2e-3 * max(abs(a), abs(b))
