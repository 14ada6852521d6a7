"""One subprocess under a time limit: output streamed to terminal and log, status from the process itself."""

import contextlib
import ctypes
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import IO, Literal

from gradtriage.errors import UsageError
from gradtriage.run import tree
from gradtriage.run.memory import MemoryWatch

Cause = Literal["exited", "timeout", "interrupted", "memory"]
_POLL = 0.05
_DRAIN = 2.0
_PR_SET_PDEATHSIG = 1


@dataclass(frozen=True)
class Job:
    """What to start and where its output goes.

    Attributes:
        mark: Carried in the environment by everything the job starts.
        timeout: Seconds until it is stopped.
        grace: Seconds it gets after the interrupt, and again after the termination signal.
        echo: Where the output is shown while it comes; None for nowhere.
        memory: Bytes that all its processes may hold together; None for no limit.
    """

    command: Sequence[str]
    cwd: Path
    env: dict[str, str]
    mark: str
    log: Path
    timeout: float
    grace: float
    echo: IO[bytes] | None = None
    memory: int | None = None


@dataclass(frozen=True)
class Ending:
    """How a job ended.

    Attributes:
        exit_code: The process's own status; negative for a signal.
        cause: `exited` by itself, or stopped for its `timeout`, its `memory` or because the user `interrupted`.
        left: Processes that the job left behind and that were killed.
        log_error: Why the log is not whole, if it is not.
    """

    exit_code: int
    cause: Cause
    left: int
    log_error: str | None


def run_job(job: Job, started: Callable[[int], None]) -> Ending:
    """Runs a job to its end, whatever that is.

    Args:
        job: What to run.
        started: Called with the process id right after the start.

    Raises:
        UsageError: The program cannot be started.
    """
    with _signals_noted() as noted, tree.adopting() as others:
        process = _start(job)
        copy = _Copy(process.stdout, job)
        copy.start()
        try:
            started(process.pid)
            cause = _wait(process, job, noted, others)
        except BaseException:
            tree.kill(process.pid, job.mark, others)
            process.wait()
            copy.finish()
            raise
        left = tree.kill(process.pid, job.mark, others)
        copy.finish()
    return Ending(process.returncode, cause, left, copy.error)


def _start(job: Job) -> subprocess.Popen[bytes]:
    try:
        return subprocess.Popen(
            job.command,
            cwd=job.cwd,
            env={**job.env, tree.MARK: job.mark},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            preexec_fn=_die_with_parent() if sys.platform == "linux" else None,
        )
    except (OSError, ValueError) as error:
        raise UsageError(f"{job.command[0]}: cannot be started: {getattr(error, 'strerror', None) or error}") from error


def _wait(process: subprocess.Popen[bytes], job: Job, noted: list[int], others: Collection[int] | None) -> Cause:
    memory = MemoryWatch(process.pid, job.memory)
    if _ends_within(process, job.timeout, lambda: bool(noted) or memory.is_exceeded()):
        return "exited"
    if memory.exceeded:  # it would go on to grow while it is asked to end
        tree.kill(process.pid, job.mark, others)
        process.wait()
        return "memory"
    cause: Cause = "interrupted" if noted else "timeout"
    asked = len(noted)
    for signum in (signal.SIGINT, signal.SIGTERM):
        if len(noted) > asked:  # asked a second time: no more patience
            break
        tree.send(tree.members(process.pid, job.mark, others), signum)
        if _ends_within(process, job.grace, lambda: len(noted) > asked):
            return cause
    tree.kill(process.pid, job.mark, others)
    process.wait()
    return cause


def _ends_within(process: subprocess.Popen[bytes], seconds: float, impatient: Callable[[], bool]) -> bool:
    """Waits for a process, at most some seconds or until somebody loses patience; whether it ended."""
    end = time.monotonic() + seconds
    while process.poll() is None and not impatient() and time.monotonic() < end:
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(_POLL)
    return process.returncode is not None


class _Copy(threading.Thread):
    """Copies the output to the log and the terminal; a full disk or a closed terminal does not stop the job."""

    def __init__(self, pipe: IO[bytes] | None, job: Job) -> None:
        super().__init__(daemon=True)
        assert pipe is not None  # noqa: S101 - asked for with PIPE
        self._pipe, self._job = pipe, job
        self._lock, self._closed = threading.Lock(), False
        self.error: str | None = None

    def run(self) -> None:
        echo = self._job.echo
        try:
            log: IO[bytes] | None = self._job.log.open("wb", buffering=0)
        except OSError as error:
            log, self.error = None, f"pytest.log: {error.strerror or error}"
        with self._pipe, contextlib.suppress(OSError):
            while chunk := os.read(self._pipe.fileno(), 65536):
                if log is not None and self.error is None:
                    self._write(log, chunk)
                if echo is not None:
                    try:
                        echo.write(chunk)
                        echo.flush()
                    except (OSError, ValueError):
                        echo = None
        if log is not None:
            log.close()

    def _write(self, log: IO[bytes], chunk: bytes) -> None:
        try:
            with self._lock:
                while chunk and not self._closed:
                    chunk = chunk[log.write(chunk) :]
        except OSError as error:
            self.error = f"pytest.log: {error.strerror or error}"

    def finish(self) -> None:
        """Waits for the rest of the output; from then on the log stays as it is.

        A process out of our reach that still holds the pipe cannot keep us, nor can a terminal that takes nothing.
        """
        self.join(_DRAIN)
        with self._lock:
            self._closed = True
        if self.is_alive():
            self.error = self.error or "pytest.log: the output was still held open after the end of the run"


@contextlib.contextmanager
def _signals_noted() -> Iterator[list[int]]:
    """Collects interrupt signals instead of raising them, so that a run always comes to its orderly end."""
    noted: list[int] = []
    if threading.current_thread() is not threading.main_thread():
        yield noted
        return

    def note(signum: int, _: FrameType | None) -> None:
        noted.append(signum)

    wanted = [getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name)]
    # what is ignored stays so: `nohup` and background jobs of a script do that
    before = {s: signal.signal(s, note) for s in wanted if signal.getsignal(s) is not signal.SIG_IGN}
    try:
        yield noted
    finally:
        for signum, handler in before.items():
            signal.signal(signum, handler)


def _die_with_parent() -> Callable[[], None]:
    """Lets the kernel kill the test process when the runner is killed: nobody writes into a folder without a runner.

    And, when memory is short, before it kills the runner.
    """
    prctl = ctypes.CDLL(None).prctl
    parent = os.getpid()

    def arrange() -> None:
        prctl(_PR_SET_PDEATHSIG, int(signal.SIGKILL), 0, 0, 0)
        with contextlib.suppress(OSError), open("/proc/self/oom_score_adj", "w") as score:  # noqa: PTH123 - after a fork
            score.write("500")
        if os.getppid() != parent:
            os._exit(1)

    return arrange
