"""Where in a wrong backward formula: what is returned, branches, loops, functions that the formula calls."""

import inspect

import pytest
import torch

import gradtriage
from tests.support import adjoints
from tests.support.explained import Bodies, check, leaf

F64 = {"dtype": torch.float64}
bodies = Bodies()
a, b, c = leaf(1.5, 0.2), leaf(0.7, 1.1), leaf(0.3, 0.6)
rows = torch.tensor([[1.0, 2.0], [3.0, 4.0]], **F64, requires_grad=True)
weights = torch.tensor([[3.0, 1.0], [0.5, 2.0]], **F64, requires_grad=True)


class ExchangedElements(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x, y):
        ctx.save_for_backward(x, y)
        return x * x * y

    @staticmethod
    def backward(ctx, grad):
        x, y = ctx.saved_tensors
        for_x = 2 * x * y * grad
        for_y = x * x * grad
        return for_y, for_x  # <-- elements that are exchanged


@bodies.add("wrong-backward", "custom-backward", a=a, b=b)
def elements_that_are_exchanged(a, b):
    return ExchangedElements.apply(a, b).sum()


class TwoOfThree(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x, y, z):
        ctx.save_for_backward(x, y, z)
        return x * y.sin() * z.exp()

    @staticmethod
    def backward(ctx, grad):
        x, y, z = ctx.saved_tensors
        for_x = for_y = for_z = None
        if ctx.needs_input_grad[0]:
            for_x = y.sin() * z.exp() * grad
        if ctx.needs_input_grad[1]:
            for_y = x * y.cos() * z.exp() * grad
        if ctx.needs_input_grad[2]:
            for_z = x * y.sin() * z.exp() * grad
        return (
            for_x,
            for_z,  # <-- the last two of three exchanged
            for_y,
        )


@bodies.add("wrong-backward", "custom-backward", a=a, b=b, c=c)
def the_last_two_of_three_exchanged(a, b, c):
    return (TwoOfThree.apply(a, b, c) ** 2).sum()


class SameTwice(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x, y):
        ctx.save_for_backward(x, y)
        return x * y.exp()

    @staticmethod
    def backward(ctx, grad):
        x, y = ctx.saved_tensors
        for_x = y.exp() * grad
        for_y = x * y.exp() * grad  # noqa: F841 - the fault
        return for_x, for_x  # <-- one returned in the place of the other


@bodies.add("wrong-backward", "custom-backward", a=a, b=b)
def one_returned_in_the_place_of_the_other(a, b):
    return (SameTwice.apply(a, b) ** 2).sum()


class WrongBranch(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x, w):
        ctx.save_for_backward(x, w)
        return x @ w.t()

    @staticmethod
    def backward(ctx, grad):
        x, w = ctx.saved_tensors
        for_x = for_w = None
        if ctx.needs_input_grad[0]:
            for_x = grad.mm(w.t())  # <-- a matrix turned in a branch
        if ctx.needs_input_grad[1]:
            for_w = grad.t().mm(x)
        return for_x, for_w


@bodies.add("wrong-backward", "custom-backward", x=rows, w=weights)
def a_matrix_turned_in_a_branch(x, w):
    return (WrongBranch.apply(x, w) ** 2).sum()


class ListOfGradients(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x, y):
        ctx.save_for_backward(x, y)
        return x.sin() * y

    @staticmethod
    def backward(ctx, grad):
        x, y = ctx.saved_tensors
        gradients = [None, None]
        if ctx.needs_input_grad[0]:
            gradients[0] = grad * x.cos() * y
        if ctx.needs_input_grad[1]:
            gradients[1] = grad * x.cos()  # <-- an entry of a list
        return tuple(gradients)


@bodies.add("wrong-backward", "custom-backward", a=a, b=b)
def an_entry_of_a_list(a, b):
    return ListOfGradients.apply(a, b).exp().sum()


class Appended(torch.autograd.Function):
    @staticmethod
    def forward(ctx, *operands):
        ctx.save_for_backward(*operands)
        return sum(operand.sin() for operand in operands)

    @staticmethod
    def backward(ctx, grad):
        gradients = []
        for position, operand in enumerate(ctx.saved_tensors):
            if ctx.needs_input_grad[position]:
                gradients.append(-grad * operand.cos())  # <-- what a loop appends
            else:
                gradients.append(None)
        return tuple(gradients)


@bodies.add("wrong-backward", "custom-backward", a=a, b=b)
def what_a_loop_appends(a, b):
    return Appended.apply(a, b).exp().sum()


class ProductOfMany(torch.autograd.Function):
    @staticmethod
    def forward(ctx, *operands):
        ctx.save_for_backward(*operands)
        product = operands[0]
        for operand in operands[1:]:
            product = product * operand
        return product

    @staticmethod
    def backward(ctx, grad):
        gradients = []
        for position in range(len(ctx.saved_tensors)):
            one = grad
            for other, operand in enumerate(ctx.saved_tensors):
                if other < position:  # <-- the condition in a loop
                    one = one * operand
            gradients.append(one)
        return tuple(gradients)


@bodies.add("wrong-backward", "custom-backward", a=a, b=b, c=c)
def the_condition_in_a_loop(a, b, c):
    return ProductOfMany.apply(a, b, c).sum()


class PlusForMinus(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x):
        ctx.save_for_backward(x)
        return x.tanh()

    @staticmethod
    def backward(ctx, grad):
        y = ctx.saved_tensors[0].tanh()
        slope = 1 + y * y  # <-- a plus for a minus
        return (grad * slope).clone()


@bodies.add("wrong-backward", "custom-backward", a=a)
def a_plus_for_a_minus(a):
    return PlusForMinus.apply(a).exp().sum()


class Unrooted(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x):
        ctx.save_for_backward(x)
        return x.norm()

    @staticmethod
    def backward(ctx, grad):
        (x,) = ctx.saved_tensors
        norm = (x * x).sum()  # <-- a root that is missing
        return grad * x / norm


@bodies.add("wrong-backward", "custom-backward", a=a)
def a_root_that_is_missing(a):
    return Unrooted.apply(a).exp().sum()


class SolvedInside(torch.autograd.Function):
    """The root of x^3 + p x - q."""

    @staticmethod
    def forward(ctx, p, q):
        x = torch.ones_like(p)
        for _ in range(40):
            x = x - (x**3 + p * x - q) / (3 * x**2 + p)
        ctx.save_for_backward(x, p)
        return x

    @staticmethod
    def backward(ctx, grad):
        x, p = ctx.saved_tensors
        with torch.enable_grad():
            at = x.detach().requires_grad_()
            residual = at**3 - p * at  # <-- a sign in the residual of a root
            (slope,) = torch.autograd.grad(residual.sum(), at)
        adjoint = grad / slope
        return -adjoint * x, adjoint


@bodies.add("wrong-backward", "custom-backward", p=a, q=b)
def a_sign_in_the_residual_of_a_root(p, q):
    return (SolvedInside.apply(p, q) ** 2).sum()


class Kernel:
    def slope(self, x, y, gradient):
        distance = x[:, None] - y[None, :]
        value = torch.exp(-distance * distance / 2)
        slope = distance * value  # <-- a sign in the method that the formula hands on to
        return (slope * gradient[:, None]).sum(1)


class Gaussian(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x, y):
        ctx.save_for_backward(x, y)
        return torch.exp(-((x[:, None] - y[None, :]) ** 2) / 2).sum(1)

    @staticmethod
    def backward(ctx, grad):
        x, y = ctx.saved_tensors
        return Kernel().slope(x, y, grad), None


@bodies.add("wrong-backward", "custom-backward", a=a)
def a_sign_in_the_method_that_the_formula_hands_on_to(a):
    return (Gaussian.apply(a, b.detach()) ** 2).sum()


def _slope(x, gradient):
    return _inner_slope(x) * gradient


def _inner_slope(x):
    return x.cos() + 1  # <-- a term in the helper of a helper


class TwoDeep(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x):
        ctx.save_for_backward(x)
        return x.sin()

    @staticmethod
    def backward(ctx, grad):
        return _slope(ctx.saved_tensors[0], grad)


@bodies.add("wrong-backward", "custom-backward", a=a)
def a_term_in_the_helper_of_a_helper(a):
    return (TwoDeep.apply(a) ** 2).sum()


class LacksAFactorInside(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x):
        value = torch.softmax(x, -1)
        ctx.save_for_backward(value)
        return value

    @staticmethod
    def backward(ctx, grad):
        (value,) = ctx.saved_tensors
        inner = grad.sum(-1, keepdim=True)  # <-- a factor that is missing inside a sum
        return value * (grad - inner)


@bodies.add("wrong-backward", "custom-backward", x=rows)
def a_factor_that_is_missing_inside_a_sum(x):
    return (LacksAFactorInside.apply(x) ** 2).sum()


class DividesOnce(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x, y):
        ctx.save_for_backward(x, y)
        return x / y

    @staticmethod
    def backward(ctx, grad):
        x, y = ctx.saved_tensors
        for_x = grad / y
        for_y = -grad * x / y  # <-- a divisor that is missing
        return for_x, for_y


@bodies.add("wrong-backward", "custom-backward", a=a, b=b)
def a_divisor_that_is_missing(a, b):
    return (DividesOnce.apply(a, b) ** 2).sum()


class GathersWithoutAdding(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x, index):
        ctx.save_for_backward(index)
        ctx.shape = x.shape
        return x[index]

    @staticmethod
    def backward(ctx, grad):
        (index,) = ctx.saved_tensors
        out = torch.zeros(ctx.shape, dtype=grad.dtype)
        out[index] = grad  # <-- entries that are written and not added to
        return out, None


@bodies.add("wrong-backward", "custom-backward", "supported", a=a)
def entries_that_are_written_and_not_added_to(a):
    return (GathersWithoutAdding.apply(a, torch.tensor([0, 0, 1])) ** 2).sum()


class KeepsTheResult(torch.autograd.Function):
    @staticmethod
    def forward(x, y):
        return x.sin() * y

    @staticmethod
    def setup_context(ctx, inputs, output):
        x, _ = inputs
        ctx.save_for_backward(x, output)  # <-- a result kept in the place of an operand

    @staticmethod
    def backward(ctx, grad):
        x, y = ctx.saved_tensors
        return grad * x.cos() * y, grad * x.sin()


@bodies.add("wrong-backward", "custom-backward", a=a, b=b)
def a_result_kept_in_the_place_of_an_operand(a, b):
    return KeepsTheResult.apply(a, b).exp().sum()


class KeepsInAnotherOrder(torch.autograd.Function):
    @staticmethod
    def forward(x, y):
        return x.sin() * y

    @staticmethod
    def setup_context(ctx, inputs, output):
        x, y = inputs
        ctx.save_for_backward(y, x)  # <-- operands kept in another order

    @staticmethod
    def backward(ctx, grad):
        x, y = ctx.saved_tensors
        return grad * x.cos() * y, grad * x.sin()


@bodies.add("wrong-backward", "custom-backward", a=a, b=b)
def operands_kept_in_another_order(a, b):
    return KeepsInAnotherOrder.apply(a, b).exp().sum()


class KeepsTheOperand(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x):
        y = x.exp()
        ctx.save_for_backward(x)  # <-- a forward that keeps the operand
        return y

    @staticmethod
    def backward(ctx, grad):
        (y,) = ctx.saved_tensors
        return grad * y


@bodies.add("wrong-backward", "custom-backward", a=a)
def a_forward_that_keeps_the_operand(a):
    return KeepsTheOperand.apply(a).sin().sum()


class KeepsANumber(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x, power):
        ctx.power = power + 1  # <-- a number that is kept
        ctx.save_for_backward(x)
        return x**power

    @staticmethod
    def backward(ctx, grad):
        (x,) = ctx.saved_tensors
        return grad * ctx.power * x ** (ctx.power - 1), None


@bodies.add("wrong-backward", "custom-backward", a=a)
def a_number_that_is_kept(a):
    return KeepsANumber.apply(a, 3).sin().sum()


@torch.library.custom_op("gradtriage_tests::sine", mutates_args=())
def sine(x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
    return x.sin() * y


@torch.library.custom_op("gradtriage_tests::exponential", mutates_args=())
def exponential(x: torch.Tensor) -> torch.Tensor:
    return x.exp()


def _keep_operands(ctx, inputs, output):
    ctx.save_for_backward(*inputs)


def _sine_backward(ctx, grad):
    x, y = ctx.saved_tensors
    for_x = grad * x.cos() * y
    return for_x, -grad * x.sin()  # <-- a formula of a registered operator


def _keep_operand(ctx, inputs, output):
    ctx.save_for_backward(inputs[0])  # <-- what a registered operator keeps


def _exponential_backward(ctx, grad):
    (y,) = ctx.saved_tensors
    return grad * y


sine.register_autograd(_sine_backward, setup_context=_keep_operands)
exponential.register_autograd(_exponential_backward, setup_context=_keep_operand)


@bodies.add("wrong-backward", "custom-backward", a=a, b=b)
def a_formula_of_a_registered_operator(a, b):
    return sine(a, b).exp().sum()


@bodies.add("wrong-backward", "custom-backward", a=a)
def what_a_registered_operator_keeps(a):
    return exponential(a * 2).sin().sum()


@pytest.mark.parametrize("body", bodies.values(), ids=bodies)
def test_the_statement_is_named_for(body):
    check(body)


class Solved(torch.autograd.Function):
    @staticmethod
    def forward(ctx, matrix, right):
        x = torch.linalg.solve(matrix, right)
        ctx.save_for_backward(matrix, x)
        return x

    @staticmethod
    def backward(ctx, grad):
        matrix, x = ctx.saved_tensors
        found = adjoints.adjoint(matrix, grad)
        return -adjoints.outer(found, x), found


def test_the_statement_may_lie_in_a_function_of_another_file():
    found = gradtriage.explain(
        lambda matrix, right: (Solved.apply(matrix, right) ** 2).sum(), {"matrix": weights, "right": b}
    )
    first = found.causes[0]
    lines, start = inspect.getsourcelines(adjoints.adjoint)
    assert (found.verdict, first["kind"], first["proof"]) == ("wrong-backward", "custom-backward", "proven")
    assert first["file"].endswith("adjoints.py")
    assert first["line"] == start + next(i for i, line in enumerate(lines) if line.rstrip().endswith("# <-- here"))
