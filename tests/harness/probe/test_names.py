"""A gradient is called what the author of the test would call it."""

import pytest

BODIES = {
    "local variable": ("cell_a = torch.tensor(2.0, **LEAF)\n(cell_a**2).backward()", ["cell_a"]),
    "attribute": (
        """
        class Config: pass
        config = Config(); config.cell_a = torch.tensor(2.0, **LEAF)
        (config.cell_a**2).backward()
        """,
        ["cell_a"],
    ),
    "attribute in an attribute": (
        """
        class Config: pass
        config = Config(); config.crystal = Config(); config.crystal.cell_a = torch.tensor(2.0, **LEAF)
        (config.crystal.cell_a**2).backward()
        """,
        ["cell_a"],
    ),
    "slot": (
        """
        class Config: __slots__ = ("cell_a", "cell_b")
        config = Config(); config.cell_a = torch.tensor(2.0, **LEAF)
        (config.cell_a**2).backward()
        """,
        ["cell_a"],
    ),
    "frozen dataclass": (
        """
        Config = dataclasses.make_dataclass("Config", ["cell_a", "cell_b"], frozen=True)
        config = Config(torch.tensor(2.0, **LEAF), torch.tensor(3.0, **LEAF))
        (config.cell_a * config.cell_b).backward()
        """,
        ["cell_a", "cell_b"],
    ),
    "dict key": ("params = {'w': torch.ones(2, **LEAF)}\nparams['w'].sum().backward()", ["w"]),
    "dict in a dict": ("params = {'a': {'w': torch.ones(2, **LEAF)}}\nparams['a']['w'].sum().backward()", ["w"]),
    "integer key": ("params = {7: torch.ones(2, **LEAF)}\nparams[7].sum().backward()", ["params[7]"]),
    "list item": (
        "params = [torch.ones(2, **LEAF), torch.ones(3, **LEAF)]\n(params[0].sum() + params[1].sum()).backward()",
        ["params[0]", "params[1]"],
    ),
    "list under a key": ("params = {'w': [torch.ones(2, **LEAF)]}\nparams['w'][0].sum().backward()", ["w[0]"]),
    "named tuple": (
        """
        from collections import namedtuple
        state = namedtuple("State", "mean scale")(torch.ones(2, **LEAF), torch.ones(2, **LEAF))
        (state.mean * state.scale).sum().backward()
        """,
        ["mean", "scale"],
    ),
    "module": (
        "model = torch.nn.Linear(2, 1)\nmodel(torch.ones(1, 2)).sum().backward()",
        ["model.weight", "model.bias"],
    ),
    "module in a module": (
        "model = torch.nn.Sequential(torch.nn.Linear(2, 1, bias=False))\nmodel(torch.ones(1, 2)).sum().backward()",
        ["model.0.weight"],
    ),
    "module in a list": (
        "layers = [torch.nn.Linear(2, 1, bias=False)]\nlayers[0](torch.ones(1, 2)).sum().backward()",
        ["layers[0].weight"],
    ),
    "module as attribute": (
        """
        class Trainer: pass
        trainer = Trainer(); trainer.model = torch.nn.Linear(2, 1, bias=False)
        trainer.model(torch.ones(1, 2)).sum().backward()
        """,
        ["model.weight"],
    ),
    "module and its parameters in a dict": (
        """
        model = torch.nn.Linear(2, 1, bias=False)
        params = dict(model.named_parameters())
        class Optimizer: param_groups = None
        opt = Optimizer(); opt.param_groups = [{"params": list(model.parameters())}]
        model(torch.ones(1, 2)).sum().backward()
        """,
        ["model.weight"],
    ),
    "loop target after a loop": (
        """
        params = {"w": torch.ones(2, **LEAF), "b": torch.ones(2, **LEAF)}
        for name, t in params.items():
            assert t.requires_grad
        (params["w"] * params["b"]).sum().backward()
        """,
        ["w", "b"],
    ),
    "only a loop target": (
        "for t in (torch.ones(2, **LEAF),):\n    t.sum().backward()",
        ["t"],
    ),
    "nested loop targets": (
        """
        params = {"w": torch.ones(2, **LEAF), "b": torch.ones(2, **LEAF)}
        for i, (name, t) in enumerate(params.items()):
            assert t.requires_grad
        (params["w"] * params["b"]).sum().backward()
        """,
        ["w", "b"],
    ),
    "loop target in a nested function": (
        """
        params = {"w": torch.ones(2, **LEAF)}
        for t in params.values():
            def read(): return t
        params["w"].sum().backward()
        """,
        ["w"],
    ),
    "closure": (
        """
        def make():
            hidden = torch.ones(2, **LEAF)
            def loss(): return hidden.sum()
            return loss
        loss = make()
        loss().backward()
        """,
        ["hidden"],
    ),
    "two of one name": (
        """
        a = {"w": torch.ones(2, **LEAF)}; b = {"w": torch.ones(3, **LEAF)}
        (a["w"].sum() + b["w"].sum()).backward()
        """,
        ["w", "w#2"],
    ),
    "no name at all": ("torch.ones(2, **LEAF).sum().backward()", ["leaf@test_it.py:10"]),
    "helper's variable": (
        """
        def run():
            inner = torch.ones(2, **LEAF)
            inner.sum().backward()
        run()
        """,
        ["inner"],
    ),
    "the test's name goes before the helper's": (
        """
        def run(value):
            value.sum().backward()
        cell_a = torch.ones(2, **LEAF)
        run(cell_a)
        """,
        ["cell_a"],
    ),
    "partial": (
        """
        import functools
        weights = [torch.ones(2, **LEAF)]
        loss = functools.partial(torch.sum, weights.pop())
        loss().backward()
        """,
        ["loss[0]"],
    ),
    "non-leaf input of grad": (
        "x = torch.ones(2, **LEAF)\nhidden = x * 2\ntorch.autograd.grad(hidden.sum(), [hidden, x])",
        ["hidden", "x"],
    ),
    "iterator of inputs": (
        "model = torch.nn.Linear(2, 1)\ntorch.autograd.grad(model(torch.ones(1, 2)).sum(), model.parameters())",
        ["model.weight", "model.bias"],
    ),
    "gradcheck input by variable": ("angle = torch.ones(2, **LEAF)\nassert gradcheck(torch.sin, (angle,))", ["angle"]),
    "gradcheck input made inline": (
        "assert gradcheck(lambda angle, scale: angle.sin() * scale, (torch.ones(2, **LEAF), torch.ones(2, **LEAF)))",
        ["angle", "scale"],
    ),
    "gradcheck of a module": (
        "assert gradcheck(torch.nn.Flatten(0), (torch.ones(2, **LEAF),))",
        ["input"],
    ),
    "gradcheck of a star function": ("assert gradcheck(lambda *xs: xs[0].sin(), (torch.ones(2, **LEAF),))", ["xs[0]"]),
    "functional made inline": ("grad(lambda angle: angle.sin().sum())(torch.ones(2))", ["angle"]),
    "functional of a dict": (
        "grad(lambda p: (p['w'] * p['b']).sum())({'w': torch.ones(2), 'b': torch.ones(2)})",
        ["w", "b"],
    ),
    "functional of a list": ("grad(lambda p: (p[0] * p[1]).sum())([torch.ones(2), torch.ones(2)])", ["p[0]", "p[1]"]),
    "self is no name": (
        """
        class Model(torch.nn.Module):
            def __init__(self):
                super().__init__(); self.weight = torch.nn.Parameter(torch.ones(2))
            def fit(self): self.weight.sum().backward()
        (lambda: Model().fit())()
        """,
        ["weight"],
    ),
}


@pytest.mark.parametrize(("body", "names"), BODIES.values(), ids=BODIES.keys())
def test_a_leaf_is_called_by(capture, body, names):
    assert capture.names(body) == names


def test_fixtures_self_and_globals_give_names(capture):
    records = capture.run(
        """
        SCALE = torch.ones(2, **LEAF)
        UNUSED = torch.ones(2, **LEAF)

        @pytest.fixture
        def crystal():
            return {"cell_a": torch.ones(2, **LEAF)}

        def loss(crystal):
            return (crystal["cell_a"] * SCALE).sum()

        class TestIt:
            def setup_method(self):
                self.angle = torch.ones(2, **LEAF)

            def test_it(self, crystal):
                (loss(crystal) + self.angle.sum()).backward()
        """
    )
    assert sorted(records[0]["gradients"]) == ["SCALE", "angle", "cell_a"]


def test_unittest_cases_are_captured_too(capture):
    records = capture.run(
        """
        import unittest

        class TestIt(unittest.TestCase):
            def setUp(self):
                self.angle = torch.ones(2, **LEAF)

            def test_it(self):
                self.angle.sum().backward()
        """
    )
    assert list(records[0]["gradients"]) == ["angle"]
    assert records[0]["where"] == {"file": "test_it.py", "line": 17}


def test_hypothesis_examples_keep_the_authors_names(capture):
    records = capture.run(
        """
        from hypothesis import given, settings, strategies as st

        @settings(max_examples=3, database=None, deadline=None)
        @given(st.floats(1, 2))
        def test_it(value):
            cell_a = torch.tensor(value, **LEAF)
            (cell_a**2).backward()
        """
    )
    assert {name for record in records for name in record["gradients"]} == {"cell_a"}
    assert [record["call"] for record in records] == list(range(1, len(records) + 1))


def test_the_place_is_the_innermost_line_that_is_the_users(capture):
    capture.pytester.makepyfile(
        helpers="""
        def differentiate(loss):
            loss.backward()
        """
    )
    (record,) = capture.run(
        """
        from helpers import differentiate

        def test_it():
            x = torch.ones(2, **LEAF)
            differentiate(x.sum())
        """,
        "-p",
        "no:cacheprovider",
    )
    assert record["where"] == {"file": "helpers.py", "line": 2}


def test_a_package_whose_name_starts_with_torch_is_not_torch(capture):
    package = capture.pytester.mkpydir("torchlike")
    (package / "solve.py").write_text("def solve(loss):\n    loss.backward()\n")
    (record,) = capture.run(
        """
        from torchlike.solve import solve

        def test_it():
            x = torch.ones(2, **LEAF)
            solve(x.sum())
        """
    )
    assert record["where"] == {"file": "torchlike/solve.py", "line": 2}


def test_no_code_of_the_objects_under_test_is_called(capture):
    capture.body(
        """
        calls = []
        class Touchy:
            def __init__(self): self.__dict__["inner"] = torch.ones(2, **LEAF)
            def __getattr__(self, name): calls.append(name); raise AssertionError(name)
            def __iter__(self): calls.append("iter"); return iter(())
            def __len__(self): calls.append("len"); return 0
            def __eq__(self, other): calls.append("eq"); return True
            def __hash__(self): calls.append("hash"); return 1
            def __bool__(self): calls.append("bool"); return True
            def __repr__(self): calls.append("repr"); return "touchy"
            @property
            def value(self): calls.append("value")
            @property
            def __class__(self): calls.append("class"); return int
        class Items(dict):
            def items(self): calls.append("items"); return []
            def __iter__(self): calls.append("iter"); return iter(())
        class Sequence(list):
            def __iter__(self): calls.append("iter"); return iter(())
            def __len__(self): calls.append("len"); return 0
        touchy, items, sequence = Touchy(), Items(), Sequence([torch.ones(2, **LEAF)])
        items["w"] = torch.ones(2, **LEAF)
        x = torch.ones(2, **LEAF)
        x.sum().backward()
        assert calls == []
        """
    )


def test_the_search_is_bounded(capture):
    (record,) = capture.body(
        """
        deep = torch.ones(1, **LEAF)
        for _ in range(50):
            deep = [deep]
        wide = [object() for _ in range(100_000)]
        cyclic = {}; cyclic["self"] = cyclic
        x = torch.ones(2, **LEAF)
        x.sum().backward()
        """
    )
    assert list(record["gradients"]) == ["x"]
