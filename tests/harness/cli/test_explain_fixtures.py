"""`gradtriage explain` on tests whose models come from fixtures, `setup_method` and `unittest`: the real command."""

import subprocess
import sys

import pytest

from gradtriage.model.diagnosis import DiagnosisDocument

MODELS = """
import torch
from torch import nn

class Peak(nn.Module):
    def __init__(self, kind):
        super().__init__()
        self.width = nn.Parameter(torch.tensor(0.7, dtype=torch.float64))
        self.gain = nn.Parameter(torch.tensor(2.0, dtype=torch.float64))
        self.square = self.width**2
        if kind == "number":
            self.square = float(self.width) ** 2  # <-- number
        if kind == "hook":
            self.gain.register_hook(lambda g: g * 0.5)  # <-- hook
        if kind == "frozen":
            self.width.requires_grad = False  # <-- frozen
        self.kind = kind

    def forward(self, x):
        square = self.square if self.kind == "number" else self.width**2
        return self.gain * torch.exp(-x * x / square)
"""
TESTS = """
import copy
import random
import unittest
import pytest
import torch
from models import Peak

X = torch.tensor([0.1, 0.5, 0.9], dtype=torch.float64)

def check(model):
    model(X).sum().backward()
    for name, parameter in model.named_parameters():
        assert parameter.grad is not None, name
    want = (model(X) / model.gain).sum().detach()
    torch.testing.assert_close(model.gain.grad, want)

@pytest.fixture
def model(request):
    return Peak(request.param)

@pytest.mark.parametrize("model", ["number", "hook", "frozen", "right"], indirect=True)
def test_fixture(model):
    check(model)

@pytest.fixture
def widths():
    return {"width": torch.tensor(0.7, dtype=torch.float64, requires_grad=True)}

@pytest.fixture
def copied(widths):
    return copy.deepcopy(widths)  # <-- copied

def test_copied(widths, copied):
    torch.exp(-X / copied["width"]).sum().backward()
    assert widths["width"].grad is not None

def test_own_folder_and_numbers(tmp_path):
    model = Peak("right")
    (tmp_path / "run").mkdir()
    points = torch.tensor([random.random() for _ in range(3)], dtype=torch.float64)
    model(points).sum().backward()
    assert model.gain.grad is not None

class TestMethod:
    def setup_method(self):
        self.model = Peak("number")

    def test_it(self):
        check(self.model)

class TestCase(unittest.TestCase):
    def test_value_first(self):
        model = Peak("right")
        loss = (model(X) * model.gain.detach()).sum()  # <-- case
        self.assertAlmostEqual(loss.item(), (model(X) * 2).sum().item(), 12)
        loss.backward()
        self.assertIsNone(model.gain.grad)
"""


@pytest.fixture(scope="module")
def project(tmp_path_factory):
    root = tmp_path_factory.mktemp("fixtures")
    (root / "models.py").write_text(MODELS)
    (root / "test_it.py").write_text(TESTS)
    (root / "gradtriage.toml").touch()
    return root


@pytest.mark.parametrize(
    ("test", "verdict", "kind", "mark"),
    [
        ("test_fixture[number]", "severed", "item", "number"),
        ("test_fixture[hook]", "wrong-backward", "hook", "hook"),
        ("test_fixture[frozen]", "severed", "no-grad", "frozen"),
        ("test_fixture[right]", "healthy", "", ""),
        ("test_copied", "severed", "rebuild", "copied"),
        ("test_own_folder_and_numbers", "healthy", "", ""),
        ("TestMethod::test_it", "severed", "item", "number"),
        ("TestCase::test_value_first", "partial", "detach", "case"),
    ],
)
def test_the_cause_is_named_and_proven(project, test, verdict, kind, mark):
    command = [sys.executable, "-m", "gradtriage", "explain", f"test_it.py::{test}", "--json", "-"]
    done = subprocess.run(command, cwd=project, capture_output=True, text=True, timeout=300, check=False)
    diagnosis = DiagnosisDocument.parse(done.stdout, "stdout")
    assert diagnosis.verdict == verdict, done.stderr
    assert diagnosis.outcome == "passed" or verdict != "healthy"
    if kind:
        cause = diagnosis.causes[0]
        assert (cause.kind, cause.proof) == (kind, "proven")
        assert (project / cause.file).read_text().splitlines()[cause.line - 1].endswith(f"<-- {mark}")
