"""`gradtriage explain`."""

import os
import shutil
import sys
from pathlib import Path

import click

from gradtriage.cli.codes import WRONG_USAGE, ending_code, unusable
from gradtriage.cli.output import say
from gradtriage.cli.targets import check_json_target, json_to, shown_path
from gradtriage.errors import UsageError
from gradtriage.model.diagnosis import DiagnosisDocument
from gradtriage.model.settings import Project, find_project
from gradtriage.report.story import story
from gradtriage.run.runner import Outcome, run_task
from gradtriage.run.seal import seal_all_abandoned
from gradtriage.run.task import explain_task

DIAGNOSIS = "diagnosis.json"


@click.command(
    epilog="Example: gradtriage explain tests/test_flow.py::test_gradient_flow",
    short_help="Say why a test's gradients are what they are, with proof.",
)
@click.argument("nodeid")
@click.argument("pytest_args", nargs=-1, metavar="[-- PYTEST ARGS]...")
@click.option("--json", "json_file", metavar="FILE", help="Write the diagnosis as JSON to FILE, - for stdout.")
@click.option(
    "--timeout", type=click.FloatRange(min=1), default=600.0, show_default=True, help="Time limit in seconds."
)
@click.option("--verbose", "-v", is_flag=True, help="Show pytest's output, too.")
def explain(nodeid: str, pytest_args: tuple[str, ...], json_file: str | None, timeout: float, verbose: bool) -> int:
    """Run the test NODEID and say why its gradients are zero, missing, NaN or wrong.

    The test is replayed in forked processes: autograd is compared with differences of the loss, the place where they
    part is found, and a run in which that place alone is changed proves it. Exit code 0: the gradients are healthy.
    """
    project = find_project(Path.cwd())
    check_json_target(json_file)
    if not hasattr(os, "fork"):
        raise UsageError("explain needs to fork processes, and this system cannot; use Linux or macOS")
    task = explain_task(project, nodeid, pytest_args, timeout)
    for folder in seal_all_abandoned(task.folder, lambda error: say(f"gradtriage: {error}", err=True)):
        say(f"sealed what a killed run had left: {folder}", err=True)
    to_stdout = json_file == "-"
    outcome = run_task(task, sys.stderr.buffer if verbose else None)
    if unusable(outcome):
        log = f"{shown_path(outcome.folder)}/pytest.log"
        say(
            f"gradtriage: {nodeid}: pytest cannot find the test; give a node id that it can collect; see {log}",
            err=True,
        )
        return WRONG_USAGE
    diagnosis = _read(outcome.folder)
    say("\n".join(_lines(project, outcome, diagnosis)), err=to_stdout)
    if json_file is not None and diagnosis is not None:
        json_to(json_file, (outcome.folder / DIAGNOSIS).read_text(encoding="utf-8"))
    return _exit_code(outcome, diagnosis)


def _read(folder: Path) -> DiagnosisDocument | None:
    path = folder / DIAGNOSIS
    return DiagnosisDocument.read(path) if path.exists() else None


def _lines(project: Project, outcome: Outcome, diagnosis: DiagnosisDocument | None) -> list[str]:
    lines = [f"! {fault}" for fault in outcome.manifest.faults]
    if diagnosis is not None:
        lines += story(diagnosis, project.root)
    else:
        lines.append(_why_nothing(outcome))
    width = shutil.get_terminal_size().columns
    return [*lines, "-" * min(width, 60), f"evidence: {shown_path(outcome.folder)}/summary.md"]


def _why_nothing(outcome: Outcome) -> str:
    if outcome.ending.cause == "timeout":
        return "no diagnosis: the time limit came first; give more with --timeout"
    return "no diagnosis: the test did not come to run, or was skipped"


def _exit_code(outcome: Outcome, diagnosis: DiagnosisDocument | None) -> int:
    code = ending_code([outcome])
    healthy = diagnosis is not None and diagnosis.verdict == "healthy"
    return int(not healthy) if code is None else code
