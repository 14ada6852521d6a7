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


@pytest.mark.parametrize("body", bodies.values(), ids=bodies)
def test_the_operation_is_named_and_proven_for(body):
    check(body)
