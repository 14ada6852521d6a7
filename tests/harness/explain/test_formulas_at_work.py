"""Backward formulas in the ways in which they are used: one tensor twice, several gradients at once, kept values."""

import pytest
import torch

from tests.support.bodies import diagnosis_of, marked_line
from tests.support.explained import leaf

F64 = {"dtype": torch.float64}


class Pairwise(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x, y):
        d = x[:, None] - y[None]
        ctx.save_for_backward(d)
        return d.square().sum(-1)

    @staticmethod
    def backward(ctx, g):
        (d,) = ctx.saved_tensors
        gd = 2 * g[..., None] * d
        return gd.sum(1), gd.sum(0)  # <-- here


def one_tensor_as_both_operands():
    places = torch.randn(6, 2, generator=torch.Generator().manual_seed(0), **F64).requires_grad_()
    torch.exp(-Pairwise.apply(places, places)).mv(torch.linspace(0, 1, 6, **F64)).square().sum().backward()


class Scale(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x, gamma):
        inverse = (x.var(-1, unbiased=False, keepdim=True) + 1e-6).rsqrt()
        normal = (x - x.mean(-1, keepdim=True)) * inverse
        ctx.save_for_backward(normal, inverse, gamma)
        return normal.data.mul_(gamma)  # <-- here

    @staticmethod
    def backward(ctx, g):
        normal, inverse, gamma = ctx.saved_tensors
        h = g * gamma
        return inverse * (h - h.mean(-1, keepdim=True) - normal * (h * normal).mean(-1, keepdim=True)), (
            g * normal
        ).sum(0)


def what_is_kept_is_written_into():
    torch.manual_seed(11)
    x, gamma = torch.randn(4, 5, **F64, requires_grad=True), torch.randn(5, **F64, requires_grad=True)
    (Scale.apply(x, gamma) * torch.linspace(0, 1, 5, **F64)).sin().sum().backward()


def rates(c, k):
    return torch.stack([-k[0] * c[0], k[0] * c[0] - k[1] * c[1]])


class Implicit(torch.autograd.Function):
    @staticmethod
    def forward(ctx, c0, k, dt):
        zero = torch.zeros((), **F64)
        A = torch.stack([torch.stack([-k[0], zero]), torch.stack([k[0], -k[1]])])
        c = torch.linalg.solve(torch.eye(2, **F64) - dt * A, c0)
        ctx.save_for_backward(c, k, A)
        ctx.dt = dt
        return c

    @staticmethod
    def backward(ctx, grad):
        c, k, A = ctx.saved_tensors
        adjoint = torch.linalg.solve((torch.eye(2, **F64) - ctx.dt * A).T, grad)
        with torch.enable_grad():
            free = k.detach().requires_grad_()
            (gk,) = torch.autograd.grad(rates(c, free), (free,), adjoint)  # <-- here
        return adjoint, gk, None


def several_gradients_at_once():
    c0, k = leaf(1.0, 0.4), leaf(0.7, 0.4)
    Implicit.apply(c0, k, 0.1).square().sum().backward()


class Misfit(torch.autograd.Function):
    @staticmethod
    def forward(ctx, K, y):
        solved = torch.linalg.solve(K, y)
        ctx.save_for_backward(solved)
        return y @ solved

    @staticmethod
    def backward(ctx, grad):
        (solved,) = ctx.saved_tensors
        gK = -torch.outer(solved, solved)
        gy = solved  # <-- here
        return grad * gK, grad * gy


def another_name_without_the_factor():
    y = leaf(0.3, 0.8)
    Misfit.apply(torch.tensor([[2.0, 0.3], [0.3, 1.0]], **F64), y.sin()).backward()


@pytest.mark.parametrize(
    ("body", "function", "kind"),
    [
        (one_tensor_as_both_operands, Pairwise, "custom-backward"),
        (what_is_kept_is_written_into, Scale, "inplace"),
        (several_gradients_at_once, Implicit, "custom-backward"),
        (another_name_without_the_factor, Misfit, "custom-backward"),
    ],
)
def test_the_statement_is_found(body, function, kind):
    first = diagnosis_of(body)["causes"][0]
    assert (first["kind"], first["proof"], first["line"]) == (kind, "proven", marked_line(function))
