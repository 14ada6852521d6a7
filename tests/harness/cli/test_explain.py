"""`gradtriage explain` and `gradtriage scan` from outside: a project of their own, the real command, its files."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from gradtriage.model.diagnosis import DiagnosisDocument
from gradtriage.model.scan import ScanDocument
from gradtriage.verify import verify_folder

TESTS = """
import pytest
import torch
from torch.autograd import gradcheck

def parameter(*values):
    return torch.tensor(values, dtype=torch.float64, requires_grad=True)

@pytest.fixture(scope="module")
def scale():
    torch.manual_seed(0)
    return torch.nn.Linear(2, 1).double()

class Sine(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x):
        ctx.save_for_backward(x)
        return x.sin()

    @staticmethod
    def backward(ctx, g):
        (x,) = ctx.saved_tensors
        return -g * x.cos()

@torch.jit.script
def weighted(x):
    y = x.sin()
    return y * y.detach()  # <-- scripted

def test_lost_in_a_scripted_function():
    x = parameter(0.1, 0.5)
    weighted(x).sum().backward()
    torch.testing.assert_close(x.grad, x.detach().sin() * x.detach().cos())

def test_lost_in_a_number():
    angle, length = parameter(0.3), parameter(2.0)
    print('{"not": "ours"}')
    area = length * float(angle) + length  # <-- cut
    area.sum().backward()
    assert angle.grad is not None

def test_lost_in_a_second_call(scale, capsys):
    x = torch.ones(3, 2, dtype=torch.float64)
    scale(x).sum().backward()
    print("between")
    assert capsys.readouterr().out == "between\\n"
    (scale(x) * scale(x).detach()).sum().backward()  # <-- partial

def test_wrong_formula():
    assert gradcheck(Sine.apply, (parameter(0.1, 0.5),))

def test_zero_with_zero():
    blank = torch.zeros(2, dtype=torch.float64)
    assert gradcheck(lambda x: x * blank, (parameter(0.1, 0.5),))

def test_healthy():
    x = parameter(0.1, 0.5)
    x.exp().sum().backward()
    assert torch.allclose(x.grad, x.exp())

def test_looks_away():
    x = parameter(0.1, 0.5)
    x.exp().sum().backward()
"""


@pytest.fixture(scope="module")
def project(tmp_path_factory):
    root = tmp_path_factory.mktemp("explained")
    (root / "test_it.py").write_text(TESTS)
    (root / "gradtriage.toml").touch()
    return root


def gradtriage(root: Path, *args: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "gradtriage", *args]
    return subprocess.run(command, cwd=root, capture_output=True, text=True, timeout=300, check=False)


def explained(root: Path, test: str) -> tuple[int, DiagnosisDocument, str]:
    done = gradtriage(root, "explain", f"test_it.py::{test}", "--json", "-")
    return done.returncode, DiagnosisDocument.parse(done.stdout, "stdout"), done.stderr


def line_of(mark: str) -> int:
    return next(number for number, line in enumerate(TESTS.splitlines(), 1) if mark in line)


def test_a_number_that_severs_the_path_is_named_and_proven(project):
    code, diagnosis, story = explained(project, "test_lost_in_a_number")
    (cause,) = diagnosis.causes
    assert (code, diagnosis.verdict, diagnosis.outcome) == (1, "severed", "failed")
    assert (cause.kind, cause.file, cause.line, cause.proof) == ("item", "test_it.py", line_of("<-- cut"), "proven")
    assert cause.parameters == ["angle"]
    assert "> " in story
    assert "with the value here frozen" in story


def test_a_function_scripted_at_import_is_run_as_python_and_its_line_named(project):
    _, diagnosis, _ = explained(project, "test_lost_in_a_scripted_function")
    (cause,) = diagnosis.causes
    assert (cause.kind, cause.line, cause.proof) == ("detach", line_of("<-- scripted"), "proven")
    commands = [folder.joinpath("command.txt").read_text() for folder in (project / "reports/explain").iterdir()]
    assert all("PYTORCH_JIT=0" in command for command in commands)


def test_the_second_call_is_explained_when_the_first_is_healthy(project):
    code, diagnosis, _ = explained(project, "test_lost_in_a_second_call")
    assert (code, diagnosis.verdict, diagnosis.call, diagnosis.outcome) == (1, "partial", 2, "passed")
    assert [(cause.kind, cause.line, cause.proof) for cause in diagnosis.causes] == [
        ("detach", line_of("<-- partial"), "proven")
    ]
    assert {parameter.name for parameter in diagnosis.parameters} == {"scale.weight", "scale.bias"}


def test_a_gradcheck_that_fails_is_led_back_to_the_backward_formula(project):
    code, diagnosis, _ = explained(project, "test_wrong_formula")
    (cause,) = diagnosis.causes
    assert (code, diagnosis.verdict, cause.kind, cause.proof) == (1, "wrong-backward", "custom-backward", "proven")
    assert cause.function.endswith("Sine.backward")


def test_a_healthy_test_ends_with_0_and_its_evidence_is_whole(project):
    code, diagnosis, _ = explained(project, "test_healthy")
    assert (code, diagnosis.verdict, diagnosis.causes) == (0, "healthy", [])
    folders = sorted((project / "reports/explain").iterdir())
    assert [verify_folder(folder) for folder in folders] == [[] for _ in folders]


def test_a_test_that_does_not_exist_is_wrong_usage(project):
    done = gradtriage(project, "explain", "test_it.py::test_nothing")
    assert done.returncode == 2
    assert done.stdout == ""
    assert len(done.stderr.splitlines()) == 1
    assert "pytest cannot find the test" in done.stderr


def test_a_scan_in_which_nothing_ran_does_not_end_with_0(project, tmp_path):
    (tmp_path / "gradtriage.toml").touch()
    (tmp_path / "test_none.py").write_text("")
    done = gradtriage(tmp_path, "scan", "test_none.py", "--quiet")
    assert done.returncode == 1
    assert "no test was collected" in done.stdout


def test_a_scan_names_the_checks_that_prove_nothing_and_what_others_miss(project):
    done = gradtriage(project, "scan", "test_it.py", "--strength", "--quiet", "--json", "scan.json")
    scan = ScanDocument.read(project / "scan.json")
    vacuous = {test.nodeid.split("::")[1] for test in scan.tests if any(check.vacuous for check in test.checks)}
    assert vacuous == {"test_zero_with_zero", "test_looks_away", "test_lost_in_a_second_call"}
    (healthy,) = (test for test in scan.tests if test.nodeid.endswith("test_healthy"))
    assert all(healthy.checks[0].noticed.values())
    assert scan.summary.gradient_tests == 7
    assert done.returncode == 1
    (folder,) = (project / "reports/scan").iterdir()
    assert verify_folder(folder) == []
    assert json.loads((folder / "scan.json").read_text()) == json.loads((project / "scan.json").read_text())


COMPILED = """
import torch

def scale(graph, _):
    def run(*args):
        return tuple(2 * o.detach() - o if o.requires_grad else o for o in graph(*args))
    return run

@torch.compile(backend=scale)
def square(x):  # <-- compiled
    return (x * x).sum()

def test_compiled():
    x = torch.tensor([0.5, 2.0], dtype=torch.float64, requires_grad=True)
    square(x).backward()

def test_without_a_compiler():
    def refuse(graph, _):
        raise RuntimeError("there is no compiler")

    x = torch.tensor([0.5, 2.0], dtype=torch.float64, requires_grad=True)
    torch.compile(lambda x: (x * x).sum(), backend=refuse)(x).backward()
"""


def test_what_the_pins_keep_from_being_compiled_is_compiled_once_and_held_against_eager_code(tmp_path):
    (tmp_path / "gradtriage.toml").touch()
    (tmp_path / "test_it.py").write_text(COMPILED)
    code, diagnosis, story = explained(tmp_path, "test_compiled")
    (cause,) = diagnosis.causes
    assert (code, diagnosis.verdict, cause.op, cause.proof) == (1, "wrong-backward", "torch.compile", "proven")
    line = next(n for n, text in enumerate(COMPILED.splitlines(), 1) if "<-- compiled" in text)
    assert cause.line in (line - 1, line)
    assert "compiled and eager code disagree: square (test_it.py" in story
    code, diagnosis, story = explained(tmp_path, "test_without_a_compiler")
    assert (code, diagnosis.verdict, diagnosis.compiled.agree) == (0, "healthy", None)
    assert "there is no compiler" in story
    for folder in (tmp_path / "reports/explain").iterdir():
        assert verify_folder(folder) == []
