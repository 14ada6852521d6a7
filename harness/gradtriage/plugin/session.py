"""The hooks of one captured pytest session: what happened, test by test, as events that are on disk at once."""

# ruff: noqa: ANN401 - values of any type come by here

from __future__ import annotations

import contextlib
from collections.abc import Generator, Iterator
from pathlib import Path
from typing import Any

import pytest

from gradtriage.evidence.events import EventWriter, merge_gradients, read_events
from gradtriage.plugin import phases
from gradtriage.plugin.baseline import BaselineHooks, Held
from gradtriage.plugin.chunk import ChunkHooks, PassOver
from gradtriage.plugin.explanation import ExplanationHooks, watch_compilation
from gradtriage.plugin.failures import exception_fields
from gradtriage.plugin.output import OwnFolder, Request, read_request, wanted_folder
from gradtriage.plugin.pins import PinWatch
from gradtriage.plugin.reports import TestReports
from gradtriage.plugin.snapshot import snapshot
from gradtriage.plugin.strength import StrengthHooks
from gradtriage.plugin.summary import summary_lines
from gradtriage.probe import install

_ERRORS_PER_PLACE = 20


class CaptureSession:
    """Writes the events of one session; the sink of the probe while the session lasts.

    No method lets an exception of its own out: what fails in here becomes a `probe_error` event, never a different
    outcome of a test.
    """

    def __init__(self, config: pytest.Config) -> None:
        self.config = config
        self.root: Path = config.rootpath
        self.worker: str | None = None
        self._writer: EventWriter | None = None
        self._early: list[tuple[str, dict[str, Any]]] = []
        self._own: OwnFolder | None = None
        self._busy: Path | None = None
        self._controller = False
        self._nodeid = ""
        self._calls: dict[str, int] = {}
        self._errors: dict[str, int] = {}
        self._request = Request()
        with self.swallow("request"):
            folder, own = wanted_folder(config)
            if not own:
                self._request = read_request(folder)
        if self._request.explain:
            with self.swallow("watch torch.compile"):
                watch_compilation()
        self._pins = PinWatch(self._request.pins)

    # the probe's side

    def install_probe(self) -> None:
        """Hangs the probe into torch, now or when the tests import it."""
        with self.swallow("install"):
            install.attach(self)

    def opened(self, call: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        """Lets every call go through."""

    def returned(self, call: Any, result: Any) -> Any:  # noqa: ARG002
        """Hands on what the call returned."""
        return result

    def gradient(self, record: dict[str, Any]) -> None:
        """Takes the record of one gradient call."""
        nodeid = self._nodeid or record["where"]["file"]
        self._calls[nodeid] = call = self._calls.get(nodeid, 0) + 1
        self.tell("gradient", nodeid=nodeid, call=call, **record)

    def error(self, place: str, error: BaseException) -> None:
        """Takes what went wrong inside the capture; the first few of each place are written."""
        self._errors[place] = count = self._errors.get(place, 0) + 1
        if count <= _ERRORS_PER_PLACE:
            self.tell("probe_error", place=place, nodeid=self._nodeid, error=phases.short_message(error))

    # pytest's side: the session

    @pytest.hookimpl(tryfirst=True)
    def pytest_sessionstart(self) -> None:
        """Opens the stream."""
        with self.swallow("sessionstart"):
            self._controller = self.config.pluginmanager.has_plugin("dsession")
            self.worker = getattr(self.config, "workerinput", {}).get("workerid")
            self._open()
            self.report_pins("", "conftest")
            self.tell(
                "session_start",
                pid=phases.process_id(),
                worker=self.worker,
                rootdir=str(self.root),
                args=[str(argument) for argument in self.config.invocation_params.args],
                snapshot=snapshot(self._pins.snapshot(), with_packages=True),
            )

    @pytest.hookimpl(optionalhook=True)
    def pytest_configure_node(self, node: Any) -> None:
        """Tells an xdist worker where to write."""
        if self._writer is not None:
            node.workerinput["gradtriage"] = {"folder": str(self._writer.folder), "own": self._own is not None}

    @pytest.hookimpl(trylast=True)
    def pytest_sessionfinish(self, exitstatus: int) -> None:
        """Writes how the session ended and what the environment is by now."""
        with self.swallow("sessionfinish"):
            taken = snapshot(self._pins.snapshot(), with_packages=False)
            self.tell("session_finish", worker=self.worker, exit_status=int(exitstatus), snapshot=taken)

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        """Says where the gradients are and which tests have suspicious ones."""
        with self.swallow("summary"):
            if self._busy is not None:
                terminalreporter.write_line(f"gradtriage: nothing captured, another session writes to {self._busy}")
            if self._own is None or self.worker is not None or self._writer is None:
                return
            document = merge_gradients(read_events(self._own.folder))
            path = self._own.write_gradients(document)
            for line in summary_lines(document, phases.relative(path, self.root), self._writer.lost):
                terminalreporter.write_line(line)

    def close(self) -> None:
        """Takes the probe out of torch and closes the stream."""
        with self.swallow("close"):
            install.detach(self)
        if self._writer is not None:
            self._writer.close()
        if self._own is not None:
            self._own.release()

    # pytest's side: collection

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_make_collect_report(
        self, collector: pytest.Collector
    ) -> Generator[None, pytest.CollectReport, pytest.CollectReport]:
        """Names the file for gradients that are computed while it is imported; checks the pins after it."""
        before, self._nodeid = self._nodeid, collector.nodeid.split("::")[0]
        try:
            report = yield
            self.report_pins(collector.nodeid, "collection")
        finally:
            self._nodeid = before
        with self.swallow("collect report"):
            if report.failed:
                call: pytest.CallInfo[Any] | None = getattr(report, "call", None)
                raised = call.excinfo.value if call is not None and call.excinfo is not None else None
                fields = exception_fields(raised, report.nodeid, self.root) if raised is not None else {}
                message = phases.short_message(raised.__cause__) if raised and raised.__cause__ else None
                message = message or phases.message_of(report.longrepr)
                text = phases.text_of(report) if self._request.chunk else None
                self.tell("collect_error", nodeid=report.nodeid, message=message, text=text, **fields)
        return report

    @pytest.hookimpl(trylast=True)
    def pytest_collection_finish(self, session: pytest.Session) -> None:
        """Lists what will run."""
        with self.swallow("collection"):
            if not self._controller:
                self.tell("collected", nodeids=[item.nodeid for item in session.items])

    # the side of the hooks for single tests

    def tell(self, kind: str, /, **fields: Any) -> None:
        """Writes an event."""
        if self._writer is not None:
            self._writer.write(kind, **fields)
        elif self._busy is None:
            self._early.append((kind, fields))

    def enter(self, nodeid: str) -> None:
        """A test begins: gradients are its own from here on."""
        self._nodeid = nodeid
        self._calls.pop(nodeid, None)

    def leave(self) -> None:
        """The test is over."""
        self._nodeid = ""

    def report_pins(self, nodeid: str, when: str) -> None:
        """Writes which pins were changed since the last look."""
        for name, value, restored in self._pins.changes():
            if restored:
                self.tell("pin_restored", nodeid=nodeid, name=name)
            else:
                self.tell("pin_changed", nodeid=nodeid, name=name, value=value, when=when, restored=False)

    @contextlib.contextmanager
    def swallow(self, place: str) -> Iterator[None]:
        """Lets no exception of ours out; it becomes an event."""
        try:
            yield
        except Exception as error:  # noqa: BLE001 - whatever it is, the test goes on
            with contextlib.suppress(Exception):
                self.error(place, error)

    # helpers

    def _open(self) -> None:
        folder, own = wanted_folder(self.config)
        if own and self.worker is None:
            self._own = OwnFolder(folder)
            if not self._own.take():
                self._own, self._busy = None, folder
                install.detach(self)
                return
        self._writer = EventWriter(folder, self.worker)
        early, self._early = self._early, []
        for kind, fields in early:
            self._writer.write(kind, **fields)
        if not self._controller:
            for name, hooks in self._hooks():
                self.config.pluginmanager.register(hooks, f"gradtriage-{name}")

    def _hooks(self) -> Iterator[tuple[str, object]]:
        """What is registered for single tests, as the runner asks."""
        request = self._request
        if request.chunk:
            chunk = ChunkHooks(self, request.chunk, lists=self.worker in (None, "gw0"))
            yield "chunk", chunk
            yield "pass-over", PassOver(chunk)
        else:
            yield "reports", TestReports(self)
        if request.explain:
            baseline = request.baseline
            held = Held(Path(baseline["path"]), baseline["against"], self.root) if baseline else None
            yield "explanation", ExplanationHooks(self.root, self.tell, request.by_design, held)
        if request.record:
            yield "baseline", BaselineHooks(self.root, self.tell, request.record)
        if request.places:
            yield "strength", StrengthHooks(self.root, self.tell, request.places, request.corruptions)
