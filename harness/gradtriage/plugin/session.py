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
from gradtriage.plugin.explanation import ExplanationHooks, watch_compilation
from gradtriage.plugin.output import OwnFolder, Request, read_request, wanted_folder
from gradtriage.plugin.pins import PinWatch
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
        self._exceptions: dict[tuple[str, str], str] = {}
        self._request = Request()
        with self._swallow("request"):
            folder, own = wanted_folder(config)
            if not own:
                self._request = read_request(folder)
        if self._request.explain:
            with self._swallow("watch torch.compile"):
                watch_compilation()
        self._pins = PinWatch(self._request.pins)

    # the probe's side

    def install_probe(self) -> None:
        """Hangs the probe into torch, now or when the tests import it."""
        with self._swallow("install"):
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
        self._write("gradient", nodeid=nodeid, call=call, **record)

    def error(self, place: str, error: BaseException) -> None:
        """Takes what went wrong inside the capture; the first few of each place are written."""
        self._errors[place] = count = self._errors.get(place, 0) + 1
        if count <= _ERRORS_PER_PLACE:
            self._write("probe_error", place=place, nodeid=self._nodeid, error=phases.short_message(error))

    # pytest's side: the session

    @pytest.hookimpl(tryfirst=True)
    def pytest_sessionstart(self) -> None:
        """Opens the stream."""
        with self._swallow("sessionstart"):
            self._controller = self.config.pluginmanager.has_plugin("dsession")
            self.worker = getattr(self.config, "workerinput", {}).get("workerid")
            self._open()
            self._report_pins("", "conftest")
            self._write(
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
        with self._swallow("sessionfinish"):
            taken = snapshot(self._pins.snapshot(), with_packages=False)
            self._write("session_finish", exit_status=int(exitstatus), snapshot=taken)

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        """Says where the gradients are and which tests have suspicious ones."""
        with self._swallow("summary"):
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
        with self._swallow("close"):
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
            self._report_pins(collector.nodeid, "collection")
        finally:
            self._nodeid = before
        with self._swallow("collect report"):
            if report.failed:
                self._write("collect_error", nodeid=report.nodeid, message=phases.message_of(report.longrepr))
        return report

    @pytest.hookimpl(trylast=True)
    def pytest_collection_finish(self, session: pytest.Session) -> None:
        """Lists what will run."""
        with self._swallow("collection"):
            if not self._controller:
                self._write("collected", nodeids=[item.nodeid for item in session.items])

    # pytest's side: one test

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_runtest_protocol(self, item: pytest.Item) -> Generator[None, object, object]:
        """Marks start and end; a test that took its process or session with it has no end."""
        self._nodeid = item.nodeid
        self._calls.pop(item.nodeid, None)
        self._write("test_start", nodeid=item.nodeid)
        try:
            result = yield
            self._write("test_end", nodeid=item.nodeid)
        finally:
            self._nodeid = ""
            self._exceptions.clear()
        return result

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_runtest_makereport(
        self, item: pytest.Item, call: pytest.CallInfo[None]
    ) -> Generator[None, pytest.TestReport, pytest.TestReport]:
        """Notes the exception's type, which the report does not keep, and checks the pins after each phase."""
        report = yield
        with self._swallow("makereport"):
            if call.excinfo is not None:
                self._exceptions[item.nodeid, call.when] = call.excinfo.typename
            else:
                self._exceptions.pop((item.nodeid, call.when), None)
            self._report_pins(item.nodeid, call.when)
        return report

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Writes the outcome of a phase."""
        with self._swallow("logreport"):
            if not self._controller:
                exception = self._exceptions.get((report.nodeid, report.when))
                self._write("phase", **phases.phase_event(report, exception, self.root))

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
        if self._request.explain and not self._controller:
            baseline = self._request.baseline
            held = Held(Path(baseline["path"]), baseline["against"], self.root) if baseline else None
            hooks = ExplanationHooks(self.root, self._write, self._request.by_design, held)
            self.config.pluginmanager.register(hooks, "gradtriage-explanation")
        if self._request.record and not self._controller:
            recorder = BaselineHooks(self.root, self._write, self._request.record)
            self.config.pluginmanager.register(recorder, "gradtriage-baseline")
        if self._request.places and not self._controller:
            strength = StrengthHooks(self.root, self._write, self._request.places, self._request.corruptions)
            self.config.pluginmanager.register(strength, "gradtriage-strength")

    def _write(self, kind: str, /, **fields: Any) -> None:
        if self._writer is not None:
            self._writer.write(kind, **fields)
        elif self._busy is None:
            self._early.append((kind, fields))

    def _report_pins(self, nodeid: str, when: str) -> None:
        for name, value, restored in self._pins.changes():
            if restored:
                self._write("pin_restored", nodeid=nodeid, name=name)
            else:
                self._write("pin_changed", nodeid=nodeid, name=name, value=value, when=when, restored=False)

    @contextlib.contextmanager
    def _swallow(self, place: str) -> Iterator[None]:
        try:
            yield
        except Exception as error:  # noqa: BLE001 - whatever it is, the test goes on
            with contextlib.suppress(Exception):
                self.error(place, error)
