"""Failures as clustering sees them, from a suite's events or from anybody's JUnit files."""

import signal
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal

from gradtriage.evidence.junit import IN_FLIGHT, JUnitCase, junit_address
from gradtriage.evidence.traceback_text import read_traceback
from gradtriage.triage.fingerprint import first_line
from gradtriage.triage.tabulation import CapturedChunk, Table

Stage = Literal["collect", "setup", "call", "teardown", "timeout", "crash"]
MOST_MESSAGE = 2000


@dataclass(frozen=True)
class Failure:
    """A test that failed, and all that its cause is known by.

    Attributes:
        exception: Type of the exception, without its module.
        frame: File, line, function and statement of the deepest frame of the project.
        raised: The file in which the exception was raised.
        text: What pytest said of it.
        stage: When it failed; for a test in flight, what ended its process.
    """

    test: str
    stage: Stage
    exception: str
    message: str
    frame: dict[str, Any] | None = None
    raised: str | None = None
    text: str = ""

    @cached_property
    def line(self) -> str:
        """The line of the message that tells most."""
        return first_line(self.message)


def failures_of(table: Table, chunks: Iterable[CapturedChunk]) -> list[Failure]:
    """The failures of a suite: what failed, what could not be collected, and what took its process with it."""
    found: dict[str, Failure] = {}
    for chunk in chunks:
        for event in chunk.events:
            nodeid = event.get("nodeid", "")
            if event["event"] == "collect_error":
                found.setdefault(nodeid, _failure(event, "collect"))
            elif event["event"] == "phase" and event["outcome"] == "failed" and "attempt" not in event:
                found.setdefault(nodeid, _failure(event, event["when"]))
    broken = {nodeid for nodeid, outcome in table.outcomes.items() if outcome in ("failed", "error")}
    failures = [failure for nodeid, failure in found.items() if nodeid in broken]
    return failures + [in_flight_failure(nodeid, chunk) for nodeid, chunk in table.in_flight.items()]


def _failure(event: dict[str, Any], stage: Stage) -> Failure:
    message = str(event.get("message") or "")
    where = event.get("where") or {}
    frame = event.get("frame")
    return Failure(
        test=event["nodeid"],
        stage=stage,
        exception=str(event.get("exception") or "unknown"),
        message=message[:MOST_MESSAGE],
        frame=frame if isinstance(frame, dict) else None,
        raised=where.get("file"),
        text=str(event.get("text") or ""),
    )


def junit_message(failure: Failure) -> str:
    """The message of a failure as pytest's own JUnit files put it."""
    if failure.stage == "collect":
        return "collection failure"
    if failure.stage in ("setup", "teardown"):
        return f'failed on {failure.stage} with "{failure.message}"'
    return failure.message


def in_flight_failure(nodeid: str, chunk: CapturedChunk) -> Failure:
    """What is to be said of a test during which its process ended."""
    file, function = nodeid.partition("::")[0], junit_address(nodeid)[1].partition("[")[0]
    frame = {"file": file, "line": None, "function": function, "statement": None}
    ending = chunk.ending
    if ending is not None and ending.cause == "timeout":
        message = f"still running when the chunk's time limit of {chunk.asked.budget:g} s was up"
        return Failure(nodeid, "timeout", "Timeout", message, frame)
    if ending is None or ending.cause in ("interrupted", "abandoned"):
        return Failure(nodeid, "crash", "Interrupted", "was running when the run was interrupted", frame)
    if ending.cause == "memory":
        return Failure(nodeid, "crash", "OutOfMemory", "was running when the chunk's memory limit was reached", frame)
    if ending.exit_code < 0:
        message = f"the process was killed by {_signal_name(-ending.exit_code)} during this test"
        return Failure(nodeid, "crash", "Killed", message, frame)
    message = f"the process ended during this test (exit code {ending.exit_code})"
    return Failure(nodeid, "crash", "ProcessEnded", message, frame)


def _signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"


def failures_from_junit(cases: Iterable[JUnitCase], outcomes: dict[str, str]) -> Iterator[Failure]:
    """The failures of JUnit files, one by one, so that long texts need not be kept.

    Args:
        cases: Their test cases.
        outcomes: Takes the outcome of every test, failed or not.
    """
    for case in cases:
        test = f"{case.classname}::{case.name}" if case.classname else case.name
        if outcomes.get(test) not in ("failed", "error"):
            outcomes[test] = case.outcome
        if case.outcome in ("failed", "error"):
            read = read_traceback(case.message, case.text, case.classname)
            stage: Stage = read.stage
            if case.type == IN_FLIGHT:
                stage = "timeout" if read.exception == "Timeout" else "crash"
            exception = read.exception if read.exception != "unknown" else case.type.rpartition(".")[2] or "unknown"
            yield Failure(test, stage, exception, read.message[:MOST_MESSAGE], read.frame, read.raised)
