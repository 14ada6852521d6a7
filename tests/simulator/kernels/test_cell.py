import math

import gemmi
import pytest
import torch
from hypothesis import assume, given
from hypothesis import strategies as st

from gradbragg.kernels.cell import cell_volume, dual_vectors, reciprocal_vectors, stretched_real_vectors
from tests.support.simulator.tolerances import ROUNDING

CELLS = {
    "cubic": (100, 100, 100, 90, 90, 90),
    "monoclinic": (60, 75, 90, 90, 105, 90),
    "hexagonal": (70, 70, 110, 90, 90, 120),
    "rhombohedral": (50, 50, 50, 70, 70, 70),
    "triclinic": (70, 80, 90, 75, 85, 95),
}


def tensors(cell):
    lengths = torch.tensor(cell[:3], dtype=torch.float64)
    return lengths, torch.tensor([math.radians(angle) for angle in cell[3:]], dtype=torch.float64)


@pytest.mark.parametrize("cell", CELLS.values(), ids=CELLS)
def test_the_volume_is_gemmis(cell):
    assert cell_volume(*tensors(cell)).item() == pytest.approx(gemmi.UnitCell(*cell).volume, rel=ROUNDING)


@pytest.mark.parametrize("cell", CELLS.values(), ids=CELLS)
def test_spacings_are_gemmis(cell):
    stars = reciprocal_vectors(*tensors(cell))
    reference = gemmi.UnitCell(*cell)
    for hkl in ((1, 0, 0), (0, 1, 0), (0, 0, 1), (1, 2, 3), (-4, 1, -2)):
        spacing = 1.0 / torch.linalg.vector_norm(torch.tensor(hkl, dtype=torch.float64) @ stars).item()
        assert spacing == pytest.approx(reference.calculate_d(hkl), rel=ROUNDING)


@given(
    st.tuples(*[st.floats(5, 500)] * 3),
    st.tuples(*[st.floats(40, 140)] * 3),
)
def test_real_vectors_have_the_cells_lengths_and_angles(edges, angles):
    x, y, z = (math.cos(math.radians(angle)) for angle in angles)
    assume(1 - x * x - y * y - z * z + 2 * x * y * z > 1e-3)
    lengths, radians = tensors((*edges, *angles))
    real = dual_vectors(reciprocal_vectors(lengths, radians))
    assert torch.allclose(torch.linalg.vector_norm(real, dim=-1), lengths, rtol=1e-9)
    directions = real / lengths[:, None]
    cosines = torch.stack([(directions[i] * directions[j]).sum() for i, j in ((1, 2), (2, 0), (0, 1))])
    assert torch.allclose(cosines, torch.cos(radians), atol=1e-9)


def test_the_reference_programs_triclinic_angles_are_reproduced_when_asked_for():
    """70 80 90 75 85 95 is simulated with 75.0391 85.0136 95.0081 degrees."""
    lengths, radians = tensors(CELLS["triclinic"])
    real = stretched_real_vectors(reciprocal_vectors(lengths, radians, oblique_c_star=True), lengths)
    unit = real / torch.linalg.vector_norm(real, dim=-1, keepdim=True)
    angles = [math.degrees(math.acos((unit[i] * unit[j]).sum())) for i, j in ((1, 2), (2, 0), (0, 1))]
    assert angles == pytest.approx([75.0391, 85.0136, 95.0081], abs=5e-5)


@pytest.mark.parametrize("name", ["cubic", "monoclinic", "hexagonal"])
def test_with_two_right_angles_both_rules_agree(name):
    parts = tensors(CELLS[name])
    assert torch.allclose(reciprocal_vectors(*parts), reciprocal_vectors(*parts, oblique_c_star=True), atol=1e-16)


def test_the_dual_of_the_dual_is_the_start():
    start = torch.tensor([[1.0, 0.2, 0.3], [0.1, 2.0, 0.4], [0.0, -0.3, -1.5]], dtype=torch.float64)
    assert torch.allclose(dual_vectors(dual_vectors(start)), start, rtol=ROUNDING, atol=ROUNDING)
    assert torch.allclose(dual_vectors(start) @ start.T, torch.eye(3, dtype=torch.float64), atol=ROUNDING)
