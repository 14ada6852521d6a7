"""A progress bar on a terminal."""

from __future__ import annotations

import sys
import time
from typing import TextIO

_FIRST_AFTER = 2.0
"""Seconds of work before the bar appears: short runs need none."""

_AGAIN_AFTER = 0.2
_WIDTH = 30


class ProgressBar:
    """Draws how far a run is on standard error, once it has taken a while; nothing where that is no terminal.

    Args:
        wanted: False: never draw.
        stream: Where to draw; None: standard error.
    """

    def __init__(self, wanted: bool = True, stream: TextIO | None = None) -> None:
        self._stream = stream if stream is not None else sys.stderr
        self._wanted = wanted and self._stream.isatty()
        self._start = time.monotonic()
        self._drawn: float | None = None

    def __call__(self, done: int, total: int) -> None:
        """Take note of the progress.

        Args:
            done: Pixels that are finished.
            total: Pixels in all.
        """
        now = time.monotonic()
        waited = now - (self._drawn if self._drawn is not None else self._start)
        if not self._wanted or done <= 0 or waited < (_FIRST_AFTER if self._drawn is None else _AGAIN_AFTER):
            return
        self._drawn = now
        share = done / total
        left = (now - self._start) / share * (1.0 - share)
        bar = "#" * round(share * _WIDTH)
        self._stream.write(f"\r[{bar:<{_WIDTH}}] {100 * share:3.0f} %  {_duration(left)} left ")
        self._stream.flush()

    def close(self) -> None:
        """Wipe the bar, if there is one."""
        if self._drawn is not None:
            self._stream.write("\r" + " " * (_WIDTH + 30) + "\r")
            self._stream.flush()


def _duration(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest:02d} s" if minutes else f"{rest} s"
