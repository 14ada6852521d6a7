"""Whether a suite would only repeat what is known: same command, same commit, same environment."""

import json
import subprocess
from pathlib import Path
from typing import Any

from gradtriage.errors import DocumentError
from gradtriage.evidence.commit import checked_out
from gradtriage.evidence.folder import sealed_folders
from gradtriage.evidence.redaction import redacted
from gradtriage.model.documents import Environment, Manifest, TaskDocument
from gradtriage.run.command import Interpreter, environment_with, interpreter, plugin_path, reproduction
from gradtriage.suite.task import SuiteTask

# what the test process says of itself, asked without running a test
_ASK = (
    "import json; from gradtriage.plugin.snapshot import snapshot; "
    "print('gradtriage', json.dumps(snapshot({}, with_packages=True)))"
)


def unchanged(suite: SuiteTask) -> Path | None:
    """The whole evidence of the same run, if nothing that we can see has changed since.

    That is the command with its pins, a clean tree on the same commit, Python, platform and every installed package.
    Files that git ignores and data elsewhere are not seen.

    Args:
        suite: The suite that is to be run.
    """
    task = suite.task
    commit, dirty = checked_out(task.project.root, task.evidence)
    if commit is None or dirty is not False or not task.folder.is_dir():
        return None
    python = interpreter(task.project)
    command = reproduction(task.project.root, python, task.chunk, task.pins)
    pins = {name: redacted(name, value) for name, value in task.pins.items()}
    now: dict[str, Any] | None = None
    for folder in reversed(sealed_folders(task.folder)):
        if not _is_same_run(folder, command, commit, pins):
            continue
        now = now or _environment_now(suite, python)
        if now is not None and _is_same_environment(folder, now):
            return folder
    return None


def _is_same_run(folder: Path, command: str, commit: str, pins: dict[str, str | None]) -> bool:
    try:
        task = TaskDocument.read(folder / "task.json")
        complete = Manifest.read(folder / "manifest.json").status == "complete"
    except DocumentError:
        return False
    same = task.command == command and task.pins == pins
    return complete and same and task.commit == commit and task.dirty is False


def _is_same_environment(folder: Path, now: dict[str, Any]) -> bool:
    try:
        then = Environment.read(folder / "environment.json")
    except DocumentError:
        return False
    return (then.python, then.platform, then.packages) == (now["python"], now["platform"], now["packages"])


def _environment_now(suite: SuiteTask, python: Interpreter) -> dict[str, Any] | None:
    task = suite.task
    with plugin_path(python) as extra:
        env = environment_with(task.pins, extra)
        try:
            done = subprocess.run(
                [python.path, "-c", _ASK], cwd=task.project.root, env=env, capture_output=True, timeout=60, check=True
            )
            answer: dict[str, Any] = json.loads(done.stdout.decode().partition("gradtriage ")[2])
        except (OSError, subprocess.SubprocessError, ValueError):
            return None
    return answer
