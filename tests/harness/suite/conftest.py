"""Small projects whose whole suite is run."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from gradtriage.verify import verify_folder
from tests.support.evidence_check import evidence_faults
from tests.support.projects import Done, Evidence, SmallProject


@dataclass(frozen=True)
class SuiteProject:
    """A small project and its suite."""

    small: SmallProject

    def write(self, text: str, name: str = "test_it.py") -> Path:
        return self.small.write(name, text)

    def run(self, *args: str, **how: Any) -> tuple[Done, dict[str, Any]]:
        """Runs the suite; the document that a script gets, checked to be that of the folder."""
        done = self.small.run("suite", *args, "--json", "out.json", **how)
        out = self.small.root / "out.json"
        document = json.loads(out.read_text()) if out.exists() else {}
        out.unlink(missing_ok=True)
        return done, document

    def folders(self) -> list[Evidence]:
        folder = self.small.root / "reports" / "suite"
        return [Evidence(path) for path in sorted(folder.iterdir()) if not path.name.startswith(".")]

    def sound(self) -> Evidence:
        """The latest folder, held against its manifest, the contract and everything that it follows from."""
        evidence = self.folders()[-1]
        assert evidence_faults(evidence.path) == []
        assert verify_folder(evidence.path) == []
        return evidence


@pytest.fixture
def suite(tmp_path: Path) -> Iterator[SuiteProject]:
    small = SmallProject(tmp_path / "project")
    small.write("pytest.ini", "[pytest]\n")
    yield SuiteProject(small)
    small.close()
