"""`suite.json`: a suite's document, as it follows from what its chunks captured and what was known before."""

from collections.abc import Sequence

from gradtriage.model.suite import Known, Registry, SuiteDocument
from gradtriage.triage.clusters import group
from gradtriage.triage.continuity import continue_clusters
from gradtriage.triage.failures import Failure
from gradtriage.triage.tabulation import Table


def suite_document(table: Table, failures: Sequence[Failure], known: Known) -> tuple[SuiteDocument, Registry]:
    """The document of a suite, and the registry of clusters as it leaves it.

    Args:
        table: Where every test stands.
        failures: The tests that failed, and those in flight.
        known: The clusters, and outcomes on the same commit, from before.
    """
    groups = group(failures, len(table.collected))
    continued = continue_clusters(groups, table.outcomes, known)
    document = SuiteDocument(
        complete=table.complete,
        collected=len(table.collected),
        ran=len(table.outcomes),
        missing=table.missing,
        duplicates=table.duplicates,
        counts=table.counts,
        in_flight=list(table.in_flight),
        chunks=table.chunks,
        clusters=continued.clusters,
        changes=[change.model_dump() for change in continued.changes],
    )
    return document, continued.registry
