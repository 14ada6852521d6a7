"""What makes a test another function than it was in a known-good run, and the proof of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from gradtriage.probe.explain.differential import asthen
from gradtriage.probe.explain.differential.comparison import ADDED, DRAWN, REMOVED, RunComparison, Suspect
from gradtriage.probe.explain.differential.functions import NotAgainError, plain_numbers
from gradtriage.probe.explain.differential.parting import Parting, first_parting
from gradtriage.probe.explain.leaves.operations import FLAT, INTEGER
from gradtriage.probe.explain.replay.children import ChildFailedError
from gradtriage.probe.explain.replay.replays import BodyFailedError

if TYPE_CHECKING:
    from gradtriage.probe.explain.differential.recording import Place, RecordedOperation, Recording
    from gradtriage.probe.explain.differential.rerun import Reruns
    from gradtriage.probe.explain.source.sites import Site
    from gradtriage.probe.explain.tape.rewrites import Rewrite
    from gradtriage.probe.explain.tape.tape import Key

MOST_FAULTS = 6
MOST_TRIED = 10


@dataclass(frozen=True)
class Departure:
    """A place from which today's run is another one than the known run.

    Attributes:
        site: Today's line; None where the operation is gone (`then` says where it stood).
        then: The line of then; None where the operation is new.
        op: The operation's name.
        proof: `proven` if the runs are the same once this place alone is as it was, `supported` if it is where they
            begin to differ.
        evidence: Figures.
    """

    what: str
    site: Site | None
    then: Place | None
    op: str
    proof: str
    parameters: tuple[str, ...]
    evidence: dict[str, Any] = field(default_factory=dict)
    numbers: tuple[frozenset[float], frozenset[float]] = (frozenset(), frozenset())


@dataclass(frozen=True)
class Differential:
    """A known run and today's.

    Attributes:
        comparison: Of the first gradient computation that differs; of the first one where none does.
        departures: Where they part; several where only together they account for the difference.
    """

    comparison: RunComparison
    departures: tuple[Departure, ...]
    reason: str = ""

    @property
    def changed(self) -> bool:
        """Whether loss or gradients are others."""
        return not self.comparison.same


def differential(then: Recording, reruns: Reruns) -> Differential:
    """Compares a known run with today's.

    Args:
        then: The known run.
        reruns: Runs of today's body.

    Raises:
        BodyFailedError: Today's body raised before any gradient computation.
        ChildFailedError: It ended its process, or took too long.
        ValueError: The two have no gradient computation in common.
    """
    now = reruns.recording()
    numbers = [call.number for call in now.calls if then.call(call.number) is not None]
    if not numbers:
        raise ValueError("the two runs have no gradient computation in common")
    comparisons = [RunComparison(then, now, numbers[0])]
    for number in numbers[1:]:
        if not comparisons[-1].same:
            break
        comparisons.append(RunComparison(then, now, number))
    if comparisons[-1].same:
        return Differential(comparisons[0], ())
    search = _Search(comparisons[-1], reruns)
    departures = search.values() if not comparisons[-1].same_loss else search.gradients()
    reason = "" if departures else "the runs differ, and no operation was seen to be the first"
    return Differential(comparisons[-1], tuple(departures), reason)


@dataclass(frozen=True)
class _Trial:
    """A run in which some places were as they are in the known run.

    Attributes:
        again: How they were put back: by formula, by value, or left out.
    """

    comparison: RunComparison
    again: str

    group: tuple[int, ...] = ()

    @property
    def restored(self) -> bool:
        """Whether the run is the known one now.

        Gradients count unless values alone were put back; then nothing but equal values may have gone in, or what
        was put back may hide another difference before it.
        """
        if not self.comparison.same_loss:
            return False
        if self.again != "value":
            return self.comparison.same_gradients
        return all(self.comparison.inputs_are_equal(index, within=self.group) for index in self.group)


class _Search:
    """Puts places back as they were until the runs are the same."""

    def __init__(self, comparison: RunComparison, reruns: Reruns) -> None:
        self._base, self._reruns = comparison, reruns
        self._number = comparison.call_now.number
        self._concerned = tuple(name for name, (_, now, same) in comparison.gradients().items() if not same and now)

    def values(self) -> list[Departure]:
        """The places from which values differ: one alone, else a smallest set of several; else the first, unproven."""
        suspects = list(self._base.suspects())[:MOST_TRIED]
        for suspect in suspects:
            alone = self._alone(suspect)
            if alone is not None:
                return [self._departure(*alone, first=self._base.is_first(suspect))]
        several = self._several(suspects)
        if several:
            return several
        likely = next((s for s in suspects if self._leads_on(s)), suspects[0] if suspects else None)
        return [] if likely is None else [self._departure(likely, None, first=False)]

    def gradients(self) -> list[Departure]:
        """The node of the backward pass from which gradients differ, although all values are the same."""
        parting = first_parting(self._base)
        if parting is None:
            return []
        trial = None
        if parting.lost_in is not None:
            lost = Suspect(ADDED, parting.lost_in, None, (parting.lost_in,), 1)
            trial = self._tried(asthen.left_out(self._base, lost), "left out")
        trial = trial if trial is not None and trial.restored else self._replaced(parting)
        return [self._parted(parting, trial)]

    def _alone(self, suspect: Suspect) -> tuple[Suspect, _Trial] | None:
        """The suspect with the run that is the known one once it alone is put back; or a single operation of it."""
        trial = self._put_back([suspect])
        if suspect.what == ADDED and (suspect.lines > 1 or trial is None or not trial.restored):
            for index in suspect.group:
                one = Suspect(ADDED, index, None, (index,), 1)
                if self._base.now.operations[index].name in INTEGER | FLAT:
                    without = self._tried(asthen.left_out(self._base, one), "left out")
                    if without is not None and without.restored:
                        return one, without
        return (suspect, trial) if trial is not None and trial.restored else None

    def _several(self, suspects: Sequence[Suspect]) -> list[Departure]:
        """Puts back what is first seen to differ, and then what is seen after that; drops what was not needed."""
        chosen: list[Suspect] = []
        first: dict[int, bool] = {}
        seen_in = self._base
        trial: _Trial | None = None
        waiting = list(suspects)
        while waiting and len(chosen) < MOST_FAULTS:
            chosen.append(waiting.pop(0))
            first[chosen[-1].operation] = seen_in.is_first(chosen[-1])
            found = self._put_back(chosen)
            if found is None:
                chosen.pop()
                continue
            trial, seen_in = found, found.comparison
            if trial.restored:
                break
            known = {self._line(self._base, suspect) for suspect in chosen}
            after = [s for s in trial.comparison.suspects() if self._line(trial.comparison, s) not in known]
            waiting = [self._of_base(s, trial.comparison) for s in after[:MOST_TRIED]]
        if trial is None or not trial.restored:
            return []
        for suspect in list(chosen):
            rest = [other for other in chosen if other is not suspect]
            without = self._put_back(rest) if rest else None
            if without is not None and without.restored:
                chosen, trial = rest, without
        together = {"together_with": len(chosen) - 1} if len(chosen) > 1 else {}
        return [self._departure(s, trial, first=first[s.operation], together=together) for s in chosen]

    def _of_base(self, suspect: Suspect, comparison: RunComparison) -> Suspect:
        """The same place as the run without any change sees it, where it is a suspect there, too."""
        line = self._line(comparison, suspect)
        return next((s for s in self._base.suspects() if self._line(self._base, s) == line), suspect)

    def _line(self, comparison: RunComparison, suspect: Suspect) -> tuple[str, int]:
        place = comparison.place(suspect)
        return place.file, place.line

    def _put_back(self, suspects: Sequence[Suspect]) -> _Trial | None:
        """The run with these places as they were: by formula where that can be had, else by value."""
        group = tuple(index for suspect in suspects for index in suspect.group)
        best: _Trial | None = None
        for again, make in (("formula", asthen.formulas), ("value", asthen.values)):
            if again == "formula" and any(suspect.what == DRAWN for suspect in suspects):
                continue
            try:
                trial = self._tried(make(self._base, suspects), again, group)
            except NotAgainError:
                continue
            if trial is not None and trial.comparison.same_loss:
                return trial
            best = best or trial
        return best

    def _tried(self, rewrites: Mapping[Key, Rewrite], again: str, group: tuple[int, ...] = ()) -> _Trial | None:
        if not rewrites:
            return None
        try:
            run = self._reruns.recording(self._number, rewrites)
            return _Trial(RunComparison(self._base.then, run, self._number), again, group)
        except (BodyFailedError, ChildFailedError, ValueError):
            return None

    def _replaced(self, parting: Parting) -> _Trial | None:
        """The run in which this node hands on what it handed on then."""
        if parting.known is None:
            return None
        try:
            run = self._reruns.recording(self._number, handed_on={parting.node: parting.known})
            return _Trial(RunComparison(self._base.then, run, self._number), "gradient")
        except (BodyFailedError, ChildFailedError, ValueError):
            return None

    def _leads_on(self, suspect: Suspect) -> bool:
        """Whether the loss is computed from what comes out there."""
        wanted = {operand.source for operand in self._base.call_now.roots}
        for index in range(self._base.call_now.operations - 1, -1, -1):
            if index in wanted:
                wanted.update(operand.source for operand in self._base.now.operations[index].operands)
        return suspect.operation in wanted

    def _departure(
        self, suspect: Suspect, trial: _Trial | None, *, first: bool, together: Mapping[str, int] | None = None
    ) -> Departure:
        base = self._base
        today = base.now.operations[suspect.operation]
        before = None if suspect.then is None else base.then.operations[suspect.then]
        removed = suspect.what == REMOVED
        proven = first and trial is not None and trial.restored and suspect.lines == 1 and suspect.what != DRAWN
        evidence = {
            "what": suspect.what,
            **self._values_of(suspect),
            **self._restored(trial),
            "calls": len(suspect.group),
        }
        return Departure(
            suspect.what,
            None if removed else base.now.keys[suspect.operation][0],
            before.place if before is not None else None,
            (before if removed and before is not None else today).name,
            "proven" if proven else "supported",
            self._concerned,
            evidence | dict(together or {}),
            (_numbers(before), _numbers(today)),
        )

    def _values_of(self, suspect: Suspect) -> dict[str, Any]:
        now, then = self._base.now, self._base.then
        found: dict[str, Any] = {}
        if suspect.what != REMOVED:
            found["value_now"] = now.values[now.operations[suspect.operation].outputs[0]].number
        operand = self._base.counterpart(suspect.operation) if suspect.what == ADDED else None
        if operand is not None:
            found["value_then"] = then.values[operand.value].number
        elif suspect.then is not None and then.operations[suspect.then].outputs:
            found["value_then"] = then.values[then.operations[suspect.then].outputs[0]].number
        return found

    def _restored(self, trial: _Trial | None) -> dict[str, Any]:
        if trial is None or not trial.restored:
            return {}
        compared = trial.again != "value" or trial.comparison.same_gradients
        return {
            "loss_then": self._base.call_then.loss,
            "loss_now": self._base.call_now.loss,
            "loss_restored": trial.comparison.call_now.loss,
            "restored_by": trial.again,
            "gradients_restored": "the same as then" if compared else "not comparable",
        }

    def _parted(self, parting: Parting, trial: _Trial | None) -> Departure:
        operation = self._base.now.operations[parting.operation]
        old = self._base.pairs.get(parting.operation)
        restored = trial is not None and trial.restored
        evidence = {"what": "gradient", "node": parting.node[1], "custom": operation.custom, **self._restored(trial)}
        return Departure(
            ADDED if parting.lost_in is not None else "gradient",
            self._base.now.keys[parting.operation][0],
            None if old is None else self._base.then.operations[old].place,
            operation.name,
            "proven" if restored else "supported",
            self._concerned,
            evidence,
        )


def _numbers(operation: RecordedOperation | None) -> frozenset[float]:
    return frozenset(plain_numbers([operation.args, operation.kwargs])) if operation is not None else frozenset()
