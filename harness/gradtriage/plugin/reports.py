"""Each test as events: its start, every phase, its end."""

# ruff: noqa: ANN401 - values of any type come by here

from __future__ import annotations

from collections.abc import Generator
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any, Protocol

import pytest

from gradtriage.plugin import phases
from gradtriage.plugin.failures import exception_fields


class Teller(Protocol):
    """The session, as its tests' hooks see it."""

    root: Path

    def tell(self, kind: str, /, **fields: Any) -> None:
        """Writes an event."""

    def enter(self, nodeid: str) -> None:
        """A test begins: gradients are its own from here on."""

    def leave(self) -> None:
        """The test is over."""

    def report_pins(self, nodeid: str, when: str) -> None:
        """Writes which pins were changed since the last look."""

    def swallow(self, place: str) -> AbstractContextManager[None]:
        """Lets no exception of ours out."""


class TestReports:
    """Tells of every phase of every test.

    Args:
        session: Takes the events.
    """

    __test__ = False

    def __init__(self, session: Teller) -> None:
        self._session = session
        self._exceptions: dict[tuple[str, str], dict[str, Any]] = {}

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_runtest_protocol(self, item: pytest.Item) -> Generator[None, object, object]:
        """Marks start and end; a test that took its process or session with it has no end."""
        self._session.enter(item.nodeid)
        self._session.tell("test_start", nodeid=item.nodeid)
        try:
            result = yield
            self._session.tell("test_end", nodeid=item.nodeid)
        finally:
            self._session.leave()
            self._exceptions.clear()
        return result

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_runtest_makereport(
        self, item: pytest.Item, call: pytest.CallInfo[None]
    ) -> Generator[None, pytest.TestReport, pytest.TestReport]:
        """Notes the exception, which the report does not keep, and checks the pins after each phase."""
        report = yield
        with self._session.swallow("makereport"):
            if call.excinfo is None:
                self._exceptions.pop((item.nodeid, call.when), None)
            elif report.failed:
                raised = exception_fields(call.excinfo.value, item.nodeid, self._session.root)
                self._exceptions[item.nodeid, call.when] = raised
            else:
                self._exceptions[item.nodeid, call.when] = {"exception": call.excinfo.typename}
            self._session.report_pins(item.nodeid, call.when)
        return report

    @pytest.hookimpl(trylast=True)
    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Writes the outcome of a phase."""
        with self._session.swallow("logreport"):
            raised = self._exceptions.get((report.nodeid, str(report.when)), {})
            self._session.tell("phase", **phases.phase_event(report, self._session.root), **raised)
