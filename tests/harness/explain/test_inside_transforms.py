"""Operations inside the transforms of `torch.func`: as visible as any other."""

import pytest
import torch
from torch import nn
from torch.func import functional_call, grad, jacrev, jvp, vmap

from tests.support.explained import Bodies, check, check_test, leaf

pytestmark = pytest.mark.filterwarnings("ignore::UserWarning", "ignore::FutureWarning", "ignore::DeprecationWarning")
F64 = {"dtype": torch.float64}
bodies = Bodies()
three = leaf(1.0, 2.0, 3.0)
_rows = torch.randn(5, 3, generator=torch.Generator().manual_seed(8), **F64)


@bodies.add("healthy", w=three)
def a_parameter_read_inside_vmap(w):
    return vmap(lambda x: (x * w).sin().sum())(_rows).sum()


@bodies.add("healthy", w=three)
def a_parameter_made_inside_the_body_and_read_inside_vmap(w):
    net = nn.Linear(3, 1).double()
    return vmap(lambda x: net(x * w).squeeze())(_rows).sum()


@bodies.add("partial", "detach", w=three)
def a_detach_inside_vmap(w):
    def energy(x):
        y = (x * w).sin()
        weight = y.detach()  # <-- here
        return (y * weight).sum()

    return vmap(energy)(_rows).sum()


@bodies.add("partial", "detach", w=three)
def a_detach_inside_nested_vmap(w):
    def pair(x, y):
        weight = (x * w).detach()  # <-- here
        return (weight * y * w).sum()

    return vmap(lambda x: vmap(lambda y: pair(x, y))(_rows))(_rows).sum()


@bodies.add("partial", "no-grad", w=three)
def a_block_without_gradients_inside_vmap(w):
    def energy(x):
        with torch.no_grad():  # <-- here
            weight = (x * w).cos()
        return (w * weight).sum()

    return vmap(energy)(_rows).sum()


@bodies.add("partial", "rebuild", w=three)
def a_tensor_rebuilt_inside_vmap(w):
    def energy(x):
        weight = torch.tensor(w)  # <-- here
        return (w * weight * x).sum()

    return vmap(energy)(_rows).sum()


@bodies.add("saturated", "integer", w=three)
def a_rounding_inside_vmap(w):
    return vmap(lambda x: (torch.round(w) * x).sum())(_rows).sum()  # <-- here


@bodies.add("blank-output", "zero-factor", w=three)
def a_zero_factor_inside_vmap(w):
    def energy(x):
        mask = torch.zeros(3, **F64)  # <-- origin
        return ((x * w) * mask).sum()  # <-- here

    return vmap(energy)(_rows).sum()


@bodies.add("nan|inf", "nan-sqrt", w=leaf(0.0, 1.0, 2.0))
def a_root_of_zero_inside_vmap(w):
    def energy(x):
        y = x * x * w
        return y.sqrt().sum()  # <-- here

    return vmap(energy)(_rows).sum()


@bodies.add("nan", "nan-where", w=leaf(0.0, 1.0, 2.0))
def a_branch_not_taken_inside_vmap(w):
    def energy(x):
        root = (x * x * w).sqrt()  # <-- here
        return torch.where(w > 0, root, 0.0).sum()

    return vmap(energy)(_rows).sum()


@bodies.add("healthy", w=three)
def the_gradient_of_an_energy(w):
    force = grad(lambda x: (x * w).sin().sum())
    return (force(_rows[0]) ** 2).sum()


@bodies.add("healthy", w=three)
def forces_of_a_batch(w):
    force = vmap(grad(lambda x: (x * w).sin().sum()))
    return (force(_rows) ** 2).sum()


@bodies.add("partial", "detach", w=three)
def a_detach_inside_grad(w):
    def energy(x):
        return (x * x * w * w.detach()).sum()  # <-- here

    return (grad(energy)(_rows[0]) ** 2).sum()


@bodies.add("partial", "detach", w=three)
def a_detach_inside_forces_of_a_batch(w):
    def energy(x):
        weight = w.detach()  # <-- here
        return (x * x * w * weight).sum()

    return (vmap(grad(energy))(_rows) ** 2).sum()


@bodies.add("healthy", w=three)
def a_jacobian(w):
    return (jacrev(lambda x: (x * w).sin())(_rows[0]) ** 2).sum()


@bodies.add("partial", "detach", w=three)
def a_detach_inside_a_jacobian(w):
    def field(x):
        return (x * w).sin() * w.detach()  # <-- here

    return (jacrev(field)(_rows[0]) ** 2).sum()


@bodies.add("healthy", w=three)
def a_forward_derivative(w):
    return jvp(lambda x: (x * w).sin(), (_rows[0],), (_rows[1],))[1].sum()


@bodies.add("partial", "detach", w=three)
def a_detach_inside_a_forward_derivative(w):
    def field(x):
        return (x * w).sin() * w.detach()  # <-- here

    return jvp(field, (_rows[0],), (_rows[1],))[1].sum()


@bodies.add("healthy", w=three)
def a_functional_call(w):
    net = nn.Linear(3, 1, bias=False).double()
    return functional_call(net, {"weight": w[None] * 2}, (_rows,)).square().sum()


@bodies.add("severed", "detach", w=three)
def a_functional_call_with_a_detached_parameter(w):
    net = nn.Linear(3, 1, bias=False).double()
    weights = {"weight": (w[None] * 2).detach()}  # <-- here
    return functional_call(net, weights, (_rows,)).square().sum()


class Doubled(torch.autograd.Function):
    generate_vmap_rule = True

    @staticmethod
    def forward(x):
        return x.sin()

    @staticmethod
    def setup_context(ctx, inputs, output):
        ctx.save_for_backward(inputs[0])

    @staticmethod
    def backward(ctx, grad):
        (x,) = ctx.saved_tensors
        slope = x.cos()
        return 2 * grad * slope  # <-- a wrong formula inside vmap


@bodies.add("wrong-backward", "custom-backward", w=three)
def a_wrong_formula_inside_vmap(w):
    return vmap(lambda x: Doubled.apply(x) * x)(w).sum()


class OwnRule(torch.autograd.Function):
    @staticmethod
    def forward(x, y):
        return x.sin() * y

    @staticmethod
    def setup_context(ctx, inputs, output):
        ctx.save_for_backward(*inputs)

    @staticmethod
    def backward(ctx, grad):
        x, y = ctx.saved_tensors
        for_x = grad * x.cos() * y
        for_y = -grad * x.sin()  # <-- a wrong formula with a rule of its own for vmap
        return for_x, for_y

    @staticmethod
    def vmap(info, in_dims, x, y):
        return OwnRule.apply(x, y), 0


@bodies.add("wrong-backward", "custom-backward", w=three, v=leaf(0.5, 0.7, 0.8))
def a_wrong_formula_with_a_rule_of_its_own_for_vmap(w, v):
    return vmap(lambda x, y: OwnRule.apply(x, y) ** 2)(w, v).sum()


class Cube(torch.autograd.Function):
    generate_vmap_rule = True

    @staticmethod
    def forward(x):
        return x**3

    @staticmethod
    def setup_context(ctx, inputs, output):
        ctx.save_for_backward(inputs[0])

    @staticmethod
    def backward(ctx, grad):
        (x,) = ctx.saved_tensors
        return x**2 * grad  # <-- a wrong formula whose gradient is the loss


@bodies.add("wrong-backward", "custom-backward", w=three)
def a_wrong_formula_whose_gradient_is_the_loss(w):
    return vmap(grad(lambda x: Cube.apply(x).sin()))(w).sum()


class RightCube(Cube):
    @staticmethod
    def backward(ctx, grad):
        (x,) = ctx.saved_tensors
        return 3 * x**2 * grad


@bodies.add("healthy", w=three)
def a_right_formula_whose_gradient_is_the_loss(w):
    return vmap(grad(lambda x: RightCube.apply(x).sin()))(w).sum()


@pytest.mark.parametrize("body", bodies.values(), ids=bodies)
def test_the_line_is_named_and_proven_for(body):
    check(body)


def test_a_parameter_born_in_the_body_and_read_inside_vmap_is_healthy():
    def body():
        torch.manual_seed(0)
        net = nn.Linear(3, 1).double()
        vmap(lambda x: net(x).squeeze().sin())(_rows).sum().backward()

    check_test(body, "healthy")


def test_a_parameter_born_in_the_body_and_detached_inside_vmap_is_named():
    def body():
        torch.manual_seed(0)
        net = nn.Linear(3, 1).double()

        def energy(x):
            y = net(x).squeeze()
            return y.sin() * y.detach()  # <-- here

        vmap(energy)(_rows).sum().backward()

    check_test(body, "partial", "detach")


def test_forces_of_a_batch_lead_to_a_detach_in_the_energy():
    def body():
        w = torch.tensor([1.0, 2.0, 3.0], **F64, requires_grad=True)

        def energy(x):
            return (x * x * w * w.detach()).sum()  # <-- here

        torch.func.vmap(torch.func.grad(energy))(_rows).square().sum().backward()

    check_test(body, "partial", "detach", call=2)


def test_a_jacobian_of_a_batch_is_examined_itself():
    def body():
        torch.func.vmap(torch.func.jacrev(lambda x: x.sin() * x.detach()))(_rows)  # <-- here

    check_test(body, "partial", "detach")


def test_a_jacobian_of_a_batch_that_is_right_is_healthy():
    check_test(lambda: torch.func.vmap(torch.func.jacrev(lambda x: x.sin() * x))(_rows), "healthy")
