"""`gradtriage nightly`."""

import os
from pathlib import Path

import click

from gradtriage.cli.codes import ending_code, unusable
from gradtriage.cli.output import say
from gradtriage.cli.targets import check_json_target, json_to, shown_path
from gradtriage.model.comparison import Change
from gradtriage.nightly.document import headline, nightly_document
from gradtriage.nightly.night import NightOptions, NightResult, run_night
from gradtriage.nightly.outputs import tell_github, write_outputs
from gradtriage.report.regression import change_sentence
from gradtriage.run.seal import seal_all_abandoned
from gradtriage.run.workflow import open_workflow

_MOST = 20


@click.command(
    epilog="Example: gradtriage nightly plans/gradient-flow.yaml --out ci",
    short_help="Suite, comparison, explanation, ledger and CI outputs in one.",
)
@click.argument("plan", type=click.Path(path_type=Path))
@click.option("--accept", is_flag=True, help="Take this night's run as the baseline.")
@click.option("--across", is_flag=True, help="Compare although the environment is not the baseline's.")
@click.option("--force", is_flag=True, help="Run the suite although nothing changed.")
@click.option(
    "--explain", "most", type=click.IntRange(min=0), default=10, show_default=True, help="How many troubles to explain."
)
@click.option("--out", type=click.Path(path_type=Path), metavar="DIR", help="Where the files for CI go.")
@click.option("--json", "json_file", metavar="FILE", help="Write the outcome as JSON to FILE, - for stdout.")
def nightly(
    plan: Path, accept: bool, across: bool, force: bool, most: int, out: Path | None, json_file: str | None
) -> int:
    """Run the tests of PLAN as a suite, compare with the accepted baseline, explain what is new, update the ledger.

    Writes junit.xml, results.sarif, comparison.json, summary.md and nightly.json to DIR, by default <reports>/nightly,
    and tells GitHub Actions where it runs there. Exit code 1: something got worse, or fails without a baseline.
    """
    check_json_target(json_file)
    workflow = open_workflow(plan, (), Path.cwd())
    root, reports = workflow.project.root, workflow.plan.reports_folder(workflow.project.root)
    for folder in seal_all_abandoned(reports, lambda error: say(f"gradtriage: {error}", err=True)):
        say(f"sealed what a killed run had left: {shown_path(folder)}", err=True)
    ledger = Path(os.path.realpath(root / (workflow.plan.ledger or workflow.project.settings.ledger)))
    to_stderr = json_file == "-"
    options = NightOptions(accept=accept, across=across, force=force, most_explained=most)
    result = run_night(workflow, ledger, options, lambda line: say(line, err=to_stderr))
    if result.outcome is not None and unusable(result.outcome):
        say(
            f"gradtriage: {plan}: pytest cannot use its 'select'; see {shown_path(result.run.folder)}/pytest.log",
            err=True,
        )
    target = out or reports / "nightly"
    write_outputs(result, target)
    tell_github(result, os.environ, lambda line: say(line, err=to_stderr))
    say("\n".join(_lines(result, target)), err=to_stderr)
    if json_file is not None:
        json_to(json_file, nightly_document(result).to_json())
    return _exit_code(result)


def _lines(result: NightResult, target: Path) -> list[str]:
    lines = [headline(result)]
    lines += [f"  {'✗' if one.new else '·'} {one.item}: {one.trouble.title}" for one in result.noted]
    lines += [f"  ✗ {change_sentence(change)}" for change in _beside_troubles(result)[:_MOST]]
    lines += [f"  ! {note}" for note in result.notes]
    lines += [f"  ledger: {line}" for line in result.ledger] or ["  ledger: nothing changed"]
    return [*lines, f"evidence: {shown_path(result.run.folder)}", f"for CI:   {shown_path(target)}"]


def _beside_troubles(result: NightResult) -> list[Change]:
    """What got worse and belongs to no trouble: tests that are gone, were not run, or are skipped now."""
    changes = result.comparison.worse if result.comparison is not None else []
    tests = {test for one in result.noted for test in one.trouble.tests}
    return [change for change in changes if change.nodeid not in tests]


def _exit_code(result: NightResult) -> int:
    code = ending_code([result.outcome]) if result.outcome is not None else None
    return int(result.worse) if code is None else code
