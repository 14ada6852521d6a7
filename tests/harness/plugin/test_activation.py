"""The plugin does nothing unless it is asked, and all that it should however it is asked."""

import json
import os
import shutil
import subprocess
import sys

import pytest

from gradtriage.evidence.events import read_events

from .conftest import GRADIENTS, PACKAGE, kinds, of

PLAIN = "def test_it():\n    import sys\n    assert 'torch' not in sys.modules\n"
INERT = """
import sys

def test_it():
    import torch
    assert torch.Tensor.backward.__code__.co_filename.endswith("_tensor.py")
    assert not [name for name in sys.modules if name.startswith(("gradtriage.probe", "gradtriage.evidence"))]
    x = torch.ones(2, requires_grad=True); x.sum().backward()
"""
ASKED = [["--gradtriage"], ["-p", "gradtriage"], ["-p", "gradtriage.plugin"], ["-pgradtriage"]]


def test_it_is_inert_by_default(project):
    project.write(test_it=INERT)
    assert project.run().returncode == 0
    assert not (project.folder / ".gradtriage").exists()


def test_inert_it_costs_next_to_nothing_to_import():
    script = (
        "import pytest, sys, time; before = set(sys.modules); start = time.perf_counter(); "
        "import gradtriage.plugin; print(time.perf_counter() - start); print(sorted(set(sys.modules) - before))"
    )
    seconds, modules = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True, timeout=60
    ).stdout.splitlines()
    assert modules == "['gradtriage', 'gradtriage.plugin']"
    assert float(seconds) < 0.05


@pytest.mark.parametrize("autoload", ["", "1"], ids=["autoload", "no autoload"])
@pytest.mark.parametrize("asked", ASKED, ids=" ".join)
def test_each_way_of_asking_captures(project, asked, autoload):
    if autoload and "-p" not in asked[0]:
        pytest.skip("without autoload there is no such option")
    project.write(test_it="def test_it(): pass\n")
    env = {"PYTEST_DISABLE_PLUGIN_AUTOLOAD": autoload} if autoload else {}
    result = project.run(*asked, **env)
    assert result.returncode == 0, result.stdout + result.stderr
    assert "gradtriage: 0 gradient calls in 0 tests, see .gradtriage/gradients.json" in result.stdout
    assert "test_end" in kinds(read_events(project.folder / ".gradtriage"))


def test_addopts_can_ask(project):
    (project.folder / "pytest.ini").write_text("[pytest]\naddopts = -p gradtriage\n")
    project.write(test_it="def test_it(): pass\n")
    project.run()
    assert (project.folder / ".gradtriage" / "gradients.json").exists()


@pytest.mark.parametrize("name", ["gradtriage", "gradtriage.plugin"])
@pytest.mark.parametrize("xdist", [[], ["-p", "xdist", "-n1"]], ids=["plain", "xdist"])
def test_a_copy_without_metadata_works(project, tmp_path_factory, name, xdist):
    copy = tmp_path_factory.mktemp("copy")
    shutil.copytree(PACKAGE / "gradtriage", copy / "gradtriage", ignore=shutil.ignore_patterns("__pycache__"))
    blocker = f"import sys\nsys.path[:] = [p for p in sys.path if p != {str(PACKAGE)!r}]\n"
    (copy / "sitecustomize.py").write_text(
        blocker
        + "import importlib.metadata as m\nfound = m.distributions\n"
        + "m.distributions = lambda **k: (d for d in found(**k) if d.metadata['Name'] != 'gradtriage')\n"
        + "sys.meta_path[:] = [f for f in sys.meta_path if 'gradtriage' not in repr(f).lower()]\n"
    )
    project.write(test_it="def test_it(): pass\n")
    result = project.run(
        "-p", name, f"--gradtriage-dir={project.out}", *xdist,
        PYTHONPATH=str(copy), PYTEST_DISABLE_PLUGIN_AUTOLOAD="1",
    )  # fmt: skip
    assert result.returncode == 0, result.stdout + result.stderr
    assert of(read_events(project.out), "test_end")


def test_torch_is_never_imported_for_tests_that_do_not(project):
    project.write(test_it=PLAIN)
    events = project.capture()
    assert project.result.returncode == 0, project.result.stdout
    assert of(events, "session_start")[0]["snapshot"]["torch"]["imported"] is False
    assert of(events, "session_finish")[0]["snapshot"]["torch"]["imported"] is False


def test_names_that_a_test_module_binds_at_import_are_captured(project):
    project.write(
        test_it="""
from torch.autograd import gradcheck, grad
from torch.func import jacrev
import torch

def test_it():
    x = torch.ones(2, requires_grad=True, dtype=torch.float64)
    assert gradcheck(torch.sin, (x,))
    grad(x.sum(), x)
    jacrev(torch.sin)(x.detach())
    spec = torch.__spec__
    assert type(spec.loader).__name__ == "SourceFileLoader" and "exec_module" not in vars(spec.loader)
"""
    )
    events = project.capture()
    assert project.result.returncode == 0, project.result.stdout
    assert [event["kind"] for event in of(events, "gradient")] == ["gradcheck", "grad", "jacobian"]


def test_a_run_by_hand_says_where_and_which(project):
    project.write(test_it=GRADIENTS)
    result = project.run("--gradtriage")
    assert "gradtriage: 2 gradient calls in 2 tests, see .gradtriage/gradients.json" in result.stdout
    assert "test_it.py::test_blank  none: cell_b; zero: cell_a" in result.stdout
    assert "test_sound" not in result.stdout
    document = json.loads((project.folder / ".gradtriage" / "gradients.json").read_text())
    assert [record["nodeid"] for record in document["records"]] == ["test_it.py::test_sound", "test_it.py::test_blank"]
    assert (project.folder / ".gradtriage" / ".gitignore").read_text().endswith("*\n")


def test_a_second_run_replaces_the_first(project):
    project.write(test_it="def test_it(): pass\n")
    for _ in range(2):
        project.run("--gradtriage")
    assert kinds(read_events(project.folder / ".gradtriage")).count("session_start") == 1


def test_the_runners_folder_is_not_merged_and_nothing_is_printed(project):
    project.write(test_it="def test_it(): pass\n")
    project.capture()
    assert "gradtriage" not in project.result.stdout
    assert [path.name for path in project.out.iterdir()] == ["events.jsonl"]
    assert not (project.folder / ".gradtriage").exists()


def test_help_and_version_touch_nothing(project):
    for option in ("--help", "--version"):
        assert project.run("--gradtriage", option).returncode == 0
    assert not (project.folder / ".gradtriage").exists()


def test_a_folder_that_cannot_be_written_fails_no_test(project):
    project.write(test_it="def test_it(): pass\n")
    (project.folder / ".gradtriage").write_text("a file in the way")
    result = project.run("--gradtriage")
    assert result.returncode == 0, result.stdout
    assert "1 passed" in result.stdout
    result = project.run("--gradtriage-dir=/proc/nowhere")
    assert result.returncode == 0, result.stdout


NESTED = """
import os, subprocess, sys
import pytest, torch
pytest_plugins = ["pytester"]

INNER = '''
import torch
def test_inner():
    inner = torch.ones(2, requires_grad=True)
    inner.sum().backward()
'''

def differentiate():
    outer = torch.ones(2, requires_grad=True)
    outer.sum().backward()

def test_inert_session_in_this_process(pytester):
    pytester.makepyfile(INNER)
    pytester.runpytest_inprocess().assert_outcomes(passed=1)
    differentiate()

def test_active_session_in_this_process(pytester):
    pytester.makepyfile(INNER)
    pytester.runpytest_inprocess("--gradtriage").assert_outcomes(passed=1)
    assert (pytester.path / ".gradtriage" / "gradients.json").exists()
    differentiate()

def test_session_in_the_same_project():
    path = os.path.join(os.path.dirname(__file__), "inner_case.py")
    open(path, "w").write(INNER)
    assert pytest.main(["--gradtriage", "-p", "no:cacheprovider", path]) == 0
    again = [sys.executable, "-m", "pytest", "--gradtriage", "-p", "no:cacheprovider", path]
    assert subprocess.run(again).returncode == 0
    differentiate()
"""


def test_sessions_inside_a_test_leave_the_outer_one_alone(project):
    project.write(test_it=NESTED)
    result = project.run("--gradtriage")
    assert result.returncode == 0, result.stdout
    document = json.loads((project.folder / ".gradtriage" / "gradients.json").read_text())
    found = [(record["nodeid"].rpartition("::")[2], list(record["gradients"])) for record in document["records"]]
    assert found == [
        # an inert session inside a test is part of that test
        ("test_inert_session_in_this_process", ["inner"]),
        ("test_inert_session_in_this_process", ["outer"]),
        ("test_active_session_in_this_process", ["outer"]),
        ("test_session_in_the_same_project", ["inner"]),
        ("test_session_in_the_same_project", ["outer"]),
    ]
    assert kinds(read_events(project.folder / ".gradtriage")).count("session_start") == 1


def test_a_forked_child_of_a_test_does_not_write(project):
    project.write(
        test_it="""
import os, torch
def test_it():
    pid = os.fork()
    if pid == 0:
        x = torch.ones(2, requires_grad=True); x.sum().backward()
        os._exit(0)
    os.waitpid(pid, 0)
"""
    )
    events = project.capture("-W", "ignore")
    assert project.result.returncode == 0, project.result.stdout
    assert of(events, "gradient") == []
    assert os.getpid() not in {event["pid"] for event in of(events, "session_start")}
