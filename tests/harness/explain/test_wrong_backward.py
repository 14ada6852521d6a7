"""Backward formulas and hooks that are wrong: the line of the formula, proven by differences in its place."""

import pytest
import torch

import gradtriage
from tests.support.explained import Bodies, check, leaf

bodies = Bodies()
a, b = leaf(1.5, 0.2), leaf(0.7, 1.1)


class IgnoresTheGradient(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x, k):
        ctx.save_for_backward(x)
        return x.sin() * k

    @staticmethod
    def backward(ctx, grad):
        (x,) = ctx.saved_tensors
        return 2.0 * x.cos(), None  # <-- a backward that ignores what it is given


@bodies.add("wrong-backward", "custom-backward", a=a)
def a_backward_that_ignores_what_it_is_given(a):
    return (IgnoresTheGradient.apply(a.sin(), 3.0) * IgnoresTheGradient.apply(a, 1.0)).sum()


class WrongInOne(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x, y):
        ctx.save_for_backward(x, y)
        return x * x * y

    @staticmethod
    def backward(ctx, grad):
        x, y = ctx.saved_tensors
        for_x = 2 * x * y
        for_x = for_x * grad
        for_y = x * grad  # <-- one operand of two
        return for_x, for_y


@bodies.add("wrong-backward", "custom-backward", a=a, b=b)
def one_operand_of_two(a, b):
    return WrongInOne.apply(a, b).sin().sum()


class WrongInTheReturn(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x, y):
        ctx.save_for_backward(x, y)
        return x.exp() * y

    @staticmethod
    def backward(ctx, grad):
        x, y = ctx.saved_tensors
        return (
            x.exp() * y * grad,
            -x.exp() * grad,  # <-- an element of a long return
        )


@bodies.add("wrong-backward", "custom-backward", a=a, b=b)
def an_element_of_a_long_return(a, b):
    return WrongInTheReturn.apply(a, b).sum()


class WrongVariable(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x, y):
        ctx.save_for_backward(x, y)
        return x * y.cos()

    @staticmethod
    def backward(ctx, grad):
        x, y = ctx.saved_tensors
        slope = x.cos()  # <-- another variable
        for_x = grad * slope
        for_y = -grad * x * y.sin()
        return for_x, for_y


@bodies.add("wrong-backward", "custom-backward", a=a, b=b)
def another_variable(a, b):
    return WrongVariable.apply(a, b).sum()


class MissingSign(torch.autograd.Function):
    @classmethod
    def forward(cls, ctx, x):
        ctx.save_for_backward(x)
        return x.cos().exp()

    @classmethod
    def backward(cls, ctx, grad):
        (x,) = ctx.saved_tensors
        slope = x.cos().exp()
        inner = x.sin() * slope  # <-- a sign that is missing
        return inner.mul(grad)


@bodies.add("wrong-backward", "custom-backward", a=a)
def a_sign_that_is_missing(a):
    return MissingSign.apply(a).sum()


class WritesIntoWhatItGets(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x):
        return x * 2

    @staticmethod
    def backward(ctx, grad):
        grad.mul_(2)  # <-- a backward that writes into what it is given
        return grad


@bodies.add("wrong-backward", "custom-backward", a=a, b=b)
def a_backward_that_writes_into_what_it_is_given(a, b):
    z = WritesIntoWhatItGets.apply(a) + b
    return (z * z).sum()


def _scaled_in_place(gradient, slope):
    gradient *= slope  # <-- a helper that writes into the gradient
    return gradient


class WritesByAHelper(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x):
        ctx.save_for_backward(x)
        return x.sin()

    @staticmethod
    def backward(ctx, grad):
        return _scaled_in_place(grad.view(-1), ctx.saved_tensors[0].cos())


@bodies.add("wrong-backward", "custom-backward", a=a, b=b)
def a_helper_that_writes_into_the_gradient(a, b):
    z = b * 3 + WritesByAHelper.apply(a)
    return (z * z).sum()


@bodies.add("healthy", a=a)
def a_gradient_written_into_that_nobody_else_reads(a):
    return (WritesByAHelper.apply(a) ** 2).sum()


@bodies.add("wrong-backward", "hook", a=a)
def a_hook_that_scales(a):
    y = a * 2
    y.register_hook(lambda g: g * 1.5)  # <-- here
    return (y * y).sum()


_weight = leaf(0.7, 1.1)
_cached = {"grid": _weight * 2}


@bodies.add("partial", "stale", w=_weight)
def a_value_cached_from_another_graph(w):
    return (_cached["grid"] * w).sum()  # <-- here


@pytest.mark.parametrize("body", bodies.values(), ids=bodies)
def test_the_line_of_the_formula_is_named_for(body):
    check(body)


class AlmostRight(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x):
        return x * 1.0

    @staticmethod
    def backward(ctx, g):
        return g * 1.1  # <-- small


def test_a_small_share_of_many_parameters_is_found():
    torch.manual_seed(0)
    start = {f"p{number}": torch.randn(4, dtype=torch.float64, requires_grad=True) for number in range(20)}

    def loss(**parameters):
        large = sum((number + 1) * parameters[f"p{number}"].sin().sum() for number in range(19))
        return 30 * large + 0.05 * AlmostRight.apply(parameters["p19"]).cos().sum()

    found = gradtriage.explain(loss, start).document
    first = found["causes"][0]
    assert (first["kind"], first["proof"], first["parameters"]) == ("custom-backward", "proven", ["p19"])
    assert first["source"].endswith("<-- small")
