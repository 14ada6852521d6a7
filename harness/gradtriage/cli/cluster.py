"""`gradtriage cluster`."""

from datetime import UTC, datetime
from pathlib import Path

import click

from gradtriage.cli.output import say
from gradtriage.cli.targets import check_json_target, json_to
from gradtriage.evidence.junit import iter_junit
from gradtriage.evidence.stamp import mint
from gradtriage.history.registry import REGISTRY, keep_snapshot, locked_registry, read_registry, write_registry
from gradtriage.model.settings import find_project
from gradtriage.model.suite import ClustersDocument, Known, Registry
from gradtriage.report.suite import cluster_lines
from gradtriage.triage.clusters import Group, group
from gradtriage.triage.continuity import Continued, continue_clusters
from gradtriage.triage.failures import Failure, failures_from_junit


@click.command(
    epilog="Example: gradtriage cluster build/junit/*.xml",
    short_help="Group the failures of JUnit files by cause.",
)
@click.argument("junit", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option("--history", is_flag=True, help="Continue the project's clusters: ids stay, and new ones are kept.")
@click.option("--json", "json_file", metavar="FILE", help="Write the clusters as JSON to FILE, - for stdout.")
def cluster(junit: tuple[Path, ...], history: bool, json_file: str | None) -> int:
    """Group the failures of JUnit XML files by cause: exception, message, deepest frame of the project.

    Without --history nothing is read or kept but the files: ids count from C1, the largest cause first.
    """
    check_json_target(json_file)
    outcomes: dict[str, str] = {}
    failures: dict[str, Failure] = {}
    for path in junit:
        for failure in failures_from_junit(iter_junit(path), outcomes):
            failures.setdefault(failure.test, failure)
    groups = group(failures.values(), len(outcomes))
    continued = _with_history(groups, outcomes) if history else continue_clusters(groups, outcomes, _nothing_known())
    document = ClustersDocument(
        clusters=continued.clusters, changes=[change.model_dump() for change in continued.changes]
    )
    say("\n".join([f"{len(outcomes)} tests", *cluster_lines(document.clusters)]), err=json_file == "-")
    if json_file is not None:
        json_to(json_file, document.to_json())
    return 0


def _nothing_known() -> Known:
    return Known(registry=Registry())


def _with_history(groups: list[Group], outcomes: dict[str, str]) -> Continued:
    project = find_project(Path.cwd())
    reports = project.root / project.settings.reports
    with locked_registry(reports):
        known = Known(registry=read_registry(reports))
        continued = continue_clusters(groups, outcomes, known)
        if continued.registry != known.registry or not (reports / REGISTRY).exists():
            keep_snapshot(reports, mint(datetime.now(UTC)), continued.registry)
            write_registry(reports, continued.registry)
    return continued
