"""The table of docs/gradients.md is complete and true."""

import dataclasses
import re
from pathlib import Path

import pytest
import torch

import gradbragg as gb
from gradbragg.simulation.connection import connected
from tests.support.simulator.agreement import INPUTS, measure, moved
from tests.support.simulator.images import BEAM, CRYSTAL, DETECTOR, RUN, TRICLINIC, changed, configs, simulate

PAGE = (Path(__file__).parents[3] / "docs" / "gradients.md").read_text()
ROWS = dict(re.findall(r"(?m)^\| `\w+` \| `([^`]+)` \| [^|]+ \| (1e[+-]\d+) \|", PAGE))
CONFIGS = (gb.CrystalConfig, gb.DetectorConfig, gb.BeamConfig)
NOT_CONTINUOUS = {"mask"}


def continuous_fields():
    for which, config in enumerate(CONFIGS):
        for field in dataclasses.fields(config):
            if re.search(r"Scalar|Vector|Tensor|Pair|Table", str(field.type)) and field.name not in NOT_CONTINUOUS:
                yield which, field.name


def test_every_continuous_field_is_measured():
    assert set(continuous_fields()) == {(tested.which, tested.field) for tested in INPUTS}


@pytest.mark.parametrize("tested", INPUTS, ids=lambda tested: tested.name)
def test_each_input_agrees_as_well_as_the_page_says(tested):
    # ten times, and what the differences themselves are uncertain by: rounding differs between computers
    found = measure(tested)
    assert found.deviation <= 10.0 * float(ROWS[tested.name]) + 3.0 * found.uncertainty


def test_the_page_has_a_row_for_each_input_and_no_other():
    assert set(ROWS) == {tested.name for tested in INPUTS}


OVERRIDING = " -flux 1e18 -nopolar -phi 3 -osc 1 -phisteps 2"
"""Most fields are overridden or unused here."""


@pytest.mark.parametrize("tested", INPUTS, ids=lambda tested: tested.name)
def test_a_field_that_moves_nothing_has_a_gradient_of_0_and_not_none(tested):
    parts = changed(
        changed(configs(TRICLINIC + OVERRIDING), CRYSTAL, crystal_size_mm=(3e-5, 3e-5, 3e-5)),
        BEAM,
        source_positions=torch.tensor([[-10.0, 0.0, 0.0]], dtype=torch.float64),
        source_wavelengths_angstrom=torch.tensor([1.1], dtype=torch.float64),
    )
    parts = changed(parts, DETECTOR, close_distance_mm=85.0, pivot="sample", origin_pixels=(7.0, 9.0))
    value = (
        tested.value
        if tested.value is not None
        else getattr(configs(TRICLINIC + tested.flags)[tested.which], tested.field)
    )
    x = torch.tensor(value, dtype=torch.float64, requires_grad=True)
    if tested.field.startswith("source_"):
        x = x.detach()[:1].clone().requires_grad_()
    image = simulate(moved(parts, tested, x))
    (gradient,) = torch.autograd.grad(image.sum(), x)
    assert torch.isfinite(gradient).all()
    plain = simulate(moved(parts, tested, x.detach()))
    # the pass with gradients may round otherwise: what is contracted depends on the processor
    assert float((image.detach() - plain).abs().max()) <= 1e-13 * float(plain.abs().max())


@pytest.mark.parametrize(
    ("field", "which"), [("distance_mm", DETECTOR), ("fluence", BEAM), ("fudge", CRYSTAL), ("polarization", BEAM)]
)
def test_what_is_overridden_has_a_gradient_of_exactly_0(field, which):
    parts = changed(configs(TRICLINIC + OVERRIDING), DETECTOR, close_distance_mm=85.0)
    x = torch.tensor(1e300, dtype=torch.float64, requires_grad=True)
    (gradient,) = torch.autograd.grad(simulate(changed(parts, which, **{field: x})).sum(), x)
    assert gradient.item() == 0.0


def test_a_connection_adds_nothing_whatever_the_tensor_holds():
    x = torch.tensor(torch.inf, requires_grad=True)
    image = torch.ones(2, 2)
    joined = connected(image, [(x,)])
    assert torch.equal(joined.detach(), image)
    assert torch.autograd.grad(joined.sum(), x)[0].item() == 0.0


def test_a_resolution_limit_is_connected_too():
    dmin = torch.tensor(9.0, dtype=torch.float64, requires_grad=True)
    image = simulate(changed(configs(TRICLINIC), RUN, dmin_angstrom=dmin))
    assert torch.autograd.grad(image.sum(), dmin)[0].item() == 0.0
    assert image.min() == 0.0


def test_a_soft_tophat_becomes_the_sharp_one_and_has_slopes_on_the_way():
    parts = configs(TRICLINIC + " -N 2 -tophat_spots")
    sharp = simulate(parts)
    soft = simulate(changed(parts, CRYSTAL, tophat_softness=1e-9))
    assert torch.allclose(soft, sharp, rtol=1e-6, atol=1e-9 * sharp.max())
    a = torch.tensor(61.0, dtype=torch.float64, requires_grad=True)
    (slope,) = torch.autograd.grad(simulate(changed(parts, CRYSTAL, cell_a=a, tophat_softness=0.3)).sum(), a)
    assert slope.abs() > 1e-3


def test_a_negative_softness_is_refused():
    with pytest.raises(gb.ConfigError, match="tophat_softness is -1"):
        gb.CrystalConfig(tophat_softness=-1.0)
