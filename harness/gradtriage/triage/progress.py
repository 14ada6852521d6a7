"""Which phases and tasks of a plan are done by their evidence, and what comes next."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from gradtriage.errors import DocumentError
from gradtriage.evidence.folder import is_alive, partial_folders, sealed_folders
from gradtriage.model.documents import Criteria, Manifest
from gradtriage.model.plan import Phase, Plan

PhaseState = Literal["done", "unmet", "incomplete", "changed", "running", "next", "waiting"]


@dataclass(frozen=True)
class TaskProgress:
    """A task of a phase, which is one of its exit criteria.

    Attributes:
        done: Whether the phase's latest evidence meets it.
    """

    id: str
    text: str
    done: bool


@dataclass(frozen=True)
class PhaseProgress:
    """Where a phase stands.

    Attributes:
        state: `done`: the latest evidence is complete and meets every criterion. `unmet`: one is not met.
            `incomplete`: the run was not whole. `changed`: the plan asks for something else than the evidence was
            judged by. `running`. Without evidence `next`, or `waiting` for a phase that it needs.
        evidence: The latest evidence folder.
        needs: The phases that it needs and that are not done.
    """

    id: str
    title: str
    state: PhaseState
    tasks: tuple[TaskProgress, ...]
    evidence: Path | None = None
    needs: tuple[str, ...] = ()

    @property
    def ready(self) -> bool:
        """Whether the phase can be run now and should be."""
        return self.state in ("unmet", "incomplete", "changed", "next") and not self.needs


def plan_progress(plan: Plan, reports: Path) -> list[PhaseProgress]:
    """Where each phase of a plan stands.

    Args:
        plan: The plan.
        reports: The folder that its evidence lies in.
    """
    found: list[PhaseProgress] = []
    for phase in plan.phases:
        done = {progress.id for progress in found if progress.state == "done"}
        needs = tuple(needed for needed in phase.needs if needed not in done)
        found.append(phase_progress(phase, reports / phase.folder_name, needs))
    return found


def next_phases(progress: Sequence[PhaseProgress]) -> list[PhaseProgress]:
    """The phases to run now, in the plan's order."""
    return [phase for phase in progress if phase.ready]


def phase_progress(phase: Phase, folder: Path, needs: tuple[str, ...] = ()) -> PhaseProgress:
    """Where a phase stands, by the evidence in its folder."""
    folders = sealed_folders(folder) if folder.is_dir() else []
    met: dict[str, bool] = {}
    state: PhaseState = "waiting" if needs else "next"
    if folders:
        state, met = _judged(phase, folders[-1])
    if folder.is_dir() and any(is_alive(partial) for partial in partial_folders(folder)):
        state = "running"
    tasks = tuple(TaskProgress(c.id, c.text, met.get(c.id, False)) for c in phase.criteria)
    return PhaseProgress(phase.id, phase.title, state, tasks, folders[-1] if folders else None, needs)


def _judged(phase: Phase, folder: Path) -> tuple[PhaseState, dict[str, bool]]:
    try:
        manifest = Manifest.read(folder / "manifest.json")
        criteria = Criteria.read(folder / "criteria.json").criteria
    except DocumentError:
        return "incomplete", {}
    asked = dict(_asked(phase))
    met = {result.id: result.met for result in criteria if asked.get(result.id) == result.check}
    if manifest.status != "complete":
        return "incomplete", met
    if asked != {result.id: result.check for result in criteria}:
        return "changed", met
    return ("done" if all(met.values()) else "unmet"), met


def _asked(phase: Phase) -> Iterator[tuple[str, str]]:
    for criterion in phase.criteria:
        yield criterion.id, criterion.check
