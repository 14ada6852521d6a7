"""Everything that one run captured, read from its folder once."""

from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from gradtriage.errors import DocumentError
from gradtriage.evidence.capture import read_capture
from gradtriage.evidence.events import in_flight
from gradtriage.evidence.junit import JUnit, read_junit
from gradtriage.model.diagnosis import DiagnosisDocument
from gradtriage.model.documents import (
    Ending,
    Environment,
    GradientEntry,
    GradientRecord,
    Gradients,
    TaskDocument,
)
from gradtriage.model.scan import ScanDocument


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
        events: The plugin's event stream in order of time.
    """

    folder: Path
    task: TaskDocument
    ending: Ending
    junit: JUnit | None
    gradients: Gradients
    environment: Environment
    diagnosis: DiagnosisDocument | None
    scan: ScanDocument | None
    events: list[dict[str, Any]] = field(repr=False)

    @cached_property
    def named(self) -> tuple[NamedGradient, ...]:
        """Every gradient entry of every record, in order."""
        return tuple(NamedGradient(n, r, e) for r in self.gradients.records for n, e in r.gradients.items())

    @cached_property
    def in_flight(self) -> tuple[str, ...]:
        """Tests that were started and never ended."""
        return tuple(in_flight(self.events))

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
        return float(sum(e.get("seconds") or 0.0 for e in self.events if e["event"] == "phase" and e["when"] == "call"))


def read_captured(folder: Path) -> Captured:
    """Reads a folder's files.

    Raises:
        DocumentError: One of our own documents is missing or not of its schema.
    """
    return Captured(
        folder=folder,
        task=TaskDocument.read(folder / "task.json"),
        ending=Ending.read(folder / "ending.json"),
        junit=_junit_if_any(folder / "pytest.xml"),
        gradients=Gradients.read(folder / "gradients.json"),
        environment=Environment.read(folder / "environment.json"),
        scan=ScanDocument.read(folder / "scan.json") if (folder / "scan.json").exists() else None,
        diagnosis=DiagnosisDocument.read(folder / "diagnosis.json") if (folder / "diagnosis.json").exists() else None,
        events=read_capture(folder),
    )


def _junit_if_any(path: Path) -> JUnit | None:
    try:
        return read_junit(path)
    except DocumentError:
        return None
