"""A plan from file to outcomes: which phases run, in which order, and when to stop."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

from gradtriage.errors import UsageError
from gradtriage.model.plan import Phase, Plan
from gradtriage.model.plan_file import read_plan
from gradtriage.model.settings import Project, find_project
from gradtriage.run.runner import Outcome, run_task
from gradtriage.run.task import Task, phase_task
from gradtriage.triage.checks import compile_check
from gradtriage.triage.progress import phase_progress


@dataclass(frozen=True)
class Blocked:
    """A phase that was not run, because one that it needs did not come out as its criteria say."""

    phase: str
    title: str
    needs: str


@dataclass(frozen=True)
class Workflow:
    """A plan, the project it belongs to, and the phases that were asked for."""

    project: Project
    path: Path
    plan: Plan
    phases: tuple[Phase, ...] = field(default=())

    @property
    def shown(self) -> str:
        """The plan's file as evidence names it: relative to the project's root, where it lies in it."""
        return self.named(self.path)

    def named(self, path: Path) -> str:
        """A path from the project's root, so that it means the same on another machine; as it is outside of it."""
        absolute, root = path.resolve(), self.project.root.resolve()
        return absolute.relative_to(root).as_posix() if absolute.is_relative_to(root) else path.as_posix()


def open_workflow(plan_path: Path, phase_ids: Sequence[str], cwd: Path) -> Workflow:
    """Reads a plan and picks its phases; all of them where none is named.

    Raises:
        PlanError: The plan or the settings cannot be used.
        UsageError: The plan has no such phase.
    """
    project = find_project(cwd)
    plan = read_plan(plan_path, compile_check)
    known = {phase.id.lower(): phase for phase in plan.phases}
    for wanted in phase_ids:
        if wanted.lower() not in known:
            raise UsageError(
                f"{plan_path}: has no phase {wanted!r}; its phases are {', '.join(phase.id for phase in plan.phases)}"
            )
    asked = {phase_id.lower() for phase_id in phase_ids}
    phases = tuple(phase for phase in plan.phases if not asked or phase.id.lower() in asked)
    return Workflow(project, plan_path, plan, phases)


def run_phases(workflow: Workflow, echo: IO[bytes] | None) -> Iterator[Outcome | Blocked]:
    """Runs the phases in the plan's order, each after those that it needs.

    A phase whose need was run here and did not meet its criteria is blocked. A need that was not asked for is taken
    from the evidence there is; where there is none the phase runs all the same, and its evidence says so.
    """
    done: dict[str, bool] = {}
    for phase in workflow.phases:
        unmet = next((needed for needed in phase.needs if done.get(needed) is False), None)
        if unmet is not None:
            done[phase.id] = False
            yield Blocked(phase.id, phase.title, unmet)
            continue
        outcome = run_task(_task(workflow, phase, done), echo)
        done[phase.id] = outcome.met
        yield outcome
        if outcome.manifest.status == "interrupted":
            return


def _task(workflow: Workflow, phase: Phase, done: dict[str, bool]) -> Task:
    reports = workflow.plan.reports_folder(workflow.project.root)
    notes = [
        f"phase {needed}, which this phase needs, has no evidence that meets its criteria"
        for needed in phase.needs
        if needed not in done and not _is_done(workflow.plan.phase(needed), reports)
    ]
    return phase_task(workflow.project, workflow.shown, workflow.plan, phase, notes)


def _is_done(phase: Phase, reports: Path) -> bool:
    return phase_progress(phase, reports / phase.folder_name).state == "done"
