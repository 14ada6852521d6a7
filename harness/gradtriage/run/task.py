"""What a run is to do and why: a phase of a plan, or one test to be explained."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from gradtriage.model.documents import Asked, Following
from gradtriage.model.plan import Phase, Plan, PytestChunk
from gradtriage.model.settings import Project

# Held where gradients are explained, unless the plan says otherwise: replays are compared bit by bit.
EXPLAIN_PINS: Mapping[str, str | None] = {
    "OMP_NUM_THREADS": "1",
    "MKL_NUM_THREADS": "1",
    "PYTHONHASHSEED": "0",
    "PYTORCH_JIT": "0",
    "TORCHDYNAMO_DISABLE": "1",
}


@dataclass(frozen=True)
class Words:
    """What the plan says about a run; goes into its evidence as it is."""

    initiative: str | None = None
    title: str = ""
    plan: str | None = None
    phase: str | None = None
    phase_title: str = ""
    objective: str = ""
    criteria: Sequence[Asked] = ()
    hypotheses: Sequence[Asked] = ()
    next: Sequence[Following] = ()
    references: Sequence[str] = ()
    notes: Sequence[str] = ()


@dataclass(frozen=True)
class Task:
    """A run, ready to start.

    Attributes:
        chunk: What pytest runs.
        pins: Environment variables that hold in the test process; None for one that is unset.
        folder: The evidence folder is made directly below it.
        reports: Evidence below it is listed as earlier evidence.
        explain: Whether gradients are explained.
        request: What else is asked of the plugin.
        evidence: The folder whose content does not make the working tree dirty; None for `reports`.
        memory: Bytes of memory at which the run is ended; None for no limit.
        variables: Further variables of the test process; they are no pins, and the evidence does not hold them.
    """

    project: Project
    chunk: PytestChunk
    pins: Mapping[str, str | None]
    folder: Path
    reports: Path
    explain: bool = False
    words: Words = field(default_factory=Words)
    request: Mapping[str, object] = field(default_factory=dict)
    evidence: Path | None = None
    memory: int | None = None
    variables: Mapping[str, str] = field(default_factory=dict)


def phase_task(project: Project, plan_path: str, plan: Plan, phase: Phase, notes: Sequence[str]) -> Task:
    """The run of a plan's phase.

    Args:
        project: The project that the plan belongs to.
        plan_path: The plan's file as the evidence should name it.
        plan: The plan.
        phase: One of its phases.
        notes: Remarks for the evidence.
    """
    reports = plan.reports_folder(project.root)
    words = Words(
        initiative=plan.initiative,
        title=plan.title,
        plan=plan_path,
        phase=phase.id,
        phase_title=phase.title,
        objective=phase.objective,
        criteria=[Asked(id=c.id, text=c.text, check=c.check) for c in phase.criteria],
        hypotheses=[
            Asked(id=f"H{n}", text=h.statement, check=h.confirmed, refuted=h.refuted)
            for n, h in enumerate(phase.hypotheses, 1)
        ],
        next=[Following(id=p.id, title=p.title, objective=p.objective) for p in map(plan.phase, phase.next)],
        references=list(plan.references),
        notes=list(notes),
    )
    pins = {**EXPLAIN_PINS, **plan.env} if phase.explain else plan.env
    folder = reports / phase.folder_name
    return Task(project, plan.chunk(phase.id), pins, folder, reports, phase.explain, words)


def explain_task(
    project: Project,
    nodeid: str,
    args: Sequence[str],
    timeout: float,
    *,
    against: str = "",
    request: Mapping[str, object] | None = None,
) -> Task:
    """The run that explains the gradients of one test.

    Args:
        project: The project that the test belongs to.
        nodeid: The test, or what pytest can select tests by.
        args: Further pytest arguments.
        timeout: Time limit in seconds.
        against: The known-good run that it is held against, in the user's words.
        request: What else is asked of the plugin.
    """
    folder = project.root / project.settings.reports / "explain"
    chunk = PytestChunk(select=[nodeid], args=["--tb=short", *args], timeout=timeout)
    objective = f"Say why the gradients of {nodeid} are what they are, and prove it."
    if against:
        objective += f" Say where it is another function than at {against}."
    return Task(project, chunk, EXPLAIN_PINS, folder, folder, True, Words(objective=objective), request or {})
