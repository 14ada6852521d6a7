"""Compiled code held against eager code: backends that are right, and one each that is wrong in its own way."""

import pytest
import torch

import gradtriage
from tests.support.explained import leaf

x = leaf(0.3, 0.7, 1.9)


def with_another_sign(graph, _):
    """A backend whose values are right, and whose gradient has the other sign."""

    def run(*args):
        return tuple(2 * o.detach() - o if o.requires_grad else o for o in graph(*args))

    return run


def scaled(graph, _):
    """A backend that computes another function."""

    def run(*args):
        return tuple(1.5 * output for output in graph(*args))

    return run


def refusing(graph, _):
    """A backend that cannot compile."""
    raise RuntimeError("there is no compiler")


def formula(x):
    return (x.sin() * x).sum()


def explained(backend):
    compiled = torch.compile(formula, backend=backend)
    return gradtriage.explain(lambda x: compiled(x) * 1, {"x": x})


@pytest.mark.filterwarnings("ignore:.*script_method:DeprecationWarning")  # inductor imports it, when it is named
@pytest.mark.parametrize("backend", ["eager", "aot_eager", "inductor"])
def test_a_backend_that_is_right_agrees(backend):
    found = explained(backend)
    assert found.verdict == "healthy"
    assert found.causes == []
    assert found.document["compiled"]["agree"] is True, found.document["compiled"]
    assert found.document["compiled"]["loss"]["same"]
    assert found.document["compiled"]["functions"][0]["line"] == formula.__code__.co_firstlineno


def test_a_wrong_compiled_gradient_is_a_wrong_backward_at_the_function():
    found = explained(with_another_sign)
    (cause,) = found.causes
    assert (found.verdict, cause["kind"], cause["op"], cause["proof"]) == (
        "wrong-backward", "other", "torch.compile", "proven",
    )  # fmt: skip
    assert cause["line"] == formula.__code__.co_firstlineno
    assert cause["parameters"] == ["x"]
    compiled = found.document["compiled"]
    assert compiled["agree"] is False
    assert compiled["loss"]["same"]
    assert compiled["gradients"]["x"]["relative_difference"] == pytest.approx(2.0)


def test_compiled_code_that_is_another_function_keeps_the_verdict_and_is_not_called_proven():
    found = explained(scaled)
    (cause,) = found.causes
    assert (found.verdict, cause["proof"]) == ("healthy", "supported")
    loss = found.document["compiled"]["loss"]
    assert (loss["same"], loss["compiled"]) == (False, pytest.approx(1.5 * loss["eager"]))


def test_a_compiled_run_that_cannot_be_made_is_no_cause():
    found = explained(refusing)
    assert found.verdict == "healthy"
    assert found.causes == []
    assert found.document.get("compiled") is None or found.document["compiled"]["agree"] is None


def test_code_that_is_not_compiled_says_nothing_of_it():
    assert "compiled" not in gradtriage.explain(formula, {"x": x}).document
