"""Pins hold from before the interpreter starts, and a test that changes one is named."""

import shutil
import subprocess

import pytest

from gradtriage.verify import verify_folder
from tests.support.projects import Evidence, SmallProject

SECRET = "correct-horse-battery"
FILES = {
    "unsets": "import os\ndef test_unsets(): del os.environ['PIN']\ndef test_other(): pass\n",
    "changes": "import os\ndef test_changes(): os.environ['PIN'] = 'two'\ndef test_other(): pass\n",
    "restores": (
        "import os\ndef test_restores(monkeypatch):\n    monkeypatch.setenv('PIN', 'two')\n"
        "    assert os.environ['PIN'] == 'two'\n"
    ),
    "another_restores": (
        "import os\ndef test_changes(): os.environ['PIN'] = 'two'\ndef test_puts_back(): os.environ['PIN'] = 'one'\n"
    ),
    "restores_and_changes_again": (
        "import os, pytest\n@pytest.fixture\ndef late():\n    os.environ['PIN'] = 'two'\n    yield\n"
        "    os.environ['PIN'] = 'three'\n"
        "def test_again(late): os.environ['PIN'] = 'one'\n"
    ),
    "at_import": "import os\nos.environ['PIN'] = 'two'\ndef test_a(): assert os.environ['PIN'] == 'two'\n",
    "sets_unset": "import os\ndef test_sets():\n    assert 'GONE' not in os.environ\n    os.environ['GONE'] = 'back'\n",
    "secret": (
        "import os\ndef test_holds(): assert os.environ['MY_API_KEY'].startswith('correct')\n"
        "def test_leaks(): os.environ['MY_API_KEY'] = 'wrong-horse-battery'\n"
    ),
    "process_starts_with_it": "import os\nSEEN = os.environ['PIN']\ndef test_seen(): assert SEEN == 'one'\n",
}


@pytest.fixture(scope="module")
def pinned(shared_project) -> SmallProject:
    project = shared_project("pins")
    phases = []
    for name, text in FILES.items():
        project.write(f"test_{name}.py", text)
        check = {"id": "A1", "text": "", "check": "environment.pins_hold"}
        phases.append({"id": name, "pytest": {"select": [f"test_{name}.py"]}, "criteria": [check]})
    plan = project.plan(*phases, env={"PIN": "one", "GONE": None, "MY_API_KEY": SECRET})
    project.run("run", str(plan), env={"GONE": "was set", "PIN": "outer"})
    return project


@pytest.mark.parametrize(
    ("name", "faults"),
    [
        ("unsets", ["pin PIN was changed to unset by test_unsets.py::test_unsets"]),
        ("changes", ["pin PIN was changed to 'two' by test_changes.py::test_changes"]),
        ("restores", []),
        ("another_restores", ["pin PIN was changed to 'two' by test_another_restores.py::test_changes"]),
        (
            "restores_and_changes_again",
            ["pin PIN was changed to 'three' by test_restores_and_changes_again.py::test_again"],
        ),
        ("at_import", ["pin PIN was changed to 'two' by test_at_import.py"]),
        ("sets_unset", ["pin GONE was changed to 'back' by test_sets_unset.py::test_sets"]),
        ("secret", ["pin MY_API_KEY was changed to '<redacted, differs>' by test_secret.py::test_leaks"]),
        ("process_starts_with_it", []),
    ],
    ids=list(FILES),
)
def test_who_changed_a_pin_and_left_it_so_is_named(pinned: SmallProject, name: str, faults: list[str]) -> None:
    evidence = pinned.only(name)
    assert evidence.status == "complete"
    assert evidence.manifest["faults"] == faults
    assert evidence.json("criteria.json")["criteria"][0]["met"] is (not faults)
    assert verify_folder(evidence.path) == []
    assert all(fault.rsplit(" by ")[1] in evidence.text("summary.md") for fault in faults)


def test_the_environment_shows_each_pin_as_it_was(pinned: SmallProject) -> None:
    pins = pinned.only("changes").json("environment.json")["pins"]
    assert pins["PIN"] == {"wanted": "one", "at_start": "one", "at_end": "two"}
    assert pins["GONE"] == {"wanted": None, "at_start": None, "at_end": None}


def test_a_secret_stands_nowhere_in_the_folder(pinned: SmallProject) -> None:
    for name in FILES:
        for path in pinned.only(name).path.rglob("*"):
            assert b"horse-battery" not in path.read_bytes(), path
    assert 'MY_API_KEY="$MY_API_KEY"' in pinned.only("secret").text("command.txt")


def test_pins_that_nobody_saw_at_the_end_are_not_called_unset(project: SmallProject) -> None:
    project.write("test_it.py", "import os\ndef test_a(): os._exit(0)\n")
    check = {"id": "A1", "text": "", "check": "environment.pins_hold"}
    project.run("run", str(project.plan({"criteria": [check]}, env={"GONE": None, "PIN": "one"})))
    evidence = project.only()
    assert evidence.json("environment.json")["seen"] == {"start": True, "end": False}
    assert evidence.json("criteria.json")["criteria"][0]["met"] is False
    assert "| `GONE` | `unset` | `unset` | `not seen` |" in evidence.text("summary.md")


def test_a_pin_that_the_interpreter_loses_makes_the_run_incomplete(project: SmallProject) -> None:
    project.write("sitecustomize.py", "import os\nos.environ['PIN'] = 'mine'\n")
    project.write("test_it.py", "def test_a(): pass\n")
    done = project.run("run", str(project.plan(env={"PIN": "one"})), env={"PYTHONPATH": str(project.root)})
    (evidence,) = project.evidence()
    assert done.code == 1
    assert evidence.status == "incomplete"
    assert "pin PIN did not hold at the start: wanted 'one', was 'mine'" in evidence.faults


@pytest.mark.skipif(shutil.which("bash") is None, reason="the line is for a shell")
def test_the_command_reproduces_the_run_when_pasted_into_a_shell(project: SmallProject) -> None:
    value = 'it\'s $HOME "quoted" \\ back`tick`\nsecond line\ttab é'
    project.write("test_it.py", f"import os\ndef test_a(): assert os.environ['PIN'] == {value!r}\n")
    chunk = {"args": ["--ignore=no such\n\tfolder", "-k", "test_a"]}
    assert project.run("run", str(project.plan({"pytest": chunk}, env={"PIN": value, "GONE": None}))).code == 0
    evidence: Evidence = project.only()
    (line,) = evidence.text("command.txt").splitlines()
    done = subprocess.run(
        ["bash", "-c", line], cwd=project.root, env=project.environment({"GONE": "x"}), capture_output=True, text=True
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "1 passed" in done.stdout
