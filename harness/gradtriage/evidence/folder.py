"""Evidence folders: partial while a run lives, renamed to a plain stamp when whole."""

import shutil
import socket
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import psutil
from filelock import FileLock

from gradtriage.errors import EvidenceError
from gradtriage.evidence.files import write_whole
from gradtriage.evidence.stamp import is_stamp, mint, order
from gradtriage.model.document import strict_json, to_json

RUNNING = "running.json"
# What the plugin is told of the pins; holds their values, so it never stays.
REQUEST = "request.json"
RUNNING_SCHEMA = "gradtriage.running/1"
# A reserve that is given up when the disk is full, so that what was captured can still be sealed.
RESERVE = ".reserve"
RESERVE_BYTES = 512 * 1024
# Room for the ending of the process, taken at the start: how a run ended can be noted on a disk that is full.
ENDING = ".ending"
ENDING_BYTES = 4096
CHILD = "child.json"
CHILD_SCHEMA = "gradtriage.child/1"
# What a living run needs and a whole folder does not have.
PASSING = (RUNNING, RESERVE, ENDING, CHILD)
_MOVING_SECONDS = 5.0


@dataclass(frozen=True)
class PartialFolder:
    """The folder of a run that lives (or was killed): `.<stamp>.partial`."""

    path: Path
    stamp: str

    @property
    def final(self) -> Path:
        """Where the folder goes when it is whole."""
        return self.path.with_name(self.stamp)

    def release_reserve(self) -> bool:
        """Gives up the reserved space; whether there was any left to give."""
        try:
            (self.path / RESERVE).unlink()
        except FileNotFoundError:
            return False
        return True

    def publish(self) -> Path:
        """Renames the folder to its plain stamp: from here on it is whole.

        Raises:
            EvidenceError: A folder of that name exists already; nothing is overwritten.
        """
        for name in PASSING:
            (self.path / name).unlink(missing_ok=True)
        for noted in self.path.rglob(CHILD):
            noted.unlink(missing_ok=True)
        if self.final.exists():
            raise EvidenceError(f"{self.final} exists already; the evidence stays in {self.path}")
        self.path.rename(self.final)
        return self.final


def open_partial(parent: Path, now: datetime) -> PartialFolder:
    """Creates the partial folder of a new run and says in it who is running.

    Two runs in the same second get different stamps, also when they start in different processes.

    Raises:
        EvidenceError: The folder cannot be created or written.
    """
    try:
        parent.mkdir(parents=True, exist_ok=True)
        for attempt in range(1, 10_000):
            stamp = mint(now, attempt)
            partial = PartialFolder(parent / f".{stamp}.partial", stamp)
            if partial.final.exists():
                continue
            try:
                partial.path.mkdir()
            except FileExistsError:
                continue
            if partial.final.exists():  # the other run of this second finished in between
                partial.path.rmdir()
                continue
            _occupy(partial, now)
            return partial
    except OSError as error:
        raise EvidenceError(
            f"{parent}: cannot hold evidence: {error.strerror or error}; free space or choose another 'reports'"
        ) from error
    raise EvidenceError(f"{parent}: no free stamp for {mint(now)}")


def _occupy(partial: PartialFolder, now: datetime) -> None:
    me = psutil.Process()
    running = {
        "schema": RUNNING_SCHEMA,
        "pid": me.pid,
        "started": me.create_time(),
        "host": socket.gethostname(),
        "start": now.astimezone(UTC).isoformat(timespec="seconds"),
    }
    try:
        write_whole(partial.path / RUNNING, to_json(running))
        with (partial.path / RESERVE).open("wb") as file:
            file.write(b"\0" * RESERVE_BYTES)
        (partial.path / ENDING).write_bytes(b" " * ENDING_BYTES)
    except OSError:
        shutil.rmtree(partial.path, ignore_errors=True)
        raise


def note_child(capture: Path, pid: int, mark: str) -> None:
    """Writes down the process that runs the tests, so that a later command can end what a killed runner left.

    Args:
        capture: Where that process leaves its capture: the evidence folder or one in it.
        pid: The process.
        mark: What it and its children carry in their environment.
    """
    write_whole(capture / CHILD, to_json({"schema": CHILD_SCHEMA, "pid": pid, "mark": mark}))


def note_ending(partial: PartialFolder, text: str) -> None:
    """Writes down how the process ended, in room that is there already; what does not fit is not noted."""
    data = text.encode()
    try:
        with (partial.path / ENDING).open("r+b") as file:
            if len(data) <= ENDING_BYTES:
                file.write(data)
    except OSError:
        return  # a disk that not even takes this; the ending is derived from the events then


def noted_ending(partial: PartialFolder) -> str | None:
    """What `note_ending` wrote, if it came so far."""
    try:
        return (partial.path / ENDING).read_text(encoding="utf-8").strip() or None
    except (OSError, UnicodeDecodeError):
        return None


def partial_folders(reports: Path) -> list[PartialFolder]:
    """Every partial folder below a place, oldest first."""
    found = []
    for path in reports.rglob(".*.partial"):
        stamp = path.name.removeprefix(".").removesuffix(".partial")
        if path.is_dir() and is_stamp(stamp):
            found.append(PartialFolder(path, stamp))
    return sorted(found, key=lambda partial: order(partial.stamp))


def sealed_folders(reports: Path) -> list[Path]:
    """Every whole evidence folder below a place, oldest first."""
    found = [path.parent for path in reports.rglob("manifest.json") if is_stamp(path.parent.name)]
    return sorted(found, key=lambda folder: order(folder.name))


def is_alive(partial: PartialFolder) -> bool:
    """Whether the runner of a partial folder still lives.

    A folder from another host counts as alive: only that host can tell. So does one that was touched a moment ago and
    says nothing of its runner: that runner is just moving in, or out.
    """
    try:
        running = strict_json((partial.path / RUNNING).read_bytes())
    except FileNotFoundError:
        return _age(partial.path) < _MOVING_SECONDS
    except (OSError, ValueError):
        return False
    if not isinstance(running, dict) or running.get("host") != socket.gethostname():
        return isinstance(running, dict) and running.get("host") is not None
    return _is_process(running)


def _age(folder: Path) -> float:
    try:
        return abs(time.time() - folder.stat().st_mtime)
    except OSError:
        return 0.0


def children_of(partial: PartialFolder) -> list[tuple[str, int]]:
    """The mark and the process id of each test process that a runner started."""
    return [child for path in sorted(partial.path.rglob(CHILD)) if (child := _child(path)) is not None]


def _child(path: Path) -> tuple[str, int] | None:
    try:
        child = strict_json(path.read_bytes())
        return str(child["mark"]), int(child["pid"])
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _is_process(entry: dict[str, object]) -> bool:
    try:
        process = psutil.Process(int(str(entry["pid"])))
        same = abs(process.create_time() - float(str(entry["started"]))) < 1
        return same and process.status() != psutil.STATUS_ZOMBIE
    except (psutil.Error, KeyError, ValueError):
        return False


def sealing_lock(partial: PartialFolder) -> FileLock:
    """The lock under which a partial folder is sealed, so that two commands do not seal it at once."""
    return FileLock(partial.path.with_name(f".{partial.stamp}.lock"), timeout=60)
