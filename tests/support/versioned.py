"""A small project under git, whose code a test edits and holds against what was committed."""

import os
import subprocess
import sys
from pathlib import Path

MODEL = '''"""The code under test."""

import torch

WEIGHTS = torch.tensor([1.0, 2.0, 3.0], dtype=torch.float64)


class Square(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x):
        ctx.save_for_backward(x)
        return x * x

    @staticmethod
    def backward(ctx, grad):
        (x,) = ctx.saved_tensors
        return 2 * x * grad


def rotated(x, y, angle):
    c = angle.cos()
    s = angle.sin()
    return x * c - y * s


def index(x, y, cells=3.0):
    h = x * cells
    return h * y.mean()


def loss(a, b):
    out = rotated(a, a * 2.5, b)
    for _ in range(3):
        out = out + index(out, a)
    out = out / 7.0
    if (out > -1e6).all():
        out = out.clamp(max=1e6)
    total = Square.apply(out) * WEIGHTS
    return total.sum()
'''
TEST = """import torch
from pkg.model import loss


def test_gradient():
    a = torch.tensor([0.3, 0.7, 1.9], dtype=torch.float64, requires_grad=True)
    b = torch.tensor(2.5, dtype=torch.float64, requires_grad=True)
    loss(a, b).backward()
    assert a.grad is not None
"""
NODEID = "tests/test_model.py::test_gradient"


class VersionedProject:
    """The project, with one commit.

    Args:
        root: An empty folder for it.
        layout: The folder that the package lies in.
    """

    def __init__(self, root: Path, layout: str = "src") -> None:
        self.root, self.sources = root, root / layout
        self.model = self.sources / "pkg" / "model.py"
        self.model.parent.mkdir(parents=True)
        (root / "tests").mkdir()
        (self.model.parent / "__init__.py").touch()
        self.model.write_text(MODEL)
        (root / "tests" / "test_model.py").write_text(TEST)
        (root / "gradtriage.toml").touch()
        (root / ".gitignore").write_text("reports/\n__pycache__/\n.pytest_cache/\n")
        self.git("init", "--quiet")
        self.commit("known to be good")

    def git(self, *args: str) -> str:
        """Runs git in the project."""
        who = ("-c", "user.name=Tester", "-c", "user.email=tester@example.org", "-c", "commit.gpgsign=false")
        done = subprocess.run(["git", *who, *args], cwd=self.root, capture_output=True, text=True, check=True)
        return done.stdout

    def commit(self, message: str) -> None:
        """Commits everything."""
        self.git("add", "--all")
        self.git("commit", "--quiet", "-m", message)

    def edit(self, old: str, new: str) -> None:
        """Changes the code under test."""
        text = self.model.read_text()
        assert old in text
        self.model.write_text(text.replace(old, new))

    def line_of(self, mark: str) -> int:
        """The line of today's code that holds a text."""
        return next(n for n, line in enumerate(self.model.read_text().splitlines(), 1) if mark in line)

    def gradtriage(self, *args: str) -> subprocess.CompletedProcess[str]:
        """The real command; the package is importable by its absolute path, as an editable installation has it."""
        path = os.pathsep.join([str(self.sources), *filter(None, [os.environ.get("PYTHONPATH")])])
        env = {**os.environ, "PYTHONPATH": path}
        command = [sys.executable, "-m", "gradtriage", *args]
        return subprocess.run(command, cwd=self.root, env=env, capture_output=True, text=True, timeout=600, check=False)
