"""The ways in which custom functions are written: in each the wrong line of the backward is named."""

import pytest
import torch
from torch.autograd.function import once_differentiable

from tests.support.explained import Bodies, check, leaf

F64 = {"dtype": torch.float64}
bodies = Bodies()
a, b = leaf(1.5, 0.2), leaf(0.7, 1.1)


class WithSetup(torch.autograd.Function):
    @staticmethod
    def forward(x, y):
        return x.sin() * y

    @staticmethod
    def setup_context(ctx, inputs, output):
        ctx.save_for_backward(*inputs)

    @staticmethod
    def backward(ctx, grad):
        x, _y = ctx.saved_tensors
        for_x = grad * x.cos()  # <-- a function with setup context
        for_y = grad * x.sin()
        return for_x, for_y


@bodies.add("wrong-backward", "custom-backward", a=a, b=b)
def a_function_with_setup_context(a, b):
    return WithSetup.apply(a, b).sum()


class WithBranches(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x, y):
        ctx.save_for_backward(x, y)
        return x.exp() * y

    @staticmethod
    def backward(ctx, grad):
        x, y = ctx.saved_tensors
        for_x = for_y = None
        if ctx.needs_input_grad[0]:
            for_x = grad * x.exp() * y
        if ctx.needs_input_grad[1]:
            for_y = grad * x.exp() * 2.0  # <-- a branch for each operand
        return for_x, for_y


@bodies.add("wrong-backward", "custom-backward", a=a, b=b)
def a_branch_for_each_operand(a, b):
    return WithBranches.apply(a, b).sum()


class WithHelper(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x):
        ctx.save_for_backward(x)
        return x**3

    @staticmethod
    def slope(x):
        square = x * x
        return 2.0 * square  # <-- a helper method

    @staticmethod
    def backward(ctx, grad):
        (x,) = ctx.saved_tensors
        return grad * WithHelper.slope(x)


@bodies.add("wrong-backward", "custom-backward", a=a)
def a_helper_method(a):
    return WithHelper.apply(a).sum()


def _product_rule(grad, x, y):
    for_x = grad * y.cos()
    for_y = grad * x * y.sin()  # <-- a backward in another function
    return for_x, for_y


class Elsewhere(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x, y):
        ctx.save_for_backward(x, y)
        return x * y.cos()

    @staticmethod
    def backward(ctx, grad):
        return _product_rule(grad, *ctx.saved_tensors)


@bodies.add("wrong-backward", "custom-backward", a=a, b=b)
def a_backward_in_another_function(a, b):
    return Elsewhere.apply(a, b).sum()


class Once(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x):
        ctx.save_for_backward(x)
        return x.tanh()

    @staticmethod
    @once_differentiable
    def backward(ctx, grad):
        (x,) = ctx.saved_tensors
        slope = 1 - x.tanh()  # <-- a backward that is differentiable once
        return grad * slope


@bodies.add("wrong-backward", "custom-backward", a=a)
def a_backward_that_is_differentiable_once(a):
    return Once.apply(a).sum()


class InPlace(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x):
        ctx.save_for_backward(x)
        return x.square().exp()

    @staticmethod
    def backward(ctx, grad):
        (x,) = ctx.saved_tensors
        found = grad.clone()
        found.mul_(x.square().exp())
        found.mul_(3.0 * x)  # <-- operations in place
        return found


@bodies.add("wrong-backward", "custom-backward", a=a)
def operations_in_place(a):
    return InPlace.apply(a).sum()


class Broadcast(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x, k):
        ctx.save_for_backward(x, k)
        return x * k

    @staticmethod
    def backward(ctx, grad):
        x, k = ctx.saved_tensors
        for_x = grad * k
        for_k = (grad * x).mean()  # <-- a reduction that is wrong
        return for_x, for_k


@bodies.add("wrong-backward", "custom-backward", a=a, k=leaf(0.4))
def a_reduction_that_is_wrong(a, k):
    return Broadcast.apply(a, k).sin().sum()


class LongReturn(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x, y, n):
        ctx.save_for_backward(x, y)
        ctx.n = n
        return x**n * y

    @staticmethod
    def backward(ctx, grad):
        x, y = ctx.saved_tensors
        return (
            grad  # <-- an element over several lines
            * x ** (ctx.n - 1)
            * y,
            grad * x**ctx.n,
            None,
        )


@bodies.add("wrong-backward", "custom-backward", a=a, b=b)
def an_element_over_several_lines(a, b):
    return LongReturn.apply(a, b, 3).sum()


class RightForms(torch.autograd.Function):
    @staticmethod
    def forward(x, y):
        return x.sin() * y

    @staticmethod
    def setup_context(ctx, inputs, output):
        ctx.save_for_backward(*inputs)

    @staticmethod
    def backward(ctx, grad):
        x, y = ctx.saved_tensors
        for_x = grad * x.cos() * y if ctx.needs_input_grad[0] else None
        for_y = grad * x.sin() if ctx.needs_input_grad[1] else None
        return for_x, for_y

    @staticmethod
    def vmap(info, in_dims, x, y):
        return RightForms.apply(x, y), in_dims[0]


@bodies.add("healthy", a=a, b=b)
def a_function_with_a_rule_for_vmap(a, b):
    rows = torch.ones(3, 2, **F64)
    return torch.func.vmap(lambda r: RightForms.apply(a * r, b * r))(rows).sum()


@bodies.add("healthy", a=a, b=b)
def a_function_in_another_form_that_is_right(a, b):
    return RightForms.apply(a, b).sum()


class TakenOnce(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x):
        ctx.save_for_backward(x)
        doubled = x * 2.0
        return doubled.sin()

    @staticmethod
    def backward(ctx, grad):
        (x,) = ctx.saved_tensors
        slope = (x * 2.0).cos()
        return -grad * slope * 2.0  # <-- an apply that was taken from the class once and for all


taken_once = TakenOnce.apply


@bodies.add("wrong-backward", "custom-backward", a=a)
def an_apply_that_was_taken_from_the_class_once_and_for_all(a):
    return (taken_once(a) * a).sum()


class Blended(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x, y, z):
        ctx.save_for_backward(x, y, z)
        return x.sin() * y + z.cos() * x

    @staticmethod
    def backward(ctx, grad):
        x, y, z = ctx.saved_tensors
        first = x.cos() * 0.3 + 1.7
        second = z.exp() - first
        return grad * (first * y + second), grad * x.sin(), -grad * z.sin() * x  # <-- a formula that nothing mends


@bodies.add("wrong-backward", "custom-backward", "supported", a=a, b=b)
def a_formula_that_nothing_mends(a, b):
    return Blended.apply(a, b, a * b).sum()


class OfManyEntries(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x, y):
        ctx.save_for_backward(x, y)
        return x.sin() * y

    @staticmethod
    def backward(ctx, grad):
        x, y = ctx.saved_tensors
        for_x = grad * x.cos() * y
        for_y = grad * x.cos()  # <-- a formula of many entries
        return for_x, for_y


_many = torch.linspace(0.1, 1.0, 200 * 200, **F64).reshape(200, 200)


@bodies.add("wrong-backward", "custom-backward", a=_many.clone().requires_grad_(), b=_many.cos().requires_grad_())
def a_formula_of_many_entries(a, b):
    return (OfManyEntries.apply(a * 2, b + 1) * a).sum()


@pytest.mark.parametrize("body", bodies.values(), ids=bodies)
def test_the_line_of_the_formula_is_named_for(body):
    check(body)
