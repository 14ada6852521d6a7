"""`torch.func` and `torch.autograd.functional`: recorded when the derivative is computed."""

import pytest

CALLS = {
    "grad": ("grad(lambda x: (x**2).sum())(x)", "functional", 20**0.5, None),
    "grad with aux": ("grad(lambda x: ((x**2).sum(), x), has_aux=True)(x)", "functional", 20**0.5, None),
    "grad_and_value": ("grad_and_value(lambda x: (x**2).sum())(x)", "functional", 20**0.5, 5.0),
    "grad_and_value with aux": (
        "grad_and_value(lambda x: ((x**2).sum(), x), has_aux=True)(x)",
        "functional",
        20**0.5,
        5.0,
    ),
    "jacrev": ("jacrev(lambda x: x**2)(x)", "jacobian", 20**0.5, None),
    "jacfwd": ("jacfwd(lambda x: x**2)(x)", "jacobian", 20**0.5, None),
    "hessian": ("hessian(lambda x: (x**2).sum())(x)", "functional", 8**0.5, None),
    "vjp": ("vjp(lambda x: x**2, x)[1](torch.ones(2, **F64))", "functional", 20**0.5, None),
    "functional.jacobian": ("functional.jacobian(lambda x: x**2, x)", "jacobian", 20**0.5, None),
    "functional.hessian": ("functional.hessian(lambda x: (x**2).sum(), x)", "functional", 8**0.5, None),
    "functional.vjp": ("functional.vjp(lambda x: (x**2).sum(), x)", "functional", 20**0.5, 5.0),
    "functional.hvp": (
        "functional.hvp(lambda x: (x**2).sum(), x, torch.ones(2, **F64))",
        "functional",
        8**0.5,
        5.0,
    ),
    "functional.vhp": (
        "functional.vhp(lambda x: (x**2).sum(), x, torch.ones(2, **F64))",
        "functional",
        8**0.5,
        5.0,
    ),
}


@pytest.mark.parametrize(("call", "kind", "norm", "loss"), CALLS.values(), ids=CALLS.keys())
def test_the_derivative_is_recorded_for(capture, call, kind, norm, loss):
    (record,) = capture.body(f"x = torch.tensor([1.0, 2.0], **F64)\n{call}")
    assert (record["kind"], record["loss"]) == (kind, loss)
    assert list(record["gradients"]) == ["x"]
    assert record["gradients"]["x"]["norm"] == pytest.approx(norm)
    assert record["gradients"]["x"]["shape"] == [2]


@pytest.mark.parametrize(
    "call",
    ["jvp(lambda x: x**2, (x,), (torch.ones(2, **F64),))", "functional.jvp(lambda x: x**2, x, torch.ones(2, **F64))"],
)
def test_forward_mode_is_recorded_by_output(capture, call):
    (record,) = capture.body(f"x = torch.tensor([1.0, 2.0], **F64)\n{call}")
    assert list(record["gradients"]) == ["output"]
    assert record["gradients"]["output"]["norm"] == pytest.approx(20**0.5)


def test_several_arguments_and_outputs_are_told_apart(capture):
    records = capture.body(
        """
        a, b = torch.ones(2, **F64), torch.zeros(3, **F64)
        jacrev(lambda a, b: (a * 2, b.sum() * a), argnums=(0, 1))(a, b)
        functional.jacobian(lambda a, b: (a * 2, b.sum() * a), (a, b))
        functional.hessian(lambda a, b: (a**2).sum() * 3, (a, b))
        grad(lambda a, b: (a * b.sum()).sum(), argnums=-1)(a, b)
        """
    )
    for record in records[:2]:
        norms = {name: entry["norm"] for name, entry in record["gradients"].items()}
        assert norms == {"a": pytest.approx(8**0.5), "b": pytest.approx(6**0.5)}
    statuses = {name: entry["status"] for name, entry in records[2]["gradients"].items()}
    assert statuses == {"a": "ok", "b": "zero"}
    assert list(records[3]["gradients"]) == ["b"]


def test_under_vmap_the_whole_batch_is_one_record(capture):
    records = capture.body(
        """
        batch = torch.arange(8.0, **F64).reshape(4, 2)
        vmap(grad(lambda x: (x**2).sum()))(batch)
        vmap(lambda x: grad(lambda y: (y**2).sum())(x))(batch)
        """
    )
    for record in records:
        (entry,) = record["gradients"].values()
        assert entry["norm"] == pytest.approx(2 * sum(i * i for i in range(8)) ** 0.5)
        assert entry["shape"] == [4, 2]


def test_nested_transforms_are_one_record_of_the_outermost(capture):
    (record,) = capture.body("x = torch.tensor(2.0, **F64)\ngrad(lambda x: grad(lambda y: y**3)(x))(x)")
    assert record["gradients"]["x"]["value"] == 12.0


def test_a_transform_that_raises_is_recorded(capture):
    (record,) = capture.body(
        """
        x = torch.ones(2, **F64)
        with pytest.raises(RuntimeError):
            grad(lambda x: x * 2)(x)
        """
    )
    assert record["raised"] == "RuntimeError"
    assert record["gradients"]["x"]["status"] == "none"


def test_a_transform_made_before_and_called_twice_is_recorded_twice(capture):
    records = capture.run(
        """
        slope = grad(lambda x: (x**2).sum())

        def test_it():
            slope(torch.ones(2, **F64))
            slope(torch.ones(2, **F64))
        """
    )
    assert len(records) == 2
