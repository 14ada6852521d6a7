"""The workflow of the nights names a plan that can be run, with options that exist, and keeps what nights need."""

import re
import shlex
from pathlib import Path

import click
import yaml

from gradtriage.cli import app
from gradtriage.model.plan_file import read_plan
from gradtriage.triage.checks import compile_check

ROOT = Path(__file__).parents[2]
WORKFLOW = ROOT / ".github/workflows/nightly.yml"


def steps() -> list[dict]:
    return yaml.safe_load(WORKFLOW.read_text(encoding="utf-8"))["jobs"]["nightly"]["steps"]


def command() -> list[str]:
    (line,) = [step["run"] for step in steps() if "gradtriage nightly" in step.get("run", "")]
    return shlex.split(re.sub(r"\$\{\{.*?\}\}", "--accept", line))


def test_the_plan_of_the_workflow_selects_tests_that_exist() -> None:
    plan = read_plan(ROOT / command()[2], compile_check)
    selected = [item.partition("::")[0] for phase in plan.phases if phase.pytest for item in phase.pytest.select]
    assert selected
    assert [item for item in selected if not (ROOT / item).exists()] == []


def test_its_command_uses_options_that_exist() -> None:
    nightly = app.get_command(click.Context(app), "nightly")
    assert nightly is not None
    known = {option for parameter in nightly.params for option in parameter.opts}
    assert {word for word in command() if word.startswith("--")} <= known


def test_the_reports_folder_is_kept_from_night_to_night() -> None:
    reports = read_plan(ROOT / command()[2], compile_check).reports
    cached = [step for step in steps() if "actions/cache/" in step.get("uses", "")]
    assert [step["with"]["path"] for step in cached] == [reports, reports]
    saved = [step for step in cached if "/save@" in step["uses"]]
    assert [step["if"] for step in saved] == ["always()"]
