"""The event stream of a test process: one strict JSON object a line, on disk before the next test statement runs.

A process that is killed loses nothing that it had written, and a disk that is full never reaches the test: the
writer counts what it could not write and says so (`lost`) as soon as it can write again.
"""

# ruff: noqa: ANN401 - what JSON can hold

from __future__ import annotations

import contextlib
import json
import math
import os
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

Event = dict[str, Any]

GRADIENTS_SCHEMA = "gradtriage.gradients/1"


def finite(value: Any) -> Any:
    """`value` with every number that is not finite replaced by None, as strict JSON wants it."""
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, dict):
        return {str(key): finite(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [finite(item) for item in value]
    return value


def encode(event: Event) -> bytes:
    """One line of the stream; non-finite numbers become null and foreign objects their type's name."""
    try:
        text = _encoder.encode(event)
    except ValueError:
        text = _encoder.encode(finite(event))
    return text.encode("ascii") + b"\n"


def _foreign(value: object) -> str:
    return f"<{type(value).__name__}>"


_encoder = json.JSONEncoder(allow_nan=False, default=_foreign, separators=(",", ":"))


class EventWriter:
    """Appends events to a file of its own in `folder`; no method ever raises.

    The file is made on the first event and never one that was there before: a worker that replaces a dead one of
    the same name, or a second run into the same folder, gets the next free number. A forked child shares the
    descriptor but not the right to write: its events are dropped, the parent's stream stays whole.

    Args:
        folder: Where the stream lives.
        worker: The xdist worker's id, or None for the process that the user started.
    """

    def __init__(self, folder: Path, worker: str | None = None) -> None:
        self.folder = folder
        self.worker = worker
        self.lost = 0
        self.path: Path | None = None
        self._descriptor: int | None = None
        self._pid = os.getpid()
        self._torn = False
        self._lock = threading.RLock()

    def write(self, kind: str, /, **fields: Any) -> bool:
        """Writes one event; False when it was lost."""
        if os.getpid() != self._pid:
            return False
        try:
            line = encode({"event": kind, "time": time.time(), **fields})
        except (ValueError, TypeError, RecursionError):
            line = encode({"event": "probe_error", "time": time.time(), "place": f"encode {kind}"})
        with self._lock:
            if self.lost:
                line = encode({"event": "lost", "time": time.time(), "count": self.lost}) + line
            if self._append(line):
                self.lost = 0
                return True
            self.lost += 1
            return False

    def close(self) -> None:
        """Closes the file; what was lost until now is noted if the disk has room again."""
        if os.getpid() != self._pid:
            return
        with self._lock:
            if self.lost and self._append(encode({"event": "lost", "time": time.time(), "count": self.lost})):
                self.lost = 0
            if self._descriptor is not None:
                with contextlib.suppress(OSError):
                    os.close(self._descriptor)
                self._descriptor = None

    def _append(self, data: bytes) -> bool:
        """One write, all or nothing: a half-written line is cut off again, or closed by a line end later."""
        if self._torn:
            data = b"\n" + data
        try:
            if self._descriptor is None:
                self._descriptor = self._open()
            written = os.write(self._descriptor, data)
        except OSError:
            return False
        if written == len(data):
            self._torn = False
            return True
        try:
            os.ftruncate(self._descriptor, os.fstat(self._descriptor).st_size - written)
        except OSError:
            self._torn = True
        return False

    def _open(self) -> int:
        stem = "events" if self.worker is None else f"events-{self.worker}"
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND | getattr(os, "O_CLOEXEC", 0)
        number = 1
        while True:
            path = self.folder / (f"{stem}.jsonl" if number == 1 else f"{stem}-{number}.jsonl")
            try:
                descriptor = os.open(path, flags, 0o644)
            except FileExistsError:
                number += 1
                continue
            self.path = path
            return descriptor


def read_events(folder: Path, checked: Callable[[bytes, Event], Event | None] | None = None) -> list[Event]:
    """Every event of every `events*.jsonl` in `folder`, in the order in which they happened.

    Events of one file keep their order even if the clock was set back. Lines that are not an event (the last one
    of a killed process, garbage) are left out; for each file with such lines an event `damaged` with their number
    follows at the end.

    Args:
        folder: Where the streams lie.
        checked: Looks at each line and its event; None from it makes the line a damaged one.
    """
    merged: list[tuple[float, Event]] = []
    damaged: list[tuple[float, Event]] = []
    for path in sorted(folder.glob("events*.jsonl")):
        latest, bad = 0.0, 0
        with path.open("rb") as stream:
            for line in stream:
                event = _decode(line)
                if event is not None and checked is not None:
                    event = checked(line, event)
                if event is None:
                    bad += bool(line.strip())
                    continue
                latest = max(latest, event["time"])
                merged.append((latest, event))
        if bad:
            note = {"event": "damaged", "time": latest, "file": path.name, "lines": bad}
            damaged.append((math.inf, note))
    return [event for _, event in sorted(merged + damaged, key=lambda timed: timed[0])]


def _decode(line: bytes) -> Event | None:
    if not line.endswith(b"\n"):
        return None
    try:
        event = json.loads(line.decode())  # of bytes, json would guess the encoding line by line
    except (ValueError, RecursionError):
        return None
    if not isinstance(event, dict) or not isinstance(event.get("event"), str):
        return None
    return event if isinstance(event.get("time"), (int, float)) else None


def merge_gradients(events: list[Event]) -> dict[str, Any]:
    """The document `gradients.json`: every gradient call, and loss and gradients by themselves if there is one."""
    records = [
        {key: value for key, value in event.items() if key not in ("event", "time")}
        for event in events
        if event["event"] == "gradient"
    ]
    document: dict[str, Any] = {"schema": GRADIENTS_SCHEMA, "records": records}
    if len(records) == 1:
        (record,) = records
        document["loss"] = record["loss"]
        document["gradients"] = {
            name: entry["norm"] if entry.get("value") is None else entry["value"]
            for name, entry in record["gradients"].items()
        }
    return document


def in_flight(events: list[Event]) -> list[str]:
    """The tests that started and never ended, in the order in which they started."""
    open_tests: dict[str, int] = {}
    for event in events:
        if event["event"] == "test_start":
            open_tests[event["nodeid"]] = open_tests.get(event["nodeid"], 0) + 1
        elif event["event"] == "test_end" and open_tests.get(event["nodeid"]):
            open_tests[event["nodeid"]] -= 1
    return [nodeid for nodeid, count in open_tests.items() if count > 0]
