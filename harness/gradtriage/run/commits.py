"""What a search among commits asks the repository."""

import os
import subprocess
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path

from gradtriage.errors import EvidenceError, UsageError

_GIT_OWN = ("GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE")  # with these a hook points git at its own repository


@dataclass(frozen=True)
class Repository:
    """A git repository, by the top folder of the user's working tree."""

    top: Path

    @classmethod
    def around(cls, folder: Path) -> "Repository":
        """The repository that a folder belongs to.

        Raises:
            UsageError: There is none, or git is not installed.
        """
        try:
            return cls(Path(_git(folder, "rev-parse", "--show-toplevel").strip()).resolve())
        except EvidenceError as error:
            raise UsageError(f"{folder}: no git repository with commits here ({error}); run this inside one") from error

    def is_ancestor(self, older: str, newer: str) -> bool:
        """Whether a commit is in the history of another one."""
        done = _run(self.top, "merge-base", "--is-ancestor", older, newer)
        return done.returncode == 0

    def subject(self, commit: str) -> str:
        """The first line of a commit's message."""
        return _git(self.top, "show", "--no-patch", "--format=%s", commit).strip()

    def candidates(self, bad: str, good: Collection[str]) -> list[str]:
        """The commits that can be the first bad one, the one that halves them best first; `bad` itself is the last."""
        listed = _git(self.top, "rev-list", "--bisect-all", bad, "--not", *sorted(good))
        return [line.split()[0] for line in listed.splitlines() if line.strip()]


def _run(cwd: Path, *args: str) -> subprocess.CompletedProcess[bytes]:
    env = {name: value for name, value in os.environ.items() if name not in _GIT_OWN}
    try:
        return subprocess.run(["git", *args], cwd=cwd, env=env, capture_output=True, timeout=600, check=False)
    except (OSError, subprocess.SubprocessError) as error:
        raise EvidenceError(f"git {args[0]}: {error}") from error


def _git(cwd: Path, *args: str) -> str:
    done = _run(cwd, *args)
    if done.returncode != 0:
        said: Sequence[str] = os.fsdecode(done.stderr).strip().splitlines() or [f"exit code {done.returncode}"]
        raise EvidenceError(f"git {args[0]}: {said[-1]}")
    return os.fsdecode(done.stdout)
