"""`gradtriage doctor`."""

from dataclasses import asdict
from pathlib import Path

import click

from gradtriage.model.document import to_json
from gradtriage.model.plan_file import read_plan
from gradtriage.model.settings import find_project
from gradtriage.project.examination import Remark, examine
from gradtriage.triage.checks import compile_check

_MARKS = {"ok": "✓", "note": "·", "fault": "✗"}


@click.command(
    epilog="Example: gradtriage doctor plans/gradient-flow.yaml",
    short_help="Say what the environment is and what makes runs irreproducible.",
)
@click.argument("plan", type=click.Path(path_type=Path), required=False)
@click.option("--json", "as_json", is_flag=True, help="Print the remarks as JSON.")
def doctor(plan: Path | None, as_json: bool) -> int:
    """Examine the environment in which tests would run; with PLAN, also whether its pins hold.

    ✓ in order, · can make two runs differ, ✗ broken. Exit code 1 if anything is broken.
    """
    project = find_project(Path.cwd())
    remarks = examine(project, read_plan(plan, compile_check) if plan else None)
    if as_json:
        click.echo(to_json({"remarks": [asdict(remark) for remark in remarks]}), nl=False)
    else:
        click.echo("\n".join(line for remark in remarks for line in _lines(remark)))
    return int(any(remark.level == "fault" for remark in remarks))


def _lines(remark: Remark) -> list[str]:
    lines = [f"{_MARKS[remark.level]} {remark.subject}: {remark.text}"]
    return [*lines, f"    {remark.remedy}"] if remark.remedy else lines
