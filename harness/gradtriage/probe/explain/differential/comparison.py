"""Two runs of the same test held against each other: what is equal, and where the first difference is."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from gradtriage.probe.explain.differential.alignment import aligned

if TYPE_CHECKING:
    from gradtriage.probe.explain.differential.recording import (
        Operand,
        Place,
        RecordedCall,
        RecordedOperation,
        Recording,
    )

ADDED, REMOVED, CHANGED, OUTSIDE, DRAWN = "added", "removed", "changed", "outside", "drawn"


@dataclass(frozen=True)
class Suspect:
    """A place from which two runs differ although all that went in is equal.

    Attributes:
        what: An operation was `added`, `removed` or `changed`; or what went in is from `outside` of the test and
            differs; or random numbers were `drawn` that differ.
        operation: Index of today's operation there; of one that uses the result, where the operation was removed.
        then: Index of the operation that stood there; None where there was none.
        group: Today's operations whose results this place is to blame for: every call of the line.
        lines: How many lines the new operations stand on, or those that are gone stood on.
    """

    what: str
    operation: int
    then: int | None
    group: tuple[int, ...]
    lines: int


class RunComparison:
    """A gradient computation of a known run, and the same of today's.

    Args:
        then: The known run.
        now: Today's.
        number: Of the computation.
    """

    def __init__(self, then: Recording, now: Recording, number: int) -> None:
        first, second = then.call(number), now.call(number)
        if first is None or second is None:
            raise ValueError(f"there is no gradient computation {number} in both runs")
        self.then, self.now = then, now
        self.call_then: RecordedCall = first
        self.call_now: RecordedCall = second
        self.pairs = aligned(then, now, (first.operations, second.operations))
        self.inverse = {old: new for new, old in self.pairs.items()}
        self.equal = [self._equal(index) for index in range(second.operations)]

    def _equal(self, index: int) -> bool:
        old = self.pairs.get(index)
        if old is None:
            return False
        mine, theirs = self.now.operations[index].outputs, self.then.operations[old].outputs
        return len(mine) == len(theirs) and all(
            self.now.same(a, self.then, b) for a, b in zip(mine, theirs, strict=True)
        )

    @property
    def same_loss(self) -> bool:
        """Whether what is differentiated is the same."""
        mine, theirs = self.call_now, self.call_then
        roots = [(a.value, b.value) for a, b in zip(mine.roots, theirs.roots, strict=False)]
        weights = list(zip(mine.weights, theirs.weights, strict=False))
        return len(mine.roots) == len(theirs.roots) and all(
            self.now.same(a, self.then, b) for a, b in (*roots, *weights)
        )

    def gradients(self) -> dict[str, tuple[int | None, int | None, bool]]:
        """For each parameter the numbers of its gradients' values then and today, and whether they are the same.

        A parameter of one run only is paired with one of the other run's that has no partner, in order.
        """
        mine, theirs = dict(self.call_now.gradients), dict(self.call_then.gradients)
        found: dict[str, tuple[int | None, int | None, bool]] = {}
        lonely = [name for name in theirs if name not in mine]
        for name, number in mine.items():
            partner = name if name in theirs else lonely.pop(0) if lonely else None
            other = None if partner is None else theirs[partner]
            found[name] = other, number, other is not None and self.now.same(number, self.then, other)
        return found | {name: (theirs[name], None, False) for name in lonely}

    @property
    def same_gradients(self) -> bool:
        """Whether the parameters that both runs have got the same gradients."""
        return all(same for then, now, same in self.gradients().values() if then is not None and now is not None)

    @property
    def same(self) -> bool:
        """Whether loss and gradients are the same."""
        return self.same_loss and self.same_gradients

    def suspects(self) -> Iterator[Suspect]:
        """Places from which the runs differ, in the order of execution; a line once."""
        seen: set[tuple[str, int]] = set()
        for index in range(self.call_now.operations):
            if self.equal[index] or not self.inputs_are_equal(index):
                continue
            suspect = self._suspect(index)
            place = self.place(suspect)
            if (place.file, place.line) not in seen:
                seen.add((place.file, place.line))
                yield suspect

    def is_first(self, suspect: Suspect) -> bool:
        """Whether every operation that both runs have is equal up to there: nothing unseen can be to blame."""
        return all(
            self.equal[index] or index in suspect.group for index in range(min(suspect.group)) if index in self.pairs
        )

    def place(self, suspect: Suspect) -> Place:
        """The line to look at: today's, or where the operation stood that is gone."""
        if suspect.what == REMOVED and suspect.then is not None:
            return self.then.operations[suspect.then].place
        return self.now.operations[suspect.operation].place

    def inputs_are_equal(self, index: int, within: tuple[int, ...] = ()) -> bool:
        """Whether all that went into an operation today was the same then; what comes from `within` does not count."""
        if index >= self.call_now.operations:
            return False
        sources = (operand.source for operand in self.now.operations[index].operands)
        return all(
            source < 0 or self.equal[source] or (source in within and source not in self.pairs) for source in sources
        )

    def _suspect(self, index: int) -> Suspect:
        operation, old = self.now.operations[index], self.pairs.get(index)
        if old is None:
            return self._added(index)
        before = self.then.operations[old]
        if operation.draws is not None and operation.draws != before.draws:
            return Suspect(DRAWN, index, old, self._line(index), 1)
        removed = self._removed(operation, before)
        if removed is not None:
            group = tuple(
                i for i in range(self.call_now.operations)
                if i in self.pairs and not self.equal[i] and self._lacks(i, self.then.operations[removed].place)
            )  # fmt: skip
            return Suspect(REMOVED, index, removed, group or (index,), len(self._lines_gone(old)))
        what = OUTSIDE if self._from_outside(operation, before) else CHANGED
        return Suspect(what, index, old, self._line(index), 1)

    def _line(self, index: int) -> tuple[int, ...]:
        """Every call of the line whose result differs, and not only because of what goes into it."""
        place = self.now.operations[index].place
        return tuple(
            i
            for i in range(self.call_now.operations)
            if not self.equal[i]
            and _stands(self.now.operations[i].place, place)
            and (self.inputs_are_equal(i) or not self._follows(i))
        )

    def _follows(self, index: int) -> bool:
        """Whether an operation of torch's own does what it did, with what is made by what made it then."""
        old = self.pairs.get(index)
        if old is None or self.now.operations[index].function is None:
            return False
        mine, theirs = self.now.operations[index], self.then.operations[old]
        return (
            (mine.name, mine.args, mine.kwargs) == (theirs.name, theirs.args, theirs.kwargs)
            and len(mine.operands) == len(theirs.operands)
            and all(
                self._same(a, b) if a.source < 0 else self.pairs.get(a.source) == b.source
                for a, b in zip(mine.operands, theirs.operands, strict=True)
            )
        )

    def _added(self, index: int) -> Suspect:
        """With what of the new operations follows from it, until the runs meet again."""
        group = dict.fromkeys(self._line(index))
        for later in range(index + 1, self.call_now.operations):
            sources = {operand.source for operand in self.now.operations[later].operands}
            if later not in self.pairs and sources & group.keys():
                group[later] = None
        new = [i for i in group if i not in self.pairs]
        lines = {(self.now.operations[i].place.file, self.now.operations[i].place.line) for i in new}
        return Suspect(ADDED, index, self._stood_for(index), tuple(sorted(group)), len(lines))

    def _stood_for(self, index: int) -> int | None:
        """The operation that gave then what a new one gives today, as an operation tells that uses it."""
        operand = self.counterpart(index)
        if operand is None or operand.source < 0 or operand.source in self.inverse:
            return None
        return operand.source

    def counterpart(self, index: int) -> Operand | None:
        """What went then into an operation that a new operation's result goes into today."""
        for later in range(index + 1, self.call_now.operations):
            old = self.pairs.get(later)
            if old is not None:
                found = _opposite(index, self.now.operations[later].operands, self.then.operations[old].operands)
                if found is not None:
                    return found
        return _opposite(index, self.call_now.roots, self.call_then.roots)

    def _removed(self, operation: RecordedOperation, before: RecordedOperation) -> int | None:
        """The first of the operations that are gone, of those that led to what went in then."""
        for mine, theirs in zip(operation.operands, before.operands, strict=False):
            if theirs.source >= 0 and theirs.source not in self.inverse and not self._same(mine, theirs):
                first = theirs.source
                while True:
                    earlier = [
                        o.source
                        for o in self.then.operations[first].operands
                        if o.source >= 0 and o.source not in self.inverse
                    ]
                    if not earlier:
                        return first
                    first = earlier[0]
        return None

    def _lines_gone(self, old: int) -> set[tuple[str, int]]:
        """The lines of the operations that are gone, of all that led to an operation then."""
        lines: set[tuple[str, int]] = set()
        waiting, seen = [old], {old}
        while waiting:
            for operand in self.then.operations[waiting.pop()].operands:
                source = operand.source
                if source >= 0 and source not in self.inverse and source not in seen:
                    seen.add(source)
                    waiting.append(source)
                    place = self.then.operations[source].place
                    lines.add((place.file, place.line))
        return lines

    def _lacks(self, index: int, place: Place) -> bool:
        """Whether what an operation lacks today was made on a line that is gone."""
        removed = self._removed(self.now.operations[index], self.then.operations[self.pairs[index]])
        return removed is not None and _stands(self.then.operations[removed].place, place)

    def _from_outside(self, operation: RecordedOperation, before: RecordedOperation) -> bool:
        return any(
            mine.source < 0 and theirs.source < 0 and not self._same(mine, theirs)
            for mine, theirs in zip(operation.operands, before.operands, strict=False)
        )

    def _same(self, mine: Operand, theirs: Operand) -> bool:
        return self.now.same(mine.value, self.then, theirs.value)


def _stands(one: Place, other: Place) -> bool:
    return (one.file, one.line) == (other.file, other.line)


def _opposite(index: int, mine: tuple[Operand, ...], theirs: tuple[Operand, ...]) -> Operand | None:
    if len(mine) != len(theirs):
        return None
    return next((there for here, there in zip(mine, theirs, strict=True) if here.source == index), None)
