"""Sources and strength of the beam."""

import pytest
import torch

import gradbragg as gb
from gradbragg.rules import REFERENCE
from gradbragg.units import TensorKind

KIND = TensorKind()


def test_the_default_fluence_times_the_thomson_cross_section_is_1():
    assert gb.Beam().photons_per_electron(KIND).item() == pytest.approx(1.0, rel=1e-14)


def test_flux_beats_fluence():
    beam = gb.Beam(gb.BeamConfig(flux=1e12, exposure_s=0.1, beamsize_mm=0.02))
    assert beam.photons_per_electron(KIND).item() == pytest.approx(1e11 / 4e-10 * 7.94079248018965e-30)


@pytest.mark.parametrize(("steps", "kept"), [(5, 13), (4, 12), (2, 4)])
def test_a_round_beam_leaves_out_the_corners(steps, kept):
    def count(round_divergence):
        config = gb.BeamConfig(
            hdiv_range_mrad=2.0,
            vdiv_range_mrad=1.0,
            hdiv_steps=steps,
            vdiv_steps=steps,
            round_divergence=round_divergence,
        )
        return gb.Beam(config).sources(KIND).wavelength.shape[0]

    assert count(True) == kept
    assert count(False) == steps**2


def test_wavelengths_span_the_dispersion():
    sources = gb.Beam(gb.BeamConfig(wavelength_angstrom=2.0, dispersion=0.02, dispersion_steps=3)).sources(KIND)
    assert sources.wavelength.tolist() == pytest.approx([1.98, 2.0, 2.02])


def test_directions_span_the_divergence():
    sources = gb.Beam(gb.BeamConfig(hdiv_range_mrad=4.0, hdiv_steps=2)).sources(KIND)
    assert torch.allclose(torch.linalg.vector_norm(sources.incident, dim=-1), torch.ones(2, dtype=torch.float64))
    cosine = (sources.incident[0] * sources.incident[1]).sum()
    assert torch.acos(cosine).item() == pytest.approx(4e-3, rel=1e-6)


def test_weights_are_normalised_and_equal_in_the_reference_program():
    config = gb.BeamConfig(
        source_positions=torch.tensor([[-10.0, 0, 0], [-5.0, 0.1, 0]]), source_weights=torch.tensor([5.0, 1.0])
    )
    assert gb.Beam(config).sources(KIND).weight.tolist() == pytest.approx([5 / 6, 1 / 6])
    assert gb.Beam(config).sources(KIND, REFERENCE).weight.tolist() == [0.5, 0.5]
