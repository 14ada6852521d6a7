"""Gradients that a test stops itself: a target, a teacher, a backbone; and those that it does miss."""

import pytest
import torch
from torch import nn
from torch.nn import functional

from tests.support.bodies import diagnosis_of, marked_line, parametrised
from tests.support.explained import leaf

F64 = {"dtype": torch.float64}
GRID = torch.linspace(0, 1, 9, **F64)


def image(height, centre):
    return height * torch.exp(-((GRID - centre) ** 2) * 8)


def a_target_from_the_same_parameters():
    height, centre = leaf(1.2), leaf(0.4)
    with torch.no_grad():
        wanted = image(height, centre) * 0.9
    (image(height, centre) - wanted).square().sum().backward()


def noisy_observations():
    torch.manual_seed(0)
    height, centre = leaf(1.2), leaf(0.4)
    with torch.no_grad():
        clean = image(height, centre)
        observed = clean + 0.05 * torch.randn(9, **F64)
    functional.mse_loss(image(height, centre), observed).backward()


def distilled():
    torch.manual_seed(0)
    teacher, student = nn.Linear(5, 3, **F64), nn.Linear(5, 3, **F64)
    x = torch.randn(7, 5, **F64)
    with torch.no_grad():
        wanted = teacher(x).softmax(-1)
    functional.kl_div(student(x).log_softmax(-1), wanted, reduction="batchmean").backward()


def a_backbone_that_no_optimiser_holds():
    torch.manual_seed(0)
    backbone, head = nn.Linear(6, 6, **F64), nn.Linear(6, 2, **F64)
    optimiser = torch.optim.SGD(head.parameters(), 0.1)
    with torch.no_grad():
        features = torch.relu(backbone(torch.randn(8, 6, **F64)))
    head(features).square().mean().backward()
    optimiser.step()


def a_bias_that_cancels():
    torch.manual_seed(0)
    critic = nn.Sequential(nn.Linear(3, 4), nn.Tanh(), nn.Linear(4, 1)).double()
    (critic(torch.randn(5, 3, **F64)).mean() - critic(torch.randn(5, 3, **F64)).mean()).backward()


@parametrised(
    [
        a_target_from_the_same_parameters,
        noisy_observations,
        distilled,
        a_backbone_that_no_optimiser_holds,
        a_bias_that_cancels,
    ]
)
def test_what_a_test_stops_itself_is_meant(body):
    found = diagnosis_of(body)
    assert (found["verdict"], found["causes"]) == ("healthy", []), found["reason"]


def weights_in_the_test():
    height, centre = leaf(1.2), leaf(0.4)
    with torch.no_grad():  # <-- here
        weights = image(height, centre)
    (image(height, centre) * weights).sum().backward()


def a_backbone_that_is_looked_at():
    torch.manual_seed(0)
    backbone, head = nn.Linear(6, 6, **F64), nn.Linear(6, 2, **F64)
    with torch.no_grad():  # <-- here
        features = torch.relu(backbone(torch.randn(8, 6, **F64)))
    head(features).square().mean().backward()
    assert head.weight.grad is not None
    assert backbone.weight.grad is not None


@pytest.mark.parametrize(
    ("body", "verdict"), [(weights_in_the_test, "partial"), (a_backbone_that_is_looked_at, "severed")]
)
def test_what_may_be_missed_is_told(body, verdict):
    found = diagnosis_of(body)
    first = found["causes"][0]
    assert (found["verdict"], first["proof"], first["line"]) == (verdict, "proven", marked_line(body))


class Process(nn.Module):
    def __init__(self):
        super().__init__()
        self.length = nn.Parameter(torch.zeros((), **F64))
        self.noise = nn.Parameter(torch.tensor(-2.0, **F64), requires_grad=False)  # <-- born

    def forward(self, x):
        return (x / self.length.exp()).sin().sum() * self.noise.exp()


def born_frozen():
    process = Process()
    process(torch.linspace(0, 1, 4, **F64)).backward()
    for name, parameter in process.named_parameters():
        assert parameter.grad is not None, name


def test_a_parameter_that_was_made_frozen_is_missed():
    found = diagnosis_of(born_frozen)
    first = found["causes"][0]
    assert (found["verdict"], first["kind"], first["proof"]) == ("severed", "no-grad", "proven")
    assert (first["parameters"], first["line"]) == (["process.noise"], marked_line(Process, "born"))


def a_zero_that_is_right():
    x = leaf(0.3, 0.8)
    (x.softmax(0).sum() * 2 + 0 * x.detach().sum()).backward()
    assert x.grad.abs().max() > 1e-9


def test_a_test_that_fails_by_a_zero_is_not_healthy():
    assert diagnosis_of(a_zero_that_is_right)["verdict"] not in ("healthy", "severed", "partial")


def forces_on_the_way():
    stiffness, place, speed = leaf(2.0), torch.tensor([1.0, -0.5], **F64), torch.zeros(2, **F64)
    for _ in range(3):
        place = place if place.requires_grad else place.requires_grad_()
        (slope,) = torch.autograd.grad(0.5 * stiffness * (place**4).sum(), place, create_graph=True)
        speed = speed - 0.1 * slope
        place = place + 0.1 * speed
    place.square().sum().backward()


def remade_in_a_loop():
    mass, drag, speed = leaf(0.1, 0.4), leaf(0.05), torch.zeros(2, **F64)
    for force in torch.tensor([[0.0, 0.0], [0.5, 0.0], [0.5, 0.3]], **F64):
        used = _remade(mass)
        speed = speed + 0.1 * (force - drag * speed - 0.1 * (speed * used).flip(0)) / used
    speed.square().sum().backward()


def _remade(mass):
    return nn.Parameter(mass.exp())  # <-- remade


def test_calls_about_inner_tensors_do_not_hide_the_answer():
    assert diagnosis_of(forces_on_the_way)["verdict"] == "healthy"


def test_leaves_that_nobody_can_see_have_no_causes_of_their_own():
    found = diagnosis_of(remade_in_a_loop)
    assert [(cause["line"], cause["parameters"]) for cause in found["causes"]] == [
        (marked_line(_remade, "remade"), ["mass"])
    ]


def clipped_before_the_backward():
    torch.manual_seed(0)
    critic = nn.Sequential(nn.Linear(3, 6), nn.Tanh(), nn.Linear(6, 1)).double()
    loss = critic(torch.randn(5, 3, **F64)).square().mean()
    for parameter in critic.parameters():
        parameter.data.clamp_(-0.05, 0.05)  # <-- here
    loss.backward()


def test_a_write_into_parameters_between_loss_and_backward_is_proven():
    found = diagnosis_of(clipped_before_the_backward)
    first = found["causes"][0]
    assert (first["kind"], first["proof"], first["line"]) == (
        "inplace",
        "proven",
        marked_line(clipped_before_the_backward),
    )


def scaled_beside_a_bound():
    share = leaf(0.3, 0.8)
    (logarithm := torch.log(share.clamp(min=1e-30))).register_hook(lambda g: g * 1.5)  # <-- here
    logarithm.square().sum().backward()


def test_a_bound_on_the_line_of_a_hook_does_not_excuse_it():
    first = diagnosis_of(scaled_beside_a_bound)["causes"][0]
    assert (first["kind"], first["proof"], first["line"]) == ("hook", "proven", marked_line(scaled_beside_a_bound))
