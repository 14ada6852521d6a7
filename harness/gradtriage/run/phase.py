"""One phase of a plan: a folder, a process, the capture, the verdict."""

import os
import shutil
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import IO

from gradtriage import __version__
from gradtriage.errors import DocumentError, EvidenceError, UsageError
from gradtriage.evidence.commit import checked_out
from gradtriage.evidence.files import write_whole
from gradtriage.evidence.folder import PartialFolder, child_of, note_child, open_partial, sealed_folders
from gradtriage.evidence.junit import read_junit
from gradtriage.evidence.redaction import redacted
from gradtriage.model.document import to_json
from gradtriage.model.documents import Asked, Criteria, Earlier, Ending, Following, Gradients, Manifest, TaskDocument
from gradtriage.model.plan import Phase, Plan, PytestChunk
from gradtriage.model.settings import Project
from gradtriage.run.command import Interpreter, environment_with, interpreter, plugin_path, pytest_command, reproduction
from gradtriage.run.process import Job, run_job
from gradtriage.run.seal import REQUEST, seal

MOST_EARLIER = 12


@dataclass(frozen=True)
class Task:
    """A phase of a plan, ready to run.

    Attributes:
        plan_path: The plan's file, relative to the project's root where it lies within.
        notes: Remarks that go into the evidence.
    """

    project: Project
    plan_path: str
    plan: Plan
    phase: Phase
    notes: tuple[str, ...] = ()

    @property
    def chunk(self) -> PytestChunk:
        """What pytest runs."""
        return self.plan.chunk(self.phase.id)

    @property
    def reports(self) -> Path:
        """The folder below which the plan's evidence goes."""
        return self.plan.reports_folder(self.project.root)


@dataclass(frozen=True)
class Outcome:
    """What came of a phase: its folder and the documents in it that decide."""

    phase: Phase
    folder: Path
    manifest: Manifest
    ending: Ending
    criteria: Criteria

    @property
    def met(self) -> bool:
        """Whether the evidence is whole and every exit criterion met."""
        return self.manifest.status == "complete" and all(criterion.met for criterion in self.criteria.criteria)


def run_phase(task: Task, echo: IO[bytes] | None) -> Outcome:
    """Runs a phase and seals its evidence.

    Args:
        task: The phase.
        echo: Where pytest's output is shown while it comes.

    Raises:
        UsageError: The interpreter or pytest cannot be started.
        EvidenceError: The evidence cannot be written.
    """
    python = interpreter(task.project)
    now = datetime.now(UTC)
    commit = checked_out(task.project.root, task.reports)
    partial = open_partial(task.reports / task.phase.folder_name, now)
    try:
        document = _task_document(task, python, partial.stamp, now, commit)
        write_whole(partial.path / "task.json", document.to_json())
        write_whole(partial.path / "command.txt", document.command + "\n")
        ending = _execute(task, python, partial, echo)
    except (UsageError, OSError) as error:
        if child_of(partial) is None:  # nothing was started, so there is no evidence
            shutil.rmtree(partial.path, ignore_errors=True)
        if isinstance(error, UsageError):
            raise
        raise EvidenceError(f"{partial.path}: {error.strerror or error}; free space and run again") from error
    return read_outcome(task.phase, seal(partial, ending))


def read_outcome(phase: Phase, folder: Path) -> Outcome:
    """The outcome of a phase as its sealed folder has it."""
    return Outcome(
        phase,
        folder,
        Manifest.read(folder / "manifest.json"),
        Ending.read(folder / "ending.json"),
        Criteria.read(folder / "criteria.json"),
    )


def _execute(task: Task, python: Interpreter, partial: PartialFolder, echo: IO[bytes] | None) -> Ending:
    mark = uuid.uuid4().hex
    wanted = partial.path / REQUEST
    write_whole(wanted, to_json({"schema": "gradtriage.request/1", "pins": dict(task.plan.env)}))
    wanted.chmod(0o600)
    with plugin_path(python) as extra:
        job = Job(
            command=pytest_command(python, task.chunk, partial.path),
            cwd=task.project.root,
            env=environment_with(task.plan.env, extra),
            mark=mark,
            log=partial.path / "pytest.log",
            timeout=task.chunk.timeout,
            grace=task.chunk.grace,
            echo=echo,
        )
        end = run_job(job, lambda pid: note_child(partial, pid, mark))
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
    plan, phase = task.plan, task.phase
    return TaskDocument(
        initiative=plan.initiative,
        title=plan.title,
        plan=task.plan_path,
        phase=phase.id,
        phase_title=phase.title,
        objective=phase.objective,
        stamp=stamp,
        start=now.isoformat(timespec="milliseconds"),
        tool_version=__version__,
        command=reproduction(task.project.root, python, task.chunk, plan.env),
        timeout=task.chunk.timeout,
        pins=_shown(plan.env),
        commit=commit[0],
        dirty=commit[1],
        criteria=[Asked(id=c.id, text=c.text, check=c.check) for c in phase.criteria],
        hypotheses=[
            Asked(id=f"H{n}", text=h.statement, check=h.confirmed, refuted=h.refuted)
            for n, h in enumerate(phase.hypotheses, 1)
        ],
        next=[Following(id=p.id, title=p.title, objective=p.objective) for p in map(plan.phase, phase.next)],
        references=list(plan.references),
        earlier=earlier_evidence(task.reports, task.reports / phase.folder_name),
        notes=list(task.notes),
    )


def _shown(pins: Mapping[str, str | None]) -> dict[str, str | None]:
    return {name: redacted(name, value) for name, value in pins.items()}


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
    gradients = Gradients.read(folder / "gradients.json")
    criteria = Criteria.read(folder / "criteria.json").criteria
    junit = read_junit(folder / "pytest.xml")
    entries = [entry for record in gradients.records for entry in record.gradients.values()]
    return Earlier(
        path=Path(os.path.relpath(folder, beside / "stamp")).as_posix(),
        phase=manifest.phase,
        stamp=manifest.stamp,
        status=manifest.status,
        exit_code=int((folder / "exit_code.txt").read_text()),
        tests=junit.tests,
        failures=junit.failures + junit.errors,
        gradients=len(entries),
        zero=sum(entry.status == "zero" for entry in entries),
        loss=gradients.records[0].loss if len(gradients.records) == 1 else None,
        met=sum(criterion.met for criterion in criteria),
        criteria=len(criteria),
    )
