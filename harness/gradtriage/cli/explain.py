"""`gradtriage explain`."""

import os
import shutil
import sys
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import IO

import click

from gradtriage.cli.codes import WRONG_USAGE, ending_code, unusable
from gradtriage.cli.output import say
from gradtriage.cli.targets import check_json_target, json_to, shown_path
from gradtriage.errors import UsageError
from gradtriage.model.diagnosis import DiagnosisDocument
from gradtriage.model.settings import Project, find_project
from gradtriage.report.story import story
from gradtriage.run.baseline import Baseline, read_baseline, recorded_at, recording
from gradtriage.run.runner import Outcome, run_task
from gradtriage.run.seal import seal_all_abandoned
from gradtriage.run.task import Task, explain_task

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
@click.option(
    "--against", metavar="REV", help="Hold the test against a known-good revision: say what changed, and where."
)
@click.option("--baseline", metavar="FILE", help="The same against a run that was saved with --save-baseline.")
@click.option("--save-baseline", metavar="FILE", help="Save the test's run, to hold later ones against.")
@click.option("--verbose", "-v", is_flag=True, help="Show pytest's output, too.")
def explain(
    nodeid: str,
    pytest_args: tuple[str, ...],
    json_file: str | None,
    timeout: float,
    verbose: bool,
    **known: str | None,
) -> int:
    """Run the test NODEID and say why its gradients are zero, missing, NaN or wrong.

    The test is replayed in forked processes: autograd is compared with differences of the loss, the place where they
    part is found, and a run in which that place alone is changed proves it. Exit code 0: the gradients are healthy
    (and, where it is held against a known-good run, the function is what it was).
    """
    project = find_project(Path.cwd())
    check_json_target(json_file)
    if not hasattr(os, "fork"):
        raise UsageError("explain needs to fork processes, and this system cannot; use Linux or macOS")
    echo = sys.stderr.buffer if verbose else None
    task = explain_task(project, nodeid, pytest_args, timeout)
    for folder in seal_all_abandoned(task.folder, lambda error: say(f"gradtriage: {error}", err=True)):
        say(f"sealed what a killed run had left: {folder}", err=True)
    to_stdout = json_file == "-"
    with ExitStack() as stack:
        against, request = _known_good(stack, KnownGood(**known), project, task, echo)
        outcome = run_task(explain_task(project, nodeid, pytest_args, timeout, against=against, request=request), echo)
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


@dataclass(frozen=True)
class KnownGood:
    """The options about known-good runs."""

    against: str | None
    baseline: str | None
    save_baseline: str | None


def _known_good(
    stack: ExitStack, known: KnownGood, project: Project, task: Task, echo: IO[bytes] | None
) -> tuple[str, dict[str, object]]:
    """What the test is held against, in the user's words, and what is asked of the plugin for it."""
    if known.against is not None and known.baseline is not None:
        raise UsageError("--against and --baseline are two things to compare with; give one of them")
    request: dict[str, object] = {}
    if known.save_baseline is not None:
        target = Path(known.save_baseline)
        if target.is_dir() or not target.absolute().parent.is_dir():
            raise UsageError(f"--save-baseline {target}: name a file in a folder that exists")
        request |= stack.enter_context(recording(project, target))
    good: Baseline | None = None
    if known.baseline is not None:
        good = read_baseline(Path(known.baseline))
    elif known.against is not None:
        good = stack.enter_context(recorded_at(project, known.against, task.chunk, echo))
    return ("", request) if good is None else (good.shown, request | good.request)


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
    healthy = diagnosis is not None and diagnosis.verdict == "healthy" and not _departs(diagnosis)
    return int(not healthy) if code is None else code


def _departs(diagnosis: DiagnosisDocument) -> bool:
    """Whether it is another function than it was, or compiled another one; or the comparison could not be made."""
    changed = diagnosis.differential is not None and diagnosis.differential.changed is not False
    return changed or (diagnosis.compiled is not None and diagnosis.compiled.agree is False)
