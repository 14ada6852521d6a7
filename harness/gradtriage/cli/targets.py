"""Where commands write what a script reads, and how they name paths to a person."""

from pathlib import Path

from gradtriage.cli.output import say
from gradtriage.errors import UsageError
from gradtriage.evidence.files import write_whole


def check_json_target(target: str | None) -> None:
    """Makes sure, before anything runs, that `--json` names a place that can be written.

    Raises:
        UsageError: Its folder does not exist.
    """
    if target not in (None, "-") and not Path(target or "").parent.is_dir():
        raise UsageError(f"--json {target}: there is no folder {Path(target or '').parent}; make it first")


def json_to(target: str, text: str) -> bool:
    """Writes JSON text to a file, or to stdout for `-`; whether it was taken."""
    if target == "-":
        return say(text, nl=False)
    write_whole(Path(target), text)
    return True


def shown_path(path: Path) -> str:
    """A path as the user can open it from where they stand."""
    absolute, here = path.resolve(), Path.cwd().resolve()
    return str(absolute.relative_to(here)) if absolute.is_relative_to(here) else str(path)
