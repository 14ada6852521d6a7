"""`gradtriage doctor`: what is broken is a fault, what can make two runs differ is a note."""

import json

import pytest

from tests.support.projects import SmallProject


@pytest.fixture(scope="module")
def examined(shared_project) -> dict[str, list[dict]]:
    project = shared_project("doctor")
    project.write("test_it.py", "def test_a(): pass\n")
    project.write("sitecustomize.py", "import os\nos.environ['LOST'] = 'mine'\n")
    partial = project.root / "reports" / "phase_a" / ".20200101T000000Z.partial"
    partial.mkdir(parents=True)
    (partial / "running.json").write_text("{}")
    plan = project.plan(env={"HELD": "1", "LOST": "1", "MY_TOKEN": "hush-hush"})
    env = {"PYTHONPATH": str(project.root), "PYTEST_ADDOPTS": "-x", "PYTHONHASHSEED": None}
    done = project.run("doctor", str(plan), "--json", env=env)
    assert done.code == 1
    assert "hush" not in done.out
    remarks: dict[str, list[dict]] = {}
    for remark in json.loads(done.out)["remarks"]:
        remarks.setdefault(remark["subject"], []).append(remark)
    return remarks


@pytest.mark.parametrize(
    ("subject", "level", "text"),
    [
        ("gradtriage", "ok", "on Python"),
        ("Python", "ok", ""),
        ("pytest", "ok", ""),
        ("torch", "ok", ""),
        ("pin", "ok", "HELD = 1"),
        ("pin", "fault", "LOST: wanted 1, the interpreter sees mine"),
        ("pin", "ok", "MY_TOKEN = <redacted>"),
        ("PYTEST_ADDOPTS", "note", "reaches every run"),
        ("PYTHONHASHSEED", "note", "is not pinned"),
        ("commit", "note", "no git repository"),
        ("disk", "ok", "free"),
        ("evidence", "fault", "was left by a killed run"),
    ],
)
def test_the_doctor_says(examined: dict[str, list[dict]], subject: str, level: str, text: str) -> None:
    assert any(remark["level"] == level and text in remark["text"] for remark in examined[subject]), examined[subject]


def test_every_fault_and_note_of_a_pin_or_variable_has_a_remedy(examined: dict[str, list[dict]]) -> None:
    bare = [r for rs in examined.values() for r in rs if r["level"] == "fault" and not r["remedy"]]
    assert bare == []


def test_a_missing_interpreter_is_a_fault_and_no_traceback(project: SmallProject) -> None:
    project.write("gradtriage.toml", "python = 'no/such/python'\n")
    done = project.run("doctor")
    assert done.code == 1
    assert "✗ interpreter" in done.out
    assert done.err == ""
