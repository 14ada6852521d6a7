"""Gradient calls that raise: what made them raise is named, and shown by a run without it."""

import pytest
import torch

from tests.support.bodies import diagnosis_of, marked_line, parametrised

F64 = {"dtype": torch.float64}


def leaf(*values):
    return torch.tensor(values, **F64).requires_grad_()


def nothing_that_requires_a_gradient():
    w = leaf(1.0, 2.0)
    y = torch.tensor(w.tolist(), **F64) ** 2  # <-- here
    y.sum().backward()


def graph_used_a_second_time():
    w = leaf(1.0, 2.0)
    cache = (w**2).exp()
    for _ in range(2):
        loss = (cache * w).sum()  # <-- here
        loss.backward()


def state_carried_over_a_step():
    w, state = leaf(0.3, 0.4), torch.zeros(2, **F64)
    optimiser = torch.optim.SGD([w], lr=0.1)
    for _ in range(3):
        state = torch.tanh(w + state)  # <-- here
        optimiser.zero_grad()
        (state**2).sum().backward()
        optimiser.step()


def state_that_is_zero_at_first():
    w, state = leaf(0.3, 0.4), torch.zeros(2, **F64)
    optimiser = torch.optim.SGD([w], lr=0.1)
    for _ in range(3):
        state = torch.tanh(1.0 + w * state)  # <-- here
        optimiser.zero_grad()
        (state**2).sum().backward()
        optimiser.step()


def write_into_what_was_kept():
    w = leaf(1.0, 2.0)
    y = w.exp()
    z = y * 2
    y += 1  # <-- here
    (z + y).sum().backward()


class OneGradientShort(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x, y):
        ctx.save_for_backward(x, y)
        return x * y

    @staticmethod
    def backward(ctx, g):
        _, y = ctx.saved_tensors
        return g * y  # <-- too few


def formula_with_one_gradient_too_few():
    OneGradientShort.apply(leaf(1.0, 2.0), leaf(3.0, 2.0)).sum().backward()


@parametrised(
    [
        nothing_that_requires_a_gradient,
        graph_used_a_second_time,
        state_carried_over_a_step,
        state_that_is_zero_at_first,
        write_into_what_was_kept,
    ]
)
def test_the_place_that_makes_the_call_raise_is_proven(body):
    found = diagnosis_of(body)
    first = found["causes"][0]
    assert (found["verdict"], first["line"], first["proof"]) == ("severed", marked_line(body), "proven")


def test_a_backward_that_autograd_refuses_is_a_wrong_backward():
    found = diagnosis_of(formula_with_one_gradient_too_few)
    first = found["causes"][0]
    assert found["verdict"] == "wrong-backward"
    assert "incorrect number of gradients" in found["reason"]
    assert (first["kind"], first["line"], first["proof"]) == (
        "custom-backward",
        marked_line(OneGradientShort, "too few"),
        "proven",
    )


def expected_by_the_test():
    w = leaf(2.0)
    with pytest.raises(RuntimeError):
        w.detach().sum().backward()
    loss = (w**2).sum()
    loss.backward()
    with pytest.raises(RuntimeError):
        loss.backward()


def test_a_call_that_is_expected_to_raise_is_not_accused():
    found = diagnosis_of(expected_by_the_test)
    assert (found["verdict"], found["causes"]) == ("healthy", [])
