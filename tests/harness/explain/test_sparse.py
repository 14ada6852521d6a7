"""Sparse tensors on the way: their gradients are read, moved and replaced like those of others."""

import pytest
import torch

from tests.support.bodies import diagnosis_of, marked_line, parametrised

F64 = {"dtype": torch.float64}
PLACES = torch.tensor([[0, 1, 2], [1, 0, 2]])


class Product(torch.autograd.Function):
    """A sparse matrix times a dense one; the gradient of the dense one is 10 % too large."""

    @staticmethod
    def forward(ctx, A, B):
        ctx.save_for_backward(A, B)
        return torch.sparse.mm(A, B)

    @staticmethod
    def backward(ctx, g):
        A, B = ctx.saved_tensors
        places = A.indices()
        values = (g[places[0]] * B[places[1]]).sum(1)
        return torch.sparse_coo_tensor(places, values, A.shape, check_invariants=True), (A.t() @ g) * 1.1  # <-- formula


def _operands():
    values = torch.tensor([1.0, 2.0, 3.0], **F64, requires_grad=True)
    dense = torch.randn(3, 2, generator=torch.Generator().manual_seed(0), **F64).requires_grad_()
    return torch.sparse_coo_tensor(PLACES, values.sin(), (3, 3), check_invariants=True).coalesce(), dense, values


def healthy():
    A, B, _values = _operands()
    torch.sparse.mm(A, B).square().sum().backward()


def detached():
    A, B, _values = _operands()
    torch.sparse.mm(A, B.detach()).square().sum().backward()  # <-- here


def sparse_detached():
    A, B, _values = _operands()
    torch.sparse.mm(A.detach(), B).square().sum().backward()  # <-- here


def root_of_zero():
    A, B, _values = _operands()
    torch.sqrt(torch.sparse.mm(A * 0, B)).sum().backward()  # <-- here


def wrong_formula():
    A, B, _values = _operands()
    Product.apply(A, B).square().sum().backward()


def test_nothing_is_accused():
    assert diagnosis_of(healthy)["verdict"] == "healthy"


@parametrised([detached, sparse_detached, root_of_zero])
def test_the_line_is_named_and_proven(body):
    cause = diagnosis_of(body)["causes"][0]
    assert (cause["line"], cause["proof"]) == (marked_line(body), "proven")


def test_a_wrong_formula_is_named_and_proven():
    found = diagnosis_of(wrong_formula)
    cause = found["causes"][0]
    assert (found["verdict"], cause["kind"], cause["proof"]) == ("wrong-backward", "custom-backward", "proven")
    assert cause["line"] == marked_line(Product, "formula")


def a_compressed_leaf():
    dense = torch.tensor([[2.0, 0.0, 1.0], [0.0, 3.0, 0.0]], **F64)
    A = dense.to_sparse_csr().requires_grad_()
    x = torch.ones(3, 2, **F64, requires_grad=True)
    torch.sparse.mm(A, x).square().sum().backward()


def a_leaf_of_coordinates():
    A = torch.tensor([[2.0, 0.0, 1.0], [0.0, 3.0, 0.0]], **F64).to_sparse_coo().coalesce().requires_grad_()
    x = torch.ones(3, 2, **F64, requires_grad=True)
    torch.sparse.mm(A, x).square().sum().backward()


def zeros_that_stand_for_what_is_missing():
    ratings = torch.tensor([[1.0, 0.0, 0.5], [0.0, 2.0, 0.3]], **F64, requires_grad=True)
    stored = ratings.to_sparse_coo().coalesce()
    sums = torch.zeros(3, **F64).index_add(0, stored.indices()[1], stored.values().exp())
    known = ratings != 0
    (sums.log().sum() + (((ratings - 1.5) ** 2) * known).sum() / known.sum()).backward()


@pytest.mark.filterwarnings("ignore:Sparse CSR tensor support")
@parametrised([a_compressed_leaf, a_leaf_of_coordinates, zeros_that_stand_for_what_is_missing])
def test_sparse_leaves_are_healthy(body):
    found = diagnosis_of(body)
    assert (found["verdict"], found["causes"]) == ("healthy", []), found["reason"]


def cut_where_there_are_zeros():
    x = torch.tensor([0.0, 1.0, 2.0], **F64, requires_grad=True)
    (x + 1).detach().where(x.detach() == 0, x + 1).sin().sum().backward()


def test_a_cut_of_entries_that_are_zero_is_no_hole():
    assert diagnosis_of(cut_where_there_are_zeros)["verdict"] == "partial"
