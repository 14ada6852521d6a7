"""Two runs held against each other: first what was collected and run, then outcomes, then every gradient."""

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from gradtriage.model.comparison import Change, ComparisonDocument, Side
from gradtriage.model.documents import GradientEntry, GradientRecord
from gradtriage.triage.observation import CallKey, Observation

BROKEN = ("failed", "error", "in-flight")
# distance from 1 to the next number
_EPSILON = {
    "float64": 2.0**-52,
    "float32": 2.0**-23,
    "float16": 2.0**-10,
    "bfloat16": 2.0**-7,
    "complex128": 2.0**-52,
    "complex64": 2.0**-23,
}
_COARSEST = 2.0**-7
# a figure this much below the largest of its computation is rounding noise, in units of epsilon
_NOISE = 1e3
_SCATTER = 3.0

_WORST = (
    "removed", "not-run", "broke", "vanished", "zeroed", "not-finite", "sign-flipped", "vacuous", "coverage-lost",
)  # fmt: skip

ParameterKey = tuple[CallKey, str]


@dataclass(frozen=True)
class Tolerance:
    """How far a gradient may drift, relative to its size.

    By default half the digits of its type: the square root of epsilon. A gradient that scatters among runs of one
    commit may drift three times as far as it does there.

    Attributes:
        fixed: The same for all; None for the default.
        scatter: The largest relative difference seen among runs of one commit.
    """

    fixed: float | None = None
    scatter: Mapping[ParameterKey, float] = field(default_factory=dict)

    def of(self, key: ParameterKey, dtype: str) -> float:
        """The tolerance of one gradient."""
        own = math.sqrt(epsilon(dtype)) if self.fixed is None else self.fixed
        return max(own, _SCATTER * self.scatter.get(key, 0.0))


def epsilon(dtype: str) -> float:
    """The relative distance of neighbouring numbers of a type; that of the coarsest for one that is not known."""
    return _EPSILON.get(dtype, _COARSEST)


def scatter(runs: Iterable[Observation]) -> dict[ParameterKey, float]:
    """The largest relative difference of each gradient among runs that should give the same."""
    seen: dict[ParameterKey, list[float]] = {}
    for run in runs:
        for key, record in run.records.items():
            for name, entry in record.gradients.items():
                if (size := _figure(entry)) is not None:
                    seen.setdefault((key, name), []).append(size)
    spread = {key: _relative(min(sizes), max(sizes)) for key, sizes in seen.items() if len(sizes) > 1}
    return {key: value for key, value in spread.items() if value > 0}


def compare(old: Observation, new: Observation, tolerance: Tolerance) -> ComparisonDocument:
    """What got worse and what got better from one run to another."""
    changes = [*_collection(old, new), *_outcomes(old, new), *_gradients(old, new, tolerance), *_checks(old, new)]
    return ComparisonDocument(
        old=_side(old),
        new=_side(new),
        complete=old.complete and new.complete,
        environment=environment_difference(old, new),
        worse=[change for worse, change in changes if worse],
        better=[change for worse, change in changes if not worse],
    )


def environment_difference(old: Observation, new: Observation) -> dict[str, list[object]]:
    """What differs between the environments of two runs."""
    names = [*old.environment, *(name for name in new.environment if name not in old.environment)]
    pairs = {name: [old.environment.get(name), new.environment.get(name)] for name in names}
    return {name: pair for name, pair in pairs.items() if pair[0] != pair[1]}


def _side(run: Observation) -> Side:
    return Side(
        folder=run.named,
        stamp=run.stamp,
        commit=run.commit,
        collected=len(run.collected),
        ran=len(run.outcomes),
        outcomes=run.counts,
    )


_Judged = tuple[bool, Change]


def _collection(old: Observation, new: Observation) -> Iterator[_Judged]:
    before, after = set(old.collected), set(new.collected)
    yield from ((True, Change(kind="removed", nodeid=nodeid)) for nodeid in old.collected if nodeid not in after)
    yield from ((False, Change(kind="added", nodeid=nodeid)) for nodeid in new.collected if nodeid not in before)
    for nodeid in new.collected:
        if nodeid in old.outcomes and nodeid not in new.outcomes:
            yield True, Change(kind="not-run", nodeid=nodeid, old=old.outcomes[nodeid])


def _outcomes(old: Observation, new: Observation) -> Iterator[_Judged]:
    for nodeid, after in new.outcomes.items():
        before = old.outcomes.get(nodeid)
        if after in BROKEN and before not in BROKEN:  # also a test that is new, or was skipped
            yield True, Change(kind="broke", nodeid=nodeid, old=before, new=after)
        elif after == "skipped" and before == "passed":
            yield True, Change(kind="skipped", nodeid=nodeid, old=before, new=after)
        elif after == "passed" and before in (*BROKEN, "skipped"):
            yield False, Change(kind="mended", nodeid=nodeid, old=before, new=after)


def _gradients(old: Observation, new: Observation, tolerance: Tolerance) -> Iterator[_Judged]:
    for key, before in old.records.items():
        after = new.records.get(key)
        if after is None:
            yield from _lost(key, before.gradients, new)
            continue
        yield from _lost(key, [name for name in before.gradients if name not in after.gradients], new)
        pair = _Pair(key, before, after, tolerance)
        yield from (found for name in before.gradients if name in after.gradients for found in pair.judge(name))
    for key, after in new.records.items():
        known = old.records[key].gradients if key in old.records else {}
        for name in after.gradients:
            if name not in known and key[0] in old.outcomes:
                yield False, Change(kind="coverage-gained", nodeid=key[0], call=after.call, parameter=name)


def _lost(key: CallKey, names: Iterable[str], new: Observation) -> Iterator[_Judged]:
    """Gradients that are not computed any more, of a test that still passes; for one that broke, that says enough."""
    if new.outcomes.get(key[0]) == "passed":
        for name in names:
            yield True, Change(kind="coverage-lost", nodeid=key[0], call=key[2], parameter=name)


@dataclass(frozen=True)
class _Pair:
    """The same gradient computation in two runs."""

    key: CallKey
    old: GradientRecord
    new: GradientRecord
    tolerance: Tolerance

    def judge(self, name: str) -> Iterator[_Judged]:
        """What became of a parameter's gradient."""
        before, after = self.old.gradients[name], self.new.gradients[name]
        kind = self._status_change(before, after)
        if kind is not None:
            worse = kind != "revived"
            yield worse, self._change(kind, name, _shown(before), _shown(after))
            return
        if before.status != "ok" or after.status != "ok":
            return
        for kind, old, new, limit in self._figures(name, before, after):
            yield True, self._change(kind, name, old, new, limit)
            return

    def _status_change(self, before: GradientEntry, after: GradientEntry) -> str | None:
        if before.status == after.status:
            return None
        if after.status == "ok":
            return "revived"
        if after.status in ("nan", "inf"):
            return "not-finite" if before.status not in ("nan", "inf") else None
        if before.status != "ok" or self._is_noise(before, self.old):
            return "vanished" if after.status == "none" and before.status == "zero" else None
        return "vanished" if after.status == "none" else "zeroed"

    def _figures(
        self, name: str, before: GradientEntry, after: GradientEntry
    ) -> Iterator[tuple[str, float, float, float | None]]:
        if self._is_noise(before, self.old):
            return
        if self._is_noise(after, self.new):
            yield "zeroed", _figure(before) or 0.0, _figure(after) or 0.0, None
        if before.value is not None and after.value is not None and before.value * after.value < 0:
            yield "sign-flipped", before.value, after.value, None
        limit = self.tolerance.of((self.key, name), after.dtype)
        for old, new in ((before.value, after.value), (before.norm, after.norm), (before.max_abs, after.max_abs)):
            if old is not None and new is not None and _relative(old, new) > limit:
                yield "drifted", old, new, limit

    def _is_noise(self, entry: GradientEntry, record: GradientRecord) -> bool:
        """So small beside the largest gradient of its computation that rounding alone could make it."""
        largest = max((e.max_abs for e in record.gradients.values() if e.max_abs is not None), default=0.0)
        return (entry.max_abs or 0.0) <= _NOISE * epsilon(entry.dtype) * largest

    def _change(self, kind: str, name: str, old: object, new: object, tolerance: float | None = None) -> Change:
        given = {"kind": kind, "nodeid": self.key[0], "call": self.new.call, "parameter": name}
        return Change.model_validate({**given, "old": old, "new": new, "tolerance": tolerance})


def _checks(old: Observation, new: Observation) -> Iterator[_Judged]:
    for key, after in new.vacuous.items():
        before = old.vacuous.get(key)
        if before is not None and before != after:
            yield after, Change(kind="vacuous" if after else "proves", nodeid=key[0], old=key[1], new=key[1])


def _figure(entry: GradientEntry) -> float | None:
    return entry.value if entry.value is not None else entry.norm


def _shown(entry: GradientEntry) -> object:
    return _figure(entry) if entry.status in ("ok", "zero") else entry.status


def _relative(old: float, new: float) -> float:
    largest = max(abs(old), abs(new))
    return abs(old - new) / largest if largest > 0 else 0.0


def worst_first(changes: Sequence[Change]) -> list[Change]:
    """Changes in the order in which a person should read them: what was lost as a whole first, drifts last."""
    return sorted(changes, key=lambda change: _WORST.index(change.kind) if change.kind in _WORST else len(_WORST))
