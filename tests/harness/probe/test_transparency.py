"""A test under capture sees what it would see without: nothing is kept, nothing is left, nothing runs in its modes."""

SAME = """
import copy, gc, inspect, pickle, random, weakref
from torch.overrides import TorchFunctionMode
from torch.utils._python_dispatch import TorchDispatchMode


def test_tensors_die_when_the_test_lets_them_go():
    x = torch.rand(3, requires_grad=True)
    loss = (x * 2).sum()
    loss.backward()
    references = weakref.ref(x), weakref.ref(loss), weakref.ref(x.grad)
    del x, loss
    assert [reference() for reference in references] == [None, None, None]


def test_tensors_die_in_a_helper_too():
    gone = []
    def step():
        x = torch.rand(3, requires_grad=True)
        for _ in range(3):
            (x * 2).sum().backward()
        torch.autograd.grad((x * 2).sum(), x)
        gone.append(weakref.ref(x))
    step()
    assert gone[0]() is None


def test_tensors_die_after_a_call_that_raised():
    x = torch.rand(3, requires_grad=True)
    y = x.detach().sum()
    try:
        y.backward()
    except RuntimeError as error:
        assert "does not require grad" in str(error)
    reference = weakref.ref(x)
    del x, y
    assert reference() is None


def test_locals_of_the_test_are_left_alone():
    kept = locals()
    x = torch.rand(3, requires_grad=True)
    x.sum().backward()
    assert kept is not None


def test_no_hook_stays():
    x = torch.rand(3, requires_grad=True)
    x.sum().backward(); x.sum().backward()
    assert x._backward_hooks is None
    assert x._post_accumulate_grad_hooks is None
    copy.deepcopy(x); pickle.dumps(x)


def test_grad_keeps_identity_and_strides():
    x = torch.rand(3, 4).t().requires_grad_()
    (x * torch.rand(4, 3)).sum().backward()
    assert x.grad.stride() == (1, 4)
    first = x.grad
    (x * 2).sum().backward()
    assert x.grad is first


def test_random_numbers_and_modes_stay():
    torch.manual_seed(0); random.seed(0)
    expected = torch.rand(3), random.random()
    torch.manual_seed(0); random.seed(0)
    x = torch.ones(100, requires_grad=True)
    with torch.no_grad():
        y = torch.ones(3)
    x.sum().backward(); grad(lambda t: t.sum())(torch.ones(3))
    assert torch.equal(torch.rand(3), expected[0]) and random.random() == expected[1]
    assert torch.is_grad_enabled() and torch.get_default_dtype() is torch.float32
    with torch.no_grad():
        with torch.enable_grad():
            loss = (x * 2).sum()
        loss.backward()
        assert not torch.is_grad_enabled()


class Count(TorchDispatchMode):
    def __init__(self): super().__init__(); self.seen = []
    def __torch_dispatch__(self, function, types, args=(), kwargs=None):
        self.seen.append(str(function))
        return function(*args, **(kwargs or {}))


class Functions(TorchFunctionMode):
    def __init__(self): super().__init__(); self.seen = []
    def __torch_function__(self, function, types, args=(), kwargs=None):
        self.seen.append(function.__name__)
        return function(*args, **(kwargs or {}))


def test_modes_see_the_tests_operations_only():
    x = torch.rand(30, requires_grad=True)
    with Count() as dispatched, Functions() as called:
        (x * 2).sum().backward()
    assert dispatched.seen == ["aten.mul.Tensor", "aten.sum.default", "aten.ones_like.default",
                               "aten.expand.default", "aten.mul.Tensor", "aten.detach.default"]
    assert called.seen == ["mul", "sum", "backward"]


class Logged(torch.Tensor):
    seen = []
    @classmethod
    def __torch_function__(cls, function, types, args=(), kwargs=None):
        cls.seen.append(getattr(function, "__name__", str(function)))
        return super().__torch_function__(function, types, args, kwargs or {})


def test_a_subclass_sees_the_tests_operations_only():
    x = torch.rand(3).as_subclass(Logged).requires_grad_()
    loss = (x * 2).sum()
    Logged.seen.clear()
    loss.backward()
    assert Logged.seen == ["backward"]


def test_functions_pass_for_the_originals():
    for function in (torch.autograd.grad, torch.autograd.backward, torch.Tensor.backward, torch.autograd.gradcheck,
                     torch.func.grad, torch.func.vjp, torch.func.jacrev, torch.autograd.functional.hvp):
        assert pickle.loads(pickle.dumps(function)) is function
        assert "gradtriage" not in function.__module__
    assert "retain_graph" in inspect.signature(torch.autograd.grad).parameters
    assert torch.autograd.grad.__doc__.startswith("Compute and return the sum of gradients")


def test_double_backward_and_retained_graphs_work():
    x = torch.tensor(2.0, requires_grad=True)
    loss = x**3
    loss.backward(retain_graph=True); loss.backward()
    with pytest.raises(RuntimeError, match="second time"):
        loss.backward()
    slope, = torch.autograd.grad(x**3, x, create_graph=True)
    slope.backward()


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_scripted_functions_compile():
    from typing import Optional
    @torch.jit.script
    def slope(x: torch.Tensor) -> Optional[torch.Tensor]:
        return torch.autograd.grad([(x**2).sum()], [x])[0]
    x = torch.ones(3, requires_grad=True)
    assert torch.equal(slope(x), 2 * x)


@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::torch.jit.TracerWarning")
def test_traced_functions_hold_no_operation_of_ours():
    def slope(x):
        return torch.autograd.grad((x**2).sum(), x, create_graph=True)[0]
    traced = torch.jit.trace(slope, torch.ones(3, requires_grad=True), check_trace=False)
    assert len(list(traced.graph.nodes())) == NODES


def test_a_monkeypatched_function_comes_back(monkeypatch):
    before = torch.autograd.grad
    with monkeypatch.context() as patch:
        patch.setattr(torch.autograd, "grad", lambda *args: "fake")
        assert torch.autograd.grad() == "fake"
    assert torch.autograd.grad is before
"""


def traced_nodes():
    import warnings

    import torch

    def slope(x):
        return torch.autograd.grad((x**2).sum(), x, create_graph=True)[0]

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        traced = torch.jit.trace(slope, torch.ones(3, requires_grad=True), check_trace=False)
        return len(list(traced.graph.nodes()))


def test_the_same_module_passes_with_and_without_capture(capture):
    import torch

    source = SAME.replace("NODES", str(traced_nodes()))
    before = {name: getattr(torch.autograd, name) for name in ("grad", "backward", "gradcheck")}
    backward = torch.Tensor.backward
    capture.run(source)
    assert {name: getattr(torch.autograd, name) for name in before} == before
    assert torch.Tensor.backward is backward
    capture.pytester.runpytest_inprocess("-p", "no:cacheprovider").assert_outcomes(
        passed=sum(event["event"] == "test_start" for event in capture.events)
    )


def test_a_failing_probe_changes_nothing_and_is_reported(capture, monkeypatch):
    def broken(*args):
        raise ZeroDivisionError("a bug of ours")

    monkeypatch.setattr("gradtriage.probe.calls.look", broken)
    path = capture.pytester.makepyfile(
        test_it="""
        import torch
        def test_it():
            x = torch.ones(2, requires_grad=True)
            x.sum().backward()
            assert x.grad is not None
        """
    )
    result = capture.pytester.runpytest_inprocess("--gradtriage-dir=.", str(path))
    result.assert_outcomes(passed=1)
    from gradtriage.evidence.events import read_events

    (error,) = [event for event in read_events(capture.pytester.path) if event["event"] == "probe_error"]
    assert "ZeroDivisionError: a bug of ours" in error["error"]
    assert "before the call" in error["place"]
    assert error["nodeid"] == "test_it.py::test_it"


def test_an_exception_of_a_signal_handler_reaches_the_test(capture, monkeypatch):
    import signal

    import gradtriage.probe.calls as calls

    look = calls.look

    def slow(*args):
        signal.raise_signal(signal.SIGUSR1)
        return look(*args)

    monkeypatch.setattr(calls, "look", slow)
    capture.body(
        """
        import signal
        def out_of_time(number, frame): raise TimeoutError("too slow")
        before = signal.signal(signal.SIGUSR1, out_of_time)
        try:
            with pytest.raises(TimeoutError):
                torch.ones(2, requires_grad=True).sum().backward()
        finally:
            signal.signal(signal.SIGUSR1, before)
        """
    )
