"""One chunk of a suite: a pytest process of its own, with a folder of its own."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path

from gradtriage.evidence.chunks import CHUNKS
from gradtriage.evidence.files import write_whole
from gradtriage.model.documents import Ending
from gradtriage.model.suite import ChunkDocument
from gradtriage.run.command import Interpreter
from gradtriage.run.runner import execute
from gradtriage.run.task import Task


@dataclass(frozen=True)
class Chunk:
    """What one process is to run; can be pickled, so that an engine elsewhere can run it.

    Attributes:
        id: `3`, and `3.2` for what goes on where 3 ended.
        nodeids: The tests; None for the first chunk, which runs its part of what it collects.
        workers: xdist's `-n`; None for one process.
        asked: What else the plugin is asked: which part of how many, what is done already.
    """

    id: str
    nodeids: tuple[str, ...] | None
    workers: str | None = None
    asked: Mapping[str, object] = field(default_factory=dict)

    def folder(self, suite: Path) -> Path:
        """Its folder in the suite's."""
        return suite / CHUNKS / self.id


def run_chunk(task: Task, python: Interpreter, suite: Path, chunk: Chunk) -> Ending:
    """Runs a chunk to its end and leaves its capture in its folder.

    Args:
        task: The suite's run.
        python: The interpreter that runs the tests.
        suite: The suite's folder.
        chunk: What to run.
    """
    folder = chunk.folder(suite)
    folder.mkdir(parents=True)
    asked = ChunkDocument(
        id=chunk.id,
        start=datetime.now(UTC).isoformat(timespec="milliseconds"),
        nodeids=None if chunk.nodeids is None else list(chunk.nodeids),
        budget=task.chunk.timeout,
        workers=chunk.workers,
    )
    write_whole(folder / "chunk.json", asked.to_json())
    args = [*task.chunk.args, *_distribution(chunk.workers), "--maxfail=0"]  # the last one counts
    request = {"chunk": {"nodeids": asked.nodeids, "budget": task.chunk.timeout, **chunk.asked}}
    alone = replace(task, chunk=task.chunk.model_copy(update={"args": args}), request=request)
    ending = execute(alone, python, folder, None, junit=False)
    write_whole(folder / "ending.json", ending.to_json())
    return ending


def _distribution(workers: str | None) -> list[str]:
    """Xdist's options; a worker that died is not replaced, since a replacement can wait for ever."""
    return [] if workers is None else ["-p", "xdist", "-n", workers, "--max-worker-restart=0"]
