"""One run: a folder, a process, the capture, the verdict."""

import os
import shutil
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import IO, Any

from gradtriage import __version__
from gradtriage.errors import DocumentError, EvidenceError, UsageError
from gradtriage.evidence.commit import checked_out
from gradtriage.evidence.files import write_whole
from gradtriage.evidence.folder import REQUEST, PartialFolder, children_of, note_child, open_partial, sealed_folders
from gradtriage.evidence.redaction import redacted
from gradtriage.model.document import to_json
from gradtriage.model.documents import Criteria, Earlier, Ending, Gradients, Manifest, TaskDocument
from gradtriage.model.suite import SuiteDocument
from gradtriage.run.command import Interpreter, environment_with, interpreter, plugin_path, pytest_command, reproduction
from gradtriage.run.process import Job, run_job
from gradtriage.run.task import Task

MOST_EARLIER = 12


@dataclass(frozen=True)
class Outcome:
    """What came of a run: its folder and the documents in it that decide."""

    task: Task
    folder: Path
    manifest: Manifest
    ending: Ending
    criteria: Criteria

    @property
    def phase(self) -> str:
        """The phase's id; empty where there is no plan."""
        return self.task.words.phase or ""

    @property
    def met(self) -> bool:
        """Whether the evidence is whole and every exit criterion met."""
        return self.manifest.status == "complete" and all(criterion.met for criterion in self.criteria.criteria)


Perform = Callable[[PartialFolder, Interpreter], Ending]


def run_task(task: Task, echo: IO[bytes] | None, perform: Perform | None = None) -> Outcome:
    """Runs a task and seals its evidence.

    Args:
        task: What to run.
        echo: Where pytest's output is shown while it comes.
        perform: Runs it in the open folder; one pytest process where nothing else is given.

    Raises:
        UsageError: The interpreter or pytest cannot be started.
        EvidenceError: The evidence cannot be written.
    """
    python = interpreter(task.project)
    now = datetime.now(UTC)
    commit = checked_out(task.project.root, task.evidence or task.reports)
    partial = open_partial(task.folder, now)
    try:
        document = _task_document(task, python, partial.stamp, now, commit)
        write_whole(partial.path / "task.json", document.to_json())
        write_whole(partial.path / "command.txt", document.command + "\n")
        ending = perform(partial, python) if perform else execute(task, python, partial.path, echo)
    except (UsageError, OSError) as error:
        if not children_of(partial):  # nothing was started, so there is no evidence
            shutil.rmtree(partial.path, ignore_errors=True)
        if isinstance(error, UsageError):
            raise
        raise EvidenceError(f"{partial.path}: {error.strerror or error}; free space and run again") from error
    from gradtriage.run.seal import seal  # takes long to import: after the tests have begun, nobody waits for it

    folder = seal(partial, ending)
    return Outcome(
        task,
        folder,
        Manifest.read(folder / "manifest.json"),
        Ending.read(folder / "ending.json"),
        Criteria.read(folder / "criteria.json"),
    )


def execute(task: Task, python: Interpreter, capture: Path, echo: IO[bytes] | None, *, junit: bool = True) -> Ending:
    """Runs pytest for a task and waits for its end.

    Args:
        task: What to run.
        python: The interpreter that runs it.
        capture: The folder that log, JUnit file and events go to.
        echo: Where pytest's output is shown while it comes.
        junit: Have pytest write a JUnit file; of a suite it is written from the events.
    """
    mark = uuid.uuid4().hex
    asked = {
        "schema": "gradtriage.request/1",
        "pins": dict(task.pins),
        "explain": task.explain,
        "by_design": list(task.project.settings.by_design),
        **task.request,
    }
    request = capture / REQUEST
    write_whole(request, to_json(asked))
    request.chmod(0o600)
    with plugin_path(python) as extra:
        job = Job(
            command=pytest_command(python, task.chunk, capture, junit=junit),
            cwd=task.project.root,
            env=environment_with(task.pins, {**extra, **task.variables}),
            mark=mark,
            log=capture / "pytest.log",
            timeout=task.chunk.timeout,
            grace=task.chunk.grace,
            echo=echo,
            memory=task.memory,
        )
        end = run_job(job, lambda pid: note_child(capture, pid, mark))
    request.unlink(missing_ok=True)
    return Ending(
        cause=end.cause,
        exit_code=end.exit_code,
        exit_code_source="process",
        end=datetime.now(UTC).isoformat(timespec="milliseconds"),
        left_processes=end.left,
        log_error=end.log_error,
    )


def _task_document(
    task: Task, python: Interpreter, stamp: str, now: datetime, commit: tuple[str | None, bool | None]
) -> TaskDocument:
    words = task.words
    return TaskDocument(
        initiative=words.initiative,
        title=words.title,
        plan=words.plan,
        phase=words.phase,
        phase_title=words.phase_title,
        objective=words.objective,
        stamp=stamp,
        start=now.isoformat(timespec="milliseconds"),
        tool_version=__version__,
        command=reproduction(task.project.root, python, task.chunk, task.pins),
        pytest_args=[*task.chunk.args, *task.chunk.select],
        timeout=task.chunk.timeout,
        pins={name: redacted(name, value) for name, value in task.pins.items()},
        commit=commit[0],
        dirty=commit[1],
        criteria=list(words.criteria),
        hypotheses=list(words.hypotheses),
        next=list(words.next),
        references=list(words.references),
        earlier=earlier_evidence(task.reports, task.folder),
        notes=list(words.notes),
        arguments=[*task.chunk.args, *task.chunk.select],
    )


def earlier_evidence(reports: Path, beside: Path) -> list[Earlier]:
    """Key figures of the evidence that exists already, newest first.

    Args:
        reports: The folder below which it lies.
        beside: The folder in which the new evidence folder will stand; paths are relative to that one.
    """
    found = []
    for folder in reversed(sealed_folders(reports)[-MOST_EARLIER:]):
        try:
            found.append(_earlier(folder, beside))
        except (DocumentError, OSError, ValueError):
            continue  # somebody's broken folder: `verify` says so, a new run need not
    return found


def _earlier(folder: Path, beside: Path) -> Earlier:
    manifest = Manifest.read(folder / "manifest.json")
    criteria = Criteria.read(folder / "criteria.json").criteria
    return Earlier(
        path=Path(os.path.relpath(folder, beside / "stamp")).as_posix(),
        phase=manifest.phase,
        stamp=manifest.stamp,
        status=manifest.status,
        exit_code=int((folder / "exit_code.txt").read_text()),
        met=sum(criterion.met for criterion in criteria),
        criteria=len(criteria),
        **(_suite_figures(folder) if (folder / "suite.json").exists() else _run_figures(folder)),
    )


def _run_figures(folder: Path) -> dict[str, Any]:
    from gradtriage.evidence.junit import read_junit

    gradients = Gradients.read(folder / "gradients.json")
    junit = read_junit(folder / "pytest.xml")
    entries = [entry for record in gradients.records for entry in record.gradients.values()]
    return {
        "tests": junit.tests,
        "failures": junit.failures + junit.errors,
        "gradients": len(entries),
        "zero": sum(entry.status == "zero" for entry in entries),
        "loss": gradients.records[0].loss if len(gradients.records) == 1 else None,
    }


def _suite_figures(folder: Path) -> dict[str, Any]:
    """Of a whole suite only what its own document says: its other files are long."""
    suite = SuiteDocument.read(folder / "suite.json")
    failures = suite.counts.failed + suite.counts.error + len(suite.in_flight)
    return {"tests": suite.collected, "failures": failures, "gradients": None, "zero": None, "loss": None}
