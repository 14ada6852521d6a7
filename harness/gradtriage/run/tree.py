"""Process trees: every process that a run started, also one that left its session or lost its parent."""

import contextlib
import ctypes
import os
import signal
import sys
import time
from collections.abc import Collection, Iterable, Iterator

import psutil

# Inherited by everything that a run starts; a daemon that forked twice still carries it.
MARK = "GRADTRIAGE_RUN"
_PR_SET_CHILD_SUBREAPER = 36
_KILL = getattr(signal, "SIGKILL", signal.SIGTERM)


@contextlib.contextmanager
def adopting() -> Iterator[Collection[int] | None]:
    """Lets orphans come to this process while a run lasts, so that one which dropped its mark is still found.

    Yields:
        The children that we had before, which belong to nobody's run; None where the system knows no adoption.
    """
    if sys.platform != "linux" or not _adopt(True):
        yield None
        return
    me = psutil.Process()
    before = {child.pid for child in me.children()}
    try:
        yield before
    finally:
        _adopt(False)
        for child in me.children():
            if child.pid not in before:  # ended by itself after its parent did; nobody else will take note
                with contextlib.suppress(OSError):
                    os.waitpid(child.pid, os.WNOHANG)


def _adopt(on: bool) -> bool:
    try:
        return bool(ctypes.CDLL(None).prctl(_PR_SET_CHILD_SUBREAPER, int(on), 0, 0, 0) == 0)
    except (OSError, AttributeError):
        return False


def members(pid: int, mark: str, others: Collection[int] | None = None) -> list[psutil.Process]:
    """The living processes of a run: the session that `pid` leads, all that carry its mark, all that we adopted.

    Args:
        pid: The process that the run started with.
        mark: What it and its children carry in their environment.
        others: Our children that are not of the run, from `adopting`; None where none are adopted.
    """
    me, descendants, found = os.getpid(), _descendants(others), []
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error, OSError):
            if process.pid == me or process.status() == psutil.STATUS_ZOMBIE:
                continue
            if process.pid in descendants or _belongs(process, pid, mark):
                found.append(process)
    return found


def _descendants(others: Collection[int] | None) -> set[int]:
    if others is None:
        return set()
    found: set[int] = set()
    for child in psutil.Process().children():
        if child.pid not in others:
            found.add(child.pid)
            with contextlib.suppress(psutil.Error):
                found.update(process.pid for process in child.children(recursive=True))
    return found


def _belongs(process: psutil.Process, pid: int, mark: str) -> bool:
    with contextlib.suppress(psutil.Error, OSError):
        if process.environ().get(MARK) == mark:
            return True
    # A session outlives its leader; when the leader's number was given to a new process, that one has another mark.
    return hasattr(os, "getsid") and process.pid != pid and not psutil.pid_exists(pid) and os.getsid(process.pid) == pid


def send(processes: Iterable[psutil.Process], signum: signal.Signals) -> None:
    """Sends a signal to each process that still lives."""
    for process in processes:
        with contextlib.suppress(psutil.Error, OSError):
            process.send_signal(signum)


def kill(pid: int, mark: str, others: Collection[int] | None = None) -> int:
    """Kills every process of a run and waits for their end; arguments as for `members`.

    Returns:
        How many there were.
    """
    killed: set[int] = set()
    for _ in range(20):  # a process that is being killed can still start another
        living = members(pid, mark, others)
        if not living:
            break
        killed.update(process.pid for process in living)
        send(living, _KILL)
        _await_end(living, 1.0)
    return len(killed)


def _await_end(processes: Iterable[psutil.Process], seconds: float) -> None:
    """Waits without reaping: the exit status of our own child belongs to who started it, and is told only once."""
    end = time.monotonic() + seconds
    while time.monotonic() < end and any(_lives(process) for process in processes):
        time.sleep(0.01)


def _lives(process: psutil.Process) -> bool:
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.Error:
        return False
