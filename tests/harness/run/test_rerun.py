"""`verify --rerun` runs a folder's command again, and compares."""

import json

from tests.support.projects import SmallProject

TEST = """
import os
import torch

def test_it():
    w = torch.tensor(2.0, dtype=torch.float64, requires_grad=True)
    (w * {factor}).backward()
    assert os.environ["PIN"] == "it's $1"
"""


def test_the_same_code_gives_the_same_and_another_is_told_apart(project: SmallProject) -> None:
    project.write("test_it.py", TEST.format(factor=3.0))
    project.plan({"pytest": {"args": ["-k", "test_it and not other"]}}, env={"PIN": "it's $1"})
    assert project.run("run", "plan.yaml", "-q").code == 0
    first = project.only().path
    same = project.run("verify", str(first), "--rerun")
    assert (same.code, same.out) == (0, f"✓ {first}: whole\n")
    again = [folder for folder in project.evidence() if folder.path != first]
    assert len(again) == 1
    assert "run of" in json.dumps(again[0].json("task.json")["notes"])
    assert project.run("verify", "reports").code == 0
    project.write("test_it.py", TEST.format(factor=4.0))
    other = project.run("verify", str(first), "--rerun")
    assert other.code == 1
    assert "run again, test_it.py::test_it [w]: gradient drifted, 3 -> 4" in other.out


def test_only_one_folder_is_run_again(project: SmallProject) -> None:
    project.write("test_it.py", "def test_it():\n    pass\n")
    project.plan({})
    project.run("run", "plan.yaml", "-q")
    done = project.run("verify", "reports", "--rerun")
    assert done.code == 2
    assert "--rerun takes one evidence folder" in done.err
