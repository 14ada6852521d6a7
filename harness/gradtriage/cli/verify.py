"""`gradtriage verify`."""

from pathlib import Path

import click

from gradtriage.cli.targets import shown_path
from gradtriage.errors import GradTriageError, UsageError
from gradtriage.evidence.folder import is_alive, partial_folders, sealed_folders
from gradtriage.model.document import to_json
from gradtriage.model.settings import find_project
from gradtriage.run.seal import seal_all_abandoned
from gradtriage.verify import verify_folder


@click.command(
    epilog="Example: gradtriage verify reports/gradient-flow/phase_a/20251015T052020Z",
    short_help="Check an evidence folder against its manifest.",
)
@click.argument("folder", type=click.Path(path_type=Path, exists=True, file_okay=False))
@click.option("--rerun", is_flag=True, help="Run the command of FOLDER again and compare.")
@click.option("--json", "as_json", is_flag=True, help="Print the faults as JSON.")
def verify(folder: Path, rerun: bool, as_json: bool) -> int:
    """Check FOLDER, or every evidence folder below it.

    Files, sizes and hashes are held against the manifest; gradients, environment, status, criteria and summary are
    derived again and compared. A partial folder whose runner was killed is sealed first, as interrupted.

    With --rerun the command is run once more, into a new folder beside FOLDER, and outcomes and gradients are compared.
    """
    below = folder.parent if folder.name.endswith(".partial") else folder
    failures: list[GradTriageError] = []
    sealed = seal_all_abandoned(below, failures.append)
    running = [partial.path for partial in partial_folders(below) if is_alive(partial)]
    if folder.name.endswith(".partial"):
        folders = [path for path in sealed if path.name == folder.name.removeprefix(".").removesuffix(".partial")]
        running = [path for path in running if path.name == folder.name]
    else:
        folders = [folder] if (folder / "manifest.json").exists() else sealed_folders(folder)
    if not folders and not running and not failures:
        raise UsageError(f"{folder}: holds no evidence; give a folder <reports>/phase_<id>/<STAMP> or one above it")
    faults = {str(path): verify_folder(path) for path in folders}
    if rerun:
        faults |= {str(path): [*faults[str(path)], *_rerun(path, folder)] for path in folders}
    if as_json:
        click.echo(
            to_json(
                {"faults": faults, "sealed": [str(path) for path in sealed], "running": [str(path) for path in running]}
            ),
            nl=False,
        )
    else:
        _show(faults, sealed, running)
    for failure in failures:
        click.echo(f"gradtriage: {failure}", err=True)
    return max([int(any(faults.values())), *(failure.exit_code for failure in failures)])


def _rerun(path: Path, asked: Path) -> list[str]:
    """What comes out otherwise when the run of a folder is made again."""
    from gradtriage.run.rerun import rerun, rerun_faults

    if path != asked:
        raise UsageError(f"{asked}: --rerun takes one evidence folder; give <reports>/.../<STAMP>")
    outcome = rerun(path, find_project(Path.cwd()))
    click.echo(f"run again: {shown_path(outcome.folder)}", err=True)
    return rerun_faults(path, outcome.folder)


def _show(faults: dict[str, list[str]], sealed: list[Path], running: list[Path]) -> None:
    for path in sealed:
        click.echo(f"sealed what a killed run had left: {path}")
    for path in running:
        click.echo(f"{path}: still running")
    for name, found in faults.items():
        click.echo(f"{'✗' if found else '✓'} {name}{'' if found else ': whole'}")
        for fault in found:
            click.echo(f"    {fault}")
