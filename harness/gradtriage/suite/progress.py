"""How far a suite is: a bar with the time left on a terminal, a line now and then elsewhere."""

import importlib
import threading
import time
from collections.abc import Callable
from typing import TextIO

import click

from gradtriage.evidence.chunks import ChunkProgress
from gradtriage.model.documents import Ending
from gradtriage.suite.chunk import Chunk
from gradtriage.suite.watcher import Watcher

_EVERY = 0.5
_LINE_EVERY = 60.0
_PYTEST_CODES = (0, 1, 4, 5)  # of a session that came to its end, or was never begun


class SuiteProgress(Watcher):
    """Follows the event streams of the chunks in a thread of its own, so that it does not matter who runs them.

    Args:
        stream: Where to write.
        say: Prints a line.
    """

    def __init__(self, stream: TextIO, say: Callable[[str], object]) -> None:
        self._stream, self._say = stream, say
        self._live: dict[str, ChunkProgress] = {}
        self._ended: dict[str, None] = {}
        self._collected = 0
        self._lock, self._over = threading.Lock(), threading.Event()
        self._thread = threading.Thread(target=self._follow, daemon=True)

    def __enter__(self) -> "SuiteProgress":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()

    def opened(self, chunk: Chunk, progress: ChunkProgress) -> None:
        """Takes note of a chunk that starts."""
        with self._lock:
            self._live[chunk.id] = progress

    def closed(self, chunk: Chunk, ending: Ending) -> None:
        """Says how a chunk ended that did not come to its end."""
        if ending.cause != "exited" or ending.exit_code not in _PYTEST_CODES:
            self._say(f"chunk {chunk.id}: {_how(ending)}; what it left goes on")

    def _follow(self) -> None:
        # takes long, and is needed when the tests are over
        importlib.import_module("gradtriage.run.seal")
        importlib.import_module("gradtriage.report.summary").prepare()
        if self._stream.isatty():
            self._draw_bar()
        else:
            self._write_lines()

    def _draw_bar(self) -> None:
        shown = 0
        while not self._over.wait(_EVERY) and not self._collected:
            self._look()
        if not self._collected:
            return
        with click.progressbar(length=self._collected, label="tests", file=self._stream, show_pos=True) as bar:
            while True:
                over = self._over.wait(_EVERY)
                self._look()
                bar.length = max(self._collected, len(self._ended))
                bar.update(len(self._ended) - shown)
                shown = len(self._ended)
                if over:
                    return

    def _write_lines(self) -> None:
        begin = last = time.monotonic()
        while not self._over.wait(_EVERY):
            self._look()  # what is read now needs no reading when the tests are over
            if time.monotonic() - last >= _LINE_EVERY:
                last = time.monotonic()
                self._say(_line(len(self._ended), self._collected, last - begin))

    def _look(self) -> None:
        with self._lock:
            live = list(self._live.values())
        for progress in live:
            progress.look()
            self._ended |= dict(progress.ended)
            self._collected = max(self._collected, len(progress.collection or ()))


def _line(ended: int, collected: int, seconds: float) -> str:
    left = f", about {_duration(seconds / ended * (collected - ended))} left" if ended and collected else ""
    return f"{ended} of {collected or '?'} tests after {_duration(seconds)}{left}"


def _duration(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest} s" if minutes else f"{rest} s"


def _how(ending: Ending) -> str:
    if ending.cause == "timeout":
        return "its time limit was up"
    if ending.cause == "memory":
        return "it took too much memory and was stopped"
    if ending.cause == "interrupted":
        return "interrupted"
    return f"its process ended with exit code {ending.exit_code}"
