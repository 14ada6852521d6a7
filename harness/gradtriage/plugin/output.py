"""Where a session writes: the runner's folder, or `.gradtriage/` of the project, one session at a time."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pytest

FOLDER = ".gradtriage"
REQUEST_SCHEMA = "gradtriage.request/1"


def wanted_folder(config: pytest.Config) -> tuple[Path, bool]:
    """The absolute output folder, and whether it is the project's own (else the runner's)."""
    sent = getattr(config, "workerinput", {}).get("gradtriage")
    if sent is not None:
        return Path(sent["folder"]), sent["own"]
    for options in (config.option, config.known_args_namespace):
        given = getattr(options, "gradtriage_dir", None)
        if given is not None:
            return config.invocation_params.dir / given, False
    return config.rootpath / FOLDER, True


@dataclass(frozen=True)
class Request:
    """What the runner asks of a session in `request.json`.

    Attributes:
        pins: Each pinned variable's wanted value, None where it should be unset.
        explain: Whether the tests' gradients are to be explained.
        by_design: Where gradients are stopped or replaced on purpose.
        places: For each test whose strength is to be tried, the places of its gradient calls.
        corruptions: What is done to the gradients there.
        record: Where the tests' runs are to be recorded as a baseline, and what it says of itself.
        baseline: The baseline that they are to be held against: its `path`, and `against` in the user's words.
        chunk: Which part of a suite this session runs, and how long it may take.
    """

    pins: dict[str, str | None] = field(default_factory=dict)
    explain: bool = False
    by_design: list[str] = field(default_factory=list)
    places: dict[str, list[list[Any]]] = field(default_factory=dict)
    corruptions: list[str] = field(default_factory=list)
    record: dict[str, Any] = field(default_factory=dict)
    baseline: dict[str, str] = field(default_factory=dict)
    chunk: dict[str, Any] = field(default_factory=dict)


def read_request(folder: Path) -> Request:
    """The runner's request; an empty one where there is no such file.

    Raises:
        ValueError: The file is there and cannot be read.
    """
    path = folder / "request.json"
    try:
        request = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return Request()
    if not isinstance(request, dict) or request.get("schema") != REQUEST_SCHEMA:
        raise ValueError(f"{path}: not a {REQUEST_SCHEMA} document")
    pins = request.get("pins") or {}
    wanted = {str(name): None if value is None else str(value) for name, value in pins.items()}
    asked = {
        name: request[name] for name in ("places", "corruptions", "record", "baseline", "chunk") if request.get(name)
    }
    by_design = [str(place) for place in request.get("by_design") or []]
    return Request(wanted, bool(request.get("explain")), by_design, **asked)


class OwnFolder:
    """The project's `.gradtriage/`, cleared of the run before and locked for as long as this one lasts.

    A second session in the same project (a test that starts pytest, another terminal) finds it locked and must
    leave it alone.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._lock: int | None = None

    def take(self) -> bool:
        """Makes the folder ready for a new run; False when another session is writing to it.

        Raises:
            OSError: The folder cannot be made or cleared.
        """
        self.folder.mkdir(parents=True, exist_ok=True)
        self._lock = os.open(self.folder / ".lock", os.O_RDWR | os.O_CREAT, 0o644)
        if not _lock(self._lock):
            self.release()
            return False
        for old in [*self.folder.glob("events*.jsonl"), self.folder / "gradients.json"]:
            old.unlink(missing_ok=True)
        (self.folder / ".gitignore").write_text("# made by gradtriage\n*\n", encoding="utf-8")
        return True

    def write_gradients(self, document: dict[str, Any]) -> Path:
        """Writes `gradients.json` in one step: readers see the whole of it or nothing."""
        path = self.folder / "gradients.json"
        unfinished = path.with_suffix(".json.tmp")
        unfinished.write_text(json.dumps(document, allow_nan=False, indent=1) + "\n", encoding="utf-8")
        unfinished.replace(path)
        return path

    def release(self) -> None:
        """Lets the next session have the folder."""
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None


def _lock(descriptor: int) -> bool:
    try:
        import fcntl
    except ImportError:
        return _lock_windows(descriptor)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError:
        # file systems without locks (some network mounts): better unguarded than no capture at all
        return True
    return True


def _lock_windows(descriptor: int) -> bool:
    import importlib

    msvcrt: Any = importlib.import_module("msvcrt")
    try:
        msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)
    except OSError:
        return False
    return True
