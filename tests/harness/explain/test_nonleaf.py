"""Tests that read the gradient of a tensor that is no leaf, and hooks of modules."""

import warnings

import torch

from tests.support.bodies import diagnosis_of, marked_line, parametrised

F64 = {"dtype": torch.float64}


def moved_to_another_type():
    w = torch.ones(3, requires_grad=True).double()  # <-- here
    (w**2).sum().backward()
    assert w.grad is not None


def rebound_in_a_loop():
    w = torch.ones(3, **F64).requires_grad_()
    for _ in range(2):
        (w**2).sum().backward()
        w = w - 0.1 * w.grad  # <-- here


@parametrised([moved_to_another_type, rebound_in_a_loop])
def test_the_line_that_made_it_no_leaf_is_proven(body):
    found = diagnosis_of(body)
    first = found["causes"][0]
    assert (found["verdict"], first["kind"], first["line"]) == ("severed", "nonleaf", marked_line(body))
    assert (first["proof"], first["parameters"]) == ("proven", ["w"])


def halved_by_a_hook_of_a_module():
    torch.manual_seed(0)
    layer = torch.nn.Linear(3, 3).double()
    layer.register_full_backward_hook(lambda module, into, out: (into[0] * 0.5,))  # <-- here
    x = torch.randn(2, 3, **F64).requires_grad_()
    layer(x).pow(2).sum().backward()


def test_a_hook_of_a_module_that_edits_gradients_is_proven():
    found = diagnosis_of(halved_by_a_hook_of_a_module)
    first = found["causes"][0]
    assert (found["verdict"], first["kind"], first["proof"]) == ("wrong-backward", "hook", "proven")
    assert first["line"] == marked_line(halved_by_a_hook_of_a_module)


def looked_at_and_expected_to_be_none():
    w = torch.ones(3, **F64).requires_grad_()
    y = w * 2
    (y**2).sum().backward()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        assert y.grad is None


def watched_by_a_hook_of_a_module():
    torch.manual_seed(0)
    norms = []
    layer = torch.nn.Linear(3, 3).double()
    layer.register_full_backward_hook(lambda module, into, out: norms.append(out[0].norm()))
    x = torch.randn(2, 3, **F64).requires_grad_()
    layer(x).pow(2).sum().backward()


@parametrised([looked_at_and_expected_to_be_none, watched_by_a_hook_of_a_module])
def test_what_only_looks_is_not_accused(body):
    found = diagnosis_of(body)
    assert (found["verdict"], found["causes"]) == ("healthy", []), found["reason"]
