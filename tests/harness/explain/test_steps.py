"""Parameters that a loss follows in steps only: the rounding, the comparison, the choice is named."""

import torch

from tests.support.bodies import diagnosis_of, marked_line, parametrised

F64 = {"dtype": torch.float64}


def leaf(*values):
    return torch.tensor(values if len(values) > 1 else values[0], **F64).requires_grad_()


def nearest_pixel():
    image = torch.arange(12, **F64).reshape(3, 4).sin().requires_grad_()
    where = leaf(1.2, 2.7)
    row, column = where.round().long()  # <-- here
    (image[row, column] ** 2).backward()


def hard_selection():
    gate, w = leaf(0.3, 0.9), leaf(1.3, 1.9)
    chosen = gate.argmax()  # <-- here
    (w[chosen] ** 2).backward()


def bucket_of_a_table():
    x, table = leaf(1.3), leaf(1.0, 4.0, 9.0, 11.0)
    bucket = torch.bucketize(x, torch.tensor([1.0, 2.0, 3.0], **F64))  # <-- here
    (table[bucket] * 2).backward()


@parametrised([nearest_pixel, hard_selection, bucket_of_a_table])
def test_the_step_is_proven_by_a_large_move(body):
    found = diagnosis_of(body)
    first = found["causes"][0]
    assert (found["verdict"], first["kind"], first["line"]) == ("severed", "integer", marked_line(body))
    assert first["proof"] == "proven"
    assert first["evidence"]["loss_after"] != first["evidence"]["loss_before"] == first["evidence"]["loss_frozen"]


def unused_beside_a_used_one():
    a, b = leaf(1.3), leaf(0.4)
    (a * a).backward()
    assert b.grad is None


def chosen_entries_of_a_leaf():
    a = leaf(1.3, 2.0, 3.0)
    (a[[0, 2]].sin().sum() + a[torch.tensor([True, False, True])].sum()).backward()


@parametrised([unused_beside_a_used_one, chosen_entries_of_a_leaf])
def test_nothing_is_accused_where_no_step_is(body):
    found = diagnosis_of(body)
    assert (found["verdict"], found["causes"]) == ("healthy", [])


def rounded_index_in_a_sum():
    cell = leaf(1.37)
    q = torch.linspace(0.1, 5.0, 400, **F64)
    index = (q * cell).round(decimals=2)  # <-- here
    torch.sin(index).square().sum().backward()


def test_rounding_is_proven_although_some_values_jump():
    found = diagnosis_of(rounded_index_in_a_sum)
    first = found["causes"][0]
    assert (found["verdict"], first["kind"], first["proof"]) == ("saturated", "integer", "proven")
    assert first["line"] == marked_line(rounded_index_in_a_sum)
