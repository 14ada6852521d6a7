"""Whether a suite is whole: every collected test has an outcome, once, and each process's status agrees with it."""

from collections.abc import Iterator, Sequence

from gradtriage.model.documents import Status
from gradtriage.model.suite import ChunkEntry, SuiteDocument
from gradtriage.triage.capture_faults import counted, signal_name
from gradtriage.triage.captured import Captured
from gradtriage.triage.tabulation import CapturedChunk

_PYTEST_USAGE = 4
_MOST_NAMED = 20


def suite_status(captured: Captured, suite: SuiteDocument, faults: Sequence[str]) -> Status:
    """The status of a suite; `complete` only where nothing is missing, in flight, or faulty."""
    if captured.ending.cause in ("interrupted", "abandoned"):
        return "interrupted"
    return "complete" if suite.complete and not faults else "incomplete"


def suite_faults(captured: Captured, suite: SuiteDocument) -> list[str]:
    """Why a suite is not whole."""
    return [
        *_ending_faults(captured),
        *(fault for chunk, entry in zip(captured.chunks, suite.chunks, strict=True) for fault in _chunk(chunk, entry)),
        *_coverage_faults(captured, suite),
    ]


def _ending_faults(captured: Captured) -> Iterator[str]:
    if captured.ending.cause == "interrupted":
        yield "interrupted by the user"
    elif captured.ending.cause == "abandoned":
        yield "the runner was killed before the suite ended"


def _chunk(chunk: CapturedChunk, entry: ChunkEntry) -> Iterator[str]:
    """What happened to one process. One that stopped in time, between two tests, is no fault."""
    ending, name = chunk.ending, f"chunk {chunk.asked.id}"
    if ending is None or ending.cause in ("interrupted", "abandoned"):
        return
    if ending.cause == "timeout":
        yield f"{name} was stopped at its time limit of {chunk.asked.budget:g} s"
    elif ending.cause == "memory":
        yield f"{name} was stopped at its memory limit"
    elif ending.exit_code < 0:
        yield f"{name} was killed by {signal_name(-ending.exit_code)}"
    elif ending.exit_code == _PYTEST_USAGE:
        yield f"{name}: pytest could not use its command line (exit code 4)"
    elif chunk.crashed:
        yield f"{name}: its process ended in the middle of the session (exit code {ending.exit_code})"
    elif not chunk.collections_differ:
        yield from _status_faults(chunk, entry)


def _status_faults(chunk: CapturedChunk, entry: ChunkEntry) -> Iterator[str]:
    failed = {e["nodeid"] for e in chunk.told("phase") if e["outcome"] == "failed" and "attempt" not in e}
    failed |= {event["nodeid"] for event in chunk.told("collect_error")}
    if entry.exit_code == 0 and failed:
        yield f"chunk {chunk.asked.id}: exit code 0 with {counted(len(failed), 'failure')}"
    elif entry.exit_code == 1 and not failed and entry.status != "incomplete":
        yield f"chunk {chunk.asked.id}: exit code 1 without a failure"
    elif entry.exit_code not in (0, 1, 5):
        yield f"chunk {chunk.asked.id}: pytest ended with exit code {entry.exit_code}"


def _coverage_faults(captured: Captured, suite: SuiteDocument) -> Iterator[str]:
    if not suite.collected:
        yield "no test was collected" if captured.saw_end else "the collection did not come to its end"
    for nodeid in suite.in_flight[:_MOST_NAMED]:
        yield f"in flight when its process ended: {nodeid}"
    if suite.missing:
        yield f"{counted(len(suite.missing), 'test')} of {suite.collected} never started, the first {suite.missing[0]}"
    if suite.duplicates:
        yield f"{counted(len(suite.duplicates), 'test')} ran more than once, the first {suite.duplicates[0]}"
    if captured.junit is not None and captured.junit.tests < suite.collected:
        yield f"pytest.xml holds {captured.junit.tests} of the {suite.collected} collected tests"
