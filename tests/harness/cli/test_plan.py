"""What is done in a plan, and what comes next, by its evidence."""

import json
from pathlib import Path

import pytest
import yaml

from tests.support.projects import SmallProject


def criteria(phase: str, check: str) -> list[dict[str, str]]:
    return [
        {"id": f"{phase}1", "text": "Whole", "check": "junit.tests == 1"},
        {"id": f"{phase}2", "text": "So", "check": check},
    ]


@pytest.fixture(scope="module")
def project(shared_project) -> SmallProject:
    made = shared_project("plan")
    made.write("test_it.py", "def test_it():\n    assert False\n")
    made.plan(
        {"title": "First", "criteria": criteria("A", "exit_code == 1")},
        {"id": "B", "needs": ["A"], "criteria": criteria("B", "exit_code == 0")},
        {"id": "C", "needs": ["B"], "criteria": criteria("C", "exit_code == 0")},
    )
    return made


def states(project: SmallProject) -> dict[str, str]:
    told = json.loads(project.run("plan", "status", "plan.yaml", "--json", "-").out)
    return {phase["phase"]: phase["state"] for phase in told["phases"]}


def test_before_anything_ran_the_first_phase_is_next(project: SmallProject) -> None:
    assert states(project) == {"A": "next", "B": "waiting", "C": "waiting"}
    assert project.run("plan", "next", "plan.yaml").out.splitlines() == [
        "→ A (First): to be run next",
        "    [ ] A1 Whole",
        "    [ ] A2 So",
        "    gradtriage run plan.yaml --phase A",
    ]


def test_states_follow_the_evidence_and_the_section_is_written_when_asked(project: SmallProject) -> None:
    plan = project.root / "plan.yaml"
    before = plan.read_text()
    project.run("run", "plan.yaml", "-q")
    assert states(project) == {"A": "done", "B": "unmet", "C": "waiting"}
    assert plan.read_text() == before
    ready = json.loads(project.run("plan", "next", "plan.yaml", "--json", "-").out)["next"]
    assert [(phase["phase"], [task["id"] for task in phase["tasks"] if not task["done"]]) for phase in ready] == [
        ("B", ["B2"])
    ]
    assert project.run("plan", "status", "plan.yaml", "--write").code == 0
    written = plan.read_text()
    assert written.startswith(before)
    stamps = {phase: project.only(phase).path.name for phase in "AB"}
    assert yaml.safe_load(written)["status"] == {
        "A": {"state": "done", "evidence": f"phase_a/{stamps['A']}", "done": ["A1", "A2"], "open": []},
        "B": {"state": "unmet", "evidence": f"phase_b/{stamps['B']}", "done": ["B1"], "open": ["B2"]},
        "C": {"state": "waiting", "done": [], "open": ["C1", "C2"]},
    }
    assert "nothing changed" in project.run("plan", "status", "plan.yaml", "--write").err
    assert plan.read_text() == written


def test_evidence_that_was_judged_by_other_criteria_does_not_make_a_phase_done(project: SmallProject) -> None:
    plan = project.root / "plan.yaml"
    plan.write_text(plan.read_text().replace("exit_code == 1", "exit_code == 2"))
    assert states(project)["A"] == "changed"
    assert "its criteria were changed since" in project.run("plan", "next", "plan.yaml").out


def test_a_plan_that_cannot_be_read_is_one_line(project: SmallProject, tmp_path: Path) -> None:
    done = project.run("plan", "status", str(tmp_path / "gone.yaml"))
    assert done.code == 2
    assert len(done.err.splitlines()) == 1
    assert "gone.yaml: No such file" in done.err
