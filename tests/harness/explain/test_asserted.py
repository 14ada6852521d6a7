"""Tests that ask for no gradient and assert that there could be one: where the graph was lost is said all the same."""

import torch
from torch import nn

from tests.support.explained import check_test, explained_test

F64 = {"dtype": torch.float64}


def test_a_failing_assertion_of_requires_grad_leads_to_the_cut():
    def body():
        w = torch.tensor([1.0, 2.0], **F64, requires_grad=True)
        h = (w * 2).detach()  # <-- here
        loss = (h**2).sum()
        assert loss.requires_grad

    check_test(body, "severed", "detach")


def test_so_does_one_of_the_graph_of_an_entry():
    def body():
        net = nn.Linear(2, 1).double()
        found = {"loss": torch.tensor(net(torch.ones(1, 2, **F64)).item() * 2, **F64)}  # <-- here
        assert found["loss"].grad_fn is not None, "no graph"

    check_test(body, "severed", "item")


def test_a_loss_that_no_parameter_moves_is_insensitive():
    def body():
        w = torch.tensor([1.0, 2.0], **F64, requires_grad=True)
        loss = torch.ones(2, **F64).sum()
        assert loss.requires_grad, w

    check_test(body, "insensitive")


def test_an_assertion_of_something_else_asks_for_nothing():
    def body():
        w = torch.tensor([1.0, 2.0], **F64, requires_grad=True)
        loss = (w.detach() ** 2).sum()
        assert loss < 0

    found = explained_test(body)
    assert (found["verdict"], found["causes"]) == ("unknown", [])


def test_an_assertion_that_there_is_no_graph_asks_for_nothing():
    def body():
        w = torch.tensor([1.0, 2.0], **F64, requires_grad=True)
        assert not (w * 2).requires_grad
        assert not w.detach().requires_grad

    assert explained_test(body)["verdict"] == "unknown"
