"""The run of an evidence folder, once more, from what the folder says was asked; and in what it comes out otherwise."""

import os
import shlex
from pathlib import Path

from gradtriage.errors import UsageError
from gradtriage.evidence.redaction import looks_secret
from gradtriage.model.documents import Manifest, TaskDocument
from gradtriage.model.plan import PytestChunk
from gradtriage.model.scan import ScanDocument
from gradtriage.model.settings import Project
from gradtriage.report.regression import change_sentence
from gradtriage.run.runner import Outcome, run_task
from gradtriage.run.scan import run_scan
from gradtriage.run.task import Task, Words
from gradtriage.triage.comparison import Tolerance, compare, environment_difference, worst_first
from gradtriage.triage.observation import observe


def rerun(folder: Path, project: Project) -> Outcome:
    """Runs the command of a folder again, under the same pins, into a new folder beside it.

    Args:
        folder: A sealed evidence folder.
        project: The project that it is of.

    Raises:
        DocumentError: The folder does not say what was asked.
        UsageError: It is a suite's, or a secret that was pinned is not set now.
    """
    if (folder / "suite.json").exists():
        raise UsageError(f"{folder}: is the evidence of a suite; run it again with `gradtriage suite`")
    asked = TaskDocument.read(folder / "task.json")
    task = _task(folder, project, asked)
    if not (folder / "scan.json").exists():
        return run_task(task, None)
    checks = [check for test in ScanDocument.read(folder / "scan.json").tests for check in test.checks]
    return run_scan(task, None, strength=any(len(check.noticed) > 1 for check in checks))


def _task(folder: Path, project: Project, asked: TaskDocument) -> Task:
    words = Words(
        initiative=asked.initiative,
        title=asked.title,
        plan=asked.plan,
        phase=asked.phase,
        phase_title=asked.phase_title,
        objective=asked.objective,
        criteria=asked.criteria,
        hypotheses=asked.hypotheses,
        next=asked.next,
        references=asked.references,
        notes=[*asked.notes, f"the run of {asked.stamp} once more"],
    )
    chunk = PytestChunk(select=["."], args=_arguments(asked), timeout=asked.timeout).model_copy(update={"select": []})
    parent = folder.resolve().parent
    reports = parent.parent if parent.name.startswith("phase_") else parent
    explain = (folder / "diagnosis.json").exists()
    return Task(project, chunk, _pins(asked), parent, reports, explain, words)


def _arguments(asked: TaskDocument) -> list[str]:
    """Pytest's arguments; from the line for the shell where an older version wrote the folder."""
    if asked.arguments is not None:
        return asked.arguments
    words = shlex.split(asked.command)
    return words[words.index("pytest") + 1 :]


def _pins(asked: TaskDocument) -> dict[str, str | None]:
    """The pins with the values that they had; a secret's is not in the evidence and comes from the environment."""
    pins = dict(asked.pins)
    for name, value in pins.items():
        if value is not None and looks_secret(name):
            if name not in os.environ:
                raise UsageError(f"{name}: was pinned to a secret that the evidence does not hold; set the variable")
            pins[name] = os.environ[name]
    return pins


def rerun_faults(folder: Path, again: Path) -> list[str]:
    """In what a second run of the same command differs from the first: status, exit code, outcomes, gradients.

    A difference of the environment or the commit is named beside the differences that it may explain, and is none
    by itself.
    """
    old, new = observe(folder), observe(again)
    found = compare(old, new, Tolerance())
    faults = [f"run again, {change_sentence(change)}" for change in worst_first([*found.worse, *found.better])]
    for what, read in (("exit code", _exit_code), ("status", _status)):
        if read(folder) != read(again):
            faults.insert(0, f"run again, the {what} is {read(again)}, it was {read(folder)}")
    if not faults:
        return []
    differences = environment_difference(old, new)
    if old.commit != new.commit:
        differences["commit"] = [old.commit, new.commit]
    return [*faults, *(f"another environment: {name}: {a} -> {b}" for name, (a, b) in differences.items())]


def _exit_code(folder: Path) -> str:
    return (folder / "exit_code.txt").read_text().strip()


def _status(folder: Path) -> str:
    return Manifest.read(folder / "manifest.json").status
