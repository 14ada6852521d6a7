"""Functions that keep a value of one evaluation for the next: gradcheck and optimisers evaluate them again."""

import torch

import gradtriage
from tests.support.bodies import diagnosis_of, marked_line, parametrised

F64 = {"dtype": torch.float64}


def leaf(*values):
    return torch.tensor(values, **F64).requires_grad_()


def gradcheck_of_a_memo():
    memo = {}

    def function(x):
        if "exp" not in memo:
            memo["exp"] = x.exp()  # <-- here
        return memo["exp"] * x

    torch.autograd.gradcheck(function, (leaf(1.0, 2.0),))


def test_a_memo_of_the_first_evaluation_is_proven_where_it_was_made():
    found = diagnosis_of(gradcheck_of_a_memo)
    first = found["causes"][0]
    assert (first["kind"], first["line"], first["proof"]) == ("stale", marked_line(gradcheck_of_a_memo), "proven")
    assert first["evidence"]["used"]["source"] == 'return memo["exp"] * x'


def test_a_function_with_a_memo_is_not_healthy():
    memo = {}

    def function(x):
        memo.setdefault("root", x.sqrt())
        return (memo["root"] * x).sum()

    found = gradtriage.explain(function, {"x": leaf(1.0, 2.0)})
    assert (found.verdict, found.causes[0]["kind"], found.causes[0]["proof"]) == ("partial", "stale", "proven")


def gradcheck_of_a_memo_that_looks_at_its_argument():
    memo = {}

    def function(x):
        key = (id(x), x._version)
        if key not in memo:
            memo[key] = x.exp()
        return memo[key] * x

    torch.autograd.gradcheck(function, (leaf(1.0, 2.0),))


def gradcheck_of_a_constant_table():
    memo = {}

    def function(x):
        if "table" not in memo:
            memo["table"] = torch.arange(2, **F64) + 1
        return memo["table"] * x

    torch.autograd.gradcheck(function, (leaf(1.0, 2.0),))


def gradcheck_of_a_layer_with_dropout():
    torch.manual_seed(3)

    def function(x):
        return torch.nn.functional.dropout(x, 0.5).sin() * 2

    torch.manual_seed(3)
    torch.autograd.gradcheck(function, (leaf(1.0, 2.0, 3.0),), nondet_tol=10.0, raise_exception=False)


@parametrised(
    [
        gradcheck_of_a_memo_that_looks_at_its_argument,
        gradcheck_of_a_constant_table,
        gradcheck_of_a_layer_with_dropout,
    ]
)
def test_what_is_kept_rightly_is_not_accused(body):
    found = diagnosis_of(body)
    assert (found["verdict"], found["causes"]) == ("healthy", []), found["reason"]
