"""A revision of the project in a folder of its own, with its sources before all installed ones."""

import json
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import gradtriage
from gradtriage.errors import BaselineError
from gradtriage.model.settings import Project

# Where the interpreter imports from, and where editable installations that use no path say that packages lie.
_IMPORT_PATH = """
import json, os, sys
found = [os.path.abspath(entry) for entry in sys.path]
for name, module in list(sys.modules.items()):
    if name.startswith("__editable__"):
        found += [os.path.dirname(os.path.abspath(place)) for place in getattr(module, "MAPPING", {}).values()]
print("gradtriage-path", json.dumps(found))
"""


@dataclass(frozen=True)
class Worktree:
    """A checked-out revision.

    Attributes:
        shown: The revision as the user named it, with its commit.
        top: The user's checkout.
        tree: The folder that stands for it.
        root: The folder in it that stands for the project's root.
    """

    shown: str
    commit: str
    top: Path
    tree: Path
    root: Path

    def moved(self, text: str) -> str:
        """A node id or an argument with paths of the checkout turned into paths of this tree."""
        return text.replace(str(self.top) + os.sep, str(self.tree) + os.sep)


@contextmanager
def checked_out(project: Project, revision: str, named: str = "--against") -> Iterator[Worktree]:
    """The revision in a temporary worktree, which is taken away afterwards.

    Args:
        project: The project.
        revision: A commit, a tag or a branch.
        named: What errors call it: the option that it was given with.

    Raises:
        BaselineError: There is no git repository, no such revision, or it cannot be checked out.
    """
    named = f"{named} {revision}"
    top = Path(_git(project.root, named, "rev-parse", "--show-toplevel").strip()).resolve()
    commit = _git(top, named, "rev-parse", "--verify", "--quiet", "--end-of-options", f"{revision}^{{commit}}").strip()
    with tempfile.TemporaryDirectory(prefix="gradtriage-") as folder:
        tree = Path(folder).resolve() / top.name
        # no hook of the user's runs: this checkout is none of theirs
        quiet = ("-c", f"core.hooksPath={os.devnull}", "-c", "advice.detachedHead=false")
        try:
            _git(top, named, *quiet, "worktree", "add", "--detach", "--quiet", str(tree), commit)
            root = tree / project.root.resolve().relative_to(top)
            if not root.is_dir():
                raise BaselineError(f"{named}: there is no {root.relative_to(tree)} at that revision")
            yield Worktree(f"{revision} ({commit[:7]})", commit, top, tree, root)
        finally:
            _forget(top, tree)


def _forget(top: Path, tree: Path) -> None:
    shutil.rmtree(tree, ignore_errors=True)
    subprocess.run(["git", "worktree", "prune"], cwd=top, capture_output=True, timeout=60, check=False)


@contextmanager
def import_path(worktree: Worktree, python: str, project: Project) -> Iterator[dict[str, str]]:
    """The variable by which the revision's sources, and this gradtriage, are imported before installed ones.

    Every folder within the user's checkout that the interpreter imports from (an editable installation, `PYTHONPATH`)
    is replaced by the same folder of the revision; `src` of the revision is added where there is one.
    """
    before = [entry for entry in os.environ.get("PYTHONPATH", "").split(os.pathsep) if entry]
    own = [*_imports(python, project.root), *map(os.path.abspath, before)]
    inside = [Path(entry).resolve().relative_to(worktree.top) for entry in own if _is_source(Path(entry), worktree.top)]
    moved = [worktree.tree / entry for entry in inside]
    moved += [worktree.root / "src", worktree.root]
    with tempfile.TemporaryDirectory(prefix="gradtriage-") as folder:
        Path(folder, "gradtriage").symlink_to(next(iter(gradtriage.__path__)), target_is_directory=True)
        entries = [folder, *(str(entry) for entry in dict.fromkeys(moved) if entry.is_dir()), *before]
        yield {"PYTHONPATH": os.pathsep.join(entries)}


def _is_source(entry: Path, top: Path) -> bool:
    installed = {"site-packages", "dist-packages"} & set(entry.parts)
    return not installed and entry.resolve().is_relative_to(top)


def _imports(python: str, root: Path) -> Sequence[str]:
    try:
        done = subprocess.run(
            [python, "-c", _IMPORT_PATH], cwd=root, capture_output=True, text=True, timeout=60, check=False
        )
        found: list[str] = json.loads(done.stdout.rpartition("gradtriage-path ")[2])
    except (OSError, subprocess.SubprocessError, ValueError) as error:
        raise BaselineError(f"{python}: does not say where it imports from: {error}") from error
    return found


def _git(folder: Path, named: str, *args: str) -> str:
    try:
        done = subprocess.run(["git", *args], cwd=folder, capture_output=True, timeout=600, check=False)
    except (OSError, subprocess.SubprocessError) as error:
        raise BaselineError(f"{named}: git cannot be started: {error}") from error
    if done.returncode:
        said = os.fsdecode(done.stderr).strip().splitlines()
        reason = said[-1] if said else "git knows no such revision; name a commit, a tag or a branch"
        raise BaselineError(f"{named}: {reason}")
    return os.fsdecode(done.stdout)
