"""Failures of one cause come together, failures of two never do."""

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gradtriage.triage.clusters import group
from gradtriage.triage.failures import Failure
from gradtriage.triage.fingerprint import fingerprint, normalised


def failure(test: str, exception: str, message: str, frame: tuple[str, str, str] | None = None, **more: str) -> Failure:
    file, function, statement = frame or (test.partition("::")[0], test.rpartition("::")[2].partition("[")[0], "f()")
    where = {"file": file, "line": 3, "function": function, "statement": statement}
    return Failure(test=test, stage=more.get("stage", "call"), exception=exception, message=message, frame=where,
                   raised=more.get("raised", file))  # fmt: skip


DONATED = "This backward function was compiled with non-empty donated buffers which requires create_graph=False"


def test_a_different_cause_is_not_hidden_among_its_neighbours() -> None:
    helper = ("model.py", "check", "torch.autograd.gradcheck(f, x)")
    failures = [failure(f"test_g.py::test_{n}", "RuntimeError", DONATED, helper) for n in range(10)]
    zero = ("test_g.py", "test_zero", "assert x.grad.abs() > 0")
    failures.insert(4, failure("test_g.py::test_zero", "AssertionError", "assert tensor(0.) > 0", zero))
    large, hidden = group(failures, 50)
    assert (len(large.tests), hidden.tests, hidden.kind) == (10, ["test_g.py::test_zero"], "gradient")


def test_one_message_at_two_places_is_two_causes() -> None:
    one = failure("t.py::test_a", "AssertionError", "assert 3 == 4", ("t.py", "test_a", "assert n == size"))
    two = failure("t.py::test_a[x]", "AssertionError", "assert 5 == 6", ("t.py", "test_a", "assert m == length"))
    assert len(group([one, two], 10)) == 2


def test_cases_of_one_test_come_together_whatever_their_values() -> None:
    failures = [
        failure(f"t.py::test_a[{n}]", "ValueError", f"bad shape ({n}, {n + 1}, 7) at 0x7f{n:03x}0 after {n / 7:.9f} s")
        for n in range(20)
    ]
    (only,) = group(failures, 1000)
    assert (len(only.tests), only.kind) == (20, "other")


def test_what_the_machine_lacks_is_one_cause_wherever_it_is_met() -> None:
    failures = [
        failure(f"t{n}.py::test_{n}", "AssertionError", "Torch not compiled with CUDA enabled", raised="site/cuda.py")
        for n in range(73)
    ]
    failures += [
        failure(f"tests/test_{n}.py", "ImportError", "attempted relative import with no known parent package")
        for n in ("adjoint", "sdeint")
    ]
    clusters = group(failures, 148)
    assert [(one.kind, len(one.tests)) for one in clusters] == [("infrastructure", 73), ("infrastructure", 2)]


def test_one_cause_that_fails_half_of_a_suite_is_marked_as_infrastructure() -> None:
    said = "could not reach the licence server"
    failures = [
        failure(f"t.py::test_{n}", "LicenceError", said, ("t.py", f"test_{n}", f"solve({n})"), raised="/lib/solver.py")
        for n in range(73)
    ]
    (only,) = group(failures, 148)
    assert (only.kind, len(only.tests)) == ("infrastructure", 73)
    assert "73 of 148" in str(only.reason)
    assert len(group(failures, 1000)) == 73  # of a large suite it is no great part, and each may have its own cause


def test_zero_gradients_in_half_of_a_suite_stay_what_they_are() -> None:
    frame = ("sim.py", "check_gradient", "assert x.grad.abs().max() > 0")
    failures = [failure(f"t.py::test_{n}", "AssertionError", "assert tensor(0.) > 0", frame) for n in range(70)]
    (only,) = group(failures, 100)
    assert (only.kind, only.reason) == ("gradient", None)


@pytest.mark.parametrize(
    ("exception", "message", "statement", "kind"),
    [
        ("GradcheckError", "Jacobian mismatch for output 0", "gradcheck(f, x)", "gradient"),
        ("RuntimeError", "element 0 of tensors does not require grad", "loss.backward()", "gradient"),
        ("AssertionError", "assert None is not None", "assert w.grad is not None", "gradient"),
        ("AssertionError", "Tensor-likes are not close!", "assert_close(a, b)", "numeric"),
        ("AssertionError", "assert 0.1 == 0.2 ± 1e-6", "assert a == approx(b)", "numeric"),
        ("AssertionError", "\nNot equal to tolerance rtol=1e-07, atol=0", "check(a)", "numeric"),
        ("AssertionError", "assert 1 == 2", "assert a == b", "assertion"),
        ("Failed", "Timeout (>2.0s) from pytest-timeout.", "wait()", "timeout"),
        ("FixtureLookupError", "fixture 'db' not found", "", "infrastructure"),
        ("ModuleNotFoundError", "No module named 'jax'", "import jax", "infrastructure"),
        ("OSError", "[Errno 28] No space left on device", "f.write(x)", "infrastructure"),
        ("KeyError", "'a'", "d['a']", "other"),
    ],
)
def test_the_kind_of_a_cause(exception: str, message: str, statement: str, kind: str) -> None:
    (only,) = group([failure("t.py::test_a", exception, message, ("t.py", "test_a", statement))], 100)
    assert only.kind == kind


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("no such file: /tmp/pytest-1/x.txt", "no such file: /tmp/pytest-22/abc/x.txt"),
        ("<Crystal object at 0x7f00> is bad", "<Crystal object at 0x8a10> is bad"),
        ("size (3, 4) against (5, 6, 7)", "size (1, 2, 8) against (9, 1)"),
        ("run 1b4e28ba-2fa1-11d2-883f-0016d3cca427 failed", "run 6fa459ea-ee8a-3ca4-894e-db77e160355e failed"),
        ("loss is -1.5e-07", "loss is 42"),
    ],
)
def test_what_differs_from_run_to_run_is_left_out(one: str, other: str) -> None:
    assert normalised(one) == normalised(other)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("fixture 'a' not found", "fixture 'b' not found"),
        ("[Errno 2] gone", "[Errno 13] gone"),
        ("HTTP 404", "HTTP 500"),
        ("expected float32", "expected float64"),
        ("assert nan == 1", "assert 0.5 == 1"),
        ("cell_a1 is zero", "cell_b1 is zero"),
    ],
)
def test_what_names_a_cause_stays(one: str, other: str) -> None:
    assert normalised(one) != normalised(other)


@given(st.text(max_size=300))
def test_any_message_has_a_fingerprint_and_normalising_is_done_once(message: str) -> None:
    once = normalised(message)
    assert normalised(once) == once or len(once) >= 300
    assert fingerprint("E", message, "x") == fingerprint("E", message, "x")


def test_the_order_of_the_failures_does_not_matter() -> None:
    failures = [failure(f"t{n % 7}.py::test_{n}", f"E{n % 3}", f"message {n % 5} of {n}") for n in range(60)]
    expected = {(one.fingerprint, frozenset(one.tests)) for one in group(failures, 60)}
    random.Random(3).shuffle(failures)
    assert {(one.fingerprint, frozenset(one.tests)) for one in group(failures, 60)} == expected


def test_a_call_that_the_installed_pytest_does_not_know_is_one_cause_in_every_test() -> None:
    said = "_Skip.__call__() got an unexpected keyword argument 'msg'"
    failures = [
        failure(f"t.py::test_{n}", "TypeError", said, ("t.py", f"test_{n}", "pytest.skip(msg='no CUDA')"))
        for n in range(5)
    ]
    (only,) = group(failures, 1000)
    assert (only.kind, len(only.tests)) == ("infrastructure", 5)


def test_one_statement_that_fails_half_of_a_suite_to_the_letter_alike_is_one_cause() -> None:
    failures = [
        failure(f"t.py::test_{n}", "TypeError", "solve() lacks 'mode'", ("t.py", f"test_{n}", "solve(case)"))
        for n in range(73)
    ]
    (only,) = group(failures, 148)
    assert (only.kind, len(only.tests)) == ("infrastructure", 73)
