"""The usual hypotheses about a gradient: each ends confirmed or refuted, with the figures that decided it."""

import os

import pytest
import torch

import gradtriage
from tests.support.explained import leaf

# what torch says of a number made of a tensor is no answer yet
pytestmark = pytest.mark.filterwarnings("ignore::UserWarning")
F64 = {"dtype": torch.float64}
one, two = leaf(3.0), leaf(0.4, 1.3)


class WrongSign(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x):
        return x * 2

    @staticmethod
    def backward(ctx, grad):
        return -2 * grad


def with_a_detach_and_a_number(a, b):
    with torch.no_grad():
        weight = a.cos()
    return (a.sin() * float(b) * weight).sum()


def written_past(a):
    h = a.sin()
    y = h.square()
    h.data.mul_(1.5)
    return y.sum()


def drawn(a):
    return a.sum() * float(int.from_bytes(os.urandom(2), "big"))


def stopped(a):
    return (a * a.detach()).sum()  # no gradient of the weight, on purpose


CASES = [
    (lambda a, b: (a.sin() * float(b)).sum(), {"a": two, "b": one}, {"number"}),
    (lambda a: torch.tensor(a.tolist(), **F64).square().sum(), {"a": two}, {"number", "unrecorded"}),
    (lambda a: (a.sin() * a.detach()).sum(), {"a": two}, {"detached"}),
    (with_a_detach_and_a_number, {"a": two, "b": one}, {"number", "detached"}),
    (lambda a: (a * torch.zeros(2, **F64)).exp().sum(), {"a": two}, {"blank"}),
    (lambda a: a.clamp(min=5).sum(), {"a": two}, {"held"}),
    (lambda a: a.sqrt().sum(), {"a": leaf(0.0, 1.0)}, {"singular"}),
    (lambda a: a.sum(), {"a": leaf(float("nan"), 1.0)}, {"bad-input"}),
    (lambda a: WrongSign.apply(a).sin().sum(), {"a": two}, {"formula"}),
    (written_past, {"a": two}, {"written"}),
    (stopped, {"a": two}, {"meant"}),
    (drawn, {"a": two}, {"random"}),
    (lambda a: a.sin().sum(), {"a": two}, set()),
]
IDS = [
    "number",
    "no graph",
    "detach",
    "two cuts",
    "blank",
    "clamp",
    "sqrt",
    "nan",
    "formula",
    "write",
    "meant",
    "random",
    "ok",
]


def hypotheses_of(function, parameters):
    return {one["name"]: one for one in gradtriage.explain(function, parameters).document["hypotheses"]}


@pytest.mark.parametrize(("function", "parameters", "true"), CASES, ids=IDS)
def test_what_is_true_is_confirmed_and_all_else_refuted(function, parameters, true):
    found = hypotheses_of(function, parameters)
    assert {name for name, one in found.items() if one["status"] == "confirmed"} == true, found
    left_open = {name: one["evidence"] for name, one in found.items() if one["status"] == "open"}
    assert not left_open or true <= {"random", "bad-input"}, left_open
    assert all(one["evidence"] for one in found.values())
    ranks = [("confirmed", "open", "refuted").index(one["status"]) for one in found.values()]
    assert ranks == sorted(ranks)


def test_the_figures_are_those_that_were_measured():
    found = hypotheses_of(lambda a, b: (a.sin() * float(b)).sum(), {"a": two, "b": one})
    slope = float(two.detach().sin().sum())
    assert f"numeric {slope:.6g}, numeric frozen 0" in found["number"]["evidence"]
    assert found["unrecorded"]["evidence"].endswith("reaches 1 of 2 parameters")
    assert f"b most: {slope * 3 * 1e-4:.3g} for a step of 0.0001" in found["blank"]["evidence"]
    assert "no custom function" in found["formula"]["evidence"]


def test_a_suspect_that_is_not_to_blame_is_counted_and_refuted():
    class Right(WrongSign):
        @staticmethod
        def backward(ctx, grad):
            return 2 * grad

    found = hypotheses_of(lambda a, b: (Right.apply(a).sin() * float(b) * b).sum(), {"a": two, "b": one})
    assert found["formula"]["status"] == "refuted"
    found = hypotheses_of(lambda a: (Right.apply(a) * a.detach()).sum(), {"a": two})
    assert (
        found["formula"]["evidence"]
        == "1 suspect on the way; with detach alone changed, autograd agrees with differences"
    )


def partly_detached(a, offset=1e3):
    return (a.detach() * 0.1 + a * 0.1 + offset).sum()


def test_single_precision_that_hides_the_answer_is_named():
    a = leaf(1.5, 0.2, dtype=torch.float32)
    # in double it is another loss: it has to be judged as it is
    hidden = hypotheses_of(lambda a: partly_detached(a, 1e3 if a.dtype == torch.float32 else 2e3), {"a": a})
    plain = hypotheses_of(lambda a: a.sin().sum(), {"a": a})
    assert (hidden["precision"]["status"], plain["precision"]["status"]) == ("confirmed", "refuted")
    assert "undecided: a, error of the differences up to 0.0076" in hidden["precision"]["evidence"]


def test_single_precision_that_hides_nothing_in_double_is_decided():
    found = gradtriage.explain(partly_detached, {"a": leaf(1.5, 0.2, dtype=torch.float32)})
    assert (found.verdict, found.causes[0]["kind"], found.causes[0]["proof"]) == ("partial", "detach", "proven")
