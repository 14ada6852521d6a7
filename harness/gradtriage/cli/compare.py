"""`gradtriage compare`."""

from pathlib import Path

import click

from gradtriage.cli.output import say
from gradtriage.cli.targets import check_json_target, json_to, shown_path
from gradtriage.errors import UsageError
from gradtriage.evidence.revisions import evidence_of
from gradtriage.model.settings import find_project
from gradtriage.report.regression import comparison_lines
from gradtriage.triage.comparison import Tolerance, environment_difference, scatter
from gradtriage.triage.comparison import compare as compared
from gradtriage.triage.observation import Observation, earlier_on_commit, observe


@click.command(
    epilog="Example: gradtriage compare reports/suite/20251015T052020Z reports/suite/20251016T052020Z",
    short_help="Say what got worse and what got better between two runs.",
)
@click.argument("old")
@click.argument("new")
@click.option("--across", is_flag=True, help="Compare although the environments differ.")
@click.option(
    "--tolerance",
    type=click.FloatRange(min=0),
    metavar="R",
    help="How far a gradient may drift, relative to its size; by default half the digits of its type.",
)
@click.option("--json", "json_file", metavar="FILE", help="Write the comparison as JSON to FILE, - for stdout.")
def compare(old: str, new: str, across: bool, tolerance: float | None, json_file: str | None) -> int:
    """Compare two runs, OLD and NEW: evidence folders, or revisions that there is evidence of.

    Changes of the collection and of counts come first, then tests that broke, then gradients that vanished, became
    zero, changed their sign or drifted, checks that prove nothing any more, and coverage that was lost. Exit code 1:
    something got worse.
    """
    check_json_target(json_file)
    before, after = _observed(old), _observed(new)
    difference = environment_difference(before, after)
    if difference and not across:
        shown = "; ".join(f"{name}: {a} -> {b}" for name, (a, b) in list(difference.items())[:5])
        more = f"; and {len(difference) - 5} more" if len(difference) > 5 else ""
        raise UsageError(f"the environments differ ({shown}{more}); give --across to compare all the same")
    known = scatter(earlier_on_commit(before.folder)) if tolerance is None else {}
    document = compared(before, after, Tolerance(tolerance, known))
    say("\n".join(comparison_lines(document)), err=json_file == "-")
    if json_file is not None:
        json_to(json_file, document.to_json())
    return int(bool(document.worse) or not after.complete)


def _observed(named: str) -> Observation:
    if Path(named).is_dir():
        return observe(Path(named))
    project = find_project(Path.cwd())
    folder = evidence_of(project.root, project.root / project.settings.reports, named)
    return observe(folder, shown_path(folder))
