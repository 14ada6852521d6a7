"""Tests that assert values before they ask for gradients: what a moved parameter breaks does not end the replay."""

import math
import unittest

import numpy as np
import pytest
import torch

import gradtriage
from tests.support.explained import check_test, explained_test

F64 = {"dtype": torch.float64}
# what torch says of some of the faults itself is no answer yet
pytestmark = pytest.mark.filterwarnings("ignore::UserWarning")


def parameter(*values):
    return torch.tensor(values, **F64, requires_grad=True)


def in_a_helper(value, expected):
    if not math.isclose(value, expected, rel_tol=1e-12):
        raise ValueError(f"{value} is not {expected}")


def test_an_assertion_about_the_value():
    def body():
        w = parameter(1.0, 2.0)
        loss = (w * w.detach()).sum()  # <-- here
        assert loss.item() == 5.0, "the value first"
        loss.backward()

    check_test(body, "partial", "detach")


def test_assertion_functions_and_checks_in_helpers():
    def body():
        w = parameter(1.0, 2.0)
        h = w.sin()
        torch.testing.assert_close(h.detach(), torch.tensor([1.0, 2.0], **F64).sin(), rtol=0.0, atol=1e-14)
        np.testing.assert_allclose(h.detach().numpy(), np.sin([1.0, 2.0]), rtol=1e-14)
        loss = (h * h.detach()).sum()  # <-- here
        in_a_helper(loss.item(), math.sin(1.0) ** 2 + math.sin(2.0) ** 2)
        unittest.TestCase().assertEqual(loss.item(), (h**2).sum().item())  # noqa: PT009 - that is the case
        if not math.isclose(w.detach()[0].item(), 1.0, abs_tol=1e-14):
            pytest.fail("another parameter")
        loss.backward()

    check_test(body, "partial", "detach")


def test_an_assertion_in_a_closure_of_the_function_that_is_explained():
    w = parameter(0.6, 0.8)

    def unit(v):
        assert torch.allclose(v.norm(), torch.ones((), **F64), atol=1e-12)
        return v * 2.0

    def loss(w):
        return unit(w).prod() + float(w[0])  # <-- here

    found = gradtriage.explain(loss, {"w": w})
    assert (found.verdict, found.causes[0]["kind"], found.causes[0]["proof"]) == ("partial", "item", "proven")


def test_the_validation_of_a_distribution():
    def body():
        p = parameter(0.2, 0.3, 0.5)
        loss = torch.distributions.Categorical(probs=p).log_prob(torch.tensor(1))
        (loss * p.detach()[0]).backward()  # <-- here

    check_test(body, "partial", "detach")


def test_a_healthy_test_with_such_assertions_is_healthy():
    def body():
        w = parameter(1.0, 2.0)
        loss = (w**3).sum()
        assert loss.item() == 9.0
        loss.backward()

    assert explained_test(body)["verdict"] == "healthy"


def test_an_assertion_that_fails_in_the_real_run_is_not_passed_over():
    def body():
        w = parameter(1.0, 2.0)
        loss = (w**3).sum()
        assert loss.item() == 8.0
        loss.backward()

    assert explained_test(body)["verdict"] == "unknown"
