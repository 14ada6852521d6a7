"""Evidence made by hand: what a run would have captured, without running one."""

import dataclasses
import json
from datetime import datetime
from pathlib import Path
from typing import Any

from gradtriage.evidence.environment import environment_document
from gradtriage.evidence.events import merge_gradients
from gradtriage.evidence.folder import PartialFolder, open_partial
from gradtriage.evidence.junit import JUnit, JUnitCase
from gradtriage.model.documents import Criteria, Ending, Environment, Gradients, TaskDocument
from gradtriage.run.seal import seal
from gradtriage.triage.captured import Captured

NODEID = "tests/test_it.py::test_a"
SNAPSHOT = {
    "python": "3.11.7",
    "platform": "Linux",
    "torch": {"version": "2.13.0", "threads": 2},
    "packages": {"pytest": "9.2.0"},
    "pins": {},
}


def entry(status: str = "ok", value: float | None = 1.5, **changes: Any) -> dict[str, Any]:
    """Statistics of a scalar's gradient."""
    if status in ("nan", "inf", "none"):
        value = None
    size = None if value is None else abs(value)
    zeros, nans, infs = (int(status == one) for one in ("zero", "nan", "inf"))
    statistics = {
        "numel": 1,
        "zeros": zeros,
        "nans": nans,
        "infs": infs,
        "shape": [],
        "dtype": "float64",
        "device": "cpu",
    }
    return {"status": status, "value": value, "norm": size, "max_abs": size, **statistics, **changes}


def zero(**changes: Any) -> dict[str, Any]:
    return entry("zero", 0.0, **changes)


def record(gradients: dict[str, dict[str, Any]] | None = None, **changes: Any) -> dict[str, Any]:
    """One gradient computation."""
    return {
        "nodeid": NODEID, "call": 1, "kind": "backward", "raised": None,
        "where": {"file": "tests/test_it.py", "line": 7},
        "loss": 2.5, "gradients": {"w": entry()} if gradients is None else gradients, **changes,
    }  # fmt: skip


def task(**changes: Any) -> TaskDocument:
    """What was asked of the run."""
    asked: dict[str, Any] = {
        "initiative": "X-1", "title": "A title", "plan": "plan.yaml", "phase": "A", "phase_title": "Baseline",
        "objective": "See what is there", "stamp": "20260102T120000Z", "start": "2026-01-02T12:00:00.250+00:00",
        "tool_version": "0.1.0", "command": "python -m pytest", "timeout": 60.0, "pins": {},
        "commit": None, "dirty": None,
        "criteria": [], "hypotheses": [], "next": [], "references": [], "earlier": [],
    }  # fmt: skip
    return TaskDocument.model_validate({**asked, **changes})


def ending(**changes: Any) -> Ending:
    """How the process ended."""
    ended: dict[str, Any] = {
        "cause": "exited", "exit_code": 0, "exit_code_source": "process", "end": "2026-01-02T12:00:03.500+00:00",
        "left_processes": 0, "log_error": None,
    }  # fmt: skip
    return Ending.model_validate({**ended, **changes})


def session(*middle: dict[str, Any], pins: dict[str, Any] | None = None) -> list[dict[str, Any]]:
    """The events of a session around those given."""
    snapshot = {**SNAPSHOT, "pins": pins or {}}
    events = [{"event": "session_start", "snapshot": snapshot}, *middle]
    events.append({"event": "session_finish", "exit_status": 0, "snapshot": snapshot})
    return [{"time": 1000.0 + n, **event} for n, event in enumerate(events)]


def one_test(nodeid: str = NODEID, outcome: str = "passed", **fields: Any) -> list[dict[str, Any]]:
    """The events of one test."""
    phase = {"event": "phase", "nodeid": nodeid, "seconds": 0.25, "message": None, "where": None}
    return [
        {"event": "test_start", "nodeid": nodeid},
        {**phase, "when": "setup", "outcome": "passed"},
        {**phase, "when": "call", "outcome": outcome, **fields},
        {**phase, "when": "teardown", "outcome": "passed"},
        {"event": "test_end", "nodeid": nodeid},
    ]


def captured(
    folder: Path,
    *records: dict[str, Any],
    cases: tuple[JUnitCase, ...] = (JUnitCase("tests.test_it", "test_a", "passed", 0.25),),
    events: list[dict[str, Any]] | None = None,
    junit: JUnit | None = None,
    task_: TaskDocument | None = None,
    ending_: Ending | None = None,
) -> Captured:
    """A run's capture: one passing test with the records given, unless something else is said."""
    asked = task_ or task()
    if events is None:
        events = session(*one_test(), *({"event": "gradient", **one} for one in records))
    given: dict[str, Any] = {
        "folder": folder,
        "task": asked,
        "ending": ending_ or ending(),
        "junit": junit or JUnit(cases, 0.5),
        "gradients": Gradients.model_validate(merge_gradients(events)),
        "environment": Environment.model_validate(environment_document(events, asked.pins, asked.commit, asked.dirty)),
        "events": events,
    }
    # documents that only some runs have
    return Captured(**{field.name: given.get(field.name) for field in dataclasses.fields(Captured)})


GREEN = """<?xml version="1.0" encoding="utf-8"?>
<testsuites><testsuite time="0.5">
<testcase classname="tests.test_it" name="test_a" time="0.25"/>
</testsuite></testsuites>
"""
NO_CRITERIA = Criteria(criteria=[])


def sealed(
    reports: Path,
    *records: dict[str, Any],
    events: list[dict[str, Any]] | None = None,
    junit: str | None = None,
    ending_: Ending | None = None,
    **asked: Any,
) -> Path:
    """A sealed folder as a run would have left it, made from events without running anything."""
    return seal(unsealed(reports, *records, events=events, junit=junit, **asked), ending_ or ending())


def unsealed(
    reports: Path,
    *records: dict[str, Any],
    events: list[dict[str, Any]] | None = None,
    junit: str | None = None,
    **asked: Any,
) -> PartialFolder:
    """A partial folder as pytest leaves it."""
    if events is None:
        events = session(*one_test(), *({"event": "gradient", **one} for one in records))
    now = datetime.fromisoformat("2026-01-02T12:00:00.250+00:00")
    document = task(**asked)
    partial = open_partial(reports / f"phase_{(document.phase or 'a').lower()}", now)
    document = document.model_copy(update={"stamp": partial.stamp})
    files = {
        "task.json": document.to_json(),
        "command.txt": document.command + "\n",
        "pytest.log": "1 passed\n",
        "events.jsonl": "".join(json.dumps(event) + "\n" for event in events),
        "pytest.xml": GREEN if junit is None else junit,
    }
    for name, text in files.items():
        (partial.path / name).write_text(text, encoding="utf-8")
    return partial
