"""Which ledger a command is about, and how evidence is named in it."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from gradtriage.errors import UsageError
from gradtriage.evidence.stamp import is_stamp
from gradtriage.ledger.edits import evidence_path


def ledger_option(command: Callable[..., Any]) -> Callable[..., Any]:
    """The option that every command of the ledger has."""
    text = "The ledger; without it, the one of the settings."
    return click.option("--ledger", "ledger_file", type=click.Path(path_type=Path), metavar="FILE", help=text)(command)


def located(ledger_file: Path | None) -> Path:
    """The ledger that was named, or that of the project."""
    if ledger_file is not None:
        return Path(os.path.realpath(ledger_file))
    from gradtriage.model.settings import find_project  # an edit of a named ledger need not wait for it

    project = find_project(Path.cwd())
    return Path(os.path.realpath(project.root / project.settings.ledger))


def evidence_from(ledger: Path, folder: Path) -> tuple[str, str]:
    """Path of an evidence folder from the ledger's own, and its stamp.

    Raises:
        UsageError: It is no sealed evidence folder.
    """
    folder = Path(os.path.realpath(folder.parent if folder.name == "summary.md" else folder))
    if not is_stamp(folder.name) or not (folder / "manifest.json").is_file():
        raise UsageError(f"--evidence {folder}: is no whole evidence folder; give <reports>/.../<STAMP>")
    return evidence_path(ledger, folder), folder.name
