"""Healthy code with everything in it that looks like a fault: nothing may be accused."""

import copy

import pytest
import torch
from torch import nn

import gradtriage
from tests.support.explained import Bodies, check, leaf

F64 = {"dtype": torch.float64}
bodies = Bodies()
a, b = leaf(1.3, 0.2, -0.7), leaf(0.7, 1.1)
_matrix = torch.randn(4, 3, generator=torch.Generator().manual_seed(3), **F64)
_inputs = torch.randn(6, 4, generator=torch.Generator().manual_seed(4), **F64)


@bodies.add("healthy", a=a)
def shift_of_a_logsumexp(a):
    m = a.max().detach()
    return (a - m).exp().sum().log() + m


@bodies.add("healthy", a=a)
def detach_for_a_log(a):
    loss = a.sin().sum()
    history = [loss.detach().cpu().numpy().copy()]
    return loss if history else loss * 2


@bodies.add("healthy", a=a)
def item_in_a_message(a):
    loss = (a**2).sum()
    print(f"loss {loss.item():.3f}")  # noqa: T201
    return loss


@bodies.add("healthy", a=a)
def metrics_without_gradients(a):
    y = a.cos()
    with torch.no_grad():
        accuracy = (y > 0).double().mean()
        assert accuracy.item() >= 0
    return y.sum()


@bodies.add("healthy", a=a)
def target_network(a):
    online = {"w": a * 1.0}
    target = copy.deepcopy({"w": torch.ones(3, **F64)})
    with torch.no_grad():
        goal = target["w"] * 0.9
    return ((online["w"] - goal) ** 2).sum()


@bodies.add("healthy", w=_matrix.clone().requires_grad_())
def power_iteration(w):
    u = torch.ones(4, **F64)
    with torch.no_grad():
        for _ in range(200):
            v = nn.functional.normalize(w.t() @ u, dim=0)
            u = nn.functional.normalize(w @ v, dim=0)
    return w.sum() / (u @ w @ v)


@bodies.add("healthy", x=_inputs.clone().requires_grad_())
def running_statistics(x):
    norm = nn.BatchNorm1d(4).double()
    y = norm(x)
    return (y**3).sum() + norm.running_mean.detach().sum() * 0


@bodies.add("healthy", x=_inputs.clone().requires_grad_())
def dropout_with_the_global_generator(x):
    return (nn.functional.dropout(x, 0.5) ** 2).sum()


@bodies.add("healthy", x=_inputs.clone().requires_grad_())
def noise_of_a_private_generator(x):
    noise = torch.rand(6, 4, generator=torch.Generator().manual_seed(0), **F64)
    return (x * noise).sin().sum()


@bodies.add("healthy", a=a)
def detached_normaliser_that_cancels(a):
    scale = a.abs().max().detach()
    return ((a / scale).exp().sum().log() * scale - (a / scale).exp().sum().log() * scale) + (a / scale * scale).sum()


@bodies.add("healthy", a=a, b=b)
def a_parameter_that_is_not_used(a, b):
    return (a * a).sum()


@bodies.add("healthy", a=a)
def zero_by_cancellation(a):
    return (a - a).sum() + (a * 0 + a.sin()).sum()


@bodies.add("healthy", a=a, b=b)
def zero_but_for_rounding(a, b):
    return (a * 0.1 + a * 0.2 - a * 0.3).sum() + (b * b).sum()


@bodies.add("healthy", a=a, b=b)
def a_compiled_function(a, b):
    return torch.compile(lambda x: x.sin() * 2)(a).sum() + b.sum()


@bodies.add("healthy", a=leaf(0.0, 0.0))
def minimum_of_a_parabola(a):
    return (a * a).sum()


@bodies.add("healthy", a=leaf(0.0))
def double_well_at_its_top(a):
    return (a**2 - 1) ** 2


@bodies.add("healthy", a=a)
def a_clamp_that_holds_some(a):
    return a.clamp(min=0.0).square().sum()


@bodies.add("healthy", a=a)
def straight_through_rounding(a):
    return ((a + (a.round() - a).detach()) * 2).sum() + a.sin().sum()


@bodies.add("healthy", a=a)
def straight_through_in_another_order(a):
    p = a.softmax(0)
    hard = nn.functional.one_hot(p.argmax(), 3).double()
    return ((hard - p.detach() + p) * torch.arange(3.0, **F64)).sum()


class Spike(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x):
        ctx.save_for_backward(x)
        return (x > 0).to(x.dtype)

    @staticmethod
    def backward(ctx, grad):
        (x,) = ctx.saved_tensors
        return grad / (1 + x.abs()) ** 2


@bodies.add("healthy", a=a)
def surrogate_gradient_of_a_step(a):
    return (Spike.apply(a * 2) * 3).sum() + a.sin().sum()


@bodies.add("healthy", a=a)
def stop_gradient_on_purpose(a):
    weight = a.detach().softmax(0)  # gradtriage: stop-gradient
    return (weight * a).sum()


@bodies.add("healthy|unknown", a=leaf(1.5, 0.2, -0.7, dtype=torch.float32))
def single_precision(a):
    return (a.sin() * 3).sum()


@bodies.add("healthy|unknown", a=leaf(1.5, 0.2, -0.7, dtype=torch.float32))
def single_precision_with_cancellation(a):
    return ((a + 1e4).square() - 1e8 - 2e4 * a).sum()


@bodies.add("healthy", a=a)
def index_by_an_argmax(a):
    return a[a.argmax()] ** 2


@bodies.add("healthy", a=a)
def sort_and_gather(a):
    order = a.argsort()
    return (a[order] * torch.tensor([1.0, 2.0, 3.0], **F64)).sum()


@bodies.add("healthy", a=a)
def a_branch_on_a_value(a):
    return a.sum() * 2 if a.sum() > 0 else a.sum() * 3


@bodies.add("healthy", a=a)
def masks_with_a_safe_inner_branch(a):
    inside = a > 0
    return torch.where(inside, torch.where(inside, a, 1.0).sqrt(), 0.0).sum()


class Cube(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x):
        ctx.save_for_backward(x)
        return x**3

    @staticmethod
    def backward(ctx, grad):
        (x,) = ctx.saved_tensors
        return 3 * x**2 * grad


@bodies.add("healthy", a=a)
def a_custom_function_that_is_right(a):
    return Cube.apply(a).sum()


@bodies.add("insensitive", b=leaf(0.0), a=leaf(0.0, 0.0, 0.0))
def a_shift_that_a_softmax_does_not_see(a, b):
    return (torch.softmax(a + b, 0) * torch.arange(3.0, **F64)).sum()


@pytest.mark.parametrize("body", bodies.values(), ids=bodies)
def test_nothing_is_accused_in(body):
    check(body)


def test_a_network_of_many_layers_is_healthy_within_seconds():
    torch.manual_seed(0)
    layers = [layer for _ in range(12) for layer in (nn.Linear(6, 6), nn.Tanh())]
    net = nn.Sequential(*layers, nn.Linear(6, 1)).double()
    x = torch.randn(4, 6, **F64)
    found = gradtriage.explain(lambda: net(x).square().mean(), net)
    assert found.verdict == "healthy"
    assert found.document["evaluations"] < 40


def test_random_numbers_from_outside_are_called_nondeterministic():
    import os

    found = gradtriage.explain(lambda a: a * float(int.from_bytes(os.urandom(2), "big")), {"a": leaf(2.0)})
    assert found.verdict == "nondeterministic"
