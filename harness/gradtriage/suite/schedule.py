"""Which chunks a suite runs: balanced ones first, then whatever they left, until every test started."""

from collections.abc import Sequence
from concurrent.futures import FIRST_COMPLETED, Executor, Future, wait
from dataclasses import dataclass, field
from pathlib import Path

from gradtriage.evidence.chunks import ChunkProgress
from gradtriage.evidence.partition import expected_seconds, partition, parts_needed
from gradtriage.model.documents import Ending
from gradtriage.run.command import Interpreter
from gradtriage.suite.chunk import Chunk, run_chunk
from gradtriage.suite.task import SuiteTask
from gradtriage.suite.watcher import Watcher

_POLL = 0.2
ONE_PROCESS = "0"


@dataclass
class Schedule:
    """The chunks of one run of a suite.

    Attributes:
        suite: What to run.
        python: The interpreter that runs the tests.
        folder: The suite's folder.
        watcher: Who wants to know.
        done: Tests that an earlier run brought to their end, or that are not to be tried again.
        first: Number of the first chunk.
        endings: How each chunk ended, in that order.
        superseded: Chunks whose workers collected different tests, and that were run anew.
    """

    suite: SuiteTask
    python: Interpreter
    folder: Path
    watcher: Watcher
    done: Sequence[str] = ()
    first: int = 1
    endings: list[Ending] = field(default_factory=list)
    superseded: set[str] = field(default_factory=set)
    _queue: list[Chunk] = field(default_factory=list)
    _progress: dict[str, ChunkProgress] = field(default_factory=dict)
    _running: dict[Future[Ending], Chunk] = field(default_factory=dict)
    _continued: dict[str, int] = field(default_factory=dict)
    _collecting: str = ""
    _first_part: list[str] | None = None
    _workers: str | None = None

    def run(self, executor: Executor, width: int) -> None:
        """Runs every chunk.

        Args:
            executor: Runs the processes.
            width: How many it is given at once.
        """
        self._workers = self.suite.workers
        self._queue.append(self._first_chunk(str(self.first)))
        while self._queue or self._running:
            while self._queue and len(self._running) < width and not self._stopped:
                self._submit(executor, self._queue.pop(0))
            if not self._running:
                return
            finished, _ = wait(self._running, timeout=_POLL, return_when=FIRST_COMPLETED)
            for future in finished:
                self._close(self._running.pop(future), future.result())
            self._take_collection()

    @property
    def _stopped(self) -> bool:
        return any(ending.cause == "interrupted" for ending in self.endings)

    def _first_chunk(self, chunk_id: str) -> Chunk:
        self._collecting = chunk_id
        asked = {"part": 1, "of": self._parts(), "done": list(self.done), "durations": dict(self.suite.durations)}
        return Chunk(chunk_id, None, self._workers, asked)

    def _parts(self) -> int:
        if self.suite.chunks is not None:
            return self.suite.chunks
        rest = sum(self.suite.durations.values()) - sum(self.suite.durations.get(test, 0.0) for test in self.done)
        return parts_needed(rest, self.suite.budget)

    def _submit(self, executor: Executor, chunk: Chunk) -> None:
        progress = self._progress[chunk.id] = ChunkProgress(chunk.folder(self.folder))
        self.watcher.opened(chunk, progress)
        future = executor.submit(run_chunk, self.suite.task, self.python, self.folder, chunk)
        self._running[future] = chunk

    def _take_collection(self) -> None:
        """Once the first chunk has collected, the others can be given their tests."""
        if self._first_part is not None or self._collecting not in self._progress:
            return
        progress = self._progress[self._collecting]
        progress.look()
        if progress.collection is None or progress.collections_differ:
            return
        done = set(self.done)
        rest = [test for test in progress.collection if test not in done]
        self._first_part, *others = partition(rest, self.suite.durations, self._parts()) or [[]]
        for number, part in enumerate(others, self.first + 1):
            self._queue.append(self._chunk(str(number), part))

    def _chunk(self, chunk_id: str, tests: Sequence[str]) -> Chunk:
        durations = {test: self.suite.durations[test] for test in tests if test in self.suite.durations}
        return Chunk(chunk_id, tuple(tests), self._workers, {"durations": durations})

    def _close(self, chunk: Chunk, ending: Ending) -> None:
        progress = self._progress[chunk.id]
        progress.look()
        self.endings.append(ending)
        self.watcher.closed(chunk, ending)
        if progress.collections_differ and self._workers != ONE_PROCESS:
            self._fall_back(chunk)
            return
        if chunk.id == self._collecting:
            self._take_collection()
        given = (self._first_part or ()) if chunk.nodeids is None else chunk.nodeids
        gone = self._not_there(chunk)
        left = [test for test in given if test not in progress.started and test not in gone]
        if left and progress.started:
            self._continue(chunk, left, progress)

    def _fall_back(self, chunk: Chunk) -> None:
        """Workers that collect different tests cannot share them: the chunk runs anew in one process."""
        self._workers = ONE_PROCESS
        self.superseded.add(chunk.id)
        root = chunk.id.partition(".")[0]
        self._continued[root] = number = self._continued.get(root, 1) + 1
        again = f"{root}.{number}"
        self._queue.insert(0, self._first_chunk(again) if chunk.nodeids is None else self._chunk(again, chunk.nodeids))

    def _not_there(self, chunk: Chunk) -> set[str]:
        """Tests that a process was given and did not find; it is no use to ask again."""
        selected = self._progress[chunk.id].selected
        if chunk.nodeids is None or not selected:
            return set()
        return set(chunk.nodeids).difference(*selected)

    def _continue(self, chunk: Chunk, left: Sequence[str], progress: ChunkProgress) -> None:
        """What a chunk left is run by further ones; by several where it ran out of time and one would, too."""
        parts = 1
        if progress.budget_spent:
            parts = parts_needed(sum(self._expected(left, progress).values()), self.suite.budget)
        root = chunk.id.partition(".")[0]
        for part in partition(left, self.suite.durations, parts):
            self._continued[root] = number = self._continued.get(root, 1) + 1
            self._queue.append(self._chunk(f"{root}.{number}", part))

    def _expected(self, left: Sequence[str], progress: ChunkProgress) -> dict[str, float]:
        """What the rest will take: as recorded, or at the pace that the chunk has shown."""
        if self.suite.durations:
            return expected_seconds(left, self.suite.durations)
        pace = self.suite.budget / max(1, len(progress.ended))
        return dict.fromkeys(left, pace)
