"""Values that describe nothing are refused: of a wrong kind when they are set, in tensors when they are used."""

import numpy as np
import pytest
import torch

import gradbragg as gb
from tests.support.simulator.images import BEAM, CRYSTAL, DETECTOR, RUN, TRICLINIC, changed, configs, simulate

PLAIN = configs(TRICLINIC)


def number(value):
    return torch.tensor(value, dtype=torch.float64)


KINDS = {
    "text": (CRYSTAL, {"cell_a": "100"}, "cell_a is '100'; a number or a tensor is needed"),
    "nothing": (CRYSTAL, {"misset_deg": None}, "misset_deg is None; a value is needed"),
    "two angles": (CRYSTAL, {"misset_deg": (1.0, 2.0)}, "3 numbers or a tensor"),
    "a tensor of four angles": (CRYSTAL, {"misset_deg": torch.ones(4)}, r"misset_deg is a tensor \(4,\)"),
    "an open angle": (CRYSTAL, {"misset_deg": (1.0, 2.0, None)}, "3 numbers or a tensor"),
    "two cell counts": (CRYSTAL, {"n_cells": (3.0, 4.0)}, "n_cells is"),
    "one edge": (CRYSTAL, {"crystal_size_mm": 0.1}, "crystal_size_mm is 0.1; 3 numbers"),
    "half a step": (CRYSTAL, {"phi_steps": 1.5}, "phi_steps is 1.5; a whole number is needed"),
    "a matrix of two columns": (CRYSTAL, {"reciprocal_matrix": torch.ones(3, 2)}, r"a tensor \(3, 3\) is needed"),
    "three beam centres": (DETECTOR, {"beam_center_mm": (1.0, 2.0, 3.0)}, "2 numbers"),
    "half a pixel": (DETECTOR, {"n_fast": 16.0}, "n_fast is 16.0; a whole number is needed"),
    "a mask that is no tensor": (DETECTOR, {"mask": np.ones((16, 16))}, "the mask is a ndarray; a tensor is needed"),
    "a list of sources": (BEAM, {"source_positions": [[-1.0, 0.0, 0.0]]}, r"a tensor \(n, 3\) is needed"),
    "weights without sources": (BEAM, {"source_weights": torch.ones(2)}, "source_weights needs source_positions"),
    "weights of other sources": (
        BEAM,
        {"source_positions": -torch.eye(3)[:1], "source_weights": torch.ones(2)},
        "source_weights has 2 entries for 1 source_positions",
    ),
    "a flux through no area": (BEAM, {"flux": 1e10, "beamsize_mm": 0.0}, "beamsize_mm is 0; a value above 0"),
    "a device that is not there": (RUN, {"device": "abacus"}, "device is 'abacus', which cannot be used here"),
}


@pytest.mark.parametrize(("which", "values", "message"), KINDS.values(), ids=KINDS)
def test_a_value_of_a_wrong_kind_is_refused_when_it_is_set(which, values, message):
    with pytest.raises(gb.ConfigError, match=message):
        changed(PLAIN, which, **values)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ((torch.ones(3, 3), (0, 0, 0)), "a reflection table needs F_hkl as a tensor"),
        ((torch.ones(3, 3, 3), (0, 0)), "three indices of its origin"),
        ((torch.ones(3, 3, 3), (0, 0, 0), torch.ones(2, 2, 2)), r"known is \(2, 2, 2\), F_hkl \(3, 3, 3\)"),
    ],
)
def test_a_table_that_does_not_fit_is_refused(values, message):
    with pytest.raises(gb.ConfigError, match=message):
        gb.ReflectionTable(*values)


HOLES = torch.full((3, 3, 3), 5.0, dtype=torch.float64)
HOLES[1, 2, 0] = torch.nan

TENSORS = {
    "a cell edge below 0": (CRYSTAL, {"cell_a": number(-5.0)}, "cell_a is -5; a value above 0"),
    "a cell edge that is nan": (CRYSTAL, {"cell_a": number(torch.nan)}, "cell_a is nan; a finite number"),
    "angles of no cell": (
        CRYSTAL,
        {"cell_alpha": number(30.0), "cell_beta": number(140.0)},
        "no cell has the angles 30 140 101",
    ),
    "a misset with an infinity": (CRYSTAL, {"misset_deg": number([1.0, torch.inf, 0.0])}, "misset_deg is inf"),
    "no cells": (CRYSTAL, {"n_cells": number([0.0, 4.0, 4.0])}, "n_cells is 0"),
    "a structure factor that is nan": (
        CRYSTAL,
        {"reflections": gb.ReflectionTable(HOLES, (-1, -1, 0))},
        "the structure factor of 0 1 0 is not finite",
    ),
    "no wavelength": (BEAM, {"wavelength_angstrom": number(0.0)}, "wavelength_angstrom is 0"),
    "a beam without direction": (BEAM, {"direction": number([0.0, 0.0, 0.0])}, "direction is 0 0 0"),
    "weights that add up to 0": (
        BEAM,
        {"source_positions": number([[-1.0, 0.0, 0.0]]), "source_weights": number([0.0])},
        "source_weights add up to 0",
    ),
    "a pixel without size": (DETECTOR, {"pixel_size_mm": number(0.0)}, "pixel_size_mm is 0"),
}


@pytest.mark.parametrize(("which", "values", "message"), TENSORS.values(), ids=TENSORS)
def test_an_impossible_value_in_a_tensor_is_refused_when_the_image_is_made(which, values, message):
    parts = changed(PLAIN, which, **values)
    with pytest.raises(gb.ConfigError, match=message):
        simulate(parts)


def test_a_tensor_that_became_impossible_in_place_is_refused():
    wavelength = number(1.1)
    parts = changed(PLAIN, BEAM, wavelength_angstrom=wavelength)
    assert simulate(parts).isfinite().all()
    wavelength.fill_(torch.nan)
    with pytest.raises(gb.ConfigError, match="wavelength_angstrom is nan"):
        simulate(parts)


def test_a_structure_factor_that_is_not_listed_may_be_anything():
    known = torch.isfinite(HOLES)
    assert simulate(changed(PLAIN, CRYSTAL, reflections=gb.ReflectionTable(HOLES, (-1, -1, 0), known))).isfinite().all()


def test_a_spread_may_pass_through_0():
    """A line search tries such values; the rotation is smooth there."""
    parts = changed(configs(TRICLINIC + " -mosaic 1 -mosaic_domains 3"), CRYSTAL, mosaic_spread_deg=number(-0.1))
    assert simulate(parts).isfinite().all()


def test_numpy_numbers_are_numbers():
    parts = changed(PLAIN, CRYSTAL, cell_a=np.float32(61.0), misset_deg=np.array([11.0, -23.0, 37.0]))
    assert torch.equal(simulate(parts), simulate(PLAIN))
    with pytest.raises(gb.ConfigError, match="cell_a is -1; a value above 0"):
        changed(PLAIN, CRYSTAL, cell_a=np.float32(-1.0))
