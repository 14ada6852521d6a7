"""`gradtriage run`."""

import sys
from pathlib import Path

import click

from gradtriage.cli.codes import INTERRUPTED, NOT_FINISHED, ending_code, unusable
from gradtriage.cli.output import say
from gradtriage.cli.targets import check_json_target, json_to, shown_path
from gradtriage.model.document import to_json
from gradtriage.report.terminal import outcome_lines
from gradtriage.run.runner import Outcome
from gradtriage.run.seal import seal_all_abandoned
from gradtriage.run.workflow import Blocked, Workflow, open_workflow, run_phases


@click.command(
    epilog="Example: gradtriage run plans/gradient-flow.yaml --phase A",
    short_help="Run a plan's phases, each into its own evidence folder.",
)
@click.argument("plan", type=click.Path(path_type=Path))
@click.option(
    "--phase", "phases", multiple=True, metavar="ID", help="Run only this phase (may be given several times)."
)
@click.option("--quiet", "-q", is_flag=True, help="Do not show pytest's output; it goes to pytest.log all the same.")
@click.option("--json", "json_file", metavar="FILE", help="Write the outcomes as JSON to FILE, - for stdout.")
def run(plan: Path, phases: tuple[str, ...], quiet: bool, json_file: str | None) -> int:
    """Run the phases of PLAN in order and evaluate their exit criteria.

    Each phase runs in its own process, under the plan's pinned variables, into a new folder
    <reports>/phase_<id>/<STAMP>/. Exit code 0: every criterion of every phase is met.
    """
    workflow = open_workflow(plan, phases, Path.cwd())
    reports = workflow.plan.reports_folder(workflow.project.root)
    check_json_target(json_file)
    for folder in seal_all_abandoned(reports, lambda error: say(f"gradtriage: {error}", err=True)):
        say(f"sealed what a killed run had left: {shown_path(folder)}", err=True)
    to_stdout = json_file == "-"
    echo = None if quiet else (sys.stderr.buffer if to_stdout else sys.stdout.buffer)
    results, said = [], True
    for result in run_phases(workflow, echo):
        results.append(result)
        said = say("\n".join(_lines(result)), err=to_stdout) and said
        if isinstance(result, Outcome) and unusable(result):
            said = say(f"gradtriage: {_usage_line(workflow, result)}", err=True) and said
    if json_file is not None:
        said = json_to(json_file, to_json({"phases": [_entry(result) for result in results]})) and said
    code = _exit_code(results)
    return code if said or code == INTERRUPTED else NOT_FINISHED


def _usage_line(workflow: Workflow, outcome: Outcome) -> str:
    log = f"{shown_path(outcome.folder)}/pytest.log"
    return f"{workflow.path}: phase {outcome.phase}: pytest cannot use its 'select' or 'args'; see {log}"


def _lines(result: Outcome | Blocked) -> list[str]:
    words = result.title if isinstance(result, Blocked) else result.task.words.phase_title
    title = f"Phase {result.phase}" + (f" ({words})" if words else "")
    if isinstance(result, Blocked):
        return [f"{title}: not run; it needs phase {result.needs}, whose criteria are not met"]
    return outcome_lines(title, result.folder, shown_path(result.folder))


def _entry(result: Outcome | Blocked) -> dict[str, object]:
    if isinstance(result, Blocked):
        return {"phase": result.phase, "status": "blocked", "needs": result.needs}
    return {
        "phase": result.phase,
        "status": result.manifest.status,
        "folder": shown_path(result.folder),
        "exit_code": result.ending.exit_code,
        "faults": result.manifest.faults,
        "criteria": {criterion.id: criterion.met for criterion in result.criteria.criteria},
        "met": result.met,
    }


def _exit_code(results: list[Outcome | Blocked]) -> int:
    code = ending_code([result for result in results if isinstance(result, Outcome)])
    met = all(isinstance(result, Outcome) and result.met for result in results)
    return int(not met) if code is None else code
