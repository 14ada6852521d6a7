"""Runs one chunk of a suite: selects its tests after the collection, and begins none that cannot come to its end."""

# ruff: noqa: ANN401 - exceptions of any type come by here

from __future__ import annotations

import time
from collections.abc import Generator, Mapping
from typing import TYPE_CHECKING, Any

import pytest

from gradtriage.evidence.partition import FILL, partition
from gradtriage.plugin import phases
from gradtriage.plugin.failures import exception_fields

if TYPE_CHECKING:
    from gradtriage.plugin.reports import Teller


class ChunkHooks:
    """Selects the tests of one chunk, passes over those for which its time does not suffice, and tells the rest.

    A test that passes is told in two events, so that a suite of thousands of short tests is not slowed down.

    Args:
        session: Takes the events.
        request: What the runner asks: `nodeids`, or `part` of `of` parts of what is collected apart from `done`;
            `durations` as recorded; `budget` in seconds.
        lists: Whether this process tells of the collection; one of several workers is enough.
    """

    def __init__(self, session: Teller, request: Mapping[str, Any], *, lists: bool) -> None:
        self._session, self._request, self._lists = session, request, lists
        self._durations: Mapping[str, float] = request.get("durations") or {}
        self._budget = float(request.get("budget") or 0)
        self._begin = time.monotonic()
        self._begun = 0
        self.spent = False
        self._seconds, self._passed = 0.0, False
        self._pending: dict[str, Any] | None = None

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_collection_modifyitems(
        self, config: pytest.Config, items: list[pytest.Item]
    ) -> Generator[None, None, None]:
        """Selects the chunk's tests, after every other plugin had its say."""
        result = yield
        nodeids = [item.nodeid for item in items]
        if self._lists and self._request.get("nodeids") is None:
            self._session.tell("collection", nodeids=nodeids)
        selected = set(self._selected(nodeids))
        left_out = [item for item in items if item.nodeid not in selected]
        if left_out:
            items[:] = [item for item in items if item.nodeid in selected]
            config.hook.pytest_deselected(items=left_out)
        return result

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_runtest_protocol(self, item: pytest.Item) -> Generator[None, object, object]:
        """Marks start and end; a test that took its process or session with it has no end."""
        nodeid = item.nodeid
        if self._passes_over(nodeid):
            return (yield)
        self._session.enter(nodeid)
        self._session.tell("test_start", nodeid=nodeid)
        self._seconds, self._passed = 0.0, False
        try:
            result = yield
            self._flush()
            self._session.report_pins(nodeid, "test")
            self._session.tell("test_end", nodeid=nodeid, passed=self._passed, seconds=round(self._seconds, 6))
        finally:
            self._session.leave()
        return result

    @pytest.hookimpl(trylast=True)
    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Adds up the phases that passed, and tells of every other."""
        if report.outcome == "passed" and not hasattr(report, "wasxfail") and not hasattr(report, "context"):
            self._seconds += report.duration
            self._passed = self._passed or report.when == "call"
            return
        with self._session.swallow("logreport"):
            self._flush()
            self._pending = phases.phase_event(report, self._session.root)
            if report.failed:
                self._pending["text"] = phases.text_of(report)
            else:
                self._flush()

    def pytest_exception_interact(self, call: pytest.CallInfo[Any], report: Any) -> None:
        """Comes right after the report of a failure, with the exception that the report does not keep."""
        with self._session.swallow("exception"):
            if self._pending is not None and call.excinfo is not None:
                raised = exception_fields(call.excinfo.value, report.nodeid, self._session.root)
                self._pending |= raised
            self._flush()

    def _flush(self) -> None:
        if self._pending is not None:
            event, self._pending = self._pending, None
            self._session.tell("phase", **event)

    def _passes_over(self, nodeid: str) -> bool:
        """Whether a test is left to a further chunk; once one is, so are all after it."""
        if not self.spent and self._budget:
            elapsed = time.monotonic() - self._begin
            needed = self._durations.get(nodeid, 0.0)
            if elapsed >= FILL * self._budget or (self._begun and elapsed + needed >= self._budget):
                self.spent = True
                self._session.tell("budget_spent", nodeid=nodeid, seconds=round(elapsed, 3))
        self._begun += not self.spent
        return self.spent

    def _selected(self, nodeids: list[str]) -> list[str]:
        asked = self._request.get("nodeids")
        if asked is not None:
            return list(asked)
        done = set(self._request.get("done") or ())
        rest = [nodeid for nodeid in nodeids if nodeid not in done]
        parts = partition(rest, self._durations, int(self._request.get("of") or 1))
        number = int(self._request.get("part") or 1)
        return parts[number - 1] if number <= len(parts) else []


class PassOver:
    """Does nothing for a test that is passed over, which leaves the session and its exit status as they are.

    Args:
        chunk: Says which.
    """

    def __init__(self, chunk: ChunkHooks) -> None:
        self._chunk = chunk

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_protocol(self) -> bool | None:
        """Stands in for pytest's own, which then does not come to run the test."""
        return True if self._chunk.spent else None
