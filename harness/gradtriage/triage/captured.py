"""Everything that one run captured, read from its folder once."""

from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, TypeVar

from gradtriage.errors import DocumentError
from gradtriage.evidence.capture import read_capture
from gradtriage.evidence.chunks import chunk_folders
from gradtriage.evidence.events import in_flight
from gradtriage.evidence.junit import JUnit, read_junit
from gradtriage.model.diagnosis import DiagnosisDocument
from gradtriage.model.document import Document
from gradtriage.model.documents import (
    Ending,
    Environment,
    GradientEntry,
    GradientRecord,
    Gradients,
    TaskDocument,
)
from gradtriage.model.scan import ScanDocument
from gradtriage.model.suite import ChunkDocument, SuiteDocument
from gradtriage.triage.tabulation import CapturedChunk

_D = TypeVar("_D", bound=Document)


@dataclass(frozen=True)
class NamedGradient:
    """One parameter's gradient with the record that it belongs to."""

    name: str
    record: GradientRecord
    entry: GradientEntry


@dataclass(frozen=True)
class Captured:
    """The files of an evidence folder, parsed; what pytest could not write is None or empty.

    Attributes:
        junit: None where `pytest.xml` is missing or refused.
        diagnosis: None where nothing was to be explained, or could be.
        scan: None where the run was no scan.
        suite: None where the run was no suite.
        events: The plugin's event stream in order of time; of a suite chunk after chunk.
        chunks: The processes of a suite.
    """

    folder: Path
    task: TaskDocument
    ending: Ending
    junit: JUnit | None
    gradients: Gradients
    environment: Environment
    diagnosis: DiagnosisDocument | None
    scan: ScanDocument | None
    suite: SuiteDocument | None
    events: list[dict[str, Any]] = field(repr=False)
    chunks: tuple[CapturedChunk, ...] = ()

    @cached_property
    def named(self) -> tuple[NamedGradient, ...]:
        """Every gradient entry of every record, in order."""
        return tuple(NamedGradient(n, r, e) for r in self.gradients.records for n, e in r.gradients.items())

    @cached_property
    def in_flight(self) -> tuple[str, ...]:
        """Tests that were started and never ended."""
        return tuple(in_flight(self.events) if self.suite is None else self.suite.in_flight)

    @cached_property
    def collected(self) -> tuple[str, ...]:
        """The node ids that pytest collected, each once."""
        return tuple(dict.fromkeys(n for e in self.events if e["event"] == "collected" for n in e["nodeids"]))

    @cached_property
    def started(self) -> tuple[str, ...]:
        """The node ids of the tests that were started, each once."""
        return tuple(dict.fromkeys(e["nodeid"] for e in self.events if e["event"] == "test_start"))

    @property
    def saw_start(self) -> bool:
        """Whether a test process came so far as to say what it found at its start."""
        return any(event["event"] == "session_start" for event in self.events)

    @property
    def saw_end(self) -> bool:
        """Whether a test process came so far as to say what it left at its end."""
        return any(event["event"] == "session_finish" for event in self.events)

    @cached_property
    def call_seconds(self) -> float:
        """Time spent in the bodies of the tests."""
        told = (e for e in self.events if e["event"] == "test_end" or (e["event"] == "phase" and e["when"] == "call"))
        return float(sum(event.get("seconds") or 0.0 for event in told))


@dataclass(frozen=True)
class Told:
    """What the processes of a run told: events in order, and of a suite which process told them."""

    events: list[dict[str, Any]] = field(repr=False)
    chunks: tuple[CapturedChunk, ...] = ()


def read_told(folder: Path) -> Told:
    """Reads the event streams of a folder."""
    chunks = read_chunks(folder)
    return Told([event for chunk in chunks for event in chunk.events] if chunks else read_capture(folder), chunks)


def read_captured(folder: Path, told: Told | None = None, junit: JUnit | None = None) -> Captured:
    """Reads a folder's files.

    Args:
        folder: The evidence folder.
        told: Its event streams, where they were read already.
        junit: Its JUnit file, where that was read or written already.

    Raises:
        DocumentError: One of our own documents is missing or not of its schema.
    """
    told = told or read_told(folder)
    return Captured(
        folder=folder,
        task=TaskDocument.read(folder / "task.json"),
        ending=Ending.read(folder / "ending.json"),
        junit=junit or _junit_if_any(folder / "pytest.xml"),
        gradients=Gradients.read(folder / "gradients.json"),
        environment=Environment.read(folder / "environment.json"),
        scan=_if_any(ScanDocument, folder / "scan.json"),
        suite=_if_any(SuiteDocument, folder / "suite.json"),
        diagnosis=_if_any(DiagnosisDocument, folder / "diagnosis.json"),
        events=told.events,
        chunks=told.chunks,
    )


def read_chunks(folder: Path) -> tuple[CapturedChunk, ...]:
    """What the processes of a suite captured, in their order; nothing for any other run."""
    return tuple(
        CapturedChunk(
            asked=ChunkDocument.read(chunk / "chunk.json"),
            ending=_if_any(Ending, chunk / "ending.json"),
            events=read_capture(chunk),
        )
        for chunk in chunk_folders(folder)
        if (chunk / "chunk.json").exists()
    )


def _if_any(model: type[_D], path: Path) -> _D | None:
    return model.read(path) if path.exists() else None


def _junit_if_any(path: Path) -> JUnit | None:
    try:
        return read_junit(path)
    except DocumentError:
        return None
