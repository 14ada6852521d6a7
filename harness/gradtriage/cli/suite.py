"""`gradtriage suite`."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import click

from gradtriage.cli.codes import WRONG_USAGE, ending_code, unusable
from gradtriage.cli.duration import Duration
from gradtriage.cli.output import say
from gradtriage.cli.targets import check_json_target, json_to, shown_path
from gradtriage.evidence.folder import partial_folders
from gradtriage.model.documents import Manifest
from gradtriage.model.settings import Project, find_project
from gradtriage.model.suite import SuiteDocument
from gradtriage.report.suite import suite_lines
from gradtriage.suite.progress import SuiteProgress
from gradtriage.suite.resume import command_arguments, resumable
from gradtriage.suite.runner import run_suite
from gradtriage.suite.task import BUDGET, SuiteTask, suite_task
from gradtriage.suite.unchanged import unchanged

if TYPE_CHECKING:
    from gradtriage.history.store import History


@click.command(
    epilog="Example: gradtriage suite tests --chunks 4 --budget 10m -n auto",
    short_help="Run a whole suite in resumable chunks and group what fails by cause.",
    context_settings={"ignore_unknown_options": True},
)
@click.argument("pytest_args", nargs=-1, metavar="[PYTEST ARGS]...", type=click.UNPROCESSED)
@click.option("--chunks", type=click.IntRange(min=1), metavar="N", help="Divide the suite among N processes.")
@click.option(
    "--budget",
    type=Duration(),
    default=BUDGET,
    metavar="TIME",
    help="The longest that one chunk may take, as 10m (1h).",
)
@click.option("-n", "workers", metavar="WORKERS", help="Run each chunk with so many xdist workers, or auto.")
@click.option("--resume", type=click.Path(path_type=Path), metavar="FOLDER", help="Go on with an unfinished run.")
@click.option("--retry-in-flight", "retry", is_flag=True, help="With --resume: try tests that were in flight again.")
@click.option("--force", is_flag=True, help="Run even if nothing has changed since the last run.")
@click.option("--json", "json_file", metavar="FILE", help="Write the outcome as JSON to FILE, - for stdout.")
def suite(
    pytest_args: tuple[str, ...],
    chunks: int | None,
    budget: float,
    workers: str | None,
    resume: Path | None,
    retry: bool,
    force: bool,
    json_file: str | None,
) -> int:
    """Run a suite so that nothing a test does to its process loses another test.

    A chunk is a pytest process. One that is killed, hangs or exits names the test that was running; what it left goes
    on in a further one. Exit code 1: a test failed, was in flight or is missing.
    """
    check_json_target(json_file)
    project = find_project(Path.cwd())
    wanted = suite_task(project, pytest_args, budget=budget, chunks=chunks, workers=workers)
    _seal_abandoned(wanted.task.folder)
    if resume is not None:
        wanted = _resumed(project, wanted, resume, retry)
    elif not force and (earlier := unchanged(wanted)) is not None:
        return _repeat(earlier, json_file)
    wanted = _with_durations(project, wanted)
    with SuiteProgress(sys.stderr, lambda line: say(line, err=True)) as progress:
        outcome = run_suite(wanted, progress)
    if unusable(outcome):
        say(f"gradtriage: pytest cannot use these arguments; see {shown_path(outcome.folder)}/pytest.log", err=True)
        return WRONG_USAGE
    document = _tell(outcome.folder, outcome.manifest, json_file)
    if project.settings.history is not None:
        _open_history(project).close()  # others read it there, and cannot read our folders
    code = ending_code([outcome])
    return _findings(document, outcome.manifest) if code is None else code


def _seal_abandoned(folder: Path) -> None:
    if folder.is_dir() and partial_folders(folder):
        from gradtriage.run.seal import seal_all_abandoned  # takes long to import

        for sealed in seal_all_abandoned(folder, lambda error: say(f"gradtriage: {error}", err=True)):
            say(f"sealed what a killed run had left: {shown_path(sealed)}", err=True)


def _resumed(project: Project, wanted: SuiteTask, resume: Path, retry: bool) -> SuiteTask:
    folder = resumable(resume, project.root, wanted.task.evidence or wanted.task.reports)
    args = command_arguments(folder)
    again = suite_task(
        project, args, budget=wanted.budget, chunks=wanted.chunks, workers=wanted.workers, reports=folder.parent.parent
    )
    return replace(again, resume=folder, retry=retry)


def _with_durations(project: Project, wanted: SuiteTask) -> SuiteTask:
    """The suite with the durations that are recorded, where they decide on its chunks."""
    if wanted.chunks == 1 or not wanted.task.folder.is_dir():
        return wanted
    history = _open_history(project)
    try:
        return replace(wanted, durations=history.durations())
    finally:
        history.close()


def _open_history(project: Project) -> History:
    from gradtriage.history.store import open_history  # SQLAlchemy takes long to import, and most runs need it not

    return open_history(project)


def _repeat(folder: Path, json_file: str | None) -> int:
    """The outcome of a run that would be the same again."""
    manifest = Manifest.read(folder / "manifest.json")
    say(
        f"nothing changed since {manifest.stamp}: same command, commit and environment (--force runs it again)",
        err=True,
    )
    return _findings(_tell(folder, manifest, json_file), manifest)


def _tell(folder: Path, manifest: Manifest, json_file: str | None) -> SuiteDocument:
    document = SuiteDocument.read(folder / "suite.json")
    lines = [f"! {fault}" for fault in manifest.faults if not fault.startswith("in flight")]
    say("\n".join([*lines, *suite_lines(document), f"evidence: {shown_path(folder)}/summary.md"]), err=json_file == "-")
    if json_file is not None:
        json_to(json_file, (folder / "suite.json").read_text(encoding="utf-8"))
    return document


def _findings(document: SuiteDocument, manifest: Manifest) -> int:
    failed = document.counts.failed + document.counts.error
    return int(bool(failed) or not document.complete or manifest.status != "complete")
