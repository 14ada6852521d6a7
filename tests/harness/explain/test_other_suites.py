"""What other people's test suites showed: bodies written as their tests are, with what has to be said of each."""

import copy

import pytest
import torch
from torch import nn

import gradtriage
from tests.support.explained import Bodies, check, check_test, explained_test, leaf

F64 = {"dtype": torch.float64}
# what torch says of some of the faults itself is no answer yet
pytestmark = pytest.mark.filterwarnings("ignore::UserWarning")
bodies = Bodies()
three = leaf(0.3, 0.8, 1.1)


class Adjoint(torch.autograd.Function):
    """Euler's method, whose backward differentiates the field that it is handed: right for any field."""

    @staticmethod
    def forward(ctx, field, y, *parameters):
        ctx.field = field
        path = [y]
        with torch.no_grad():
            for _ in range(3):
                path.append(path[-1] + 0.1 * field(path[-1]))
        ctx.save_for_backward(*path[:-1], *parameters)
        return path[-1]

    @staticmethod
    def backward(ctx, adjoint):
        path, parameters = ctx.saved_tensors[:3], ctx.saved_tensors[3:]
        found = [torch.zeros_like(one) for one in parameters]
        for y in reversed(path):
            with torch.enable_grad():
                y = y.detach().requires_grad_()
                adjoint, *more = torch.autograd.grad(
                    y + 0.1 * ctx.field(y), (y, *parameters), adjoint, allow_unused=True
                )
            found = [a if b is None else a + b for a, b in zip(found, more, strict=True)]
        return (None, adjoint, *found)


@bodies.add("severed", "item", rate=leaf(0.7), limit=leaf(0.4))
def a_cut_in_the_field_of_an_adjoint(rate, limit):
    def field(y):
        bound = limit.item()  # <-- here
        return rate * y - bound * y**2

    return Adjoint.apply(field, torch.tensor([0.5, 1.0], **F64), rate, limit).sum()


class NestedAdjoint(Adjoint):
    """The same with the product in a nested function, and a wrong sign in it."""

    @staticmethod
    def backward(ctx, adjoint):
        path, parameters = ctx.saved_tensors[:3], ctx.saved_tensors[3:]
        found = [torch.zeros_like(one) for one in parameters]

        def product(y, weights):
            with torch.enable_grad():
                y = y.detach().requires_grad_()
                first, *more = torch.autograd.grad(ctx.field(y), (y, *parameters), -weights)  # <-- nested formula
            return first, more

        for y in reversed(path):
            first, more = product(y, adjoint)
            adjoint = adjoint + 0.1 * first
            found = [a + 0.1 * b for a, b in zip(found, more, strict=True)]
        return (None, adjoint, *found)


def test_a_nested_function_of_a_backward():
    def loss(rate, limit):
        return NestedAdjoint.apply(
            lambda y: rate * y - limit * y**2, torch.tensor([0.5, 1.0], **F64), rate, limit
        ).sum()

    found = gradtriage.explain(loss, {"rate": leaf(0.7), "limit": leaf(0.4)})
    first = found.causes[0]
    assert (first["kind"], first["source"].split("#")[-1].strip()) == ("custom-backward", "<-- nested formula")


class ConjugatedBackward(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x, matrix):
        ctx.save_for_backward(matrix)
        return matrix @ x

    @staticmethod
    def backward(ctx, incoming):
        (matrix,) = ctx.saved_tensors
        return (matrix.mH @ incoming).conj(), None  # <-- complex formula


def test_a_complex_formula():
    matrix = torch.randn(4, 3, dtype=torch.complex128, generator=torch.Generator().manual_seed(1))
    x = torch.randn(3, dtype=torch.complex128, generator=torch.Generator().manual_seed(2)).requires_grad_()
    found = gradtriage.explain(lambda v: ConjugatedBackward.apply(v, matrix).abs().square().sum(), [x])
    first = found.causes[0]
    assert (found.verdict, first["kind"], first["proof"]) == ("wrong-backward", "custom-backward", "proven")
    assert "complex formula" in first["source"]


class Half(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x):
        ctx.save_for_backward(x)
        return x / x.norm()

    @staticmethod
    def backward(ctx, incoming):
        (x,) = ctx.saved_tensors
        return incoming / x.norm() / 2  # <-- formula of a tiny operand


def test_a_formula_of_a_tiny_operand():
    found = gradtriage.explain(
        lambda x: (Half.apply(x) * torch.tensor([1.0, 2.0, 3.0], **F64)).sum(), [leaf(1e-9, 2e-9, -1e-9)]
    )
    assert "tiny operand" in found.causes[0]["source"]
    assert found.causes[0]["proof"] == "proven"


@bodies.add("partial", "inplace", v=three)
def a_sum_into_the_data_of_a_tensor(v):
    out = torch.zeros(2, **F64)
    place = torch.tensor([0, 1, 1])
    out.data.index_add_(0, place, v)  # <-- here
    out.index_add_(0, 1 - place, v * 2)
    return (out * out).sum()


@bodies.add("severed", "no-grad", scale=leaf(1.5))
def a_reentrant_checkpoint_of_an_input_without_a_gradient(scale):
    x = torch.ones(3, **F64)
    weight = torch.ones(3, **F64, requires_grad=True)
    kept = torch.utils.checkpoint.checkpoint(lambda r: torch.exp(-r * scale), x, use_reentrant=True)  # <-- here
    return (kept * weight).sum()


_symmetric = torch.tensor([[4.0, 1.0, 0.5], [1.0, 3.0, 0.2], [0.5, 0.2, 2.0]], **F64)


@bodies.add("healthy", k=_symmetric.clone().requires_grad_())
def a_factorisation_of_a_symmetric_matrix(k):
    lower = torch.linalg.cholesky(k)
    rest = torch.cholesky_solve(torch.ones(3, 1, **F64), lower)
    return rest.sum() + lower.diagonal().log().sum() + torch.linalg.eigvalsh(k)[0]


@bodies.add("partial", "detach", k=_symmetric.clone().requires_grad_())
def a_cut_behind_a_factorisation(k):
    lower = torch.linalg.cholesky(k)
    rest = torch.cholesky_solve(torch.ones(3, 1, **F64), lower.detach())  # <-- here
    return rest.sum() + lower.diagonal().log().sum()


@bodies.add("healthy|unknown", image=torch.zeros(1, 1, 4, 4, **F64).requires_grad_())
def ties_in_a_pool(image):
    return (nn.functional.max_pool2d(image, 2) * torch.arange(1.0, 5.0, **F64).reshape(2, 2)).sum()


@pytest.mark.parametrize("body", bodies.values(), ids=bodies)
def test_the_answer_for(body):
    check(body)


def test_the_spectral_norm_of_torch_is_meant():
    torch.manual_seed(0)
    layer = nn.utils.parametrizations.spectral_norm(nn.Linear(3, 3)).double()
    found = gradtriage.explain(lambda: layer(torch.ones(2, 3, **F64)).square().sum(), layer)
    assert found.verdict == "healthy", str(found)


def test_single_precision_near_saturation_is_not_accused():
    torch.manual_seed(15)
    w, u = nn.Parameter(torch.randn(128, 2) * 0.6), torch.randn(128)
    assert gradtriage.explain(lambda v: (u @ v).tanh().sum(), [w]).verdict in ("healthy", "unknown")


@pytest.mark.parametrize("seed", range(4))
def test_a_small_network_with_kinks_in_single_precision_is_not_accused(seed):
    torch.manual_seed(seed)
    layers = [nn.Linear(4, 16), nn.ReLU(), nn.Linear(16, 16), nn.ReLU(), nn.Linear(16, 1)]
    model, x, y = nn.Sequential(*layers), torch.randn(16, 4), torch.randn(16, 1)
    assert gradtriage.explain(lambda: (model(x) - y).square().mean(), model).verdict in ("healthy", "unknown")


class Kernel(nn.Module):
    def __init__(self, cut):
        super().__init__()
        self.raw, self.cut = nn.Parameter(torch.zeros(1, **F64)), cut

    def initialize(self, value):
        self.raw.data.copy_(torch.as_tensor(value, **F64).exp().sub(1).log().expand_as(self.raw))

    def forward(self, x):
        alpha = nn.functional.softplus(self.raw)
        alpha = alpha.data if self.cut else alpha  # <-- the cut
        return (1 + x / alpha).pow(-alpha) + 0 * self.raw


def reference_first(cut):
    def body():
        kernel = Kernel(cut)
        kernel.initialize(3.0)
        x = torch.tensor([4.0, 1.0], **F64)
        raw = kernel.raw.detach().clone().requires_grad_()
        alpha = nn.functional.softplus(raw)
        (1 + x / alpha).pow(-alpha).sum().backward()
        kernel(x).sum().backward()
        torch.testing.assert_close(kernel.raw.grad, raw.grad)

    return body


def test_a_reference_of_detached_values_is_no_fault():
    assert explained_test(reference_first(cut=False))["verdict"] == "healthy"


def test_a_fault_after_a_reference_of_detached_values():
    found = explained_test(reference_first(cut=True))
    assert (found["call"], found["causes"][0]["kind"]) == (2, "data"), found
    assert "the cut" in found["causes"][0]["source"]


def test_nan_under_anomaly_detection():
    def body():
        x = torch.zeros(3, **F64, requires_grad=True)
        with torch.autograd.set_detect_anomaly(True):
            x.square().sum().sqrt().backward()  # <-- here

    check_test(body, "nan", "nan-sqrt")


def test_a_gradient_by_a_dictionary_of_parameters():
    def body():
        model = nn.Linear(3, 1).double()
        parameters, x = dict(model.named_parameters()), torch.ones(2, 3, **F64)
        torch.func.grad(lambda p: torch.func.functional_call(model, p, (x,)).square().sum())(parameters)

    assert explained_test(body)["verdict"] == "healthy"


def test_a_check_of_tensors_that_are_no_leaves():
    def body():
        scale = (torch.ones(1, **F64, requires_grad=True) * 2) ** 2
        torch.autograd.gradcheck(lambda s: s.sin() * s.detach(), (scale,))  # <-- here

    check_test(body, "partial", "detach")


def test_a_state_kept_with_its_graph():
    def body():
        weight, state, history = torch.ones((), **F64, requires_grad=True), torch.ones((), **F64), []
        for _ in range(3):
            state = state * weight  # <-- here
            loss = state.exp()
            loss.backward()
            history.append(float(loss.detach()))

    check_test(body, "severed", "stale", call=2)


def frozen_by(freeze):
    def body():
        model = nn.Sequential(nn.Linear(2, 2), nn.Tanh(), nn.Linear(2, 1)).double()
        freeze(model)
        model(torch.ones(3, 2, **F64)).sum().backward()
        for name, parameter in model.named_parameters():
            assert parameter.grad is not None, name

    return body


def by_method(model):
    model[0].weight.requires_grad_(False)  # <-- frozen


def by_assignment(model):
    model[0].weight.requires_grad = False  # <-- frozen


@pytest.mark.parametrize("freeze", [by_method, by_assignment])
def test_a_parameter_that_was_left_frozen(freeze):
    found = explained_test(frozen_by(freeze))
    first = found["causes"][0]
    assert (found["verdict"], first["kind"], first["proof"]) == ("severed", "no-grad", "proven")
    assert (first["parameters"], first["source"].split("#")[-1].strip()) == (["model.0.weight"], "<-- frozen")


def test_a_parameter_that_is_frozen_on_purpose():
    def body():
        model = nn.Sequential(nn.Linear(2, 2), nn.Linear(2, 1)).double()
        model[0].requires_grad_(False)
        model(torch.ones(3, 2, **F64)).sum().backward()
        assert model[0].weight.grad is None

    assert explained_test(body)["verdict"] == "healthy"


def test_a_parameter_that_was_replaced():
    def body():
        model = nn.Linear(2, 1).double()
        model(torch.ones(3, 2, **F64)).sum().backward()
        model.weight = nn.Parameter(model.weight.data.clamp(-1, 1))  # <-- here
        assert model.weight.grad is not None

    found = explained_test(body)
    assert (found["verdict"], found["causes"][0]["kind"]) == ("insensitive", "rebuild")
    assert "here" in found["causes"][0]["source"]


def test_a_gradient_of_what_is_no_scalar():
    def body():
        leaf(1.0, 2.0).exp().backward()

    found = explained_test(body)
    assert found["verdict"] == "unknown"
    assert "scalar outputs" in found["reason"]


def small(inputs, outputs):
    return nn.Sequential(nn.Linear(inputs, 8), nn.Tanh(), nn.Linear(8, outputs)).double()


def one_fake_for_both_steps():
    torch.manual_seed(0)
    generator, critic = small(2, 3), small(3, 1)
    steps = [torch.optim.Adam(one.parameters()) for one in (generator, critic)]
    for _ in range(2):
        fake = generator(torch.randn(4, 2, **F64))
        loss = nn.functional.softplus(critic(fake.detach())) + nn.functional.softplus(-critic(torch.ones(4, 3, **F64)))
        steps[1].zero_grad()
        loss.mean().backward()
        steps[1].step()
        steps[0].zero_grad()
        nn.functional.softplus(-critic(fake)).mean().backward()
        steps[0].step()


def target_networks():
    torch.manual_seed(0)
    actor, critic = small(3, 2), small(5, 1)
    averages = copy.deepcopy(actor), copy.deepcopy(critic)
    steps = [torch.optim.Adam(one.parameters()) for one in (actor, critic)]
    for _ in range(2):
        state, action, later = torch.randn(4, 3, **F64), torch.randn(4, 2, **F64), torch.randn(4, 3, **F64)
        with torch.no_grad():
            y = 1 + 0.9 * averages[1](torch.cat([later, averages[0](later)], 1))
        steps[1].zero_grad()
        nn.functional.mse_loss(critic(torch.cat([state, action], 1)), y).backward()
        steps[1].step()
        steps[0].zero_grad()
        (-critic(torch.cat([state, actor(state)], 1)).mean()).backward()
        steps[0].step()
        for one, average in zip((actor, critic), averages, strict=True):
            for p, kept in zip(one.parameters(), average.parameters(), strict=True):
                kept.data.copy_(0.05 * p.data + 0.95 * kept.data)


def near_a_frozen_copy():
    torch.manual_seed(0)
    model = nn.Linear(3, 1).double()
    start = copy.deepcopy(model)
    optimizer = torch.optim.SGD(model.parameters(), 0.1)
    for _ in range(2):
        optimizer.zero_grad()
        near = sum((a - b.detach()).square().sum() for a, b in zip(model.parameters(), start.parameters(), strict=True))
        (model(torch.ones(2, 3, **F64)).square().sum() + near).backward()
        optimizer.step()


def clipped_by_a_hook():
    model = nn.Linear(3, 1).double()
    model.weight.register_hook(lambda g: g.clamp(-0.01, 0.01))
    model(torch.ones(2, 3, **F64)).square().sum().backward()


def embedded_with_padding():
    torch.manual_seed(0)
    tables = nn.Embedding(5, 3, padding_idx=0).double(), nn.Embedding(5, 3, padding_idx=0, **F64)
    index = torch.tensor([0, 1, 2])
    sum(table(index).square().sum() for table in tables).backward()


def loaded_by_workers():
    torch.manual_seed(0)
    data = torch.utils.data.TensorDataset(torch.randn(8, 3, **F64))
    model = nn.Linear(3, 1).double()
    for (x,) in torch.utils.data.DataLoader(data, 4, shuffle=True, num_workers=2):
        model(x).square().sum().backward()


@pytest.mark.parametrize(
    "body",
    [
        one_fake_for_both_steps,
        target_networks,
        near_a_frozen_copy,
        clipped_by_a_hook,
        embedded_with_padding,
        loaded_by_workers,
    ],
    ids=lambda body: body.__name__,
)
def test_everyday_training_is_healthy(body):
    found = explained_test(body)
    assert (found["verdict"], found["causes"]) == ("healthy", []), found


def test_replays_that_write_the_same_file_do_not_disturb_each_other(tmp_path):
    def body():
        model = nn.Linear(200, 200).double()
        torch.save(model.state_dict(), tmp_path / "model.pt")
        other = nn.Linear(200, 200).double()
        other.load_state_dict(torch.load(tmp_path / "model.pt"))
        for one in (model, other):
            one(torch.ones(2, 200, **F64)).square().mean().backward()

    found = explained_test(body)
    assert found["verdict"] == "healthy", found["reason"]


def test_a_draw_that_has_no_slope():
    def body():
        torch.manual_seed(0)
        model = nn.Linear(3, 2).double()
        mean, spread = model(torch.ones(4, 3, **F64)).unbind(1)
        drawn = torch.normal(mean, spread.exp())  # <-- here
        (drawn.square().sum() + mean.square().sum()).backward()

    check_test(body, "partial", "other")


def test_the_constructor_of_a_model_is_no_suspect():
    def body():
        torch.manual_seed(0)
        model = nn.Sequential(nn.Linear(3, 4), nn.Linear(4, 1)).double()
        loss = model(torch.ones(2, 3, **F64)).square().sum()
        model[1].weight.data.clamp_(-0.01, 0.01)
        loss.backward()

    found = explained_test(body)
    assert found["verdict"] != "healthy"
    assert not any("double()" in cause["source"] for cause in found["causes"]), found["causes"]
