"""`gradtriage plan`."""

import shlex
from pathlib import Path

import click

from gradtriage.cli.targets import check_json_target, json_to, shown_path
from gradtriage.evidence.shared_file import edit_file
from gradtriage.model.document import to_json
from gradtriage.model.plan_section import PhaseEntry, with_status
from gradtriage.run.workflow import Workflow, open_workflow
from gradtriage.triage.progress import PhaseProgress, next_phases, plan_progress

_MARKS = {"done": "✓", "unmet": "✗", "incomplete": "✗", "changed": "✗", "running": "…", "next": "→", "waiting": "·"}
_WORDS = {
    "done": "done",
    "unmet": "run, with a criterion unmet",
    "incomplete": "run, and its evidence is not whole",
    "changed": "run, and its criteria were changed since",
    "running": "running",
    "next": "to be run next",
}
json_option = click.option("--json", "json_file", metavar="FILE", help="Write the states to FILE, - for stdout.")
plan_argument = click.argument("plan_path", metavar="PLAN", type=click.Path(path_type=Path))


@click.group(
    epilog="Example: gradtriage plan next plans/gradient-flow.yaml",
    short_help="Say which phases of a plan are done and what comes next.",
    no_args_is_help=False,
)
def plan() -> None:
    """Say which phases and tasks of a plan are done by their evidence, and what comes next."""


@plan.command(epilog="Example: gradtriage plan status plans/gradient-flow.yaml --write")
@plan_argument
@click.option("--write", is_flag=True, help="Write the states into the plan's own status section.")
@json_option
def status(plan_path: Path, write: bool, json_file: str | None) -> int:
    """Show the state of each phase of PLAN and of its tasks, which are the exit criteria.

    A phase is done when its latest evidence is complete and meets every criterion that the plan has now.
    """
    check_json_target(json_file)
    workflow, progress = _progress(plan_path)
    if write:
        entries = {phase.id: _entry(workflow, phase) for phase in progress}
        changed = edit_file(
            plan_path, lambda data: with_status(data, str(plan_path), entries), "give the path of a plan"
        )
        click.echo(f"{plan_path}: status {'written' if changed else 'is up to date, nothing changed'}", err=True)
    if json_file is not None:
        json_to(json_file, to_json({"phases": [_as_json(phase) for phase in progress]}))
    if json_file != "-":
        click.echo("\n".join(line for phase in progress for line in _lines(phase)))
    return 0


@plan.command("next", epilog="Example: gradtriage plan next plans/gradient-flow.yaml")
@plan_argument
@json_option
def next_steps(plan_path: Path, json_file: str | None) -> int:
    """Show the phases of PLAN that can be run now, each with its open tasks and its command."""
    check_json_target(json_file)
    _, progress = _progress(plan_path)
    ready = next_phases(progress)
    if json_file is not None:
        json_to(json_file, to_json({"next": [_as_json(phase) for phase in ready]}))
    if json_file != "-":
        click.echo("\n".join(line for phase in ready for line in _next_lines(plan_path, phase)) or _nothing(progress))
    return 0


def _progress(plan_path: Path) -> tuple[Workflow, list[PhaseProgress]]:
    workflow = open_workflow(plan_path, (), Path.cwd())
    return workflow, plan_progress(workflow.plan, workflow.plan.reports_folder(workflow.project.root))


def _title(phase: PhaseProgress) -> str:
    return f"{phase.id}" + (f" ({phase.title})" if phase.title else "")


def _lines(phase: PhaseProgress) -> list[str]:
    words = f"waits for {', '.join(phase.needs)}" if phase.state == "waiting" else _WORDS[phase.state]
    lines = [f"{_MARKS[phase.state]} {_title(phase)}: {words}"]
    lines += [f"    [{'x' if task.done else ' '}] {task.id} {task.text}" for task in phase.tasks]
    return [*lines, f"    evidence: {shown_path(phase.evidence)}/summary.md"] if phase.evidence else lines


def _next_lines(plan_path: Path, phase: PhaseProgress) -> list[str]:
    lines = [f"→ {_title(phase)}: {_WORDS[phase.state]}"]
    lines += [f"    [ ] {task.id} {task.text}" for task in phase.tasks if not task.done]
    return [*lines, f"    gradtriage run {shlex.quote(str(plan_path))} --phase {phase.id}"]


def _nothing(progress: list[PhaseProgress]) -> str:
    running = [phase.id for phase in progress if phase.state == "running"]
    return f"nothing now; running: {', '.join(running)}" if running else "nothing is left: every phase is done"


def _entry(workflow: Workflow, phase: PhaseProgress) -> PhaseEntry:
    reports = workflow.plan.reports_folder(workflow.project.root)
    evidence = phase.evidence.relative_to(reports).as_posix() if phase.evidence else None
    done = tuple(task.id for task in phase.tasks if task.done)
    return PhaseEntry(phase.state, evidence, done, tuple(task.id for task in phase.tasks if not task.done))


def _as_json(phase: PhaseProgress) -> dict[str, object]:
    return {
        "phase": phase.id,
        "title": phase.title,
        "state": phase.state,
        "tasks": [{"id": task.id, "text": task.text, "done": task.done} for task in phase.tasks],
        "evidence": shown_path(phase.evidence) if phase.evidence else None,
        "needs": list(phase.needs),
    }
