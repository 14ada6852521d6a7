"""The commit that is checked out, and whether the working tree differs from it."""

import os
import subprocess
from pathlib import Path


def checked_out(root: Path, apart_from: Path | None = None) -> tuple[str | None, bool | None]:
    """Commit and dirtiness of the git repository that a folder belongs to.

    Args:
        root: A folder of the working tree.
        apart_from: A folder whose content does not count: the evidence itself.

    Returns:
        The full commit hash and whether anything differs from it (new files count); (None, None) where there is
        no repository, no commit or no git.
    """
    commit = _git(root, "rev-parse", "--verify", "HEAD")
    if commit is None:
        return None, None
    status = ["status", "--porcelain", "--untracked-files=normal", "--", "."]
    if (
        apart_from is not None
        and apart_from.resolve().is_relative_to(root.resolve())
        and apart_from.resolve() != root.resolve()
    ):
        status.append(f":(exclude,top,literal){_from_top(root, apart_from)}")
    changed = _git(root, *status)
    return commit.strip(), None if changed is None else bool(changed.strip())


def _from_top(root: Path, folder: Path) -> str:
    top = _git(root, "rev-parse", "--show-toplevel")
    return folder.resolve().relative_to(Path(top.strip()).resolve()).as_posix() if top else folder.name


def _git(root: Path, *args: str) -> str | None:
    try:
        # no optional locks: looking at the tree must not get into the way of a git command of the user's
        done = subprocess.run(
            ["git", "--no-optional-locks", *args], cwd=root, capture_output=True, timeout=60, check=False
        )
    except (OSError, subprocess.SubprocessError):
        return None
    return os.fsdecode(done.stdout) if done.returncode == 0 else None
