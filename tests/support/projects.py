"""Small temporary projects in which the real command runs as a subprocess."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from tests.support.evidence_check import evidence_faults

COMMAND = (sys.executable, "-m", "gradtriage")
PATIENCE = 60.0


@dataclass(frozen=True)
class Done:
    """What a command left on the terminal."""

    code: int
    out: str
    err: str


@dataclass(frozen=True)
class Evidence:
    """One sealed evidence folder."""

    path: Path

    def text(self, name: str) -> str:
        return (self.path / name).read_text(encoding="utf-8")

    def json(self, name: str) -> Any:
        return json.loads(self.text(name))

    @property
    def manifest(self) -> dict[str, Any]:
        return self.json("manifest.json")

    @property
    def status(self) -> str:
        return self.manifest["status"]

    @property
    def faults(self) -> str:
        return "\n".join(self.manifest["faults"])

    @property
    def exit_code(self) -> int:
        return int(self.text("exit_code.txt"))

    def events(self) -> list[dict[str, Any]]:
        lines = [line for path in sorted(self.path.glob("events*.jsonl")) for line in path.read_bytes().splitlines()]
        return [json.loads(line) for line in lines]


class SmallProject:
    """A folder with tests and a plan, and the command run in it."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self._started: list[subprocess.Popen[str]] = []
        root.mkdir(parents=True, exist_ok=True)

    def write(self, name: str, text: str) -> Path:
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
        return path

    def plan(self, *phases: dict[str, Any], name: str = "plan.yaml", **keys: Any) -> Path:
        """Writes a plan; a phase without `pytest` runs `test_it.py`."""
        whole = [{"id": "A", **phase} for phase in phases or ({},)]
        for phase in whole:
            chunk = phase.setdefault("pytest", {})
            phase["pytest"] = {"select": ["test_it.py"], "timeout": 40, "grace": 15, **chunk}
        data = {"schema": "gradtriage.plan/1", "initiative": "X-1", "reports": "reports", **keys, "phases": whole}
        return self.write(name, yaml.safe_dump(data, sort_keys=False, allow_unicode=True))

    def environment(self, extra: Mapping[str, str | None] | None = None) -> dict[str, str]:
        """Ours without what pytest adds; plugins are not loaded by themselves, which saves most of a start's time."""
        env = {name: value for name, value in os.environ.items() if not name.startswith(("PYTEST_", "COV_"))}
        env |= {"PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1", "PYTHONDONTWRITEBYTECODE": "1"}
        for name, value in (extra or {}).items():
            env.pop(name, None)
            if value is not None:
                env[name] = value
        return env

    def start(
        self,
        *args: str,
        env: Mapping[str, str | None] | None = None,
        command: Sequence[str] = COMMAND,
        preexec: Callable[[], None] | None = None,
        **popen: Any,
    ) -> subprocess.Popen[str]:
        process = subprocess.Popen(
            [*command, *args],
            cwd=self.root,
            env=self.environment(env),
            stdin=subprocess.DEVNULL,
            **{"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True, "errors": "replace", **popen},
            preexec_fn=preexec,
        )
        self._started.append(process)
        return process

    def close(self) -> None:
        """Ends what a failed test left running."""
        for process in self._started:
            process.kill()
            process.wait()
            for stream in (process.stdout, process.stderr):
                if stream is not None:
                    stream.close()

    def run(self, *args: str, patience: float = PATIENCE, **how: Any) -> Done:
        """Runs the command to its end."""
        return finish(self.start(*args, **how), patience)

    def evidence(self, phase: str = "A", reports: str = "reports") -> list[Evidence]:
        folder = self.root / reports / f"phase_{phase.lower()}"
        found = folder.iterdir() if folder.is_dir() else []
        return [Evidence(path) for path in sorted(found) if path.is_dir() and not path.name.startswith(".")]

    def only(self, phase: str = "A", reports: str = "reports") -> Evidence:
        """The one sealed folder of a phase, sound when seen from outside."""
        (evidence,) = self.evidence(phase, reports)
        assert evidence_faults(evidence.path) == []
        return evidence

    def partial(self, phase: str = "A") -> list[Path]:
        return sorted((self.root / "reports").rglob(".*.partial"))


def finish(process: subprocess.Popen[str], patience: float = PATIENCE) -> Done:
    """Waits for the end of a command."""
    try:
        out, err = process.communicate(timeout=patience)
    finally:
        process.kill()
    return Done(process.returncode, out or "", err or "")


def until(condition: Callable[[], Any], what: str, patience: float = 20.0) -> Any:
    """Waits until something is so."""
    end = time.monotonic() + patience
    while time.monotonic() < end:
        if found := condition():
            return found
        time.sleep(0.02)
    raise AssertionError(f"not within {patience:g} s: {what}")


def alive(pid: int) -> bool:
    """Whether a process runs (one that ended and was not waited for does not)."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except FileNotFoundError:
        return False
