"""Turning what a run left in its partial folder into a whole evidence folder: the same steps for every ending."""

import contextlib
import errno
import shutil
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from filelock import Timeout

from gradtriage import __version__
from gradtriage.errors import DocumentError, EvidenceError, GradTriageError
from gradtriage.evidence.capture import read_capture
from gradtriage.evidence.chunks import capture_folders
from gradtriage.evidence.diagnosis import told_diagnosis
from gradtriage.evidence.environment import environment_document
from gradtriage.evidence.events import merge_gradients
from gradtriage.evidence.files import files_below, sha256, write_whole
from gradtriage.evidence.folder import (
    ENDING,
    PASSING,
    REQUEST,
    PartialFolder,
    children_of,
    is_alive,
    note_ending,
    noted_ending,
    partial_folders,
    sealing_lock,
)
from gradtriage.evidence.junit import JUnit, read_junit
from gradtriage.evidence.junit_write import rebuild_junit
from gradtriage.evidence.scanning import scan_document
from gradtriage.history.registry import locked_registry
from gradtriage.model.diagnosis import DiagnosisDocument
from gradtriage.model.document import to_json
from gradtriage.model.documents import Criteria, CriterionResult, Ending, FileEntry, Manifest, TaskDocument
from gradtriage.report.picture import path_picture
from gradtriage.report.summary import count_sections, render_summary
from gradtriage.run import tree
from gradtriage.run.codes import suite_exit_code
from gradtriage.run.seal_suite import (
    abandoned_chunk_endings,
    chunk_exit_codes,
    is_suite,
    write_suite,
)
from gradtriage.triage.captured import Captured, read_captured, read_told
from gradtriage.triage.checks import evaluate
from gradtriage.triage.figures import figures
from gradtriage.triage.judgement import Judgement, judge

_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


def seal(partial: PartialFolder, ending: Ending) -> Path:
    """Writes the documents that follow from the capture, then the manifest, and gives the folder its plain name.

    Raises:
        EvidenceError: The disk is full or the folder not writable; what was captured stays in the partial folder,
            and the next command tries again.
    """
    note_ending(partial, ending.to_json())
    suite = is_suite(partial.path)
    for attempt in (1, 2):
        try:
            with locked_registry(partial.path.parent.parent) if suite else contextlib.nullcontext():
                return _sealed(partial, ending)
        except OSError as error:
            if attempt == 1 and error.errno in _FULL and partial.release_reserve():
                continue
            raise EvidenceError(
                f"{partial.path}: cannot be completed: {error.strerror or error}; nothing captured is lost, free "
                f"space and run `gradtriage verify {partial.path}`"
            ) from error
    raise AssertionError("unreachable")


def _sealed(partial: PartialFolder, ending: Ending) -> Path:
    folder = partial.path
    task = TaskDocument.read(folder / "task.json")
    write_whole(folder / "ending.json", ending.to_json())
    write_whole(folder / "exit_code.txt", f"{ending.exit_code}\n")
    _remove_what_is_no_file(folder)
    (folder / "pytest.log").touch()
    told = read_told(folder)
    events = told.events
    if is_suite(folder):
        junit = write_suite(folder, folder.parent.parent, told.chunks)
    else:
        junit = _readable_junit(folder, events)
    write_whole(folder / "gradients.json", to_json(merge_gradients(events)))
    environment = environment_document(events, task.pins, task.commit, task.dirty)
    write_whole(folder / "environment.json", to_json(environment))
    _write_diagnosis(folder, events)
    _write_scan(folder, events)
    captured = read_captured(folder, told, junit)
    judgement = judge(captured)
    criteria = judge_criteria(captured, judgement)
    write_whole(folder / "criteria.json", criteria.to_json())
    write_whole(folder / "summary.md", render_summary(captured, judgement, criteria))
    for leftover in (*folder.rglob(".*.new"), *folder.rglob(REQUEST)):
        leftover.unlink(missing_ok=True)
    write_whole(folder / "manifest.json", _manifest(captured, judgement).to_json())
    return partial.publish()


def _remove_what_is_no_file(folder: Path) -> None:
    """Links and pipes that a test put there: what they lead to is not captured, and nothing can vouch for it."""
    for path in folder.rglob("*"):
        if path.is_symlink() or not (path.is_file() or path.is_dir()):
            path.unlink()


def _readable_junit(folder: Path, events: list[dict[str, Any]]) -> JUnit:
    """Makes sure that there is a JUnit file to read; one that is cut off or refused is kept beside the rebuilt one."""
    path = folder / "pytest.xml"
    try:
        return read_junit(path)
    except DocumentError as error:
        if path.exists():
            shutil.move(path, folder / "pytest-unread.xml")
        write_whole(path, rebuild_junit(events, str(error)))
        return read_junit(path)


def _write_diagnosis(folder: Path, events: list[dict[str, Any]]) -> None:
    document = told_diagnosis(events)
    if document is not None:
        text = to_json(document)
        picture = path_picture(DiagnosisDocument.parse(text, "diagnosis.json"))
        write_whole(folder / "diagnosis.json", text)
        if picture is not None:
            write_whole(folder / "path.svg", picture)


def _write_scan(folder: Path, events: list[dict[str, Any]]) -> None:
    if (folder / "replays").is_dir() or folder.parent.name == "scan":
        document = scan_document(events, read_capture(folder / "replays"))
        write_whole(folder / "scan.json", to_json(document))


def judge_criteria(captured: Captured, judgement: Judgement) -> Criteria:
    """Evaluates the exit criteria of a run over its figures.

    The number of the summary's sections is one of the figures; it does not depend on how the criteria end.
    """
    asked = [criterion for criterion in captured.task.criteria if criterion.check is not None]
    unjudged = Criteria(
        criteria=[CriterionResult(id=c.id, text=c.text, check=c.check or "", measured=None, met=False) for c in asked]
    )
    names = figures(captured, count_sections(render_summary(captured, judgement, unjudged)))
    results = []
    for criterion in asked:
        measured = evaluate(criterion.check or "", names)
        problem = {"problem": measured.problem} if measured.problem else {}
        results.append(
            CriterionResult(
                id=criterion.id,
                text=criterion.text,
                check=criterion.check or "",
                measured=measured.values,
                met=measured.met,
                **problem,
            )
        )
    return Criteria(criteria=results)


def _manifest(captured: Captured, judgement: Judgement) -> Manifest:
    folder, task = captured.folder, captured.task
    names = [name for name in files_below(folder) if name != "manifest.json" and Path(name).name not in PASSING]
    return Manifest(
        initiative=task.initiative,
        phase=task.phase,
        stamp=task.stamp,
        start=task.start,
        end=captured.ending.end,
        status=judgement.status,
        tool_version=__version__,
        files=[
            FileEntry(path=name, bytes=(folder / name).stat().st_size, sha256=sha256(folder / name)) for name in names
        ],
        faults=list(judgement.faults),
        in_flight=list(captured.in_flight),
    )


def seal_abandoned(partial: PartialFolder) -> Path | None:
    """Seals the folder of a runner that was killed, as `interrupted`; None while its runner lives.

    Raises:
        EvidenceError: The folder holds too little to be evidence, or cannot be completed.
    """
    lock = sealing_lock(partial)
    try:
        with lock:
            try:
                return _seal_alone(partial)
            finally:
                if not partial.path.exists():  # who still waits for the lock finds nothing to do
                    Path(lock.lock_file).unlink(missing_ok=True)
    except Timeout:
        return None
    except OSError as error:
        raise EvidenceError(
            f"{partial.path}: cannot be sealed: {error.strerror or error}; make the folder writable and try again"
        ) from error


def _seal_alone(partial: PartialFolder) -> Path | None:
    if not partial.path.exists() or is_alive(partial):
        return None
    left = sum(tree.kill(pid, mark) for mark, pid in children_of(partial))
    if not (partial.path / "task.json").exists():
        shutil.rmtree(partial.path)  # killed before anything was asked: there is no evidence in it
        return None
    return seal(partial, _abandoned_ending(partial, left))


def _abandoned_ending(partial: PartialFolder, left: int) -> Ending:
    if (partial.path / "ending.json").exists():  # the run itself had ended; only the sealing was cut short
        return Ending.read(partial.path / "ending.json")
    if (noted := noted_ending(partial)) is not None:
        return Ending.parse(noted, str(partial.path / ENDING))
    if is_suite(partial.path):
        abandoned_chunk_endings(partial.path, lambda chunk: _ending_by_events(partial, chunk, left))
        ending = _ending_by_events(partial, partial.path, left)
        return ending.model_copy(update={"exit_code": suite_exit_code(chunk_exit_codes(partial.path))})
    return _ending_by_events(partial, partial.path, left)


def _ending_by_events(partial: PartialFolder, capture: Path, left: int) -> Ending:
    """How a process ended whose runner was killed, as far as its events tell."""
    events = [event for folder in capture_folders(capture) for event in read_capture(folder)]
    # workers of xdist finish too, and before the process that has the session's status
    finish = next((event for event in reversed(events) if event["event"] == "session_finish"), None)
    start = datetime.fromisoformat(TaskDocument.read(partial.path / "task.json").start)
    seen = [datetime.fromtimestamp(event["time"], UTC) for event in events]
    last = max([start, *seen])
    return Ending(
        cause="abandoned",
        exit_code=-9 if finish is None else int(finish["exit_status"]),
        exit_code_source="assumed" if finish is None else "session",
        end=last.isoformat(timespec="milliseconds"),
        left_processes=left,
        log_error=None,
    )


def seal_all_abandoned(reports: Path, failed: Callable[[GradTriageError], object]) -> list[Path]:
    """Seals every partial folder below a place whose runner is gone.

    Args:
        reports: The place.
        failed: Told of each folder that cannot be sealed; it does not keep the others from it.

    Returns:
        The sealed folders.
    """
    sealed = []
    for partial in partial_folders(reports) if reports.is_dir() else []:
        try:
            folder = seal_abandoned(partial)
        except GradTriageError as error:
            failed(error)
        else:
            sealed += [folder] if folder is not None else []
    return sealed
