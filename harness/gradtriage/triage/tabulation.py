"""Where every collected test of a suite stands: in the counts, in flight, or missing; and what each chunk did."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from gradtriage.model.documents import Ending, Status
from gradtriage.model.suite import ChunkDocument, ChunkEntry, Counts

Event = dict[str, Any]
_PYTEST_INTERNAL = 3


@dataclass(frozen=True)
class CapturedChunk:
    """One process of a suite: what was asked, how it ended (None: nobody saw), what it told."""

    asked: ChunkDocument
    ending: Ending | None
    events: list[Event] = field(repr=False)

    def told(self, kind: str) -> list[Event]:
        """Its events of one kind."""
        return [event for event in self.events if event["event"] == kind]

    @property
    def finished(self) -> bool:
        """Whether the process that the runner started came to the end of its session."""
        return any(event.get("worker") is None for event in self.told("session_finish"))

    @property
    def crashed(self) -> bool:
        """Whether it was killed or ended in the middle of its session."""
        ending = self.ending
        if ending is None or ending.cause in ("timeout", "interrupted", "abandoned"):
            return False
        return ending.exit_code < 0 or ending.exit_code == _PYTEST_INTERNAL or not self.finished

    @property
    def collections_differ(self) -> bool:
        """Whether workers found different tests, so that xdist ran none."""
        lists = [event["nodeids"] for event in self.told("collected")]
        return not self.told("test_start") and any(nodeids != lists[0] for nodeids in lists)


@dataclass(frozen=True)
class Table:
    """Every collected test with its outcome.

    Attributes:
        collected: All tests, in the order of the collection; modules that could not be collected among them.
        outcomes: The outcome of each test that came to its end.
        in_flight: Tests during which their process ended, with the chunk.
        missing: Tests that never started.
        duplicates: Tests that came to their end more than once.
        seconds: The duration of each finished test, set-up and tear-down included.
    """

    collected: list[str]
    outcomes: dict[str, str]
    in_flight: dict[str, CapturedChunk]
    missing: list[str]
    duplicates: list[str]
    seconds: dict[str, float]
    chunks: list[ChunkEntry]

    @property
    def counts(self) -> Counts:
        """Tests by outcome."""
        found = list(self.outcomes.values())
        return Counts(**{name: found.count(name) for name in Counts.model_fields})

    @property
    def complete(self) -> bool:
        """Whether tests were collected and every one came to its end."""
        return bool(self.collected) and not self.in_flight and not self.missing


def tabulate(chunks: Sequence[CapturedChunk]) -> Table:
    """The table of a suite, from what its chunks told."""
    ended: dict[str, int] = {}
    in_flight: dict[str, CapturedChunk] = {}
    outcomes: dict[str, str] = {}
    seconds: dict[str, float] = {}
    for chunk in chunks:
        told, spent = _outcomes(chunk.events)
        for event in chunk.events:
            if event["event"] == "test_start":
                in_flight[event["nodeid"]] = chunk
            elif event["event"] == "test_end":
                nodeid = event["nodeid"]
                in_flight.pop(nodeid, None)
                ended[nodeid] = ended.get(nodeid, 0) + 1
                if nodeid in told:
                    outcomes[nodeid], seconds[nodeid] = told[nodeid], round(spent[nodeid], 4)
    in_flight = {nodeid: chunk for nodeid, chunk in in_flight.items() if nodeid not in ended}
    broken = {event["nodeid"]: "error" for chunk in chunks for event in chunk.told("collect_error")}
    outcomes = {**broken, **outcomes}
    collected = _collected(chunks, [*broken, *outcomes, *in_flight])
    return Table(
        collected=collected,
        outcomes=outcomes,
        in_flight=in_flight,
        missing=[nodeid for nodeid in collected if nodeid not in outcomes and nodeid not in in_flight],
        duplicates=[nodeid for nodeid, times in ended.items() if times > 1],
        seconds=seconds,
        chunks=_entries(chunks, collected),
    )


def _outcomes(events: Iterable[Event]) -> tuple[dict[str, str], dict[str, float]]:
    """Outcome and duration of each test that got a verdict; one of which only the set-up was run has none."""
    outcomes: dict[str, str] = {}
    seconds: dict[str, float] = {}
    for event in events:
        if event["event"] == "test_end" and "seconds" in event:
            nodeid = event["nodeid"]
            seconds[nodeid] = seconds.get(nodeid, 0.0) + event["seconds"]
            if event.get("passed"):
                outcomes.setdefault(nodeid, "passed")
        if event["event"] != "phase" or "attempt" in event:
            continue
        nodeid = event["nodeid"]
        seconds[nodeid] = seconds.get(nodeid, 0.0) + (0.0 if "subtest" in event else event["seconds"])
        verdict = _verdict(event)
        if verdict is not None and outcomes.get(nodeid) not in ("failed", "error"):
            outcomes[nodeid] = verdict
    return outcomes, seconds


def _verdict(event: Event) -> str | None:
    outcome, called = event["outcome"], event["when"] == "call"
    if outcome == "failed":
        return "failed" if called else "error"
    if event.get("xfail"):
        return "xfailed" if outcome == "skipped" else "xpassed" if called else None
    if outcome == "skipped":
        return "skipped"
    return "passed" if called and "subtest" not in event else None


def _collected(chunks: Sequence[CapturedChunk], seen: Iterable[str]) -> list[str]:
    lists = [chunk.asked.nodeids for chunk in chunks if chunk.asked.nodeids is not None]
    for chunk in reversed(chunks):  # of a run that was resumed the last collection counts first
        if not chunk.collections_differ:
            lists = [*(event["nodeids"] for event in chunk.told("collection")), *lists]
    return list(dict.fromkeys([*(nodeid for nodeids in lists for nodeid in nodeids), *seen]))


def _entries(chunks: Sequence[CapturedChunk], collected: Sequence[str]) -> list[ChunkEntry]:
    """The chunks, so that each collected test stands in exactly one: the last that started it, or was to run it."""
    given: dict[str, str] = {}
    started: dict[str, str] = {}
    for chunk in chunks:
        selected = [nodeid for event in chunk.told("collected") for nodeid in event["nodeids"]]
        given |= dict.fromkeys(chunk.asked.nodeids or selected, chunk.asked.id)
        started |= dict.fromkeys((event["nodeid"] for event in chunk.told("test_start")), chunk.asked.id)
    first = chunks[0].asked.id if chunks else ""
    broken = {event["nodeid"] for chunk in chunks for event in chunk.told("collect_error")}
    owner = {**given, **started, **dict.fromkeys(broken, first)}
    members: dict[str, list[str]] = {}
    for nodeid in collected:
        members.setdefault(owner.get(nodeid, first), []).append(nodeid)
    return [
        ChunkEntry(
            id=chunk.asked.id,
            status=_status(chunk),
            nodeids=members.get(chunk.asked.id, []),
            seconds=_duration(chunk),
            exit_code=None if chunk.ending is None else chunk.ending.exit_code,
        )
        for chunk in chunks
    ]


def _status(chunk: CapturedChunk) -> Status:
    ending = chunk.ending
    if ending is None or ending.cause in ("interrupted", "abandoned"):
        return "interrupted"
    if ending.cause == "timeout" or chunk.told("budget_spent"):
        return "timeout"
    if chunk.crashed:
        return "crashed"
    ended = {event["nodeid"] for event in chunk.told("test_end")}
    selected = {nodeid for event in chunk.told("collected") for nodeid in event["nodeids"]}
    return "complete" if {*(chunk.asked.nodeids or ()), *selected} <= ended else "incomplete"


def _duration(chunk: CapturedChunk) -> float | None:
    if chunk.ending is None:
        return None
    span = datetime.fromisoformat(chunk.ending.end) - datetime.fromisoformat(chunk.asked.start)
    return round(max(0.0, span.total_seconds()), 3)
