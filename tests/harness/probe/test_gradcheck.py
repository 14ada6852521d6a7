"""gradcheck and gradgradcheck: both Jacobians are recorded, without one more evaluation of the user's function."""

import pytest


def test_a_scalar_check_has_both_derivatives(capture):
    for mode in ("", ", fast_mode=True", ", check_forward_ad=True", ", check_forward_ad=True, check_backward_ad=False"):
        (record,) = capture.body(f"x = torch.tensor(3.0, **LEAF)\nassert gradcheck(lambda x: x**2, (x,){mode})")
        entry = record["gradients"]["x"]
        assert (record["kind"], record["loss"], record["raised"]) == ("gradcheck", 9.0, None)
        assert entry["value"] == pytest.approx(6.0)
        assert entry["numeric"] == pytest.approx(6.0, rel=1e-6)
        assert (entry["status"], entry["vacuous"]) == ("ok", False)


def test_a_jacobian_has_its_norm_and_the_inputs_shape(capture):
    (record,) = capture.body("x = torch.tensor([1.0, 2.0], **LEAF)\nassert gradcheck(lambda x: x**2, (x,))")
    entry = record["gradients"]["x"]
    assert entry["norm"] == pytest.approx(20**0.5)
    assert entry["numeric"] == pytest.approx(20**0.5, rel=1e-6)
    assert (entry["zeros"], entry["entries"], entry["numel"], entry["shape"]) == (2, 4, 2, [2])


@pytest.mark.parametrize("mode", ["", ", fast_mode=True"])
@pytest.mark.parametrize("function", ["lambda x: x * 0", "lambda x: x.detach() * 0 + x * 0"])
def test_zero_against_zero_is_vacuous(capture, mode, function):
    (record,) = capture.body(f"x = torch.ones(2, **LEAF)\nassert gradcheck({function}, (x,){mode})")
    assert record["gradients"]["x"]["vacuous"] is True
    assert record["gradients"]["x"]["status"] == "zero"


def test_a_function_without_any_path_is_vacuous_and_has_no_gradient(capture):
    (record,) = capture.body("x = torch.ones(2, **LEAF)\nassert gradcheck(lambda x: x.detach() * 0, (x,))")
    assert record["gradients"]["x"]["vacuous"] is True
    assert record["gradients"]["x"]["status"] == "none"


def test_one_input_can_be_vacuous_beside_a_sound_one(capture):
    (record,) = capture.body(
        "x = torch.ones(2, **LEAF); y = torch.ones(2, **LEAF)\nassert gradcheck(lambda x, y: x * 2 + y * 0, (x, y))"
    )
    assert {name: entry["vacuous"] for name, entry in record["gradients"].items()} == {"x": False, "y": True}


def test_a_check_that_fails_is_recorded_with_both_sides(capture):
    first, second, third = capture.body(
        """
        x = torch.tensor(3.0, **LEAF)
        wrong = lambda x: x.detach() * x
        with pytest.raises(RuntimeError):
            gradcheck(wrong, (x,))
        with pytest.raises(RuntimeError):
            gradcheck(wrong, (x,), fast_mode=True)
        assert not gradcheck(wrong, (x,), raise_exception=False)
        """
    )
    for record in (first, second, third):
        assert record["gradients"]["x"]["value"] == pytest.approx(3.0)
        assert record["gradients"]["x"]["numeric"] == pytest.approx(6.0, rel=1e-6)
    assert (first["raised"], third["raised"], third["passed"]) == ("GradcheckError", None, False)
    assert "passed" not in first


def test_a_function_that_raises_is_recorded_too(capture):
    (record,) = capture.body(
        """
        def broken(x): raise KeyError("no such thing")
        with pytest.raises(KeyError):
            gradcheck(broken, (torch.ones(2, **LEAF),))
        """
    )
    assert record["raised"] == "KeyError"
    assert record["gradients"]["x"]["status"] == "none"


def test_second_derivatives_cover_the_grad_outputs(capture):
    (record,) = capture.body("x = torch.tensor(3.0, **LEAF)\nassert gradgradcheck(lambda x: x**3, (x,))")
    assert record["kind"] == "gradgradcheck"
    assert list(record["gradients"]) == ["x", "grad_outputs[0]"]
    assert record["gradients"]["grad_outputs[0]"]["value"] == pytest.approx(27.0)


def test_complex_functions_are_recorded(capture):
    (record,) = capture.body(
        "z = torch.tensor([1 + 2j], dtype=torch.complex128, requires_grad=True)\n"
        "assert gradcheck(lambda z: z * z, (z,))"
    )
    assert record["gradients"]["z"]["norm"] == pytest.approx(record["gradients"]["z"]["numeric"], rel=1e-6)


def test_the_function_is_evaluated_as_often_as_without_us(capture):
    source = """
        count = 0
        def counted(x):
            global count
            count += 1
            return x.sin()

        def test_it():
            gradcheck(counted, (torch.ones(3, **LEAF),))
            gradcheck(counted, (torch.ones(3, **LEAF),), fast_mode=True)
            assert count == EXPECTED
        """
    import torch

    count = 0

    def counted(x):
        nonlocal count
        count += 1
        return x.sin()

    for fast in (False, True):
        inputs = (torch.ones(3, dtype=torch.float64, requires_grad=True),)
        torch.autograd.gradcheck(counted, inputs, fast_mode=fast)
    capture.run(source.replace("EXPECTED", str(count)))


def test_without_the_private_helpers_the_call_is_recorded_all_the_same(capture, monkeypatch):
    monkeypatch.setattr("gradtriage.probe.gradcheck.HELPERS", {})
    (record,) = capture.body("x = torch.ones(2, **LEAF)\nassert gradcheck(torch.sin, (x,))")
    assert record["gradients"]["x"]["unread"]
    assert record["gradients"]["x"]["norm"] is None
    assert record["raised"] is None


def test_every_private_helper_exists_in_the_torch_under_test():
    import sys

    from gradtriage.probe.gradcheck import HELPERS

    assert [name for name in HELPERS if not hasattr(sys.modules["torch.autograd.gradcheck"], name)] == []


def test_helpers_take_the_parameters_that_we_read():
    import inspect
    import sys

    from gradtriage.probe.gradcheck import HELPERS

    for name, (_, parameters) in HELPERS.items():
        signature = inspect.signature(getattr(sys.modules["torch.autograd.gradcheck"], name))
        assert tuple(signature.parameters)[: len(parameters)] == parameters
