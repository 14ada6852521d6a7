"""Bodies in half and single precision: they are examined in a higher one where it is the same computation."""

import pytest
import torch
from torch import nn
from torch.nn import functional

import gradtriage
from gradtriage.probe.explain.replay.precision import in_double
from tests.support.bodies import diagnosis_of, marked_line, parametrised


def rounded_to_half_in_between():
    torch.manual_seed(0)
    layer = nn.Linear(3, 1, dtype=torch.float64)
    x = torch.randn(6, 3, dtype=torch.float64)
    density = functional.softplus(layer(x)).half().to(x)
    (1 - torch.exp(-density)).square().mean().backward()


def under_autocast():
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(4, 8), nn.Tanh(), nn.Linear(8, 1))
    x = torch.randn(6, 4)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        loss = model(x).square().mean()
    loss.backward()


def all_in_half():
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(4, 8), nn.Tanh(), nn.Linear(8, 1)).half()
    model(torch.randn(6, 4, dtype=torch.float16)).square().mean().backward()


def with_kinks_in_single():
    torch.manual_seed(3)
    layers = [nn.Conv2d(1, 8, 3), nn.ReLU(), nn.MaxPool2d(2), nn.Conv2d(8, 8, 3), nn.LeakyReLU(), nn.Flatten()]
    model = nn.Sequential(*layers, nn.Dropout(0.2), nn.Linear(72, 10))
    functional.cross_entropy(model(torch.randn(8, 1, 12, 12)), torch.randint(0, 10, (8,))).backward()


@parametrised([rounded_to_half_in_between, under_autocast, all_in_half, with_kinks_in_single])
def test_what_is_coarse_is_healthy(body):
    found = diagnosis_of(body)
    assert (found["verdict"], found["causes"]) == ("healthy", []), found["reason"]


def cut_under_autocast():
    torch.manual_seed(0)
    first, second = nn.Linear(4, 8), nn.Linear(8, 1)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        hidden = torch.tanh(first(torch.randn(6, 4))).detach()  # <-- here
        loss = second(hidden).square().mean()
    loss.backward()


def too_large_for_half():
    x = torch.tensor([300.0, 1.0], dtype=torch.float16, requires_grad=True)
    (x * x * 3).sum().backward()  # <-- here


@pytest.mark.parametrize(("body", "verdict"), [(cut_under_autocast, "severed"), (too_large_for_half, "inf")])
def test_what_is_wrong_stays_so(body, verdict):
    found = diagnosis_of(body)
    assert (found["verdict"], found["causes"][0]["line"]) == (verdict, marked_line(body))


def drawn():
    torch.manual_seed(0)
    table, cell = nn.Embedding(4, 4), nn.LSTM(4, 3)
    x = table(torch.tensor([1, 2])) + torch.randn(2, 4) + torch.rand_like(table.weight[:2])
    x = functional.dropout(x, 0.3) + torch.empty(2, 4).uniform_() + torch.normal(torch.zeros(2, 4), 1.0)
    return cell(x.float())[0].sum() + torch.bernoulli(torch.full((5,), 0.3)).sum()


def test_the_same_numbers_are_drawn_in_double_precision():
    results = [drawn()]
    in_double(lambda _: results.append(drawn()))(None)
    assert [one.dtype for one in results] == [torch.float32, torch.float64]
    torch.testing.assert_close(results[1].float(), results[0])
    assert torch.get_default_dtype() == torch.float32


def test_parameters_from_before_are_in_double_meanwhile():
    torch.manual_seed(0)
    layers = [nn.Conv2d(1, 8, 3), nn.BatchNorm2d(8), nn.ReLU(), nn.MaxPool2d(2), nn.Conv2d(8, 8, 3), nn.LeakyReLU()]
    layers += [nn.Flatten(), nn.Linear(72, 10)]
    model = nn.Sequential(*layers)
    x, y = torch.randn(8, 1, 12, 12), torch.randint(0, 10, (8,))
    functional.cross_entropy(model(x), y).backward()
    before = model[0].weight.grad.clone()
    found = gradtriage.explain(lambda: functional.cross_entropy(model(x), y), model)
    assert (found.verdict, found.causes) == ("healthy", []), str(found)
    assert model[0].weight.dtype == model[0].weight.grad.dtype == torch.float32
    assert torch.equal(model[0].weight.grad, before)


def sums_of_probabilities():
    torch.manual_seed(0)
    scores, temperature = torch.rand(7, 40, requires_grad=True), torch.ones((), requires_grad=True)
    with torch.no_grad():
        weights = torch.softmax(scores * 3, dim=-1)
    (weights.sum() * temperature).backward()


def test_rounding_is_no_step():
    assert diagnosis_of(sums_of_probabilities)["causes"] == []


class NearlyRight(torch.autograd.Function):
    """A solver's gradient, right to six digits."""

    @staticmethod
    def forward(ctx, x):
        return x * 2

    @staticmethod
    def backward(ctx, g):
        return g * 2 * (1 + 3e-6)


def a_gradient_of_six_digits():
    x = torch.linspace(-1, 1, 200, dtype=torch.float64).requires_grad_()
    NearlyRight.apply(x).sin().sum().backward()


def test_a_difference_is_judged_beside_what_the_gradient_usually_gives():
    assert diagnosis_of(a_gradient_of_six_digits)["verdict"] == "healthy"
