"""Runs pytest on small projects in processes of their own, as a user or the runner would."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from gradtriage.evidence.events import read_events

PACKAGE = Path(__file__).parents[3] / "harness"

GRADIENTS = """
import torch

def test_sound():
    cell_a = torch.tensor(3.0, requires_grad=True)
    (cell_a**2).backward()

def test_blank():
    cell_a = torch.tensor(3.0, requires_grad=True)
    cell_b = torch.tensor(3.0, requires_grad=True)
    (cell_a * 0).backward()
"""


class Project:
    """A folder with tests, and the interpreter that runs them."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.out = folder / "out"
        self.out.mkdir()

    def write(self, **files: str) -> None:
        for name, text in files.items():
            (self.folder / f"{name}.py").write_text(text)

    def command(self, *args: str) -> list[str]:
        return [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "-q", *args]

    def run(self, *args: str, **env: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            self.command(*args),
            cwd=self.folder,
            env={**os.environ, "PYTHONDONTWRITEBYTECODE": "", **env},
            capture_output=True,
            text=True,
            timeout=100,
            check=False,
        )

    def capture(self, *args: str, **env: str) -> list[dict]:
        """Runs as the runner does; the events."""
        self.result = self.run(f"--gradtriage-dir={self.out}", *args, **env)
        return read_events(self.out)

    def pin(self, **pins: str | None) -> None:
        request = {"schema": "gradtriage.request/1", "pins": pins}
        (self.out / "request.json").write_text(json.dumps(request))


@pytest.fixture
def project(tmp_path: Path) -> Project:
    (tmp_path / "pytest.ini").write_text("[pytest]\n")
    return Project(tmp_path)


def kinds(events: list[dict]) -> list[str]:
    return [event["event"] for event in events]


def of(events: list[dict], kind: str) -> list[dict]:
    return [event for event in events if event["event"] == kind]
