"""Process trees: every process that a run started, also one that left its session or lost its parent."""

import contextlib
import os
import signal
from collections.abc import Iterable

import psutil

# Inherited by everything that a run starts; a daemon that forked twice still carries it.
MARK = "GRADTRIAGE_RUN"


def members(pid: int, mark: str) -> list[psutil.Process]:
    """The living processes of a run: the session that `pid` leads, and all that carry the run's mark."""
    me, found = os.getpid(), []
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error, OSError):
            if process.pid != me and process.status() != psutil.STATUS_ZOMBIE and _belongs(process, pid, mark):
                found.append(process)
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


def kill(pid: int, mark: str) -> int:
    """Kills every process of a run and waits for their end.

    Returns:
        How many there were.
    """
    killed: set[int] = set()
    for _ in range(20):  # a process that is being killed can still start another
        living = members(pid, mark)
        if not living:
            break
        killed.update(process.pid for process in living)
        send(living, _KILL)
        psutil.wait_procs(living, timeout=1)
    return len(killed)


_KILL = getattr(signal, "SIGKILL", signal.SIGTERM)
