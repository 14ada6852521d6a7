"""Clusters from run to run: which cause is an old one, what is new, grown, shrunk, resolved or flaky."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from gradtriage.model.suite import Cluster, ClusterChange, ClusterStatus, Known, KnownCluster, Registry
from gradtriage.triage.clusters import Group
from gradtriage.triage.fingerprint import normalised, place
from gradtriage.triage.names import names, one_name

_SAME_TESTS = 0.5


@dataclass(frozen=True)
class Continued:
    """The clusters of a run with their ids, what changed among them, and the registry as the run leaves it."""

    clusters: list[Cluster]
    changes: list[ClusterChange]
    registry: Registry


def continue_clusters(groups: Sequence[Group], outcomes: Mapping[str, str], known: Known) -> Continued:
    """Gives each group the id of its cause, a new one to a new cause.

    A group whose fingerprint is not known is an old cause under another one if an open cluster that nothing else
    continues has the same exception, the same message or place, and mostly the same tests.

    Args:
        groups: The failures of this run by cause.
        outcomes: The outcome of every test that came to its end.
        known: What was known before.
    """
    outcomes = {one_name(test): outcome for test, outcome in outcomes.items()}
    before = {cluster.id: cluster for cluster in known.registry.clusters}
    ids = _assign(groups, before)
    last = known.registry.last
    clusters, after, changes = [], dict(before), []
    for one in groups:
        cluster_id = ids.get(one.fingerprint)
        if cluster_id is None:
            last += 1
            cluster_id = f"C{last}"
        old = before.get(cluster_id)
        aliases = [] if old is None else [print_ for print_ in old.fingerprints if print_ != one.fingerprint]
        if old is not None and one.fingerprint not in old.fingerprints:
            text = f"{cluster_id} now shows as {one.exception}: {one.message}; before: {old.message}"
            changes.append(ClusterChange(change="alias", clusters=[cluster_id], text=text))
        clusters.append(_cluster(one, cluster_id, aliases, _status(one, old, outcomes, known)))
        after[cluster_id] = _remembered(one, cluster_id, aliases, old, outcomes)
    moved = _moves(clusters, before)
    gone = [old for old in before.values() if old.open and old.id not in {cluster.id for cluster in clusters}]
    for old in gone:
        if _all_ran(old.tests, outcomes):
            clusters.append(_resolved(old, known))
            after[old.id] = old.model_copy(update={"open": False})
    return Continued(clusters, changes + moved, Registry(last=last, clusters=list(after.values())))


def _assign(groups: Sequence[Group], before: Mapping[str, KnownCluster]) -> dict[str, str]:
    """The old cluster that each group continues, by its fingerprint; groups of new causes are left out."""
    latest = {cluster.fingerprints[-1]: cluster.id for cluster in before.values() if cluster.fingerprints}
    earlier = {print_: cluster.id for cluster in before.values() for print_ in cluster.fingerprints[:-1]}
    ids: dict[str, str] = {}
    for table in (latest, earlier):
        for one in groups:
            cluster_id = table.get(one.fingerprint)
            if cluster_id is not None and one.fingerprint not in ids and cluster_id not in ids.values():
                ids[one.fingerprint] = cluster_id
    for one in groups:
        if one.fingerprint not in ids:
            heirs = [old for old in before.values() if old.open and old.id not in ids.values() and _same(one, old)]
            if heirs:
                ids[one.fingerprint] = max(heirs, key=lambda old: _overlap(one.tests, old.tests)).id
    return ids


def _same(one: Group, old: KnownCluster) -> bool:
    alike = normalised(one.message) == normalised(old.message) or _function(one.where) == _function(old.where) != ""
    return one.exception == old.exception and alike and _overlap(one.tests, old.tests) >= _SAME_TESTS


def _function(where: Mapping[str, object] | None) -> str:
    return place({**where, "statement": ""}) if where and where.get("function") else ""


def _overlap(left: Iterable[str], right: Iterable[str]) -> float:
    a, b = names(left), names(right)
    return len(a & b) / len(a | b) if a | b else 0.0


def _status(one: Group, old: KnownCluster | None, outcomes: Mapping[str, str], known: Known) -> ClusterStatus:
    if not names(known.passed).isdisjoint(names(one.tests)):
        return "flaky"
    if old is None or not old.open:
        return "new"
    now, then = names(one.tests), names(old.tests)
    if now - then:
        return "grown"
    return "shrunk" if any(test in outcomes for test in then - now) else "known"


def _cluster(one: Group, cluster_id: str, aliases: list[str], status: ClusterStatus) -> Cluster:
    return Cluster(
        id=cluster_id,
        fingerprint=one.fingerprint,
        kind=one.kind,
        count=len(one.tests),
        tests=one.tests,
        message=one.message,
        where=one.where,
        status=status,
        exception=one.exception,
        aliases=aliases,
        reason=one.reason,
    )


def _remembered(
    one: Group, cluster_id: str, aliases: list[str], old: KnownCluster | None, outcomes: Mapping[str, str]
) -> KnownCluster:
    """What the next run is told: the tests that fail, and those that did and were not run now."""
    before = [] if old is None or not old.open else old.tests
    failing = names(one.tests)
    not_run = [test for test in before if one_name(test) not in outcomes and one_name(test) not in failing]
    return KnownCluster(
        id=cluster_id,
        fingerprints=[*aliases, one.fingerprint],
        kind=one.kind,
        exception=one.exception,
        message=one.message,
        where=one.where,
        tests=[*one.tests, *not_run],
        open=True,
    )


def _resolved(old: KnownCluster, known: Known) -> Cluster:
    flaky = not names(known.failed).isdisjoint(names(old.tests))
    return Cluster(
        id=old.id,
        fingerprint=old.fingerprints[-1],
        kind=old.kind,
        count=0,
        tests=[],
        message=old.message,
        where=old.where,
        status="flaky" if flaky else "resolved",
        exception=old.exception,
        aliases=old.fingerprints[:-1],
        was=old.tests,
    )


def _all_ran(tests: Iterable[str], outcomes: Mapping[str, str]) -> bool:
    """Whether every test came to its end; one that was not selected, or is gone, says nothing of the cause."""
    return names(tests) <= outcomes.keys()


def _moves(clusters: Sequence[Cluster], before: Mapping[str, KnownCluster]) -> list[ClusterChange]:
    """Splits and merges: tests that fail for another cause than they did."""
    home = {one_name(test): old.id for old in before.values() if old.open for test in old.tests}
    changes = []
    for cluster in clusters:
        origins = {home[name] for name in names(cluster.tests) if name in home} - {cluster.id}
        for origin in sorted(origins, key=lambda cluster_id: int(cluster_id[1:])):
            moved = sum(home.get(name) == origin for name in names(cluster.tests))
            change: Literal["merge", "split"] = "merge" if cluster.id in before else "split"
            text = f"{moved} of the tests of {origin} now fail for {cluster.id}"
            changes.append(ClusterChange(change=change, clusters=[origin, cluster.id], text=text))
    return changes
