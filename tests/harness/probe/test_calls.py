"""`backward` and `autograd.grad`: which leaves are listed, and what each got from the call."""

import pytest


def statuses(record):
    return {name: entry["status"] for name, entry in record["gradients"].items()}


def values(record):
    return {name: entry.get("value") for name, entry in record["gradients"].items()}


def test_a_record_has_the_form_of_the_contract(capture):
    (record,) = capture.body("cell_a = torch.tensor(3.0, **LEAF)\n(cell_a**2).backward()")
    record.pop("time")
    assert record == {
        "event": "gradient",
        "nodeid": "test_it.py::test_it",
        "call": 1,
        "kind": "backward",
        "raised": None,
        "where": {"file": "test_it.py", "line": 11},
        "loss": 9.0,
        "gradients": {
            "cell_a": {
                "status": "ok",
                "value": 6.0,
                "norm": 6.0,
                "max_abs": 6.0,
                "numel": 1,
                "zeros": 0,
                "nans": 0,
                "infs": 0,
                "shape": [],
                "dtype": "float64",
                "device": "cpu",
            }
        },
    }


def test_leaves_that_got_nothing_are_listed_too(capture):
    (record,) = capture.body(
        """
        reached = torch.tensor(3.0, **LEAF)
        cut = torch.tensor(3.0, **LEAF)
        flat = torch.tensor(3.0, **LEAF)
        frozen = torch.tensor(3.0, **F64)
        model = torch.nn.Linear(2, 1)
        (reached * cut.detach() + flat * 0).backward()
        """
    )
    assert statuses(record) == {
        "reached": "ok",
        "cut": "none",
        "flat": "zero",
        "model.weight": "none",
        "model.bias": "none",
    }


def test_frozen_parameters_are_not_listed(capture):
    (record,) = capture.body(
        """
        model = torch.nn.Linear(2, 1)
        model.bias.requires_grad_(False)
        model(torch.ones(1, 2)).sum().backward()
        """
    )
    assert list(record["gradients"]) == ["model.weight"]


def test_a_loss_without_a_graph_is_recorded_with_what_it_raised(capture):
    (record,) = capture.run(
        """
        def test_it():
            cell_a = torch.tensor(3.0, **LEAF)
            cell_a.detach().backward()
        """,
        failed=1,
    )
    assert record["raised"] == "RuntimeError"
    assert statuses(record) == {"cell_a": "none"}


def test_non_finite_gradients_and_losses_have_a_status_and_no_number(capture):
    first, second = capture.body(
        """
        x = torch.tensor(0.0, **LEAF)
        x.sqrt().backward()
        y = torch.tensor(0.0, **LEAF)
        ((y.sqrt() * 0) / 0).backward()
        """
    )
    assert (first["gradients"]["x"]["status"], first["gradients"]["x"]["infs"]) == ("inf", 1)
    assert first["gradients"]["x"]["value"] is None
    assert (second["gradients"]["y"]["status"], second["loss"], second["loss_status"]) == ("nan", None, "nan")


def test_each_call_has_its_own_contribution(capture):
    records = capture.body(
        """
        x = torch.tensor(3.0, **LEAF)
        for factor in (2.0, 5.0, 7.0):
            (x * factor).backward()
        assert x.grad == 14.0
        """
    )
    assert [values(record) for record in records] == [{"x": 2.0}, {"x": 5.0}, {"x": 7.0}]
    assert [record["call"] for record in records] == [1, 2, 3]


def test_hooks_of_the_user_are_seen_and_stay(capture):
    records = capture.body(
        """
        x = torch.tensor(3.0, **LEAF)
        x.register_hook(lambda g: g * 10)
        (x * 2).backward(); (x * 2).backward()
        assert x.grad == 40.0
        y = torch.tensor(3.0, **LEAF)
        y.register_post_accumulate_grad_hook(lambda t: setattr(t, "grad", None))
        (y * 3).backward()
        assert y.grad is None
        """
    )
    assert [values(record).get("x") for record in records] == [20.0, 20.0, None]
    assert values(records[2])["y"] == 3.0


def test_inputs_of_backward_are_what_is_listed(capture):
    first, second = capture.body(
        """
        x = torch.tensor(3.0, **LEAF); y = torch.tensor(3.0, **LEAF)
        hidden = x * 2
        (hidden * y).backward(inputs=[hidden], retain_graph=True)
        torch.autograd.backward([hidden * y], inputs=iter([x]))
        """
    )
    assert values(first) == {"hidden": 3.0}
    assert values(second) == {"x": 6.0}


def test_grad_lists_its_inputs_with_what_it_returned(capture):
    records = capture.body(
        """
        x = torch.tensor(3.0, **LEAF); y = torch.tensor(3.0, **LEAF)
        hidden = x * 2
        torch.autograd.grad(hidden**2, (x, hidden, y), allow_unused=True)
        torch.autograd.grad(x * 2, x)
        torch.autograd.grad(x * 2, [y], materialize_grads=True)
        with pytest.raises(RuntimeError):
            torch.autograd.grad(x * 2, (x, y))
        """
    )
    assert [statuses(record) for record in records] == [
        {"x": "ok", "hidden": "ok", "y": "none"},
        {"x": "ok"},
        {"y": "zero"},
        {"x": "none", "y": "none"},
    ]
    assert values(records[0]) == {"x": 24.0, "hidden": 12.0, "y": None}
    assert records[3]["raised"] == "RuntimeError"


def test_several_roots_are_summed_and_non_scalar_ones_have_no_loss(capture):
    first, second = capture.body(
        """
        x = torch.tensor(3.0, **LEAF)
        torch.autograd.backward([x * 1, x * 2])
        y = torch.ones(2, **LEAF)
        (y * 2).backward(torch.ones(2, **F64))
        """
    )
    assert first["loss"] == 9.0
    assert (second["loss"], second["loss_status"]) == (None, "non-scalar")


def test_only_the_outermost_call_is_recorded(capture):
    records = capture.body(
        """
        from torch.utils.checkpoint import checkpoint

        class Inner(torch.autograd.Function):
            @staticmethod
            def forward(ctx, x):
                ctx.save_for_backward(x)
                return x * 2
            @staticmethod
            def backward(ctx, g):
                x, = ctx.saved_tensors
                with torch.enable_grad():
                    y = x.detach().requires_grad_()
                    return torch.autograd.grad((y * 2).sum(), y)[0] * g

        x = torch.ones(2, **LEAF)
        Inner.apply(x).sum().backward()
        checkpoint(torch.sin, x, use_reentrant=True).sum().backward()
        checkpoint(torch.sin, x, use_reentrant=False).sum().backward()
        gradcheck(torch.sin, (x,))
        hessian(lambda t: t.sin().sum())(x)
        """
    )
    assert [record["kind"] for record in records] == ["backward", "backward", "backward", "gradcheck", "functional"]


def test_threads_have_calls_of_their_own(capture):
    records = capture.body(
        """
        def run():
            x = torch.ones(2, **LEAF)
            for _ in range(5):
                x.sum().backward()
        threads = [threading.Thread(target=run) for _ in range(4)]
        for thread in threads: thread.start()
        for thread in threads: thread.join()
        """
    )
    assert sorted(record["call"] for record in records) == list(range(1, 21))
    assert all(record["gradients"]["x"]["norm"] == pytest.approx(2**0.5) for record in records)


def test_a_deep_graph_is_walked_without_recursion(capture):
    (record,) = capture.body(
        """
        x = torch.tensor(1.0, **LEAF)
        y = x
        for _ in range(20_000):
            y = y + 1
        y.backward()
        """
    )
    assert values(record) == {"x": 1.0}


def test_a_graph_too_large_to_walk_still_lists_what_the_test_sees(capture, monkeypatch):
    monkeypatch.setattr("gradtriage.probe.graph.NODE_LIMIT", 50)
    (record,) = capture.body(
        """
        x = torch.tensor(1.0, **LEAF)
        y = x
        for _ in range(200):
            y = y + 1
        y.backward()
        """
    )
    assert record["truncated"] is True
    assert values(record) == {"x": 1.0}


def test_calls_in_fixtures_and_at_import_belong_somewhere(capture):
    records = capture.run(
        """
        weight = torch.ones(2, **LEAF)
        weight.sum().backward()

        @pytest.fixture
        def fitted():
            x = torch.ones(2, **LEAF)
            x.sum().backward()
            yield x
            x.sum().backward()

        def test_it(fitted):
            pass
        """
    )
    assert [record["nodeid"] for record in records] == ["test_it.py", "test_it.py::test_it", "test_it.py::test_it"]
    assert [record["call"] for record in records] == [1, 1, 2]


def test_a_loop_that_is_searched_once_still_notices_what_changes(capture):
    records = capture.body(
        """
        def names(): pass
        w = torch.tensor(1.0, **LEAF)
        kept = []
        for step in range(6):
            if step == 1:
                late = torch.tensor(1.0, **LEAF)
            if step == 2:
                late.requires_grad_(False)
            if step == 3:
                kept.append(torch.tensor(1.0, **LEAF))
            if step == 4:
                del late
                kept.clear()
            if step == 5:
                w = torch.tensor(1.0, **LEAF)
            (w * 2).backward()
        """
    )
    assert [list(record["gradients"]) for record in records] == [
        ["w"],
        ["w", "late"],
        ["w"],
        ["w", "kept[0]"],
        ["w"],
        ["w"],
    ]
    assert all(record["gradients"]["w"]["value"] == 2.0 for record in records)
    assert records[1]["gradients"]["late"]["status"] == "none"


def test_leaves_of_one_loop_are_told_from_those_of_the_round_before(capture):
    records = capture.body(
        """
        kept = []
        for value in (1.0, 2.0, 3.0):
            cell_a = torch.tensor(value, **LEAF)
            cut = torch.tensor(value, **LEAF)
            kept.append(cut)
            (cell_a * cut.detach()).backward()
        """
    )
    assert [record["gradients"]["cell_a"]["value"] for record in records] == [1.0, 2.0, 3.0]
    assert [record["gradients"]["cut"]["status"] for record in records] == ["none"] * 3


def test_hooks_are_taken_off_again_when_the_probe_fails(capture, monkeypatch):
    import gradtriage.probe.calls as calls

    listener = calls._Listener

    def failing(leaf):
        if leaf.dim() == 1:
            raise ZeroDivisionError("a bug of ours")
        return listener(leaf)

    monkeypatch.setattr(calls, "_Listener", failing)
    path = capture.pytester.makepyfile(
        """
        import torch
        def test_it():
            a = torch.tensor(1.0, requires_grad=True); b = torch.ones(2, requires_grad=True)
            a.grad = torch.tensor(0.0); b.grad = torch.zeros(2)
            (a * b).sum().backward()
            assert a._backward_hooks is None and b._backward_hooks is None and a.grad == 2
        """
    )
    capture.pytester.runpytest_inprocess("--gradtriage-dir=.", str(path)).assert_outcomes(passed=1)
