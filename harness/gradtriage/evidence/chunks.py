"""The chunks of a suite: their folders, and what each has done so far, read while it lives."""

import json
import re
from pathlib import Path
from threading import Lock
from typing import Any

CHUNKS = "chunks"
_WANTED = ("collection", "collected", "collect_error", "test_start", "test_end", "budget_spent")
_PREFIXES = tuple(f'{{"event":"{kind}",'.encode() for kind in _WANTED)


def chunk_folders(folder: Path) -> list[Path]:
    """The folders of a suite's chunks in the order in which they were asked for: 1, 2, 2.2, 2.3, 3."""
    found = [path for path in (folder / CHUNKS).iterdir() if path.is_dir()] if (folder / CHUNKS).is_dir() else []
    return sorted(found, key=lambda path: _order(path.name))


def capture_folders(folder: Path) -> list[Path]:
    """Where the events of an evidence folder lie: in itself, or for a suite in those of its chunks."""
    return chunk_folders(folder) or [folder]


def _order(name: str) -> list[int]:
    return [int(number) for number in re.findall(r"\d+", name)]


class ChunkProgress:
    """What a chunk has done, by its event stream; reads only what is new at each look, whichever thread looks.

    Attributes:
        collection: Everything that pytest collected, where this chunk was to tell it.
        selected: The tests that each process of the chunk selected.
        broken: Modules that could not be collected.
        started, ended: Tests in the order in which they did.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.collection: list[str] | None = None
        self.selected: list[list[str]] = []
        self.broken: dict[str, None] = {}
        self.started: dict[str, None] = {}
        self.ended: dict[str, None] = {}
        self.budget_spent = False
        self._read: dict[Path, int] = {}
        self._looking = Lock()

    def look(self) -> None:
        """Takes in what was written since the last look."""
        with self._looking:
            for path in sorted(self.folder.glob("events*.jsonl")):
                with path.open("rb") as stream:
                    stream.seek(self._read.get(path, 0))
                    for line in stream:
                        if not line.endswith(b"\n"):
                            break
                        self._read[path] = self._read.get(path, 0) + len(line)
                        if line.startswith(_PREFIXES):
                            self._take(line)

    def _take(self, line: bytes) -> None:
        try:
            event: dict[str, Any] = json.loads(line)
            match event["event"]:
                case "collection":
                    self.collection = event["nodeids"]
                case "collected":
                    self.selected.append(event["nodeids"])
                case "collect_error":
                    self.broken[event["nodeid"]] = None
                case "test_start":
                    self.started[event["nodeid"]] = None
                case "test_end":
                    self.ended[event["nodeid"]] = None
                case _:
                    self.budget_spent = True
        except (ValueError, KeyError, TypeError):
            return  # a damaged line: the sealing counts it

    @property
    def in_flight(self) -> list[str]:
        """Tests that started and have not ended."""
        return [nodeid for nodeid in self.started if nodeid not in self.ended]

    @property
    def collections_differ(self) -> bool:
        """Whether workers found different tests, so that xdist ran none."""
        return not self.started and any(nodeids != self.selected[0] for nodeids in self.selected)
