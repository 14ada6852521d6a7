"""Known-good runs: recorded at another revision, saved to a file, read from one."""

import shutil
import tempfile
import uuid
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from gradtriage.errors import BaselineError, DocumentError
from gradtriage.evidence.commit import checked_out as commit_of
from gradtriage.evidence.files import write_whole
from gradtriage.evidence.folder import REQUEST
from gradtriage.model.baseline import BaselineDocument
from gradtriage.model.document import to_json
from gradtriage.model.plan import PytestChunk
from gradtriage.model.settings import Project
from gradtriage.run.command import environment_with, interpreter, pytest_command
from gradtriage.run.process import Job, run_job
from gradtriage.run.task import EXPLAIN_PINS
from gradtriage.run.worktree import Worktree, checked_out, import_path

_PYTEST_USAGE, _PYTEST_NOTHING = 4, 5


@dataclass(frozen=True)
class Baseline:
    """A file of known-good runs that can be used.

    Attributes:
        shown: What it is, in the user's words.
    """

    path: Path
    shown: str

    @property
    def request(self) -> dict[str, object]:
        """What the plugin is asked for."""
        return {"baseline": {"path": str(self.path.resolve()), "against": self.shown}}


def read_baseline(path: Path) -> Baseline:
    """A saved baseline.

    Raises:
        BaselineError: The file is missing, cut off, or no baseline that this version reads.
    """
    try:
        document = BaselineDocument.read(path)
    except DocumentError as error:
        raise BaselineError(f"{error}; save one with --save-baseline where the code is known to be good") from error
    return Baseline(path, f"{path.name} ({document.commit[:7]})" if document.commit else path.name)


@contextmanager
def recording(project: Project, target: Path) -> Iterator[dict[str, object]]:
    """What the plugin is asked for to record a baseline; at the end the file is put in its place.

    Raises:
        BaselineError: Nothing was recorded, or it cannot be written there.
    """
    commit, dirty = commit_of(project.root)
    with tempfile.TemporaryDirectory(prefix="gradtriage-") as folder:
        made = Path(folder, "baseline.json")
        yield {"record": {"path": str(made), "commit": commit, "dirty": dirty}}
        if not made.exists():
            raise BaselineError(f"{target}: not written, no test ran; see the evidence for the reason")
        for run in _checked(made, "the recorded run").tests:
            if run.problem:
                raise BaselineError(f"{target}: not written, {run.nodeid}: {run.problem}")
        try:
            write_whole(target, made.read_text(encoding="utf-8"))
        except OSError as error:
            raise BaselineError(f"{target}: cannot be written: {error.strerror or error}") from error


@contextmanager
def recorded_at(project: Project, revision: str, chunk: PytestChunk, echo: IO[bytes] | None) -> Iterator[Baseline]:
    """The tests of a chunk, recorded at another revision of the project.

    The test is that of the revision: what was known to be good is the whole of it. Where the revision does not have
    it, today's test file is laid into the tree.

    Raises:
        BaselineError: The revision cannot be had, or its run gives no gradient computation.
    """
    with checked_out(project, revision) as worktree, tempfile.TemporaryDirectory(prefix="gradtriage-") as folder:
        capture = Path(folder)
        made = capture / "baseline.json"
        if _run(project, worktree, chunk, capture, echo) in (_PYTEST_USAGE, _PYTEST_NOTHING) or not made.exists():
            laid = [name for select in chunk.select for name in _lay(worktree, select)]
            if laid:
                _run(project, worktree, chunk, capture, echo)
        if not made.exists():
            raise BaselineError(f"--against {revision}: {_last_words(capture)}")
        document = _checked(made, f"the run at {worktree.shown}")
        if document.elsewhere:
            raise BaselineError(
                f"--against {revision}: the run there imports {document.elsewhere[0]}, which is today's; the project "
                "must be importable from its checkout"
            )
        problem = next((run.problem for run in document.tests if run.problem), None)
        if problem and all(run.problem for run in document.tests):
            raise BaselineError(f"--against {revision}: {problem}")
        yield Baseline(made, worktree.shown)


def _run(project: Project, worktree: Worktree, chunk: PytestChunk, capture: Path, echo: IO[bytes] | None) -> int:
    python = interpreter(project)
    asked = {"path": str(capture / "baseline.json"), "commit": worktree.commit, "dirty": False}
    request = {
        "schema": "gradtriage.request/1",
        "pins": dict(EXPLAIN_PINS),
        "record": {**asked, "apart_from": str(worktree.top)},
    }
    write_whole(capture / REQUEST, to_json(request))
    there = chunk.model_copy(
        update={
            "select": [worktree.moved(one) for one in chunk.select],
            "args": [worktree.moved(a) for a in chunk.args],
        }
    )
    with import_path(worktree, python.path, project) as extra:
        job = Job(
            command=[*pytest_command(python, there, capture), "-p", "no:cacheprovider"],
            cwd=worktree.root,
            env=environment_with(EXPLAIN_PINS, extra),
            mark=uuid.uuid4().hex,
            log=capture / "pytest.log",
            timeout=chunk.timeout,
            grace=chunk.grace,
            echo=echo,
        )
        end = run_job(job, lambda _: None)
    for old in capture.glob("events*.jsonl"):
        old.unlink()
    if end.cause == "interrupted":
        raise KeyboardInterrupt
    if end.cause == "timeout":
        raise BaselineError(f"the run at {worktree.shown} did not end within {chunk.timeout:g} s; see --timeout")
    return end.exit_code


def _lay(worktree: Worktree, select: str) -> Sequence[str]:
    """Today's test file, and the conftest files that it needs and the revision lacks, put into the tree."""
    name = worktree.moved(select.partition("::")[0])
    there = worktree.root / name
    if not there.is_relative_to(worktree.tree):
        return []
    inside = there.relative_to(worktree.tree)
    laid = []
    for file in (inside, *(folder / "conftest.py" for folder in inside.parents)):
        ours, theirs = worktree.top / file, worktree.tree / file
        if ours.is_file() and (file == inside or not theirs.exists()):
            theirs.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(ours, theirs)
            laid.append(str(file))
    return laid if str(inside) in laid else []


def _checked(path: Path, what: str) -> BaselineDocument:
    try:
        return BaselineDocument.read(path)
    except DocumentError as error:
        raise BaselineError(f"{what} cannot be read: {error}") from error


def _last_words(capture: Path) -> str:
    try:
        lines = (capture / "pytest.log").read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        lines = []
    errors = [line for line in lines if line.startswith(("E  ", "ERROR"))]
    said = (errors or [line for line in lines if line.strip()] or ["pytest said nothing"])[-1]
    return f"the test does not run there: {said.removeprefix('E').strip()}"
