"""A test that asserts that a gradient is missing or zero does not miss it."""

import pytest
import torch
from torch import nn
from torch.nn import functional

from tests.support.bodies import diagnosis_of, parametrised
from tests.support.explained import leaf

F64 = {"dtype": torch.float64}


def critic_alone():
    torch.manual_seed(0)
    generator, critic = nn.Linear(2, 3).double(), nn.Linear(3, 1).double()
    fake = generator(torch.randn(4, 2, **F64))
    critic(fake.detach()).square().mean().backward()
    assert all(p.grad is None for p in generator.parameters())


def frozen_by_a_loop():
    model = nn.Sequential(nn.Linear(2, 2), nn.Tanh(), nn.Linear(2, 1)).double()
    (model[2](model[1](model[0](torch.ones(3, 2, **F64)).detach())).sum() * 2).backward()
    for parameter in model[0].parameters():
        assert parameter.grad is None, "the first layer is frozen"


def outside_of_a_clamp():
    x = leaf(-3.0, 4.0)
    functional.hardtanh(x).sum().backward()
    torch.testing.assert_close(x.grad, torch.zeros_like(x))


def given_a_name():
    x, y = leaf(0.3), leaf(0.7)
    (x.detach() * y + x * 0).sum().backward()
    gradient = x.grad
    assert gradient is not None
    assert torch.all(gradient == 0)


def asked_for_by_grad():
    x, y = leaf(0.3), leaf(0.7)
    first, second = torch.autograd.grad((x.detach() * y).sum(), (x, y), allow_unused=True)
    assert first is None
    assert second is not None


def nothing_at_all():
    x = leaf(-1.0, -2.0)
    torch.relu(x).sum().backward()
    assert not x.grad.any()


@parametrised([critic_alone, frozen_by_a_loop, outside_of_a_clamp, given_a_name, asked_for_by_grad, nothing_at_all])
def test_what_is_asserted_to_be_absent_is_not_missed(body):
    found = diagnosis_of(body)
    assert (found["verdict"], found["causes"]) == ("healthy", []), found["reason"]
    assert all("assertion" in design["reason"] for design in found["by_design"])
    assert found["by_design"]


def test_an_assertion_about_several_is_one_entry():
    (design,) = diagnosis_of(critic_alone)["by_design"]
    assert design["parameters"] == ["generator.weight", "generator.bias"]


def asserted_of_another():
    x, y = leaf(0.3), leaf(0.7)
    (x.detach() * y.detach() + x.detach().requires_grad_()).sum().backward()
    assert x.grad is None or torch.isfinite(x.grad).all()


def asserted_of_some_entries():
    x = leaf(-1.0, -2.0)
    torch.relu(x).sum().backward()
    assert x.grad[0] == 0


def another_is_lost_beside_it():
    x, y, z = leaf(0.3), leaf(0.7), leaf(0.2)
    (x.detach() * y.detach() + z).sum().backward()
    assert x.grad is None
    assert y.grad is None or not torch.isnan(y.grad)


def asserted_before_there_is_one():
    x, y = leaf(0.3), leaf(0.7)
    assert x.grad is None
    (x.detach() * y).sum().backward()


@pytest.mark.parametrize(
    ("body", "missed"),
    [
        (asserted_of_another, {"x", "y"}),
        (asserted_of_some_entries, {"x"}),
        (another_is_lost_beside_it, {"y"}),
        (asserted_before_there_is_one, {"x"}),
    ],
)
def test_other_gradients_are_missed_all_the_same(body, missed):
    found = diagnosis_of(body)
    assert found["verdict"] in ("severed", "partial", "saturated")
    assert {name for cause in found["causes"] for name in cause["parameters"]} == missed


class Gate(nn.Module):
    def __init__(self):
        super().__init__()
        self.inner, self.gate = nn.Linear(3, 3), nn.Parameter(torch.zeros(1))

    def forward(self, x):
        return x + self.gate * self.inner(x)


def a_gate_that_learns():
    torch.manual_seed(0)
    Gate().double()(torch.randn(4, 3, **F64)).square().mean().backward()


def an_adapter_that_learns():
    torch.manual_seed(0)
    down, up = nn.Linear(3, 2, bias=False).double(), nn.Linear(2, 3, bias=False).double()
    nn.init.zeros_(up.weight)
    x = torch.randn(4, 3, **F64)
    (x + up(down(x))).square().mean().backward()


def vectors_that_learn():
    torch.manual_seed(0)
    words, contexts = nn.Embedding(5, 3).double(), nn.Embedding(5, 3).double()
    nn.init.zeros_(contexts.weight)
    index = torch.tensor([0, 1, 2, 4, 3])
    functional.softplus((words(index) * contexts(index)).sum(-1)).mean().backward()


def a_state_that_is_zero_at_first():
    torch.manual_seed(0)
    cell, state = nn.GRUCell(3, 4).double(), torch.zeros(2, 4, **F64)
    optimiser = torch.optim.SGD(cell.parameters(), 0.1)
    for _ in range(3):
        optimiser.zero_grad()
        state = cell(torch.randn(2, 3, **F64), state.detach())
        state.square().mean().backward()
        optimiser.step()


@parametrised([a_gate_that_learns, an_adapter_that_learns, vectors_that_learn, a_state_that_is_zero_at_first])
def test_training_may_start_at_zero(body):
    found = diagnosis_of(body)
    assert (found["verdict"], found["causes"]) == ("healthy", []), found["reason"]


def a_gate_whose_zero_fails_the_test():
    torch.manual_seed(0)
    model = Gate().double()
    model(torch.randn(4, 3, **F64)).square().mean().backward()
    assert model.inner.weight.grad.any()


def a_gate_that_learns_nothing():
    torch.manual_seed(0)
    model = Gate().double()
    model.gate.requires_grad_(False)
    model(torch.randn(4, 3, **F64)).square().mean().backward()


def a_blank_image():
    torch.manual_seed(0)
    cell, factors = nn.Parameter(torch.tensor([3.0, 4.0], **F64)), nn.Parameter(torch.zeros(2, **F64))
    (factors * cell.sin()).sum().backward()


@parametrised([a_gate_whose_zero_fails_the_test, a_gate_that_learns_nothing, a_blank_image])
def test_a_zero_that_is_looked_for_or_stays_is_told(body):
    found = diagnosis_of(body)
    first = found["causes"][0]
    assert (found["verdict"], first["kind"], first["proof"]) == ("blank-output", "zero-factor", "proven")
