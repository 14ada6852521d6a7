"""`gradtriage scan`."""

import sys
from pathlib import Path

import click

from gradtriage.cli.codes import WRONG_USAGE, ending_code, unusable
from gradtriage.cli.output import say
from gradtriage.cli.targets import check_json_target, json_to, shown_path
from gradtriage.model.scan import ScanDocument
from gradtriage.model.settings import find_project
from gradtriage.report.scan_story import scan_story
from gradtriage.run.runner import Outcome
from gradtriage.run.scan import run_scan, scan_task
from gradtriage.run.seal import seal_all_abandoned


@click.command(
    epilog="Example: gradtriage scan tests/test_gradients.py --strength",
    short_help="Find the gradient tests of a suite that prove nothing.",
    context_settings={"ignore_unknown_options": True},
)
@click.argument("pytest_args", nargs=-1, metavar="[PYTEST ARGS]...", type=click.UNPROCESSED)
@click.option(
    "--strength", is_flag=True, help="Also zero, negate, scale and thin out the gradients, and say who notices."
)
@click.option("--json", "json_file", metavar="FILE", help="Write the scan as JSON to FILE, - for stdout.")
@click.option(
    "--timeout", type=click.FloatRange(min=1), default=3600.0, show_default=True, help="Time limit in seconds."
)
@click.option("--quiet", "-q", is_flag=True, help="Do not show pytest's output.")
def scan(pytest_args: tuple[str, ...], strength: bool, json_file: str | None, timeout: float, quiet: bool) -> int:
    """Run a suite and list its gradient tests, their parameters, and which of them prove nothing.

    A gradcheck proves nothing if all that it compares is zero. Any other check proves nothing if its test still passes
    with noise in place of the gradients. Exit code 1: there are such checks.
    """
    check_json_target(json_file)
    task = scan_task(find_project(Path.cwd()), pytest_args, timeout)
    for folder in seal_all_abandoned(task.folder, lambda error: say(f"gradtriage: {error}", err=True)):
        say(f"sealed what a killed run had left: {folder}", err=True)
    to_stdout = json_file == "-"
    echo = None if quiet else (sys.stderr.buffer if to_stdout else sys.stdout.buffer)
    outcome = run_scan(task, echo, strength=strength)
    if unusable(outcome):
        say(f"gradtriage: pytest cannot use these arguments; see {shown_path(outcome.folder)}/pytest.log", err=True)
        return WRONG_USAGE
    document = ScanDocument.read(outcome.folder / "scan.json")
    say("\n".join(_lines(outcome, document)), err=to_stdout)
    if json_file is not None:
        json_to(json_file, (outcome.folder / "scan.json").read_text(encoding="utf-8"))
    return _exit_code(outcome, document)


def _lines(outcome: Outcome, document: ScanDocument) -> list[str]:
    lines = [f"! {fault}" for fault in outcome.manifest.faults]
    lines += scan_story(document)
    return [*lines, f"evidence: {shown_path(outcome.folder)}/scan.json"]


def _exit_code(outcome: Outcome, document: ScanDocument) -> int:
    code = ending_code([outcome])
    unproven = document.summary.vacuous_checks > 0 or outcome.manifest.status != "complete"
    return int(unproven) if code is None else code
