"""A diagnosis as the JSON document of the contract."""

from __future__ import annotations

import math
import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gradtriage.probe.explain.account.fixes import fix_of
from gradtriage.probe.explain.account.hypotheses import hypotheses_of

if TYPE_CHECKING:
    from gradtriage.probe.explain.account.diagnosis import Diagnosis
    from gradtriage.probe.explain.question.findings import Finding
    from gradtriage.probe.explain.question.question import Cause

SCHEMA = "gradtriage.diagnosis/1"


def diagnosis_document(diagnosis: Diagnosis, nodeid: str, outcome: str, root: Path) -> dict[str, Any]:
    """The document `diagnosis.json`.

    Args:
        diagnosis: What was found.
        nodeid: Of the test.
        outcome: Of its ordinary run.
        root: Folder that files are named relative to.
    """
    ids = {id(cause): f"K{number}" for number, cause in enumerate(diagnosis.causes, 1)}
    listing = diagnosis.listing
    document: dict[str, Any] = {
        "schema": SCHEMA,
        "nodeid": nodeid,
        "outcome": outcome,
        "verdict": diagnosis.verdict,
        "reason": diagnosis.reason,
        "loss": None if listing is None else _number(listing.loss),
        "parameters": [_parameter(finding, diagnosis.causes, ids) for finding in diagnosis.findings],
        "causes": [_cause(cause, ids[id(cause)], root, diagnosis.unit) for cause in diagnosis.causes],
        "by_design": [
            {
                "file": relative(design.site.file, root),
                "line": max(1, design.site.line),
                "function": design.site.function,
                "source": design.site.source,
                "reason": design.reason,
                "parameters": design.targets,
            }
            for design in diagnosis.designs
        ],
        "hypotheses": hypotheses_of(diagnosis),
        "path": [
            {
                "op": step.op,
                "file": relative(step.site.file, root),
                "line": step.site.line,
                "source": step.site.source,
                "broken": step.broken,
            }
            for step in diagnosis.path
        ],
        "evaluations": diagnosis.evaluations,
        "seconds": {name: round(value, 3) for name, value in diagnosis.seconds.items()},
    }
    if listing is not None:
        document |= {"call": listing.number, "kind": listing.kind, "where": listing.where}
    return document


def _parameter(finding: Finding, causes: Sequence[Cause], ids: dict[int, str]) -> dict[str, Any]:
    target, comparison = finding.target, finding.comparison
    scalar = math.prod(target.shape) == 1
    # along a scalar's direction, which is its own scale, the slope is the derivative times the scale
    unit = target.scale if scalar else 1.0
    numeric = None if comparison is None else _number(comparison.numeric.value / unit)
    autograd = None if comparison is None else _number(comparison.autograd / unit)
    if comparison is None and target.status in ("none", "zero"):
        autograd = 0.0
    return {
        "name": target.name,
        # a gradient that is missing or zero is called so, also where differences contradict it
        "status": target.status if finding.status == "wrong" and target.status in ("none", "zero") else finding.status,
        "autograd": target.value if target.value is not None else autograd,
        "numeric": numeric,
        "numeric_error": None if comparison is None else _number(comparison.numeric.error / unit),
        "relative_error": None if comparison is None else comparison.relative_error,
        "along": "the parameter" if scalar else "a random direction",
        "causes": [ids[id(cause)] for cause in causes if target.name in cause.targets],
    }


def _cause(cause: Cause, identity: str, root: Path, unit: float) -> dict[str, Any]:
    return {
        "id": identity,
        "kind": cause.kind,
        "file": relative(cause.site.file, root),
        "line": max(1, cause.site.line),
        "function": cause.site.function,
        "source": cause.site.source,
        "op": cause.op,
        "parameters": cause.targets,
        "proof": cause.proof,
        "evidence": _shown(cause.evidence, root, unit),
        "fix": fix_of(cause),
    }


def _shown(evidence: dict[str, Any], root: Path, unit: float) -> dict[str, Any]:
    shown: dict[str, Any] = {}
    for name, value in evidence.items():
        if isinstance(value, dict):
            shown[name] = {**value, "file": relative(value["file"], root)} if "file" in value else value
        else:
            slope = isinstance(value, float) and name.startswith(("autograd", "numeric"))
            shown[name] = _number(value / unit) if slope else _number(value) if isinstance(value, float) else value
    return shown


def relative(file: str, root: Path) -> str:
    """A file's name relative to a folder, absolute when outside of it."""
    prefix = str(root) + os.sep
    return file[len(prefix) :].replace(os.sep, "/") if file.startswith(prefix) else file


def _number(value: float) -> float | None:
    return value if math.isfinite(value) else None
