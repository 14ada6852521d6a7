import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

import gradbragg as gb
from gradbragg.kernels.structure_factor import lagrange_weights, table_entries, tricubic_entries
from gradbragg.simulation.structure import StructureFactors


def cubic(h, k, l):  # noqa: E741
    return 3.0 + h**3 - 2 * h * k**2 + 0.5 * k * l - l**3


GRID = torch.arange(-5, 6, dtype=torch.float64)
TABLE = cubic(GRID[:, None, None], GRID[:, None], GRID)
INDEX = st.floats(-3, 3)


@given(INDEX, INDEX, INDEX)
def test_interpolation_reproduces_cubics(h, k, l):  # noqa: E741
    hkl = tuple(torch.tensor([x], dtype=torch.float64) for x in (h, k, l))
    assert tricubic_entries(TABLE, hkl, (-5, -5, -5)).item() == pytest.approx(cubic(h, k, l), abs=1e-10)


@given(st.floats(0, 1))
def test_interpolation_weights_sum_to_1(x):
    assert lagrange_weights(torch.tensor(x, dtype=torch.float64)).sum().item() == pytest.approx(1.0)


def test_indices_outside_the_table_find_its_margin():
    listed = gb.ReflectionTable(torch.ones((2, 2, 2), dtype=torch.float64), (0, 0, 0))
    table, origin = listed.padded(torch.tensor(7.0, dtype=torch.float64))
    assert origin == (-1, -1, -1)
    index = tuple(torch.tensor(x) - start for x, start in zip(((0, 1, 5), (0, 1, 0), (0, -9, 0)), origin, strict=True))
    assert table_entries(table, index).tolist() == [1.0, 7.0, 7.0]


def test_unlisted_entries_inside_the_box_take_the_default():
    known = torch.tensor([True, False, True]).reshape(3, 1, 1)
    listed = gb.ReflectionTable(torch.tensor([1.0, 2.0, 3.0]).reshape(3, 1, 1), (-1, 0, 0), known)
    table, _ = listed.padded(torch.tensor(7.0))
    assert table[1:-1, 1, 1].tolist() == [1.0, 7.0, 3.0]


def test_interpolation_gives_way_to_the_nearest_entry_near_the_edge_of_the_list():
    structure = StructureFactors(
        torch.tensor(0.0, dtype=torch.float64), TABLE, (-5, -5, -5), (-4, -4, -4), (4, 4, 4), interpolate=True
    )
    h = torch.tensor([2.0, 2.3], dtype=torch.float64)
    zero = torch.zeros_like(h)
    assert structure.amplitude((h, zero, zero)).tolist() == [cubic(2, 0, 0), cubic(2, 0, 0)]


def test_interpolation_ends_where_it_is_told_to():
    structure = StructureFactors(
        torch.tensor(0.0, dtype=torch.float64), TABLE, (-5, -5, -5), (-4,) * 3, (4,) * 3, True, interpolate_before=1
    )
    h = torch.full((2,), 1.3, dtype=torch.float64)
    zero = torch.zeros_like(h)
    first, second = structure.amplitude((h, zero, zero), torch.tensor([0, 1])).tolist()
    assert first == pytest.approx(cubic(1.3, 0, 0))
    assert second == cubic(1, 0, 0)
