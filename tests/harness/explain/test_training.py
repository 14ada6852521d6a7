"""Tests that train: parameters are written into between the gradient calls, copied, and trained in turns."""

import copy

import torch
from torch import nn

from tests.support.bodies import diagnosis_of, marked_line, parametrised

F64 = {"dtype": torch.float64}


def weights(*shape):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(5), **F64).requires_grad_()


def linear(inputs, outputs):
    torch.manual_seed(inputs * 10 + outputs)
    return nn.Linear(inputs, outputs).double()


def sgd_with_momentum():
    w, x, y = weights(4), weights(10, 4).detach(), weights(10).detach()
    optimiser = torch.optim.SGD([w], lr=0.1, momentum=0.9)
    for _ in range(4):
        optimiser.zero_grad()
        ((x @ w - y) ** 2).mean().backward()
        optimiser.step()


def adam_on_a_module():
    model, x = nn.Sequential(linear(4, 5), nn.Tanh(), linear(5, 1)), weights(6, 4).detach()
    optimiser = torch.optim.Adam(model.parameters(), lr=0.01)
    for _ in range(3):
        optimiser.zero_grad()
        (model(x) ** 2).mean().backward()
        optimiser.step()


def update_by_hand():
    w = weights(3)
    for _ in range(3):
        (w**2).sum().backward()
        with torch.no_grad():
            w -= 0.1 * w.grad
        w.grad = None


def update_of_data():
    w = weights(3)
    for _ in range(3):
        (w**3).sum().backward()
        w.data = w.data - 0.1 * w.grad
        w.grad = None


def closure_of_lbfgs():
    w = weights(2)
    optimiser = torch.optim.LBFGS([w], max_iter=4)

    def closure():
        optimiser.zero_grad()
        loss = ((w - 3) ** 4).sum()
        loss.backward()
        return loss

    optimiser.step(closure)


def target_network():
    online, states = linear(3, 2), weights(5, 3).detach()
    target = copy.deepcopy(online)
    optimiser = torch.optim.SGD(online.parameters(), lr=0.1)
    for step in range(3):
        with torch.no_grad():
            goal = 0.9 * target(states).max(1).values
        optimiser.zero_grad()
        ((online(states)[:, 0] - goal) ** 2).mean().backward()
        optimiser.step()
        if step:
            target.load_state_dict(online.state_dict())
        else:
            for slow, fast in zip(target.parameters(), online.parameters(), strict=True):
                slow.data.mul_(0.9).add_(fast.data, alpha=0.1)


def frozen_average():
    online, states = linear(3, 2), weights(5, 3).detach()
    average = copy.deepcopy(online).requires_grad_(False)
    optimiser = torch.optim.SGD(online.parameters(), lr=0.1)
    for _ in range(3):
        optimiser.zero_grad()
        ((online(states) - average(states) - 1) ** 2).mean().backward()
        optimiser.step()
        with torch.no_grad():
            for slow, fast in zip(average.parameters(), online.parameters(), strict=True):
                slow.copy_(0.9 * slow + 0.1 * fast)


def generator_and_discriminator():
    generator, critic = linear(2, 3), linear(3, 1)
    of_generator = torch.optim.SGD(generator.parameters(), lr=0.1)
    of_critic = torch.optim.SGD(critic.parameters(), lr=0.1)
    for _ in range(2):
        noise, real = weights(8, 2).detach(), weights(8, 3).detach()
        of_critic.zero_grad()
        fake = generator(noise).detach()
        (nn.functional.softplus(-critic(real)).mean() + nn.functional.softplus(critic(fake)).mean()).backward()
        of_critic.step()
        of_generator.zero_grad()
        nn.functional.softplus(-critic(generator(noise))).mean().backward()
        of_generator.step()


def reference_beside_the_original():
    w = weights(3)
    reference = w.detach().clone().requires_grad_()
    (w.exp() * 2).sum().backward()
    (torch.exp(reference) + torch.exp(reference)).sum().backward()
    torch.testing.assert_close(w.grad, reference.grad)


def meta_learning():
    w, x, y = weights(3), weights(5, 3).detach(), weights(5).detach()
    (inner,) = torch.autograd.grad(((x @ w - y) ** 2).mean(), w, create_graph=True)
    ((x @ (w - 0.1 * inner) - y) ** 2).mean().backward()


def weight_normalisation():
    layer = nn.utils.parametrizations.weight_norm(linear(3, 2))
    layer(weights(4, 3).detach()).pow(2).sum().backward()


HEALTHY = [
    sgd_with_momentum, adam_on_a_module, update_by_hand, update_of_data, closure_of_lbfgs, target_network,
    frozen_average, generator_and_discriminator, reference_beside_the_original, meta_learning, weight_normalisation,
]  # fmt: skip


@parametrised(HEALTHY)
def test_training_is_healthy(body):
    found = diagnosis_of(body)
    assert (found["verdict"], found["causes"]) == ("healthy", []), found["reason"]


def detached_in_the_third_step():
    w = weights(2)
    optimiser = torch.optim.SGD([w], lr=0.01)
    for step in range(4):
        total = (w**2).sum()
        if step == 2:
            total = total.detach()  # <-- here
        optimiser.zero_grad()
        (total * w.sum()).backward()
        optimiser.step()


def a_copy_is_trained():
    model = linear(3, 2)
    trained = copy.deepcopy(model)  # <-- here
    trained(weights(4, 3).detach()).pow(2).sum().backward()
    assert model.weight.grad is not None


def number_after_a_step():
    w, scale = weights(2), weights(1)
    optimiser = torch.optim.SGD([w, scale], lr=0.01)
    (w.sum() * scale).sum().backward()
    optimiser.step()
    factor = scale.item()  # <-- here
    (w**2 * factor).sum().backward()


def weight_made_of_parts_by_data():
    layer, length = linear(3, 2), weights(2)
    with torch.no_grad():  # <-- here
        layer.weight.copy_(layer.weight * length[:, None])
    layer(weights(4, 3).detach()).pow(2).sum().backward()


@parametrised([detached_in_the_third_step, a_copy_is_trained, number_after_a_step, weight_made_of_parts_by_data])
def test_a_fault_in_training_is_proven_at_its_line(body):
    found = diagnosis_of(body)
    assert found["verdict"] in ("severed", "partial"), found["reason"]
    first = found["causes"][0]
    assert (first["line"], first["proof"]) == (marked_line(body), "proven")


def parametrised_by_torch():
    net = nn.Sequential(
        nn.utils.parametrizations.orthogonal(linear(4, 4)),
        nn.Tanh(),
        nn.utils.parametrizations.weight_norm(linear(4, 2)),
    )
    net(weights(5, 4).detach()).square().sum().backward()


@parametrised([parametrised_by_torch])
def test_parametrisations_are_healthy(body):
    found = diagnosis_of(body)
    assert (found["verdict"], found["causes"]) == ("healthy", []), found["reason"]
