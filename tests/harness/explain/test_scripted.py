"""Scripted code in this process: looked into where the Python function is known, else said to be what it is."""

import pytest
import torch

import gradtriage
from tests.support.explained import Bodies, check, leaf

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::UserWarning")
F64 = {"dtype": torch.float64}
bodies = Bodies()
two = leaf(0.3, 0.8)


def _weighted(x: torch.Tensor) -> torch.Tensor:
    y = x.sin()
    return y * y.detach()  # <-- a detach in a scripted function


def _sine(x: torch.Tensor) -> torch.Tensor:
    return x.sin() * 2.0


class _Weighted(torch.nn.Module):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x.sin() * x.detach()


@bodies.add("partial", "detach", a=two)
def a_detach_in_a_scripted_function(a):
    return torch.jit.script(_weighted)(a).sum()


@bodies.add("healthy", a=two)
def a_scripted_function_that_is_right(a):
    return torch.jit.script(_sine)(a).sum()


@pytest.mark.parametrize("body", bodies.values(), ids=bodies)
def test_the_line_is_named_and_proven_for(body):
    check(body)


def test_a_scripted_module_is_called_what_it_is_with_the_remedy():
    module = torch.jit.script(_Weighted())
    found = gradtriage.explain(lambda a: module(a).sum(), {"a": two})
    assert found.verdict == "partial"
    assert "_Weighted.forward" in found.document["reason"]
    assert "PYTORCH_JIT=0" in found.document["reason"]


def test_a_scripted_module_that_is_right_is_healthy():
    module = torch.jit.script(torch.nn.Tanh())
    assert gradtriage.explain(lambda a: module(a).sum(), {"a": two}).verdict == "healthy"


def test_parameters_inside_a_scripted_module_are_said_to_be_out_of_sight_or_right():
    module = torch.jit.script(torch.nn.Linear(2, 1).double())
    found = gradtriage.explain(lambda: module(torch.ones(2, **F64)).sum(), module)
    assert found.verdict == "healthy"
