"""What is wrong in a suite, one trouble a cause: failures of one cluster and gradients that got worse, put together."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from gradtriage.model.comparison import Change
from gradtriage.model.diagnosis import DiagnosedCause, DiagnosisDocument
from gradtriage.model.suite import Cluster

# changes that a test shows by itself; what concerns the collection has no test to be explained
_OF_GRADIENTS = ("vanished", "zeroed", "not-finite", "sign-flipped", "drifted", "vacuous", "coverage-lost")


@dataclass(frozen=True)
class Trouble:
    """Something wrong with one cause, as far as that is known.

    Attributes:
        tests: The tests that show it.
        clusters: Ids of the clusters of failures that it makes.
        kind: The kind of its cluster, or of its first change.
        message: What the failures say, or what changed.
        where: File and line that its failures point at.
        changes: Gradients that got worse.
        diagnosis: What the explanation of one of its tests found.
        explained: The evidence folder of that.
    """

    tests: tuple[str, ...]
    kind: str
    message: str
    clusters: tuple[str, ...] = ()
    fingerprints: tuple[str, ...] = ()
    where: tuple[str, int] | None = None
    changes: tuple[Change, ...] = ()
    diagnosis: DiagnosisDocument | None = field(default=None, repr=False)
    explained: Path | None = None

    @property
    def cause(self) -> DiagnosedCause | None:
        """The likeliest cause, where one was found."""
        return self.diagnosis.causes[0] if self.diagnosis is not None and self.diagnosis.causes else None

    @property
    def title(self) -> str:
        """What is wrong in a few words: with a cause its kind and place, else the failure or the change."""
        if self.cause is not None and self.diagnosis is not None:
            lost = ", ".join(self.cause.parameters[:3]) + (", ..." if len(self.cause.parameters) > 3 else "")
            return f"{self.diagnosis.verdict}: {self.cause.kind} at {self.cause.file}:{self.cause.line} loses {lost}"
        first = self.message.splitlines()[0] if self.message else "fails"
        return f"{self.tests[0].rsplit('::', 1)[-1]}: {first[:100]}" if self.tests else first[:120]

    @property
    def place(self) -> tuple[str, int] | None:
        """Where to look: the severing line, else where the failures point at."""
        return (self.cause.file, self.cause.line) if self.cause is not None else self.where


def troubles_of(
    clusters: Iterable[Cluster], changes: Sequence[Change], failing: Collection[str], sentence: Mapping[str, str]
) -> list[Trouble]:
    """The troubles that a run shows, before anything is explained.

    Args:
        clusters: The run's clusters; those that are resolved are left out.
        changes: What got worse since the baseline.
        failing: The tests that fail.
        sentence: How each kind of change is told.
    """
    by_test: dict[str, list[Change]] = {}
    for change in changes:
        by_test.setdefault(change.nodeid, []).append(change)
    found = [_of_cluster(cluster, by_test) for cluster in clusters if cluster.status != "resolved" and cluster.tests]
    silent: dict[tuple[tuple[str, str | None], ...], list[str]] = {}
    for nodeid, own in by_test.items():
        key = tuple(dict.fromkeys((change.kind, change.parameter) for change in own if change.kind in _OF_GRADIENTS))
        if key and nodeid not in failing:
            silent.setdefault(key, []).append(nodeid)
    return [*found, *(_of_changes(tests, by_test, sentence) for tests in silent.values())]


def _of_cluster(cluster: Cluster, changes: Mapping[str, Sequence[Change]]) -> Trouble:
    where = cluster.where if isinstance(cluster.where, dict) else {}
    place = (str(where["file"]), int(where["line"])) if where.get("file") and where.get("line") else None
    own = tuple(change for test in cluster.tests for change in changes.get(test, ()))
    return Trouble(
        tuple(cluster.tests), cluster.kind, cluster.message, (cluster.id,), (cluster.fingerprint,), place, own
    )


def _of_changes(tests: Sequence[str], changes: Mapping[str, Sequence[Change]], sentence: Mapping[str, str]) -> Trouble:
    own = tuple(change for test in tests for change in changes[test] if change.kind in _OF_GRADIENTS)
    names = ", ".join(dict.fromkeys(change.parameter for change in own if change.parameter))
    message = f"{names}: {sentence[own[0].kind]}" if names else sentence[own[0].kind]
    return Trouble(tuple(tests), own[0].kind, message, changes=own)


def merged(troubles: Iterable[Trouble]) -> list[Trouble]:
    """Troubles with one cause as one: the same kind of cause at the same place."""
    by_cause: dict[tuple[str, str, int], Trouble] = {}
    result: list[Trouble] = []
    for trouble in troubles:
        if trouble.cause is None:
            result.append(trouble)
            continue
        key = trouble.cause.kind, trouble.cause.file, trouble.cause.line
        if key in by_cause:
            first = by_cause[key]
            joined = _joined(first, trouble)
            result[result.index(first)] = by_cause[key] = joined
        else:
            by_cause[key] = trouble
            result.append(trouble)
    return result


def _joined(first: Trouble, second: Trouble) -> Trouble:
    return replace(
        first,
        tests=tuple(dict.fromkeys([*first.tests, *second.tests])),
        clusters=tuple(dict.fromkeys([*first.clusters, *second.clusters])),
        fingerprints=tuple(dict.fromkeys([*first.fingerprints, *second.fingerprints])),
        changes=(*first.changes, *second.changes),
    )
