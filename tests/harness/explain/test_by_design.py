"""Gradients that are stopped or replaced on purpose are not accused; a fault of similar look beside each is proven."""

import copy

import pytest
import torch
from torch import nn
from torch.nn.functional import embedding, gumbel_softmax

import gradtriage
from tests.support.explained import Bodies, check, leaf

F64 = {"dtype": torch.float64}
meant, faults = Bodies(), Bodies()
a, b = leaf(1.3, 0.2, -0.7), leaf(0.4, 1.1, 0.9)
rewards = torch.tensor([1.0, 2.0, 5.0], **F64)
_states = torch.randn(6, 4, generator=torch.Generator().manual_seed(4), **F64)
_ids = torch.tensor([0, 1, 2, 0, 1])


def weights(*shape: int) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(5), **F64).requires_grad_()


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.linear, self.norm = nn.Linear(4, 3).double(), nn.BatchNorm1d(3).double()
        self.register_buffer("mean", torch.zeros(3, **F64))
        with torch.no_grad():
            self.linear.weight.copy_(weights(3, 4))

    def forward(self, x):
        return self.norm(self.linear(x))


# what was done to other parameters before is no part of the derivative, and nothing is to be told
earlier = Bodies()


def mixed_into(target: nn.Module, online: nn.Module) -> None:
    for old, new in zip(target.parameters(), online.parameters(), strict=True):
        old.data.copy_(0.9 * old.data + 0.1 * new.data)


online = Net().linear
target = copy.deepcopy(online).requires_grad_(False)
net = Net()


# a value without gradient that meets its live twin


@meant.add("healthy", a=a)
def score_function_by_a_difference_of_zero(a):
    log_p = a.log_softmax(0)
    return ((log_p - log_p.detach()).exp() * rewards).sum()  # <-- meant


@meant.add("healthy", a=a)
def ratio_of_one(a):
    p = a.softmax(0)
    return (p / p.detach() * rewards).sum()  # <-- meant


@meant.add("healthy", a=a)
def ratio_of_a_parameter_to_itself(a):
    return (a / a.detach() * rewards).sum()  # <-- meant


@meant.add("healthy", w=weights(4, 3))
def ratio_of_a_policy_to_its_old_one(w):
    with torch.no_grad():  # <-- meant
        old = (_states @ w).log_softmax(1)
    ratio = ((_states @ w).log_softmax(1) - old).exp()
    return -torch.minimum(ratio * rewards, ratio.clamp(0.8, 1.2) * rewards).mean()


@faults.add("partial", "detach", a=a, b=leaf(1.3, 0.2, -0.7))
def twins_that_are_equal_by_chance_only(a, b):
    return ((a.sin() - b.sin().detach() + 1).exp() * rewards).sum() + b.sum()  # <-- here


@faults.add("partial", "detach", a=a)
def a_ratio_to_the_detached_sum(a):
    p = a.exp()
    return (p / p.sum().detach() * rewards).sum()  # <-- here


@faults.add("partial", "no-grad", w=weights(4, 3))
def the_old_policy_used_as_a_weight_as_well(w):
    with torch.no_grad():  # <-- here
        old = (_states @ w).log_softmax(1)
    return (((_states @ w).log_softmax(1) - old).exp() * old).sum()


# values kept in a module


@earlier.add("healthy", **dict(online.named_parameters()))
def a_target_network_that_follows(weight, bias):
    mixed_into(target, online)
    return (online(_states) - 0.9 * target(_states)).square().sum()


@meant.add("healthy", **dict(online.named_parameters()))
def a_target_network_that_is_loaded(weight, bias):
    target.load_state_dict(online.state_dict())  # <-- meant
    return (online(_states) - 0.9 * target(_states)).square().sum()


@meant.add("healthy", **dict(net.named_parameters()))
def a_norm_in_training_and_then_in_use(**parameters):
    net.train()(_states)
    return net.eval()(_states).square().sum()


@meant.add("healthy", **dict(net.named_parameters()))
def a_buffer_that_keeps_an_average(**parameters):
    y = net.train()(_states) + net.linear(_states)
    with torch.no_grad():  # <-- meant
        net.mean.lerp_(y.mean(0), 0.1)
    return (y - net.mean).pow(3).sum()


class SetByTheFirstBatch(nn.Module):
    def __init__(self):
        super().__init__()
        self.first_pass = True
        self.shift = nn.Parameter(torch.zeros(4, **F64))

    def forward(self, x):
        if self.training and self.first_pass:
            self.first_pass = False
            self.shift.data = x.mean(0).data
        return x - self.shift


@meant.add("healthy", z=weights(3, 4))
def a_shift_that_the_first_batch_sets(z):
    layer = SetByTheFirstBatch()
    return layer(layer(z.sin()) * 1.5).pow(3).sum()


@faults.add("severed", "no-grad", z=weights(3, 4))
def weights_that_are_generated_and_put_into_a_module(z):
    with torch.no_grad():  # <-- here
        online.weight.copy_(z.sin())
    return online(_states).square().sum()


@faults.add("partial", "no-grad", z=weights(3, 4))
def generated_weights_beside_a_live_path(z):
    with torch.no_grad():  # <-- here
        online.weight.copy_(z.sin())
    return (online(_states).square().sum(0) * z.sum(1)).sum()


@faults.add("partial", "no-grad", w=weights(4))
def an_average_in_a_plain_tensor(w):
    kept = torch.zeros(4, **F64)
    with torch.no_grad():  # <-- here
        kept.lerp_(w, 0.1)
    return (_states @ (w - kept)).square().sum()


@faults.add("partial", "detach", **dict(online.named_parameters()))
def a_cut_beside_a_target_network(weight, bias):
    mixed_into(target, online)
    y = online(_states)
    scale = y.norm(dim=1, keepdim=True).detach()  # <-- here
    return (y / scale - 0.9 * target(_states)).pow(3).sum()


@faults.add("partial", "detach", **dict(net.named_parameters()))
def a_cut_beside_running_statistics(**parameters):
    net.train()(_states)
    y = net.eval()(_states)
    return (y * y.detach().cos()).sum()  # <-- here


# what torch's own functions do


@meant.add("healthy", a=a)
def hard_samples(a):
    return (gumbel_softmax(a, hard=True, dim=0) * rewards).sum()  # <-- meant


@meant.add("healthy", a=a)
def quantised_values(a):
    return (torch.fake_quantize_per_tensor_affine(a, 0.1, 0, -8, 7) * rewards).sum()  # <-- meant


@meant.add("healthy", w=weights(5, 3))
def an_embedding_with_padding(w):
    return embedding(_ids, w, padding_idx=0).sin().sum()  # <-- meant


@meant.add("healthy", w=weights(5, 3))
def an_embedding_scaled_by_frequency(w):
    return embedding(_ids, w, scale_grad_by_freq=True).sin().sum()  # <-- meant


@faults.add("partial", "detach", a=a)
def a_cut_beside_hard_samples(a):
    hard = gumbel_softmax(a, hard=True, dim=0)
    return (hard * rewards).sum() + (a.sin().detach() * a).sum()  # <-- here


@faults.add("partial", "item", a=a)
def a_number_beside_quantised_values(a):
    q = torch.fake_quantize_per_tensor_affine(a, 0.1, 0, -8, 7)
    return (q * rewards).sum() + a.sum() * a[0].item()  # <-- here


@faults.add("partial", "detach", w=weights(5, 3))
def a_cut_beside_padding(w):
    e = embedding(_ids, w, padding_idx=0)
    return (e * e.detach().cos()).sum()  # <-- here


@faults.add("partial", "detach", a=a)
def a_cut_beside_soft_samples(a):
    soft = gumbel_softmax(a, dim=0)
    return (soft * soft.detach()).sum()  # <-- here


# gradients with respect to the tangent space of a Lie group


def turned(q, points):
    """Points turned by a quaternion (vector part first)."""
    twice = 2 * torch.linalg.cross(q[:3].expand_as(points), points)
    return points + q[3] * twice + torch.linalg.cross(q[:3].expand_as(points), twice)


class Act(torch.autograd.Function):
    """Its gradient for the rotation is that of a small turn after it, filled up with a zero."""

    @staticmethod
    def forward(ctx, q, points):
        y = turned(q, points)
        ctx.save_for_backward(q, y)
        return y

    @staticmethod
    def backward(ctx, grad):
        q, y = ctx.saved_tensors
        small = torch.linalg.cross(y, grad).sum(0)
        back = turned(q * torch.tensor([-1.0, -1.0, -1.0, 1.0], **F64), grad)
        return torch.cat([small, small.new_zeros(1)]), back


Act.__module__ = "pypose.lietensor.operation"
rotation = leaf(0.5, 0.1, -0.7, 0.5)
rotation.data /= rotation.data.norm()
_points = torch.randn(5, 3, generator=torch.Generator().manual_seed(6), **F64)


@meant.add("healthy", q=rotation)
def points_turned_by_a_rotation(q):
    return (Act.apply(q, _points) - _points.roll(1, 0)).square().sum()  # <-- meant


@faults.add("partial", "detach", q=rotation)
def a_cut_beside_a_rotation(q):
    y = Act.apply(q, _points)
    return (y * y.detach().cos()).sum()  # <-- here


@faults.add("wrong-backward", "custom-backward", q=rotation)
def a_wrong_sign_beside_a_rotation(q):
    return WrongSign.apply(Act.apply(q, _points)).sin().sum()


class Scaled(torch.autograd.Function):
    """No Lie function, wherever it lives, and its backward is wrong."""

    @staticmethod
    def forward(ctx, x):
        return 2 * x

    @staticmethod
    def backward(ctx, grad):
        return 3 * grad


Scaled.__module__ = "pypose.lietensor.lietensor"


@faults.add("wrong-backward", "custom-backward", q=rotation)
def a_wrong_function_of_a_lie_package(q):
    return Scaled.apply(Act.apply(q, _points)).sin().sum()


# what the source says


def sg(x):
    return x.detach()  # <-- meant sg


class GradientReversal(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x):
        return x.view_as(x)

    @staticmethod
    def backward(ctx, grad):
        return -grad


class WrongSign(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x):
        return x.view_as(x)

    @staticmethod
    def backward(ctx, grad):
        return -grad


@meant.add("healthy", a=a, b=b)
def a_codebook_with_stopped_gradients(a, b):
    return (sg(a.sin()) - b).square().sum() + 0.25 * (a.sin() - sg(b)).square().sum()


@meant.add("healthy", a=a)
def a_reversed_gradient(a):
    return GradientReversal.apply(a).sin().sum()  # <-- meant


@meant.add("healthy", a=a)
def a_time_step(a):
    # CFL: the step follows the fastest wave
    dt = 0.5 / a.abs().max().detach()  # <-- meant
    return (a + dt * a.sin()).square().sum()


@faults.add("partial", "detach", a=a)
def a_doubt_in_a_comment(a):
    # TODO: why is there no gradient? maybe on purpose
    weight = a.detach().softmax(0)  # <-- here
    return (weight * a).sum()


@faults.add("partial", "detach", a=a)
def a_comment_about_another_line(a):
    # stop gradient
    fixed = a.detach().cos()
    weight = a.softmax(0)
    weight = weight.detach()  # <-- here
    return (weight * a * fixed).sum()


@faults.add("wrong-backward", "custom-backward", a=a)
def a_wrong_sign_beside_a_reversal_that_is_meant(a):
    return GradientReversal.apply(a).sin().sum() + WrongSign.apply(a).cos().sum()


@pytest.mark.parametrize("body", meant.values(), ids=meant)
def test_what_is_meant_is_told_and_not_accused(body):
    found = gradtriage.explain(body.function, body.parameters)
    assert (found.verdict, found.causes) == ("healthy", []), str(found)
    designs = found.document["by_design"]
    assert designs
    assert all(f"{design['line']}: {design['reason']}" in str(found) for design in designs)
    lines = {line for mark, line in body.marked_lines().items() if mark.startswith("meant")}
    assert {design["line"] for design in designs} >= lines
    assert {name for design in designs for name in design["parameters"]} <= set(body.parameters)


@pytest.mark.parametrize("body", earlier.values(), ids=earlier)
def test_an_earlier_step_of_training_is_not_accused(body):
    found = gradtriage.explain(body.function, body.parameters)
    assert (found.verdict, found.causes) == ("healthy", []), str(found)


@pytest.mark.parametrize("body", faults.values(), ids=faults)
def test_a_fault_beside_what_is_meant_is_proven_for(body):
    if body.kind == ("custom-backward",):
        found = gradtriage.explain(body.function, body.parameters)
        first = found.causes[0]
        assert (found.verdict, first["kind"], first["proof"]) == ("wrong-backward", "custom-backward", "proven")
        assert first["function"] in ("WrongSign.backward", "Scaled.backward")
    else:
        check(body)


def test_the_settings_can_say_that_a_function_is_meant():
    def frozen_weight(a):
        return (a * a.detach()).sum()

    assert gradtriage.explain(frozen_weight, {"a": a}).verdict == "partial"
    here = "explain/test_by_design.py"
    for entry in (here, f"{here}::frozen_weight"):
        found = gradtriage.explain(frozen_weight, {"a": a}, by_design=[entry])
        assert found.verdict == "healthy"
        assert found.document["by_design"][0]["reason"] == f"the settings say so: {entry}"
    assert gradtriage.explain(frozen_weight, {"a": a}, by_design=[f"{here}::other"]).verdict == "partial"


def test_a_parameter_kept_in_the_graph_by_a_zero_is_not_taken_for_straight_through():
    def function(rate, amplitude):
        times = torch.arange(4, **F64) * rate.detach()
        return (amplitude * torch.exp(-times) + 0 * rate).sum()

    parameters = {"rate": weights(1), "amplitude": weights(4)}
    found = gradtriage.explain(function, parameters)
    assert found.verdict in ("severed", "partial"), str(found)
    assert (found.causes[0]["kind"], found.causes[0]["proof"]) == ("detach", "proven")


def critic():
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(3, 4), nn.Tanh(), nn.Linear(4, 1)).double()


def bootstrapped(form):
    value, now, then = critic(), torch.ones(5, 3, **F64), torch.zeros(5, 3, **F64)
    if form == "loss":
        return lambda: nn.functional.mse_loss(value(now), 1 + 0.9 * value(then).detach()), value

    def by_name():
        with torch.no_grad():
            target = 1 + 0.9 * value(then)
        return (value(now) - target).square().mean()

    def sampled():
        distribution = torch.distributions.Normal(value(now), 0.5)
        action = distribution.sample()
        return -(distribution.log_prob(action) * action.square()).mean()

    return {"name": by_name, "sample": sampled}[form], value


@pytest.mark.parametrize("form", ["loss", "name", "sample"])
def test_targets_and_samples_are_meant(form):
    function, value = bootstrapped(form)
    found = gradtriage.explain(function, value)
    assert found.verdict == "healthy", str(found)
    assert found.document["by_design"]


def test_a_sample_that_leaves_parameters_without_a_gradient_is_not():
    encoder = critic()

    def loss():
        return torch.distributions.Normal(encoder(torch.ones(5, 3, **F64)), 0.5).sample().square().mean()

    found = gradtriage.explain(loss, encoder)
    assert (found.verdict, found.causes[0]["kind"]) == ("severed", "no-grad"), str(found)
