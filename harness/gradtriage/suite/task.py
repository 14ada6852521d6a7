"""What a suite's run is to do: which tests, in how many chunks, how long each may take."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from pydantic import ValidationError

from gradtriage.errors import UsageError
from gradtriage.model.plan import PytestChunk
from gradtriage.model.settings import Project
from gradtriage.run.memory import usual_limit
from gradtriage.run.task import Task, Words

BUDGET = 3600.0
GRACE = 5.0
# a module that cannot be imported must not keep the others from being tested
GO_ON = "--continue-on-collection-errors"
# node ids have to be the same in every process that collects, and sets of strings come in the order of their hashes
SUITE_PINS: Mapping[str, str | None] = {"PYTHONHASHSEED": "0"}


@dataclass(frozen=True)
class SuiteTask:
    """A suite, ready to start.

    Attributes:
        task: The run; its time limit is the one of a chunk.
        chunks: How many chunks; None for as many as the recorded durations ask for.
        workers: xdist's `-n`; None for one process.
        resume: The sealed folder of an earlier run to go on with.
        retry: Try the tests again that were in flight there.
    """

    task: Task
    chunks: int | None = None
    workers: str | None = None
    resume: Path | None = None
    retry: bool = False
    durations: Mapping[str, float] = field(default_factory=dict)

    @property
    def budget(self) -> float:
        """Seconds that one chunk may take."""
        return self.task.chunk.timeout


def suite_task(
    project: Project,
    args: Sequence[str],
    *,
    budget: float = BUDGET,
    chunks: int | None = None,
    workers: str | None = None,
    pins: Mapping[str, str | None] | None = None,
    reports: Path | None = None,
) -> SuiteTask:
    """The run of a whole suite.

    Args:
        project: The project that the suite belongs to.
        args: pytest's arguments; none for the project's own tests.
        budget: Seconds that one chunk may take.
        chunks: How many chunks; None for as many as needed.
        workers: xdist's `-n`; None for one process.
        pins: Environment variables that hold in the test processes; None where nobody sets any.
        reports: The evidence goes to `suite/` below it; None for the project's own.

    Raises:
        UsageError: An argument would take the capture out of our hands.
    """
    reports = project.root / project.settings.reports if reports is None else reports
    task = Task(
        project=project,
        chunk=_chunk(args, budget),
        pins=SUITE_PINS if pins is None else pins,
        folder=reports / "suite",
        reports=reports / "suite",
        evidence=reports,
        words=Words(objective="Run the whole suite, and group what fails by cause."),
        memory=usual_limit(),
    )
    return SuiteTask(task, chunks, workers)


def _chunk(args: Sequence[str], budget: float) -> PytestChunk:
    try:
        # checked as arguments, since a selection may stand anywhere among them
        chunk = PytestChunk(select=["."], args=[*args, GO_ON], timeout=budget, grace=GRACE)
    except ValidationError as error:
        raise UsageError(str(error.errors()[0]["msg"]).removeprefix("Value error, ")) from error
    return chunk.model_copy(update={"select": []})
