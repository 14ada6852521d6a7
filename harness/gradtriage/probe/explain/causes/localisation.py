"""The line of a backward that is wrong: which statement, changed a little, mends the gradient."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from operator import attrgetter
from typing import TYPE_CHECKING, Any

from gradtriage.probe.explain.causes.held import HOLDING
from gradtriage.probe.explain.question.question import nudges
from gradtriage.probe.explain.replay.replays import BodyFailedError
from gradtriage.probe.explain.source.formulas import Edit, Formula, start_of_function
from gradtriage.probe.explain.source.sites import Site
from gradtriage.probe.explain.tape.inside import birth_of_zero
from gradtriage.probe.explain.tape.remakes import NumericBackward, OtherBackward, OtherHelper, OtherKeeper
from gradtriage.probe.explain.tape.rewrites import Identity

if TYPE_CHECKING:
    from torch import Tensor

    from gradtriage.probe.explain.question.question import Comparison, Question
    from gradtriage.probe.explain.replay.listings import Target
    from gradtriage.probe.explain.source.statements import Statement
    from gradtriage.probe.explain.tape.rewrites import Rewrite
    from gradtriage.probe.explain.tape.tape import CustomCall, Key

# agreement of autograd with differences that stand in its place
AGREEMENT = 1e-4
# numbers by which a formula is usually wrong
_USUAL = (-1.0, 2.0, 0.5, 3.0, 1 / 3, 1.5, 2 / 3, 4.0, 0.25, 10.0, 0.1, -2.0, -0.5)
_MOST_STATEMENTS = 24
_MOST_EDITS = 48
_MOST_FORMS = 96
_MOST_TRIALS = 320
_MOST_HELPERS = 4


def directions(
    question: Question, targets: Sequence[Target], wrong: Comparison, calls: Sequence[CustomCall]
) -> dict[Key, dict[int, Tensor]]:
    """How the large operands of custom functions move when the targets do: along these alone differences are taken."""
    keys = [call.key for call in calls if call.large]
    if not keys:
        return {}
    step = wrong.numeric.step
    try:
        plus, minus = (
            question.replays.large_operands(question.listing.number, keys, nudges(targets, side), question.meant)
            for side in (step, -step)
        )
    except BodyFailedError:
        return {}
    return {
        key: {
            position: (operand - minus[key][position]) / (2 * step)
            for position, operand in plus[key].items()
            if position in minus[key] and minus[key][position].shape == operand.shape
        }
        for key in keys
    }


@dataclass(frozen=True)
class Line:
    """A line of a formula that is wrong.

    Attributes:
        evidence: What tells it from the others.
        settled: Whether it can be no other: a change of it mends the gradient, or there is no other.
    """

    site: Site
    evidence: dict[str, object]
    settled: bool


_Change = Callable[[Callable[..., Any]], Callable[..., Any] | None]


class Localisation:
    """Looks for the statement of a backward that is wrong, and in the functions that it calls.

    Args:
        question: The gradient computation.
        targets: Whose gradients are wrong.
        wrong: Autograd against differences along their directions.
        calls: Of the custom function.
        site: Where its backward begins.
        along: How its large operands move.
    """

    def __init__(
        self,
        question: Question,
        targets: Sequence[Target],
        wrong: Comparison,
        calls: Sequence[CustomCall],
        site: Site,
        along: Mapping[Key, Mapping[int, Tensor]],
    ) -> None:
        self._along = along
        self._question, self._targets, self._wrong, self._calls = question, targets, wrong, calls
        self._trials = iter(range(_MOST_TRIALS))
        self._own = self._mending(Formula(site), OtherBackward)
        keeping = calls[0].keeper_site
        self._keeper = None if keeping is None else self._mending(Formula(keeping), OtherKeeper)

    def _mending(self, formula: Formula, other: Callable[[_Change], Rewrite]) -> _Mending:
        return _Mending(self._question, self._targets, self._wrong, self._calls, formula, other, self._trials)

    def line(self) -> Line:
        """The likeliest line of the formula."""
        formula = self._own.formula
        if not formula.statements:
            return Line(formula.site, {}, settled=True)
        elements = self._wrong_elements()
        candidates: Sequence[Statement] = formula.of_elements(elements) or formula.statements
        computing = [statement for statement in candidates if not statement.plain] or list(candidates)
        more = [statement for statement in computing if not statement.product] or computing
        evidence: dict[str, object] = {"operands": sorted(elements)}
        if not any(statement.names & formula.gradients for statement in candidates):
            evidence["ignores"] = "the gradient that comes in"
            return Line(formula.at(computing[-1]), evidence, settled=True)
        bounded = self._bounded()
        if bounded is not None:
            return Line(bounded, {**evidence, "bounded": "without this the gradient is right"}, settled=True)
        zeroed = self._zeroed()
        if zeroed is not None:
            return Line(zeroed, {**evidence, "zeroed": "the gradient is zero from here on"}, settled=True)
        mended = self._mended(sorted([*computing, *_aliases(candidates, formula)], key=attrgetter("number")), elements)
        if mended:
            site, by = mended
            return Line(site, {**evidence, "mended_by": by}, settled=True)
        return Line(formula.at(more[-1]), evidence, settled=len({statement.line for statement in computing}) == 1)

    def _mended(self, computing: Sequence[Statement], elements: set[int]) -> tuple[Site, float | str] | None:
        """What mends it, the likeliest first.

        A number that is written there; what is returned in another order; a number in a helper; any number; a variable,
        there or in a helper; another form of a statement, there or in a helper; another condition.
        """
        number = self._own.by_a_number(computing)
        if number is not None and number[2]:
            return self._own.formula.at(number[0]), number[1]
        returned = self._own.by_edits(self._own.formula.returns(elements, self._live()))
        if returned is not None:
            return self._own.formula.at(returned[0]), returned[1]
        helpers = [(helper, helper.candidates(elements)) for helper in self._helpers()]
        for helper, candidates in helpers:
            # one that only hands the gradient on is mended by the same number as what it is called with
            asked = number is None or (number[0].call == helper.formula.name and not self._shared(helper))
            found = helper.by_a_number([one for one in candidates if one.factors or asked])
            if found is not None:
                return helper.formula.at(found[0]), found[1]
        if number is not None:
            return self._own.formula.at(number[0]), number[1]
        everywhere: list[tuple[_Mending, Sequence[Statement]]] = [(self._own, computing), *helpers]
        for mending, statements in everywhere:
            variable = mending.by_a_variable(statements)
            if variable is not None:
                return mending.formula.at(variable[0]), variable[1]
        kept = self._by_what_is_kept()
        named = kept is not None and not self._keeps_by_name()
        return kept if named else self._by_another_form(everywhere) or kept

    def _by_what_is_kept(self) -> tuple[Site, float | str] | None:
        """Where the forward keeps another value for the backward than the formula takes it for."""
        if self._keeper is None:
            return None
        found = self._keeper.by_edits(self._keeper.formula.keepings()[:_MOST_FORMS])
        return None if found is None else (self._keeper.formula.at(found[0]), found[1])

    def _keeps_by_name(self) -> bool:
        """Whether what is kept has the names that the backward gives it: then the formula is the likelier place."""
        if self._keeper is None:
            return True
        kept = [statement for statement in self._keeper.formula.kept() if not statement.attribute]
        return [[name] for name in self._own.formula.unpacked()] == [sorted(one.names) for one in kept]

    def _by_another_form(self, everywhere: Sequence[tuple[_Mending, Sequence[Statement]]]) -> tuple[Site, str] | None:
        """Statements that call a helper come after the helper: what is handed over can be changed there, too."""
        (own, computing), *helpers = everywhere
        inner = {helper.formula.name for helper, _ in helpers if not self._shared(helper)}
        calling = [statement for statement in computing if statement.calls & inner]
        first = [statement for statement in computing if statement not in calling]
        controls = [(mending, mending.formula.controls) for mending, _ in everywhere]
        for mending, statements in ((own, first), *helpers, (own, calling), *controls):
            form = mending.by_edits(mending.formula.other_forms(statements)[:_MOST_FORMS])
            if form is not None:
                return mending.formula.at(form[0]), str(form[1])
        for mending, statements in everywhere:
            factor = mending.by_edits(mending.formula.more_factors(statements)[:_MOST_FORMS])
            if factor is not None:
                return mending.formula.at(factor[0]), str(factor[1])
        return None

    def _shared(self, helper: _Mending) -> bool:
        """Whether the forward calls the helper as well: a fault in it would be one of the forward, too."""
        tape, _ = self._question.backward()
        site = helper.formula.site
        forward = {one.key[0] for call in self._calls for one in tape.inside.get(call.key, ()) if not one.backward}
        return any(one.file == site.file and start_of_function(one.file, one.line) == site.line for one in forward)

    def _helpers(self) -> list[_Mending]:
        """The functions that the backward calls, and their formulas."""
        tape, _ = self._question.backward()
        found: dict[tuple[str, int], _Mending] = {}
        for call in self._calls:
            for site in (one.key[0] for one in tape.inside.get(call.key, ()) if one.backward):
                start = start_of_function(site.file, site.line)
                own = self._own.formula
                inside = site.file == own.site.file and start is not None and own.holds(start)
                if start is not None and not inside:
                    formula = Formula(Site(site.file, start, site.function))
                    other = functools.partial(OtherHelper, site.file, start)
                    found.setdefault((site.file, start), self._mending(formula, other))
        return list(found.values())[:_MOST_HELPERS]

    def _zeroed(self) -> Site | None:
        """The line of a backward at which the whole gradient of the targets becomes zero."""
        if any(target.status != "zero" for target in self._targets):
            return None
        tape, _ = self._question.backward()
        born = (birth_of_zero(tape.inside.get(call.key, ())) for call in self._calls)
        return next((one.key[0] for one in born if one is not None), None)

    def _bounded(self) -> Site | None:
        """The line in a backward that rounds, bounds or multiplies by zero what it should not."""
        tape, _ = self._question.backward()
        inner = [one for call in self._calls for one in tape.inside.get(call.key, ()) if one.backward]
        for place in dict.fromkeys(one.key[:2] for one in inner if one.key[1] in HOLDING or one.zero_number):
            rewrites = {one.key: Identity() for one in inner if one.key[:2] == place}
            if self._restored(rewrites):
                return place[0]
        return None

    def _wrong_elements(self) -> set[int]:
        """The operands whose gradients are wrong: those that have to be replaced."""
        live = self._live()
        if len(live) == 1:
            return live
        wrong = frozenset(live)
        for position in sorted(live):  # whatever is right is left to the function's own backward
            rest = wrong - {position}
            if rest and self._right_with(rest):
                wrong = rest
        return set(wrong)

    def _live(self) -> set[int]:
        """The operands that have a gradient in some call."""
        return {position for call in self._calls for position, live in enumerate(call.arguments) if live}

    def _right_with(self, positions: frozenset[int]) -> bool:
        rewrites = {call.key: NumericBackward(positions, self._along.get(call.key, {})) for call in self._calls}
        return self._restored(rewrites)

    def _restored(self, rewrites: Mapping[Key, Rewrite]) -> bool:
        """Whether autograd is right under a counterfactual."""
        slope = self._question.slope(self._targets, rewrites)
        return slope is not None and self._wrong.numeric.agrees(slope, max(self._question.tolerance, AGREEMENT))


class _Mending:
    """Small changes of one formula, tried in replays.

    Args:
        other: Makes a counterfactual of a change of the formula.
        trials: Runs out when enough edits were tried, in all formulas together.
    """

    def __init__(
        self,
        question: Question,
        targets: Sequence[Target],
        wrong: Comparison,
        calls: Sequence[CustomCall],
        formula: Formula,
        other: Callable[[_Change], Rewrite],
        trials: Iterator[int],
    ) -> None:
        self._question, self._targets, self._wrong, self._calls = question, targets, wrong, calls
        self.formula, self._rewrite, self._trials = formula, other, trials
        self._other: tuple[list[Target], float] | None = None

    def candidates(self, elements: set[int]) -> list[Statement]:
        """The statements that compute these elements, if that can be told; those that compute nothing left out."""
        found = self.formula.of_elements(elements) or self.formula.statements
        return [statement for statement in found if not statement.plain]

    def by_a_number(self, candidates: Sequence[Statement]) -> tuple[Statement, float, bool] | None:
        """The statement whose value, times a usual number, mends the gradient along two directions; is it written?

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
        statement, factor = max(written or found, key=lambda entry: (entry[0].element is None, entry[0].number))
        return statement, factor, bool(written)

    def _factor(self, statement: Statement) -> float | None:
        none = self._with(Edit(statement, None, 0.0), self._targets)
        if none is None or _is(none, self._wrong.autograd):
            return None
        # the numeric derivative is right: the number follows, if the gradient depends on the value in a linear way
        wanted = (self._wrong.numeric.value - none) / (self._wrong.autograd - none)
        numbers = (*_USUAL, *(1 / factor for factor in statement.factors))
        factor = next((number for number in numbers if _is(number, wanted)), None)
        return factor if factor is not None and self._holds_elsewhere(Edit(statement, None, factor)) else None

    def by_a_variable(self, candidates: Sequence[Statement]) -> tuple[Statement, float | str] | None:
        """The last statement that is right with another variable in it, or with one more factor."""
        edits = [edit for statement in reversed(candidates) for edit in self.formula.edits(statement)]
        edits.sort(key=lambda edit: edit.position is None)
        return self.by_edits(edits[:_MOST_EDITS])

    def by_edits(self, edits: Sequence[Edit]) -> tuple[Statement, float | str] | None:
        """The statement of the first edit that mends the gradient along two directions."""
        tolerance = max(self._question.tolerance, AGREEMENT)
        for edit, _ in zip(edits, self._trials, strict=False):
            slope = self._with(edit, self._targets)
            if slope is not None and self._wrong.numeric.agrees(slope, tolerance) and self._holds_elsewhere(edit):
                return edit.statement, edit.by
        return None

    def _holds_elsewhere(self, edit: Edit) -> bool:
        """Whether the changed formula is right along a second direction, too, and leaves all other gradients alone."""
        others, numeric = self._second_direction()
        slope = self._with(edit, others)
        mends = slope is not None and abs(slope - numeric) <= 1e-3 * max(abs(slope), abs(numeric))
        return mends and self._leaves_the_rest(edit)

    def _leaves_the_rest(self, edit: Edit) -> bool:
        names = {target.name for target in self._targets}
        rest = [target for target in self._question.targets if target.name not in names]
        if not rest:
            return True
        before, after = self._question.slope(rest, {}), self._with(edit, rest)
        return before is not None and after is not None and (before == after or _is(before, after))

    def _with(self, edit: Edit, targets: Sequence[Target]) -> float | None:
        change = functools.partial(self.formula.edited, edit)
        other = self._rewrite(change)
        return self._question.slope(targets, {call.key: other for call in self._calls})

    def _second_direction(self) -> tuple[list[Target], float]:
        if self._other is None:
            others = [replace(target, seed=target.seed + 1000) for target in self._targets]
            self._other = others, self._question.numeric(others, step=self._wrong.numeric.step).value
        return self._other


def _aliases(candidates: Sequence[Statement], formula: Formula) -> list[Statement]:
    """Statements that give a kept value another name: a factor may have been lost there."""
    computed = {name for one in candidates if not one.plain for name in (one.target, *one.unpacked)}
    others = computed | formula.gradients | formula.contexts
    return [
        one
        for one in candidates
        if one.plain and one.element is None and len(one.names) == 1 and not one.unpacked and not one.names & others
    ]


def _is(a: float, b: float) -> bool:
    return abs(a - b) <= 2e-3 * max(abs(a), abs(b))
