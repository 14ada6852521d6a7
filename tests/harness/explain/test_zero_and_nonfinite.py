"""Gradients that are zero, NaN or infinite: the operation that kills or makes them, and where the reason was born."""

import pytest
import torch

from tests.support.explained import Bodies, check, leaf

F64 = {"dtype": torch.float64}
bodies = Bodies()


@bodies.add("blank-output", "zero-factor", a=leaf(2.0))
def a_table_of_zeros(a):
    table = torch.full((5,), 0.0, **F64)  # <-- origin
    squares = table * table
    lattice = torch.sin(a * torch.arange(5.0, **F64))
    return (squares * lattice**2).sum()  # <-- here


@bodies.add("blank-output", "zero-factor", a=leaf(2.0))
def a_zero_number_as_a_factor(a):
    fluence = 0.0
    return (a.sin() * fluence).sum()  # <-- here


@bodies.add("blank-output", "zero-factor", a=leaf(2.0, 1.0))
def a_matrix_product_with_zeros(a):
    weights = torch.zeros(2, 3, **F64)  # <-- origin
    return (a.sin() @ weights).sum()  # <-- here


@bodies.add("blank-output", "zero-factor", a=leaf(2.0, 1.0))
def a_mask_that_lets_nothing_through(a):
    inside = (a.detach() > 5).double()
    return (a.exp() * inside).sum()  # <-- here


@bodies.add("saturated", "saturated", a=leaf(2.0, 5.0))
def clamped_above(a):
    y = torch.clamp(a, max=1.0)  # <-- here
    return (y * 3).sum()


@bodies.add("saturated", "saturated", a=leaf(-3.0))
def relu_of_a_negative_number(a):
    return torch.relu(a) * 4  # <-- here


@bodies.add("saturated", "integer", a=leaf(2.3))
def rounded(a):
    y = torch.round(a)  # <-- here
    return (y * 3).sum()


@bodies.add("saturated|severed", "integer", a=leaf(2.3, 1.7))
def cast_to_integers(a):
    y = a.long()  # <-- here
    return (y * 3.0).sum()


_factor_made_before = torch.zeros(2, dtype=torch.float64)
square = torch.zeros(2, 2, dtype=torch.float64)


@bodies.add("blank-output", "zero-factor", a=leaf(2.0, 1.0))
def a_factor_that_was_zero_before_the_run(a):
    return (a.exp() * _factor_made_before).sum()  # <-- here


@bodies.add("blank-output", "zero-factor", a=square.clone().requires_grad_(), b=square.clone().requires_grad_())
def two_factors_that_are_both_zero(a, b):
    product = a @ b  # <-- here
    return product.sum()


@bodies.add("healthy", a=square.clone().requires_grad_())
def the_lowest_point_of_a_square(a):
    return (a * a).sum()


@bodies.add("healthy", a=leaf(0.0, 0.0))
def a_fit_that_is_exact_to_a_target_of_zeros(a):
    return torch.nn.functional.mse_loss(a * 3, _factor_made_before)


@bodies.add("healthy", a=leaf(0.0, 0.0))
def a_fit_that_is_exact_to_zeros_made_inside(a):
    return torch.nn.functional.mse_loss(a * 3, torch.zeros(2, dtype=torch.float64))


@bodies.add("saturated", "saturated", a=leaf(-2.0, -1.0))
def clamped_in_place(a):
    h = a * 2
    h.clamp_(min=0.0)  # <-- here
    return h.sum()


@bodies.add("saturated", "inplace", a=leaf(2.0, 1.0))
def an_entry_that_is_written_over(a):
    out = torch.zeros(2, dtype=torch.float64)
    out[0] = a.sum()
    out[0] = 3.0  # <-- here
    return out.sum()


@bodies.add("saturated", "inplace", a=leaf(2.0, 1.0))
def all_that_is_filled(a):
    out = a * 2
    out.zero_()  # <-- here
    return out.sum()


@bodies.add("saturated", "saturated", a=leaf(2.0, 1.0))
def all_that_is_scattered_over(a):
    everywhere, ones = torch.tensor([0, 1]), torch.ones(2, dtype=torch.float64)
    out = a.sin()
    out = out.scatter(0, everywhere, ones)  # <-- here
    return out.sum()


@bodies.add("saturated", "saturated", a=leaf(2.0, 1.0))
def all_that_drops_out(a):
    return torch.nn.functional.dropout(a.sin(), p=1.0).sum()  # <-- here


@bodies.add("saturated", "saturated", a=leaf(1.5))
def a_single_entry_over_its_norm(a):
    x = (a * 2).reshape(1)
    unit = x / x.norm()  # <-- here
    return unit.sum()


@bodies.add("insensitive", "other", proof="supported", a=leaf(2.0, 1.0))
def a_part_that_is_not_selected(a):
    both = torch.cat([a, torch.full((2,), 100.0, dtype=torch.float64)])
    best = both.topk(2).values  # <-- here
    return best.sum()


@bodies.add("severed", "integer", a=leaf(2.3, 1.9))
def divided_without_remainder(a):
    return (a // 0.7).sum()  # <-- here


@bodies.add("inf", "nan-sqrt", a=leaf(0.0, 4.0))
def root_of_zero(a):
    return a.sqrt().sum()  # <-- here


@bodies.add("nan", "nan-where", a=leaf(0.0, 4.0))
def root_in_the_branch_not_taken(a):
    return torch.where(a > 0, a.sqrt(), torch.zeros_like(a)).sum()  # <-- here


@bodies.add("nan", "nan-sqrt", a=leaf(0.0, 0.0))
def norm_of_nothing(a):
    return (a * a).sum().sqrt()  # <-- here


@bodies.add("nan", "nan-where", a=leaf(0.0, 1.0), b=leaf(2.0))
def division_in_the_branch_not_taken(a, b):
    return torch.where(a == 0, b, b / a).sum()  # <-- here


@bodies.add("inf", "nan-sqrt", a=leaf(1.0, 0.5))
def arc_cosine_of_one(a):
    return torch.acos(a).sum()  # <-- here


@bodies.add("nan|inf", "nan-div", a=leaf(0.0, 1.0))
def division_by_zero(a):
    x = a + 1.0
    y = x / a  # <-- here
    return y.sum()


@bodies.add("nan|inf", "nan-other", a=leaf(0.0, 1.0))
def logarithm_of_zero(a):
    return torch.log(a).sum()  # <-- here


@bodies.add("nan", "nan-where", a=leaf(-1.0, 4.0))
def nan_replaced_by_a_number(a):
    return torch.nan_to_num(a.sqrt()).sum()  # <-- here


@bodies.add("nan|inf", "nan-other", a=leaf(0.5, 1.0))
def a_constant_that_is_not_finite(a):
    weight = torch.log(torch.zeros(2, **F64))  # <-- here
    scaled = weight * 2.0
    return (a * scaled).sum()


@bodies.add("nan", "nan-div", a=leaf(0.0, 0.0))
def normalised_by_its_own_length(a):
    y = a / a.norm()  # <-- here
    return y.sum()


@bodies.add("nan|inf", "nan-sqrt", a=leaf(-0.5, 0.8), b=leaf(0.4, 0.9))
def a_root_of_zero_beside_one_whose_slope_is_masked(a, b):
    bounded = torch.maximum(a - 1.0, torch.zeros(2, **F64)) ** 0.5
    singular = (b * 0.0) ** 0.5  # <-- here
    return (singular + b).sum() + bounded.sum()


@bodies.add("nan|inf", "nan-div", a=leaf(0.4, 0.9), b=leaf(1.4, 0.7))
def a_division_by_what_a_dead_activation_gives(a, b):
    dead = torch.relu(a - 2.0)  # <-- origin
    ratio = b / dead  # <-- here
    return (ratio * a).sum()


@bodies.add("saturated", "saturated", a=leaf(0.4, 0.6))
def a_bound_whose_result_falls_beyond_a_cutoff(a):
    distance = (a * 3.0).clamp(min=7.0)  # <-- here
    within = ((distance + a) * 0.3).clamp(max=1.0)
    return (within.cos() * 2.0).sum()


@bodies.add("saturated", "saturated", a=leaf(0.4, 0.9))
def a_cutoff_behind_a_bound_that_does_no_harm(a):
    distance = (a * 3.0).clamp(min=-1.0)
    within = (distance + 4.0).clamp(max=1.0)  # <-- here
    return (within.cos() * 2.0).sum()


@bodies.add("nan", "nan-sqrt", "supported", a=leaf(0.4, 0.9))
def a_root_beside_a_placeholder_that_is_no_number(a):
    filled = torch.full((2,), float("nan"), **F64)
    filled[0], filled[1] = a[0], a[1]
    shifted = filled + torch.sqrt(filled * 0.0)  # <-- here
    return (shifted * shifted.detach()).sum()


@pytest.mark.parametrize("body", bodies.values(), ids=bodies)
def test_the_operation_is_named_and_proven_for(body):
    check(body)
