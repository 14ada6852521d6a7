"""Proof of a cut: with its value frozen the numeric derivative equals autograd's, unfrozen it does not."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from gradtriage.probe.explain.causes.cuts import Cut, find_cuts, way_out
from gradtriage.probe.explain.causes.repairs import repair_of
from gradtriage.probe.explain.question.oracle import UNSETTLED
from gradtriage.probe.explain.question.question import Cause, Comparison, Question
from gradtriage.probe.explain.replay.replays import BodyFailedError
from gradtriage.probe.explain.tape.rewrites import Frozen, Rewrite

if TYPE_CHECKING:
    from gradtriage.probe.explain.replay.listings import Target
    from gradtriage.probe.explain.tape.tape import Key

MOST_CANDIDATES = 200
MOST_REPAIRS = 8
MOST_IN_LINE = 24
# an `autograd.grad` whose result goes on
_NESTED = "grad"
_CONVERSIONS = frozenset({"double", "float", "half", "bfloat16", "to", "type", "cuda", "cpu"})


def severance_causes(question: Question, targets: Sequence[Target], wrong: Comparison) -> list[Cause]:
    """The cuts that account for the whole difference between autograd and differences.

    Args:
        question: The gradient computation.
        targets: The targets whose gradient is missing or wrong.
        wrong: Autograd against differences along their directions: they differ.

    Returns:
        A smallest set of proven cuts; where no set accounts for the difference, the likeliest one, suspected.
    """
    step = wrong.numeric.step
    bits = question.bits(targets)
    found = find_cuts(question.tape(), question.nudged_tape(targets, step), bits)
    cuts = [cut for cut in found if not question.meant.keys() >= set(cut.keys)][:MOST_CANDIDATES]
    if not cuts:
        return []
    search = _Search(question, targets, wrong, cuts)
    proven = search.smallest()
    if proven is not None:
        kept = _kept_without_graph(question, targets, wrong) if {cut.op for cut in proven} == {_NESTED} else None
        if kept is not None:
            return [kept]
        in_line = proven if len(proven) > 1 else search.in_line_with(proven[0])
        alone = _repaired(question, targets, wrong, in_line) if len(in_line) > 1 else None
        if alone is not None:
            return [_cause(question, alone[0], bits, "proven", {**search.evidence(proven), **alone[1]})]
        return [_cause(question, cut, bits, "proven", search.evidence(proven)) for cut in proven]
    escapes = [cut for cut in cuts if cut.escape]
    alone = _repaired(question, targets, wrong, escapes[:MOST_REPAIRS])
    if alone is not None:
        return [_cause(question, alone[0], bits, "proven", alone[1])]
    # a module that changes its type makes its parameters anew under `no_grad`: nobody has used their values yet
    likely = [cut for cut in escapes if not (cut.kind == "no-grad" and cut.op in _CONVERSIONS)]
    return [_cause(question, cut, bits, "suspected", {}) for cut in likely[:1]]


def _repaired(
    question: Question, targets: Sequence[Target], wrong: Comparison, cuts: Sequence[Cut]
) -> tuple[Cut, dict[str, object]] | None:
    """The one cut without which autograd is right, all others as they are: they do no harm by themselves."""
    for cut in cuts:
        try:
            slopes = question.slopes(targets, repair_of(cut, question.tape()))
        except BodyFailedError:
            continue
        if wrong.conclusive and wrong.numeric.agrees(sum(slopes), question.tolerance):
            values = {"autograd": wrong.autograd, "numeric": wrong.numeric.value, "autograd_repaired": sum(slopes)}
            return cut, dict(values)
    return None


def _kept_without_graph(question: Question, targets: Sequence[Target], wrong: Comparison) -> Cause | None:
    """A nested gradient computation loses what a forward keeps without its graph: kept with it, autograd is right."""
    tape, bits = question.tape(), question.bits(targets)
    functions = [one.key for one in tape.operations if one.custom and any(reach & bits for reach in one.reach_in)]
    looks = [one for key in functions for one in tape.inside.get(key, ()) if way_out(one.key[1]) in ("detach", "data")]
    for site in dict.fromkeys(one.key[0] for one in looks):
        here = [one.key for one in looks if one.key[0] == site]
        cut = Cut(site, way_out(here[0][1]) or "", here[0][1], tuple(here), bits)
        repaired = _repaired(question, targets, wrong, [cut])
        if repaired is not None:
            return _cause(question, cut, bits, "proven", repaired[1])
    return None


def _cause(question: Question, cut: Cut, bits: int, proof: str, evidence: dict[str, object]) -> Cause:
    return Cause(cut.kind, cut.site, cut.op, question.names(cut.bits & bits), proof, evidence)


class _Search:
    """Looks for the smallest set of cuts whose freezing restores agreement."""

    def __init__(self, question: Question, targets: Sequence[Target], wrong: Comparison, cuts: list[Cut]) -> None:
        self._question, self._targets, self._wrong, self._cuts = question, targets, wrong, cuts
        keys = frozenset(key for cut in cuts for key in cut.keys)
        self._values = question.replays.values(question.listing.number, keys)
        self._tried: dict[frozenset[int], Comparison] = {}

    def smallest(self) -> list[Cut] | None:
        """Each cut alone, then fewer and fewer of all of them."""
        lost = [index for index, cut in enumerate(self._cuts) if cut.escape]
        if lost and self._explains(lost):
            return [self._cuts[index] for index in self._fewest(lost)]
        entries = [index for index, cut in enumerate(self._cuts) if not cut.escape]
        for index in (*lost, *entries):
            if self._explains([index]):
                return [self._cuts[index]]
        if entries and self._explains(lost + entries):
            return [self._cuts[index] for index in self._fewest(lost + entries)]
        return None

    def in_line_with(self, cut: Cut) -> list[Cut]:
        """A cut and the others that explain the difference as well, being behind it or before it.

        Which of them matters a repair will show: of a solver's input that is detached on purpose, say, and its result.
        """
        tape = self._question.tape()
        places = {operation.key: index for index, operation in enumerate(tape.operations)}
        own = {places[key] for key in cut.keys if key in places}
        before = set(tape.ancestors(max(own, default=0)))
        found = [cut]
        for index, other in list(enumerate(self._cuts))[:MOST_IN_LINE]:
            theirs = {places[key] for key in other.keys if key in places}
            if other is cut or not other.escape or not theirs:
                continue
            if (before & theirs or own & set(tape.ancestors(max(theirs)))) and self._explains([index]):
                found.append(other)
        return found

    def _fewest(self, sufficient: list[int]) -> list[int]:
        """Drops halves, then single cuts, as long as the rest still explains the difference."""
        keep = sufficient
        size = max(1, len(keep) // 2)
        while len(keep) > 1:
            parts = [keep[i : i + size] for i in range(0, len(keep), size)]
            smaller = next((part for part in parts if len(part) < len(keep) and self._explains(part)), None)
            if smaller is None:
                rests = [[i for i in keep if i not in part] for part in parts]
                smaller = next((rest for rest in rests if rest and self._explains(rest)), None)
            if smaller is not None:
                keep, size = smaller, max(1, len(smaller) // 2)
            elif size == 1:
                break
            else:
                size = max(1, size // 2)
        return keep

    def _explains(self, chosen: Sequence[int]) -> bool:
        return self._comparison(chosen).agree

    def _comparison(self, chosen: Sequence[int]) -> Comparison:
        key = frozenset(chosen)
        if key not in self._tried:
            frozen: dict[Key, Rewrite] = {
                k: Frozen(self._values[k])
                for k in (k for index in chosen for k in self._cuts[index].keys)
                if k in self._values
            }
            try:
                self._tried[key] = self._question.compare(
                    self._targets, frozen, step=self._wrong.numeric.step, autograd=self._wrong.autograd
                )
            except BodyFailedError:  # the body cannot go on with this value: nothing is shown
                self._tried[key] = Comparison(self._wrong.autograd, UNSETTLED, self._question.tolerance)
        return self._tried[key]

    def evidence(self, proven: Sequence[Cut]) -> dict[str, object]:
        """The three derivatives that make the proof."""
        comparison = self._comparison([self._cuts.index(cut) for cut in proven])
        return {
            "autograd": self._wrong.autograd,
            "numeric": self._wrong.numeric.value,
            "numeric_frozen": comparison.numeric.value,
            "candidates": len(self._cuts),
        }
