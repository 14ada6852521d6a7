"""What is born inside a custom function, in its forward or its backward, is placed at the line inside."""

import pytest
import torch

from tests.support.explained import Bodies, check, leaf

F64 = {"dtype": torch.float64}
bodies = Bodies()
two = leaf(0.3, 0.8)


class RootInside(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x):
        ctx.save_for_backward(x)
        shifted = x - 1.0
        return shifted.log() * 2.0  # <-- a logarithm inside a forward

    @staticmethod
    def backward(ctx, grad):
        (x,) = ctx.saved_tensors
        return 2.0 * grad / (x - 1.0)


@bodies.add("nan|inf", "nan-other", a=leaf(1.0, 3.0))
def a_logarithm_inside_a_forward(a):
    return RootInside.apply(a * 1.0).sum()


@bodies.add("healthy", a=leaf(2.0, 3.0))
def the_same_forward_within_its_domain(a):
    return RootInside.apply(a * 1.0).sum()


class RootInBackward(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x):
        ctx.save_for_backward(x)
        return x.sqrt()

    @staticmethod
    def backward(ctx, grad):
        (x,) = ctx.saved_tensors
        scaled = grad * 0.5
        return scaled / x.sqrt()  # <-- a division inside a backward


@bodies.add("nan|inf", "nan-div", a=leaf(0.0, 4.0))
def a_division_inside_a_backward(a):
    return RootInBackward.apply(a).sum()


@bodies.add("healthy", a=leaf(1.0, 4.0))
def the_same_backward_within_its_domain(a):
    return RootInBackward.apply(a).sum()


class MaskedInside(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x):
        mask = torch.zeros(2, **F64)
        ctx.save_for_backward(x, mask)
        return x.sin() * mask  # <-- a zero factor inside a forward

    @staticmethod
    def backward(ctx, grad):
        x, mask = ctx.saved_tensors
        return grad * x.cos() * mask


@bodies.add("blank-output", "zero-factor", a=two)
def a_zero_factor_inside_a_forward(a):
    return MaskedInside.apply(a * 2).sum()


class Zeroed(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x):
        ctx.save_for_backward(x)
        return x.sin()

    @staticmethod
    def backward(ctx, grad):
        (x,) = ctx.saved_tensors
        grad = grad.clamp(max=0.0)  # <-- a gradient zeroed inside a backward
        slope = x.cos()
        return grad * slope


@bodies.add("wrong-backward", "custom-backward", a=two)
def a_gradient_zeroed_inside_a_backward(a):
    return Zeroed.apply(a * 2).sum()


class Rounded(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x):
        return x.round() * torch.ones(2, **F64)

    @staticmethod
    def backward(ctx, grad):
        return grad


@bodies.add("healthy", a=two)
def a_quantiser_whose_forward_rounds(a):
    return (Rounded.apply(a * 3) * 2).sum() + a.sin().sum()


class Masked(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x):
        ctx.save_for_backward(x)
        dead = x.detach() * 0.0
        with torch.no_grad():
            return x.exp() + dead

    @staticmethod
    def backward(ctx, grad):
        (x,) = ctx.saved_tensors
        return grad * x.exp()


@bodies.add("healthy", a=two)
def a_forward_with_zeros_and_blocks_without_gradients(a):
    return Masked.apply(a).sum()


class BoundedInside(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x, y):
        ctx.save_for_backward(x, y)
        bounded = x.clamp(max=0.5)  # <-- a bound inside a forward of which the formula knows nothing
        return bounded.exp() * y

    @staticmethod
    def backward(ctx, grad):
        x, y = ctx.saved_tensors
        slope = x.exp()
        return grad * slope * y, grad * slope


@bodies.add("wrong-backward", "saturated", a=two, b=leaf(1.0, 2.0))
def a_bound_inside_a_forward_of_which_the_formula_knows_nothing(a, b):
    return BoundedInside.apply(a, b).sum()


class ZeroedForward(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x):
        ctx.save_for_backward(x)
        scaled = x * 0.0  # <-- a value zeroed inside a forward
        return scaled.exp()

    @staticmethod
    def backward(ctx, grad):
        (x,) = ctx.saved_tensors
        return grad * x.exp()


@bodies.add("wrong-backward", "zero-factor", a=two)
def a_value_zeroed_inside_a_forward(a):
    return (ZeroedForward.apply(a) + a).sum()


class StepOfNothing(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x):
        return x.sign() * 2.0

    @staticmethod
    def backward(ctx, grad):
        return grad


@bodies.add("wrong-backward|partial", "hook", a=two)
def a_step_whose_operand_stays_where_it_is(a):
    y = a * 2.0
    y.register_hook(lambda grad: grad * 1.5)  # <-- here
    return (StepOfNothing.apply(torch.ones(2, **F64) * a.detach()) + y).sum()


class InnerWrong(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x):
        ctx.save_for_backward(x)
        return x.sin()

    @staticmethod
    def backward(ctx, grad):
        (x,) = ctx.saved_tensors
        slope = x.cos()
        return grad * slope * 1.5  # <-- a wrong formula that another backward calls


class OuterRight(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x):
        ctx.save_for_backward(x)
        return InnerWrong.apply(x) * 2.0

    @staticmethod
    def backward(ctx, grad):
        (x,) = ctx.saved_tensors
        with torch.enable_grad():
            again = x.detach().requires_grad_()
            value = InnerWrong.apply(again) * 2.0
            (slope,) = torch.autograd.grad(value, again, grad)
        return slope


@bodies.add("wrong-backward", "custom-backward", a=two)
def a_wrong_formula_that_another_backward_calls(a):
    return (OuterRight.apply(a) * a).sum()


class KeptDetached(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x):
        ctx.x = x.detach()  # <-- a second derivative through what was kept without its graph
        return x**4

    @staticmethod
    def backward(ctx, grad):
        return grad * 4 * ctx.x**3


@bodies.add("severed|partial", "detach", a=two)
def a_second_derivative_through_what_was_kept_without_its_graph(a):
    energy = KeptDetached.apply(a).sum()
    (force,) = torch.autograd.grad(energy, a, create_graph=True)
    return (force.square() * a).sum()


@pytest.mark.parametrize("body", bodies.values(), ids=bodies)
def test_the_line_is_named_and_proven_for(body):
    check(body)
