"""The memory that a run holds, so that it can be ended before the machine is."""

import contextlib
import time
from pathlib import Path

import psutil

_EVERY = 0.5
_THOROUGH = 20  # every so many looks descendants are counted in any case
# Of what is available when a suite begins, this share may go to its tests.
SHARE = 0.8


def usual_limit() -> int:
    """The bytes that a run may hold where nobody says otherwise: most of what is available, here and in our cgroup."""
    return int(SHARE * min(psutil.virtual_memory().available, *_cgroup_room()))


def _cgroup_room() -> list[int]:
    room = []
    for limit, usage in (
        ("/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory.current"),
        ("/sys/fs/cgroup/memory/memory.limit_in_bytes", "/sys/fs/cgroup/memory/memory.usage_in_bytes"),
    ):
        with contextlib.suppress(OSError, ValueError):
            room.append(max(0, int(Path(limit).read_text()) - int(Path(usage).read_text())))
    return room or [psutil.virtual_memory().total]


class MemoryWatch:
    """Looks now and then at what a process and its descendants hold together.

    To look for descendants means to look at every process of the machine, so that is done only where the process itself
    or the machine's memory gives reason to, and now and then.

    Args:
        pid: The process.
        limit: Bytes that are too much; None to never look.
    """

    def __init__(self, pid: int, limit: int | None) -> None:
        self._pid, self._limit = pid, limit
        self._next = time.monotonic() + _EVERY
        self._looks = 0
        self._available = psutil.virtual_memory().available
        self.exceeded = False

    def is_exceeded(self) -> bool:
        """Whether it is too much by now."""
        if self._limit is None or self.exceeded or time.monotonic() < self._next:
            return self.exceeded
        self._next = time.monotonic() + _EVERY
        self._looks += 1
        with contextlib.suppress(psutil.Error):
            process = psutil.Process(self._pid)
            if self._is_suspicious(process, self._limit):
                self.exceeded = _held(process) > self._limit
        return self.exceeded

    def _is_suspicious(self, process: psutil.Process, limit: int) -> bool:
        used = self._available - psutil.virtual_memory().available
        return max(used, process.memory_info().rss) > limit / 2 or self._looks % _THOROUGH == 0


def _held(process: psutil.Process) -> int:
    held = 0
    for one in (process, *process.children(recursive=True)):
        with contextlib.suppress(psutil.Error):
            held += one.memory_info().rss
    return held
