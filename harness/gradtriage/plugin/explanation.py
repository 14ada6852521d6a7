"""Explains the gradients of tests, each right before its body runs, in forked children."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Generator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from gradtriage.evidence.diagnosis import telling_rank
from gradtriage.plugin.bodies import body_of, body_with_fixtures_of, temporary_folders_of

if TYPE_CHECKING:
    from gradtriage.plugin.baseline import Held


def watch_compilation() -> None:
    """Notes what is given to `torch.compile`, from before the first test module is imported."""
    from gradtriage.probe.explain.compiled.requests import watch

    watch()


class ExplanationHooks:
    """Diagnoses tests until one has gradients that are not healthy, or is another function than it was.

    Args:
        root: pytest's rootdir.
        tell: Writes an event.
        by_design: Where gradients are stopped or replaced on purpose.
        held: The known-good runs that the tests are held against, if any.
    """

    def __init__(
        self, root: Path, tell: Callable[..., None], by_design: Sequence[str] = (), held: Held | None = None
    ) -> None:
        self._root, self._tell, self._by_design, self._held = root, tell, by_design, held
        self._documents: dict[str, dict[str, Any]] = {}

    @pytest.hookimpl(wrapper=True)
    def pytest_collection(self) -> Generator[None, object, object]:
        """What is imported may freeze parameters, and so may fixtures."""
        from gradtriage.probe.explain.leaves.origins import origins_are_noted

        with origins_are_noted():
            return (yield)

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_setup(self) -> Generator[None, object, object]:
        """As at import."""
        from gradtriage.probe.explain.leaves.origins import origins_are_noted

        with origins_are_noted():
            return (yield)

    @pytest.hookimpl(wrapper=True, trylast=True)
    def pytest_runtest_call(self, item: pytest.Item) -> Generator[None, object, object]:
        """The innermost wrapper: all is set up, nothing of the body has run, and here a replay starts."""
        if not any(telling_rank(document) == 0 for document in self._documents.values()) and hasattr(os, "fork"):
            self._explain(item)
        return (yield)

    @pytest.hookimpl(trylast=True)
    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """The diagnosis is told with the outcome of the ordinary run."""
        if report.when == "call" and report.nodeid in self._documents:
            self._tell("diagnosis", document={**self._documents[report.nodeid], "outcome": report.outcome})

    def _explain(self, item: pytest.Item) -> None:
        started = time.time()
        try:
            from gradtriage.probe.explain.replay.workspace import workspaces_are_kept

            with workspaces_are_kept(temporary_folders_of(item)):
                document = self._document(item)
        except Exception as error:  # noqa: BLE001 - the test runs as it would, whatever happened here
            self._tell("probe_error", place="explain", nodeid=item.nodeid, error=f"{type(error).__name__}: {error}")
            return
        document["seconds"]["explain"] = round(time.time() - started, 3)
        self._documents[item.nodeid] = document
        self._tell("diagnosis", document=document)

    def _document(self, item: pytest.Item) -> dict[str, Any]:
        # imported here: torch comes with it, and a run that explains nothing needs neither
        from gradtriage.probe.explain.account.document import diagnosis_document
        from gradtriage.probe.explain.compiled.agreement import add_compiled
        from gradtriage.probe.explain.examination.examine import examine
        from gradtriage.probe.explain.replay.body import program_of

        program = program_of(body_of(item), self._root)
        diagnosis = examine(program, by_design=self._by_design)
        body = body_with_fixtures_of(item) if diagnosis.unexplained else None
        if body is not None:
            again = program_of(body, self._root)
            within = examine(again, by_design=self._by_design)
            if within.causes and within.causes[0].proof == "proven":
                program, diagnosis = again, within
        document = diagnosis_document(diagnosis, item.nodeid, "error", self._root)
        document = add_compiled(document, program, self._root)
        return document if self._held is None else self._held.compared(document, program)
