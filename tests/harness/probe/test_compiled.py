"""Code that torch compiles calls straight through, without a graph break."""

import sys

import pytest

pytestmark = pytest.mark.skipif(sys.version_info >= (3, 15), reason="no compiler for this Python yet")

SOURCE = """
pytestmark = pytest.mark.filterwarnings("ignore")
FUNCTIONS = {
    "grad": lambda x: grad(lambda q: (q**2).sum())(x),
    "grad_and_value": lambda x: grad_and_value(lambda q: (q**2).sum())(x)[0],
    "jacrev": lambda x: jacrev(lambda q: q**2)(x),
    "jacfwd": lambda x: jacfwd(lambda q: q**2)(x),
    "hessian": lambda x: hessian(lambda q: (q**2).sum())(x),
    "vjp": lambda x: vjp(lambda q: q**2, x)[1](torch.ones(3))[0],
    "jvp": lambda x: jvp(lambda q: q**2, (x,), (torch.ones(3),))[1],
    "vmap": lambda x: vmap(grad(lambda q: (q**2).sum()))(x[:, None]),
}
made_before = grad(lambda q: (q**2).sum())
FUNCTIONS["made before"] = lambda x: made_before(x)


@pytest.mark.parametrize(
    ("name", "backend"), [*((name, "eager") for name in FUNCTIONS), ("grad", "aot_eager"), ("vjp", "aot_eager")]
)
def test_functional(name, backend):
    torch._dynamo.reset()
    x = torch.rand(3)
    compiled = torch.compile(FUNCTIONS[name], fullgraph=True, backend=backend)
    assert torch.allclose(compiled(x), FUNCTIONS[name](x))


@pytest.mark.parametrize("backend", ["eager", "aot_eager"])
def test_backward_of_a_compiled_model_is_recorded(backend):
    torch._dynamo.reset()
    model = torch.nn.Linear(3, 1)
    torch.compile(model, fullgraph=True, backend=backend)(torch.rand(2, 3)).sum().backward()
    assert model.weight.grad is not None


def test_a_backward_inside_compiled_code_works():
    torch._dynamo.reset()
    x = torch.rand(3, requires_grad=True)
    def step(x):
        y = (x**2).sum()
        y.backward()
        return y * 2
    torch.compile(step, backend="eager")(x)
    assert torch.allclose(x.grad, 2 * x)
"""


def test_compiled_code_runs_as_without_capture(capture):
    records = capture.run(SOURCE)
    models = [record for record in records if "compiled_model" in record["nodeid"]]
    assert [list(record["gradients"]) for record in models] == [["model.weight", "model.bias"]] * 2
