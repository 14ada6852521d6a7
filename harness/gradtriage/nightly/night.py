"""A night from the suite to the ledger."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

from gradtriage.errors import StoppedError
from gradtriage.ledger.edits import evidence_path
from gradtriage.ledger.file import read_ledger
from gradtriage.model.comparison import ComparisonDocument
from gradtriage.model.suite import SuiteDocument
from gradtriage.nightly.baseline import accept, baseline_run, since
from gradtriage.nightly.explaining import Explainer
from gradtriage.nightly.items import Night, Noted, close_what_is_gone, item_of, known_explanation, note_trouble
from gradtriage.report.regression import CHANGE_WORDS
from gradtriage.run.runner import Outcome
from gradtriage.run.workflow import Workflow
from gradtriage.suite.runner import run_suite
from gradtriage.suite.task import SUITE_PINS, SuiteTask, suite_task
from gradtriage.suite.unchanged import unchanged
from gradtriage.triage.comparison import BROKEN
from gradtriage.triage.observation import Observation, observe
from gradtriage.triage.trouble import Trouble, merged, troubles_of

Said = Callable[[str], object]


@dataclass(frozen=True)
class NightOptions:
    """How a night is run.

    Attributes:
        accept: Take this night's run as the baseline.
        across: Compare although the environment is not the baseline's.
        force: Run the suite although nothing changed.
        most_explained: How many troubles are explained.
    """

    accept: bool = False
    across: bool = False
    force: bool = False
    most_explained: int = 10


@dataclass(frozen=True)
class NightResult:
    """What came of a night.

    Attributes:
        run: The suite.
        outcome: How it was run; None where nothing had changed and nothing was run.
        noted: The troubles with their ledger items.
        ledger: What was changed in the ledger, a line each.
    """

    workflow: Workflow
    run: Observation
    outcome: Outcome | None
    comparison: ComparisonDocument | None
    accepted: bool
    noted: tuple[Noted, ...]
    notes: tuple[str, ...]
    ledger: tuple[str, ...]

    @property
    def worse(self) -> bool:
        """Whether anything is worse than the baseline; without one, whether anything fails."""
        if self.accepted:
            return False
        found = bool(self.comparison.worse) if self.comparison is not None else bool(failing(self.run))
        return found or not self.run.complete


def run_night(workflow: Workflow, ledger: Path, options: NightOptions, said: Said) -> NightResult:
    """Runs the suite, compares, explains what is new, and updates the ledger.

    Args:
        workflow: The plan and its project.
        ledger: The ledger.
        options: How.
        said: Told of each step.

    Raises:
        StoppedError: The user stopped it; the ledger is as it was.
        UsageError: The ledger or the baseline cannot be read.
    """
    reports = workflow.plan.reports_folder(workflow.project.root)
    read_ledger(ledger)  # said before the suite is run
    baseline = None if options.accept else baseline_run(reports)
    folder, outcome = _suite_run(plan_suite(workflow), options)
    run, suite = observe(folder, workflow.named(folder)), SuiteDocument.read(folder / "suite.json")
    said(f"suite: {_counted(run)}" + (f" (nothing changed since {folder.name})" if outcome is None else ""))
    if outcome is not None and outcome.ending.cause == "interrupted":
        raise StoppedError(f"stopped; what was captured is in {workflow.named(folder)}, the ledger is as it was")
    comparison, notes = since(baseline, run, options.across)
    night = _night(workflow, ledger, run, comparison)
    noted = _noted(night, workflow, options, _troubles(run, suite, comparison), said)
    if suite.complete:
        close_what_is_gone(night, {one.item for one in noted})
    accepted = options.accept or (baseline is None and suite.complete and not failing(run))
    if accepted:
        accept(reports, run)
        notes = [note for note in notes if "--accept" not in note] + [f"{run.stamp} is the accepted baseline now"]
    notes += _remarks(suite)
    return NightResult(workflow, run, outcome, comparison, accepted, tuple(noted), tuple(notes), tuple(night.said))


def plan_suite(workflow: Workflow) -> SuiteTask:
    """The suite of a plan: the tests that its phases select, under its pins, with its longest time limit a chunk."""
    plan = workflow.plan
    select = list(dict.fromkeys(item for phase in plan.phases if phase.pytest for item in phase.pytest.select))
    budget = max(plan.chunk(phase.id).timeout for phase in plan.phases)
    reports = plan.reports_folder(workflow.project.root)
    pins = {**SUITE_PINS, **plan.env}
    return suite_task(workflow.project, ["--tb=short", *select], budget=budget, pins=pins, reports=reports)


def failing(run: Observation) -> set[str]:
    """The tests that fail, err, or did not come to their end."""
    return {nodeid for nodeid, outcome in run.outcomes.items() if outcome in BROKEN}


def _suite_run(task: SuiteTask, options: NightOptions) -> tuple[Path, Outcome | None]:
    """The suite's evidence, and its run; None where nothing changed since, and nothing was run."""
    same = None if options.force else unchanged(task)
    if same is not None:
        return same, None
    outcome = run_suite(task)
    return outcome.folder, outcome


def _troubles(run: Observation, suite: SuiteDocument, comparison: ComparisonDocument | None) -> list[Trouble]:
    """What is wrong; a test that is flaky on one and the same commit is no cause to open an item."""
    changes = comparison.worse if comparison is not None else []
    clusters = [cluster for cluster in suite.clusters if cluster.status != "flaky"]
    return troubles_of(clusters, changes, failing(run), CHANGE_WORDS)


def _remarks(suite: SuiteDocument) -> list[str]:
    remarks = []
    if flaky := [cluster for cluster in suite.clusters if cluster.status == "flaky"]:
        named = ", ".join(f"{cluster.id} ({cluster.tests[0]})" for cluster in flaky if cluster.tests)
        remarks.append(f"flaky on this commit, so no item is opened: {named}")
    if not suite.complete:
        remarks.append("the suite is not complete; what was not run is not judged, and no item is closed")
    return remarks


def _noted(night: Night, workflow: Workflow, options: NightOptions, troubles: list[Trouble], said: Said) -> list[Noted]:
    """The troubles in the ledger, explained, and those with one cause merged. What it knows is not explained again."""
    page, explainer = read_ledger(night.ledger), Explainer(workflow, options.most_explained, said)
    explained = []
    for trouble in troubles:
        item = item_of(page, night, trouble)
        if item is None or item.status == "done":
            explained.append(explainer.explained(trouble))
        elif (known := known_explanation(night.ledger, item)) is not None:
            explained.append(replace(trouble, diagnosis=known[0], explained=known[1]))
        else:
            explained.append(trouble)
    return [note_trouble(night, trouble) for trouble in merged(explained)]


def _night(workflow: Workflow, ledger: Path, run: Observation, comparison: ComparisonDocument | None) -> Night:
    plan = workflow.plan
    named = {item for phase in plan.phases if phase.pytest for item in phase.pytest.select if "::" in item}
    return Night(
        ledger=ledger,
        now=datetime.now(UTC),
        evidence=run.folder,
        passed={nodeid for nodeid, outcome in run.outcomes.items() if outcome == "passed"},
        compared=comparison is not None,
        stem=plan.initiative.rstrip("0123456789").rstrip("-") or plan.initiative,
        suites=evidence_path(ledger, run.folder.parent),
        own=(plan.initiative, named),
    )


def _counted(run: Observation) -> str:
    return ", ".join(f"{count} {outcome}" for outcome, count in run.counts.items()) or "no test ran"
