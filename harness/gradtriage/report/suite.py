"""A suite told to a person: counts, what is not whole, and the causes of its failures."""

from collections.abc import Iterator

from gradtriage.model.suite import Cluster, SuiteDocument

_MOST_TESTS = 3
_MOST_CLUSTERS = 30


def suite_lines(suite: SuiteDocument) -> Iterator[str]:
    """The lines for the terminal."""
    yield count_line(suite)
    for nodeid in suite.in_flight:
        yield f"  ✗ in flight: {nodeid} (its process ended or was stopped during it)"
    if suite.missing:
        yield f"  ✗ never started: {_listed(suite.missing)}"
    if suite.duplicates:
        yield f"  ✗ ran more than once: {_listed(suite.duplicates)}"
    yield from cluster_lines(suite.clusters)


def count_line(suite: SuiteDocument) -> str:
    """The counts in one line; they add up to the number of collected tests."""
    parts = {**suite.counts.model_dump(), "in flight": len(suite.in_flight), "missing": len(suite.missing)}
    counts = [f"{number} {name}" for name, number in parts.items() if number]
    chunks = f", in {len(suite.chunks)} processes" if len(suite.chunks) > 1 else ""
    return f"{suite.collected} tests{chunks}: {', '.join(counts) or 'none ran'}"


def cluster_lines(clusters: list[Cluster]) -> Iterator[str]:
    """Two or three lines a cluster: its id, kind and size; what failed where; which tests."""
    if failing := sum(cluster.count for cluster in clusters):
        causes = sum(cluster.count > 0 for cluster in clusters)
        yield f"{failing} failures with {causes} cause{'s' if causes != 1 else ''}:"
    for cluster in clusters[:_MOST_CLUSTERS]:
        tests = f"{cluster.count} test{'s' if cluster.count != 1 else ''}"
        yield f"  {cluster.id} {cluster.kind}, {cluster.status}, {tests}: {_said(cluster)}"
        place = place_of(cluster)
        if place:
            yield f"      at {place}"
        if cluster.reason:
            yield f"      {cluster.reason}"
        yield f"      {_listed(cluster.tests or cluster.was)}"
    if len(clusters) > _MOST_CLUSTERS:
        yield f"  and {len(clusters) - _MOST_CLUSTERS} more causes"


def place_of(cluster: Cluster) -> str:
    """File, line and function of a cluster; empty where nothing is known."""
    where = cluster.where or {}
    if not where.get("file"):
        return ""
    line = f":{where['line']}" if where.get("line") else ""
    return f"{where['file']}{line}" + (f", {where['function']}" if where.get("function") else "")


def _said(cluster: Cluster) -> str:
    exception = cluster.exception if cluster.exception not in (None, "unknown") else ""
    return ": ".join(part for part in (exception, cluster.message) if part)


def _listed(names: list[str]) -> str:
    rest = len(names) - _MOST_TESTS
    return ", ".join(names[:_MOST_TESTS]) + (f" and {rest} more" if rest > 0 else "")
