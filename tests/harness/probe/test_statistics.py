"""The figures of a gradient against numpy, for every kind of tensor that a gradient can be."""

import json
import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as st_numpy

from gradtriage.probe.statistics import reading, summaries

# torch says once a process that sparse and nested tensors are young
pytestmark = pytest.mark.filterwarnings("ignore::UserWarning")

ENTRIES = st.one_of(
    st.sampled_from([0.0, -0.0, 1.0, -2.5, math.nan, math.inf, -math.inf, 1e200, -1e-200, 5e-324]),
    st.floats(allow_nan=False, allow_infinity=False),
)
SINGLE = st.one_of(
    st.sampled_from([0.0, -0.0, 1.0, -2.5, math.nan, math.inf, 1e30, -1e-30]),
    st.floats(-1e6, 1e6, width=32, allow_subnormal=False),
)
SHAPES = st_numpy.array_shapes(min_dims=0, max_dims=3, min_side=0, max_side=6)


def figures(tensor):
    with reading():
        return summaries([tensor], [torch.empty(0)])[0]


def expected(array):
    """The same figures by numpy."""
    sizes = np.abs(array.astype(np.complex128 if np.iscomplexobj(array) else np.float64))
    nans, infs = int(np.isnan(sizes).sum()), int(np.isinf(sizes).sum())
    zeros = int((sizes == 0).sum())
    finite = not nans and not infs
    peak = float(sizes.max(initial=0.0)) if finite else None
    norm = None
    if finite:
        with np.errstate(over="ignore"):
            norm = float(np.sqrt(np.sum((sizes / peak) ** 2)) * peak) if peak else 0.0
        norm = norm if math.isfinite(norm) else None
    status = "nan" if nans else "inf" if infs else "zero" if sizes.size and zeros == sizes.size else "ok"
    return {"status": status, "nans": nans, "infs": infs, "zeros": zeros, "max_abs": peak, "norm": norm}


def assert_same(found, array, rtol=1e-12):
    for name, value in expected(array).items():
        if isinstance(value, float):
            assert found[name] == pytest.approx(value, rel=rtol), name
        else:
            assert found[name] == value, name
    assert found["numel"] == array.size
    assert found["shape"] == list(array.shape)
    json.dumps(found, allow_nan=False)


@settings(deadline=None, max_examples=200, database=None)
@given(st_numpy.arrays(np.float64, SHAPES, elements=ENTRIES))
def test_double_gradients_have_numpys_figures(array):
    assert_same(figures(torch.from_numpy(array)), array)


@settings(deadline=None, max_examples=100, database=None)
@given(st_numpy.arrays(np.float32, SHAPES, elements=SINGLE))
def test_single_gradients_have_numpys_figures(array):
    assert_same(figures(torch.from_numpy(array)), array, rtol=1e-5)


@settings(deadline=None, max_examples=60, database=None)
@given(st.lists(st_numpy.arrays(np.float64, SHAPES, elements=ENTRIES), max_size=6))
def test_a_batch_has_the_figures_of_each_alone(arrays):
    tensors = [torch.from_numpy(array) for array in arrays]
    with reading():
        found = summaries(tensors, tensors)
    for one, array in zip(found, arrays, strict=True):
        assert_same(one, array)


KINDS = {
    "complex": lambda: torch.tensor([3 + 4j, 0, 1j]),
    "conjugate view": lambda: torch.tensor([3 + 4j, 0, 1j]).conj(),
    "negative view": lambda: torch.tensor([3 + 4j, 1j]).conj().imag,
    "half": lambda: torch.tensor([60000.0, 60000.0, 0.0], dtype=torch.float16),
    "bfloat16": lambda: torch.full((100,), 3e38, dtype=torch.bfloat16),
    "transposed": lambda: torch.arange(60.0).reshape(6, 10).t(),
    "expanded": lambda: torch.ones(1).expand(50),
    "nan in a large one": lambda: torch.cat([torch.zeros(100), torch.tensor([math.nan, math.inf])]),
    "overflowing norm": lambda: torch.full((40,), 1e30),
    "underflowing norm": lambda: torch.full((40,), 1e-30),
}


@pytest.mark.parametrize("make", KINDS.values(), ids=KINDS.keys())
def test_unusual_tensors_have_numpys_figures(make):
    tensor = make()
    dense = tensor.float() if tensor.dtype in (torch.float16, torch.bfloat16) else tensor
    assert_same(figures(tensor), dense.resolve_conj().resolve_neg().numpy(), rtol=1e-5)


SPARSE = {
    "coo": lambda dense: dense.to_sparse_coo(),
    "csr": lambda dense: dense.to_sparse_csr(),
    "csc": lambda dense: dense.to_sparse_csc(),
    "hybrid": lambda dense: dense.to_sparse(1),
}


@pytest.mark.parametrize("kind", SPARSE)
def test_entries_that_a_sparse_gradient_does_not_store_are_zeros(kind):
    dense = torch.zeros(4, 5)
    dense[1, 2], dense[3, 0] = -3.0, 4.0
    assert_same(figures(SPARSE[kind](dense)), dense.numpy(), rtol=1e-6)


def test_an_uncoalesced_gradient_is_summed_and_left_alone():
    sparse = torch.sparse_coo_tensor([[0, 0]], [1.0, -1.0], (3,))
    found = figures(sparse)
    assert (found["status"], found["zeros"]) == ("zero", 3)
    assert not sparse.is_coalesced()


@pytest.mark.parametrize("layout", [torch.jagged, torch.strided])
def test_nested_gradients_are_read_and_their_ragged_dimension_is_minus_one(layout):
    nested = torch.nested.nested_tensor([torch.ones(2, 3), torch.ones(4, 3)], layout=layout)
    found = figures(nested)
    assert (found["status"], found["norm"], found["shape"]) == ("ok", pytest.approx(18**0.5), [2, -1, 3])


def test_what_cannot_be_read_is_said_to_be_unread():
    found = figures(torch.ones(3, device="meta"))
    assert found["unread"]
    assert (found["norm"], found["max_abs"], found["numel"], found["device"]) == (None, None, 3, "meta")


def test_a_missing_gradient_has_the_form_of_its_leaf():
    with reading():
        (found,) = summaries([None], [torch.ones(2, 3, dtype=torch.float64)])
    assert found == {
        "status": "none",
        "norm": None,
        "max_abs": None,
        "zeros": 0,
        "nans": 0,
        "infs": 0,
        "numel": 6,
        "shape": [2, 3],
        "dtype": "float64",
        "device": "cpu",
    }


def test_a_single_entry_has_a_value_with_its_sign():
    assert figures(torch.tensor(-2.0))["value"] == -2.0
    assert figures(torch.tensor([[-2.0]]))["value"] == -2.0
    assert figures(torch.tensor(math.nan))["value"] is None
    assert "value" not in figures(torch.ones(2))


def test_a_wrapper_subclass_is_read_without_its_own_code():
    ran = []

    class Wrapper(torch.Tensor):
        @staticmethod
        def __new__(cls, inner):
            return torch.Tensor._make_wrapper_subclass(cls, inner.size(), dtype=inner.dtype)

        def __init__(self, inner):
            self.inner = inner

        @classmethod
        def __torch_dispatch__(cls, function, types, args=(), kwargs=None):
            ran.append(function)
            return NotImplemented

    assert figures(Wrapper(torch.full((50,), 2.0)))["max_abs"] == 2.0
    opaque = Wrapper(torch.ones(50))
    opaque.inner = None
    assert figures(opaque)["unread"]
    assert ran == []
