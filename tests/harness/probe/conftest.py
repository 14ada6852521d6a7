"""Runs a test module under capture and hands over its records; the session runs inside this process."""

import sys
import textwrap

import hypothesis  # noqa: F401
import pytest
import torch  # noqa: F401

# here, since a session inside a test would import them anew each time: that takes a second, and torch ends the process
import gradtriage.plugin.session
import gradtriage.probe.patches  # noqa: F401
from gradtriage.evidence.events import read_events

HEADER = """
import dataclasses, threading
import pytest, torch
from torch.autograd import gradcheck, gradgradcheck
from torch.func import grad, grad_and_value, hessian, jacfwd, jacrev, jvp, vjp, vmap
import torch.autograd.functional as functional

F64 = dict(dtype=torch.float64)
LEAF = dict(dtype=torch.float64, requires_grad=True)
"""


class KeepModules:
    """torch and sympy cannot be imported twice in a process, and pytester forgets what a session imported."""

    modules = {}

    def pytest_unconfigure(self):
        self.modules.update(
            (name, module)
            for name, module in sys.modules.items()
            if "site-packages" in (getattr(module, "__file__", None) or "")
        )


@pytest.fixture(autouse=True)
def _keep_modules():
    # set up before pytester is, so that this runs after pytester has forgotten
    yield
    sys.modules.update(KeepModules.modules)


class Capture:
    def __init__(self, pytester: pytest.Pytester) -> None:
        self.pytester = pytester
        self.events = []

    def run(self, source: str, *args: str, **outcomes: int):
        """The gradient records of a module; every test in it has to pass unless `outcomes` says otherwise."""
        path = self.pytester.makepyfile(test_it=HEADER + textwrap.dedent(source))
        folder = self.pytester.path / "out"
        folder.mkdir(exist_ok=True)
        for old in folder.glob("*"):
            old.unlink()
        result = self.pytester.runpytest_inprocess(
            f"--gradtriage-dir={folder}", "-p", "no:cacheprovider", *args, str(path), plugins=[KeepModules()]
        )
        sys.modules.update(KeepModules.modules)
        self.events = read_events(folder)
        errors = [event for event in self.events if event["event"] in ("probe_error", "lost", "damaged")]
        assert not errors, errors
        tests = sum(event["event"] == "test_start" for event in self.events)
        result.assert_outcomes(**(outcomes or {"passed": tests}))
        return [event for event in self.events if event["event"] == "gradient"]

    def body(self, source: str):
        """The records of one test with this body."""
        return self.run("def test_it():\n" + textwrap.indent(textwrap.dedent(source), "    "))

    def names(self, source: str):
        """The names in the only record of one test with this body."""
        (record,) = self.body(source)
        return list(record["gradients"])


@pytest.fixture
def capture(pytester: pytest.Pytester) -> Capture:
    return Capture(pytester)
