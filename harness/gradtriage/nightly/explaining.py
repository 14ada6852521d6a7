"""Explaining troubles: one test of each, as many as a night may."""

from collections.abc import Callable
from dataclasses import replace

from gradtriage.errors import DocumentError, StoppedError
from gradtriage.model.diagnosis import DiagnosisDocument
from gradtriage.run.runner import run_task
from gradtriage.run.task import EXPLAIN_PINS, explain_task
from gradtriage.run.workflow import Workflow
from gradtriage.triage.trouble import Trouble

_KINDS = ("gradient", "numeric", "assertion")
_SECONDS = 600.0


class Explainer:
    """Explains the first troubles that can be explained, and leaves the others as they are.

    Args:
        workflow: The plan whose pins hold, and the project.
        most: How many are explained.
        said: Told of each.
    """

    def __init__(self, workflow: Workflow, most: int, said: Callable[[str], object]) -> None:
        self._workflow, self._left, self._said = workflow, most, said

    def explained(self, trouble: Trouble) -> Trouble:
        """A trouble with its diagnosis, if there can be one: its tests failed in an assertion, or gradients changed.

        Raises:
            StoppedError: The user stopped it.
        """
        if self._left == 0 or not trouble.tests or not (trouble.changes or trouble.kind in _KINDS):
            return trouble
        self._left -= 1
        found = self._run(trouble)
        self._said(f"explained: {found.title}")
        return found

    def _run(self, trouble: Trouble) -> Trouble:
        changed = {change.nodeid for change in trouble.changes}
        nodeid = next((test for test in trouble.tests if test in changed), trouble.tests[0])
        plan, project = self._workflow.plan, self._workflow.project
        reports = plan.reports_folder(project.root) / "explain"
        task = explain_task(project, nodeid, (), _SECONDS)
        pins = {**EXPLAIN_PINS, **plan.env}
        outcome = run_task(replace(task, pins=pins, folder=reports, reports=reports), None)
        if outcome.ending.cause == "interrupted":
            raise StoppedError(f"stopped while {nodeid} was being explained; the ledger is as it was")
        try:
            diagnosis = DiagnosisDocument.read(outcome.folder / "diagnosis.json")
        except DocumentError:
            return trouble  # skipped, or the time limit came first
        return replace(trouble, diagnosis=diagnosis, explained=outcome.folder)
