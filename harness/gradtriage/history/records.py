"""The rows that an evidence folder gives the history."""

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from gradtriage.evidence.files import sha256
from gradtriage.model.documents import Environment, Gradients, Manifest, TaskDocument
from gradtriage.model.suite import ChunkDocument, SuiteDocument
from gradtriage.triage.captured import read_told
from gradtriage.triage.failures import failures_of
from gradtriage.triage.margin import tolerance_margin
from gradtriage.triage.tabulation import CapturedChunk, tabulate

Row = dict[str, Any]
_LONGEST = 400


@dataclass(frozen=True)
class Records:
    """The rows of one run; tests are named by their node ids."""

    run: Row
    outcomes: list[Row]
    gradients: list[Row]
    clusters: list[Row]


def run_digest(folder: Path) -> str:
    """What a run is known by, wherever its folder lies."""
    return sha256(folder / "manifest.json")


def read_records(folder: Path, reports: Path) -> Records:
    """Reads a sealed folder.

    Args:
        folder: The folder.
        reports: Where it lies; it is named relative to this.

    Raises:
        DocumentError: A document is missing or not of its schema.
        OSError: A file cannot be read.
    """
    manifest, task = Manifest.read(folder / "manifest.json"), TaskDocument.read(folder / "task.json")
    environment = Environment.read(folder / "environment.json")
    suite = SuiteDocument.read(folder / "suite.json") if (folder / "suite.json").exists() else None
    outcomes = _outcomes(folder, task, suite)
    run = {
        "digest": run_digest(folder),
        "folder": folder.relative_to(reports).as_posix(),
        "kind": folder.parent.name,
        "stamp": manifest.stamp,
        "start": manifest.start,
        "status": manifest.status,
        "commit": task.commit,
        "dirty": task.dirty,
        "environment": environment_digest(environment),
        "command": task.command,
        "tests": len(outcomes),
        "failures": sum(row["outcome"] in ("failed", "error", "in_flight") for row in outcomes),
    }
    return Records(run, outcomes, _gradients(folder), _clusters(suite))


def environment_digest(environment: Environment) -> str:
    """The same for runs in the same environment: Python, platform, packages."""
    parts = [environment.python, environment.platform, environment.torch, environment.packages]
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()[:16]


def _outcomes(folder: Path, task: TaskDocument, suite: SuiteDocument | None) -> list[Row]:
    told = read_told(folder)
    alone = ChunkDocument(id="1", start=task.start, nodeids=None, budget=task.timeout, workers=None)
    chunks = told.chunks or (CapturedChunk(alone, None, told.events),)
    table = tabulate(chunks)
    failures = {failure.test: failure for failure in failures_of(table, chunks)}
    homes = {test: cluster.id for cluster in (suite.clusters if suite else ()) for test in cluster.tests}
    standing = {
        **table.outcomes,
        **dict.fromkeys(table.in_flight, "in_flight"),
        **dict.fromkeys(table.missing, "missing"),
    }
    rows = []
    for nodeid, outcome in standing.items():
        failure = failures.get(nodeid)
        rows.append(
            {
                "nodeid": nodeid,
                "outcome": outcome,
                "seconds": table.seconds.get(nodeid),
                "exception": failure.exception if failure else None,
                "message": failure.line if failure else None,
                "margin": tolerance_margin(failure.message) if failure else None,
                "cluster": homes.get(nodeid),
            }
        )
    return rows


def _gradients(folder: Path) -> list[Row]:
    rows: dict[tuple[str, int, str], Row] = {}
    for record in Gradients.read(folder / "gradients.json").records:
        for name, entry in record.gradients.items():
            parameter = name[:_LONGEST]
            rows[record.nodeid, record.call, parameter] = {
                "nodeid": record.nodeid,
                "call": record.call,
                "parameter": parameter,
                "kind": record.kind,
                "status": entry.status,
                "value": entry.norm if entry.value is None else entry.value,
                "max_abs": entry.max_abs,
                "zeros": entry.zeros,
                "numel": entry.numel,
                "dtype": entry.dtype,
                "vacuous": entry.vacuous,
                "loss": record.loss,
            }
    return list(rows.values())


def _clusters(suite: SuiteDocument | None) -> list[Row]:
    names = ("id", "fingerprint", "kind", "status", "count", "message")
    return [{name: getattr(cluster, name) for name in names} for cluster in (suite.clusters if suite else ())]
