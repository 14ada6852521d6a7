"""What tests did before on the same commit and in the same environment: whoever differs now is flaky."""

from collections.abc import Collection
from pathlib import Path

from gradtriage.errors import DocumentError
from gradtriage.evidence.folder import sealed_folders
from gradtriage.model.documents import TaskDocument
from gradtriage.triage.captured import read_chunks
from gradtriage.triage.tabulation import tabulate

_MOST = 5


def outcomes_on(task: TaskDocument, reports: Path, concerned: Collection[str]) -> tuple[list[str], list[str]]:
    """The tests that passed before, and those that failed, on the commit of a suite.

    Nothing is known where the tree was dirty, then or now: the code may have been another.

    Args:
        task: The suite.
        reports: Where earlier suites lie.
        concerned: The tests in question.

    Returns:
        Tests that passed and tests that failed, sorted.
    """
    passed: set[str] = set()
    failed: set[str] = set()
    if task.commit is None or task.dirty is not False or not concerned:
        return [], []
    for folder in _earlier(task, reports):
        outcomes = tabulate(read_chunks(folder)).outcomes
        for test in concerned:
            if outcomes.get(test) in ("passed", "xpassed"):
                passed.add(test)
            elif outcomes.get(test) in ("failed", "error"):
                failed.add(test)
    return sorted(passed), sorted(failed)


def _earlier(task: TaskDocument, reports: Path) -> list[Path]:
    found = []
    for folder in reversed(sealed_folders(reports / "suite") if (reports / "suite").is_dir() else []):
        try:
            earlier = TaskDocument.read(folder / "task.json")
        except DocumentError:
            continue
        if earlier.commit == task.commit and earlier.dirty is False and earlier.pins == task.pins:
            found.append(folder)
        if len(found) == _MOST:
            break
    return found
