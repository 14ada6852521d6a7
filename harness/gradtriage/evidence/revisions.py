"""The evidence of a revision: the latest run on that commit, of a tree that did not differ from it."""

import subprocess
from pathlib import Path

from gradtriage.errors import DocumentError, UsageError
from gradtriage.evidence.folder import sealed_folders
from gradtriage.model.documents import Manifest, TaskDocument


def commit_of(root: Path, revision: str) -> str | None:
    """The full hash of a revision; None where git knows none of that name."""
    asked = [
        "git",
        "--no-optional-locks",
        "rev-parse",
        "--verify",
        "--quiet",
        "--end-of-options",
        f"{revision}^{{commit}}",
    ]
    try:
        done = subprocess.run(asked, cwd=root, capture_output=True, text=True, timeout=60, check=False)
    except (OSError, subprocess.SubprocessError):
        return None
    return done.stdout.strip() or None if done.returncode == 0 else None


def evidence_of(root: Path, reports: Path, revision: str) -> Path:
    """The latest complete evidence of a revision; a suite's is preferred.

    Raises:
        UsageError: There is no such revision, or no evidence of it.
    """
    commit = commit_of(root, revision)
    if commit is None:
        raise UsageError(f"{revision}: is no evidence folder and no revision; give <reports>/.../<STAMP> or a commit")
    found = [folder for folder in (sealed_folders(reports) if reports.is_dir() else []) if _is_of(folder, commit)]
    suites = [folder for folder in found if (folder / "suite.json").exists()]
    if not found:
        raise UsageError(
            f"{revision}: no complete evidence of commit {commit[:12]} below {reports}; run `gradtriage suite` on it"
        )
    return (suites or found)[-1]


def _is_of(folder: Path, commit: str) -> bool:
    try:
        task = TaskDocument.read(folder / "task.json")
        whole = Manifest.read(folder / "manifest.json").status == "complete"
    except DocumentError:
        return False
    return whole and task.commit == commit and task.dirty is False
