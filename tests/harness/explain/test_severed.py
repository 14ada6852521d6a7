"""Paths that values take and gradients do not: found at their line and proven by freezing the value."""

import contextlib
import math

import numpy as np
import pytest
import torch
from torch import nn

from gradtriage.probe.explain.leaves.identity import direction
from tests.support.explained import Bodies, check, check_test, leaf

# what torch says of some of the faults itself is no answer yet
pytestmark = pytest.mark.filterwarnings("ignore::UserWarning")
F64 = {"dtype": torch.float64}
bodies = Bodies()
one, two, three = leaf(1.5), leaf(0.3, 0.8), leaf(1.0, 2.0, 3.0)


@bodies.add("severed", "item", a=one)
def item_into_math(a):
    value = math.sin(a.item())  # <-- here
    return torch.tensor(value, **F64) * 3


@bodies.add("partial", "item", a=one)
def float_of_a_tensor(a):
    return a * float(a)  # <-- here


@bodies.add("severed", "item", a=one)
def a_number_printed_and_read_again(a):
    text = f"{a.item():.17g}"  # <-- here
    x = torch.full((3,), float(text), **F64)
    return (x * x).sum()


@bodies.add("severed", "item", a=three)
def a_list_of_numbers(a):
    numbers = a.tolist()  # <-- here
    return torch.tensor([n**2 for n in numbers], **F64).sum()


@bodies.add("partial", "detach", b=three)
def detach_beside_a_detach_that_cancels(b):
    m = b.max().detach()
    total = (b - m).exp().sum().log() + m
    weight = b.detach() * 3  # <-- here
    return total + (b * weight).sum()


# the first direction that is asked along: what is lost shows there by 3e-5 of the whole alone
_along = direction(torch.Size([3]), 1.0, 0, complex_=False)
_across = torch.linalg.cross(_along, torch.tensor([1.0, 2.0, 3.0], **F64))


@bodies.add("partial", "detach", b=three)
def detach_across_the_first_direction(b):
    lost = b.detach()  # <-- here
    return (_along * b).sum() + ((_across + 3e-5 * _along) * lost).sum()


@bodies.add("partial", "detach", b=three)
def detach_over_two_lines(b):
    weight = (
        b.sin()
        .detach()  # <-- here
        .cos()
    )
    return (b * weight).sum()


@bodies.add("partial", "numpy", b=three)
def numpy_round_trip(b):
    weight = torch.from_numpy(np.sin(b.detach().numpy()))  # <-- here
    return (b * weight).sum()


@bodies.add("severed", "rebuild", a=one)
def linspace_with_a_tensor(a):
    nodes = torch.linspace(0, a, 5, **F64)  # <-- here
    return (nodes**2).sum()


@bodies.add("severed", "rebuild", a=one)
def tensor_of_a_list(a):
    b = a * 2
    t = torch.as_tensor([b, 1.0], **F64)  # <-- here
    return (t**3).sum()


@bodies.add("partial", "rebuild", a=three)
def tensor_of_a_tensor(a):
    return (torch.tensor(a.sin()) * a).sum()  # <-- here


@bodies.add("partial", "data", a=one)
def data_of_a_tensor(a):
    return a.sin() * a.data  # <-- here


@bodies.add("partial", "no-grad", a=one)
def block_without_gradients(a):
    with torch.no_grad():  # <-- here
        r = a.sin()
        r = r * 2
    return r * a


@torch.no_grad()  # <-- without gradients by decorator
def _frozen_sine(a):
    scale = 2.0
    return a.sin() * scale


@bodies.add("partial", "no-grad", a=one)
def without_gradients_by_decorator(a):
    return _frozen_sine(a) * a


@torch.inference_mode()  # <-- inference mode by decorator
def _inferred_sine(a):
    return a.sin() * 2.0


@bodies.add("partial", "no-grad", a=one)
def inference_mode_by_decorator(a):
    return _inferred_sine(a).clone() + a


@bodies.add("partial", "no-grad", a=one)
def inference_mode_block(a):
    with torch.inference_mode():  # <-- here
        s = a.sin() * 2
    return s.clone() + a


@torch.no_grad()  # <-- gradients switched on and off again within
def _partly_on(a):
    with torch.enable_grad():
        used = a.cos()
    return used.detach() * 0 + a.sin()


@bodies.add("partial", "no-grad", a=one)
def gradients_switched_on_and_off_again_within(a):
    return _partly_on(a) * a


@bodies.add("partial", "no-grad", a=one)
def gradients_switched_off_and_on(a):
    torch.set_grad_enabled(False)  # <-- here
    s = a.sin()
    torch.set_grad_enabled(True)
    return s + a


@bodies.add("partial", "no-grad", a=one)
def gradients_switched_off_by_a_helper(a):
    with contextlib.ExitStack() as stack:
        stack.enter_context(torch.no_grad())  # <-- here
        s = a.sin()
    return s + a


@bodies.add("partial", "inplace|item|detach", a=two)
def write_into_a_detached_alias(a):
    h = (a * 3).clone()
    h.detach()[0] = (a[0] * a[1]).item()  # <-- here
    return (h * h).sum()


@bodies.add("partial|wrong-backward", "inplace|data", a=two)
def a_number_written_past_autograd(a):
    h = a.sin()
    h.data.mul_(1.5)  # <-- here
    return (h * h).sum()


@bodies.add("partial|severed", "numpy", a=two, b=leaf(0.2, 0.9))
def a_cut_between_detached_shifts_that_cancel_otherwise(a, b):
    x, y = a.max().detach(), b.max().detach()
    total = ((a - x).exp() * (b - y).exp()).sum().log()
    return torch.from_numpy(total.detach().numpy().copy()) + x + y  # <-- here


_drawn = torch.randn(4, 3, generator=torch.Generator().manual_seed(0), **F64)


@bodies.add("partial", "detach", v=_drawn.clone().requires_grad_())
def a_parameter_drawn_with_seed_zero(v):
    axis = (v / v.norm(dim=1, keepdim=True)).detach()  # <-- here
    return (v.norm(dim=1) * axis.sum(1)).sum()


@bodies.add("partial", "detach", a=two)
def a_difference_that_looks_straight_through(a):
    low, high = (a * 2.0).unbind()
    return (high.sin() + 1.0) / (high - low.detach())  # <-- here


@bodies.add("partial", "detach", a=two)
def part_of_a_sum(a):
    return (a * a.detach()).sum() + a.sin().sum()  # <-- here


@bodies.add("partial", "rebuild", a=two)
def rebuilt_parameter(a):
    p = nn.Parameter(a * 2)  # <-- here
    return (p * a).sum()


@bodies.add("partial", "detach", a=two)
def detach_in_a_loop(a):
    x = a
    for _ in range(20):
        x = x + 0.1 * x.detach().sin()  # <-- here
    return x.sum()


_cache: dict[str, torch.Tensor] = {}


@bodies.add("severed", "detach", a=two)
def cache_filled_in_the_same_call(a):
    cache = {}
    if "grid" not in cache:
        cache["grid"] = a.detach() * 2  # <-- here
    return cache["grid"].sum()


@bodies.add("severed", "item", a=leaf(1.5, dtype=torch.float32))
def single_precision_item(a):
    return torch.tensor(a.item() ** 2)  # <-- here


@bodies.add("severed|partial", "detach", a=leaf(1.5, 0.4, dtype=torch.float32))
def single_precision_detach(a):
    return (a.detach() ** 2).sum() * 3  # <-- here


@bodies.add("partial", "detach", a=two, b=three)
def two_parameters_lost_at_one_place(a, b):
    h = (a.sum() * b).detach()  # <-- here
    return (h * b).sum() * a[0]


@bodies.add("severed", "numpy", a=two, b=leaf(0.2, 0.9))
def a_cut_beside_a_branch_that_is_not_taken(a, b):
    scale = 1 / (1 + torch.from_numpy(a.detach().numpy().copy()).square())  # <-- here
    return torch.where(b > 0, scale * b, a).sum()


@pytest.mark.parametrize("body", bodies.values(), ids=bodies)
def test_the_line_is_named_and_proven_for(body):
    check(body)


def test_two_cuts_that_each_lose_a_part_are_both_named():
    import gradtriage

    def body(a, b):
        with torch.no_grad():  # <-- first
            r = a.sin()
        t = torch.as_tensor([a, b], **F64)  # <-- second
        return r * b + t.sum() * b

    table = Bodies()
    table.add("partial")(body)
    marks = table["body"].marked_lines()
    found = gradtriage.explain(body, {"a": leaf(1.5), "b": leaf(0.3)})
    assert {(c["kind"], c["line"], c["proof"]) for c in found.causes} == {
        ("no-grad", marks["first"], "proven"),
        ("rebuild", marks["second"], "proven"),
    }


def test_a_loss_that_was_made_a_leaf_hides_nothing():
    def body():
        a = torch.tensor([0.3, 0.8], **F64, requires_grad=True)
        parts = [part.square().item() for part in a]  # <-- here
        torch.tensor(parts, **F64).mean().requires_grad_().backward()
        assert a.grad is not None

    check_test(body, "severed", "item")
