"""Where each field of the configurations came from: a flag, a header, a file or a default."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from gradbragg.flags.settings import Settings

_SHAPES = "-square_xtal -round_xtal -gauss_xtal -tophat_spots"
_FRAMES = "-mosflm -denzo -adxv -xds -dials"
_VECTORS = "-fdet_vector -sdet_vector -odet_vector -beam_vector -polar_vector -spindle_axis -twotheta_axis"
_CORNERS = "-pix0_vector -pix0_vector_mm"

ORIGINS: dict[str, dict[str, str]] = {
    "crystal": {
        **dict.fromkeys(("cell_a", "cell_b", "cell_c", "cell_alpha", "cell_beta", "cell_gamma"), "-cell"),
        "reciprocal_matrix": "-mat",
        "misset_deg": "-misset",
        "n_cells": "-N -Na -Nb -Nc",
        "crystal_size_mm": "-samplesize -sample_thick -sample_width -sample_height",
        "shape": _SHAPES,
        "fudge": "-fudge",
        "phi_start_deg": "-phi PHI",
        "osc_deg": "-osc -phistep OSC_RANGE",
        "phi_steps": "-phisteps",
        "phi_step_deg": "-phistep",
        "spindle_axis": "-spindle_axis",
        "mosaic_spread_deg": "-mosaic",
        "mosaic_domains": "-mosaic_domains",
        "mosaic_seed": "-mosaic_seed",
        "default_F": "-default_F",
        "reflections": "-hkl --mtz --cif --pdb -dump",
        "interpolate": "-interpolate -nointerpolate",
        "water_um": "-water",
    },
    "beam": {
        "wavelength_angstrom": "-lambda -energy WAVELENGTH",
        "fluence": "-fluence",
        "flux": "-flux",
        "exposure_s": "-exposure",
        "beamsize_mm": "-beamsize",
        "polarization": "-polar",
        "polarized": "-polar -nopolar",
        "direction": "-beam_vector",
        "polarization_axis": "-polar_vector",
        **{f"{way}div_range_mrad": f"-{way}divrange -divergence" for way in "hv"},
        **{f"{way}div_steps": f"-{way}divsteps -divsteps" for way in "hv"},
        **{f"{way}div_step_mrad": f"-{way}divstep" for way in "hv"},
        "round_divergence": "-round_div -square_div",
        "dispersion": "-dispersion",
        "dispersion_steps": "-dispsteps",
        **dict.fromkeys(("source_positions", "source_weights", "source_wavelengths_angstrom"), "-sourcefile"),
    },
    "detector": {
        "convention": f"{_FRAMES} {_VECTORS} {_CORNERS}",
        "n_fast": "-detpixels -detpixels_f -detsize -detsize_f SIZE1 DETECTOR_DIMENSIONS",
        "n_slow": "-detpixels -detpixels_s -detsize -detsize_s SIZE2 DETECTOR_DIMENSIONS",
        "pixel_size_mm": "-pixel PIXEL_SIZE",
        "detector_size_mm": "-detsize -detsize_f -detsize_s",
        "distance_mm": "-distance DISTANCE",
        "close_distance_mm": "-close_distance CLOSE_DISTANCE",
        "beam_center_mm": "-Xbeam -Ybeam BEAM_CENTER_X BEAM_CENTER_Y",
        "near_point_mm": "-Xclose -Yclose",
        "origin_pixels": "-ORGX -ORGY ORGX XDS_ORGX",
        "pix0_mm": _CORNERS,
        "pivot": "-pivot",
        "rotation_deg": "-detector_rotx -detector_roty -detector_rotz",
        "twotheta_deg": "-twotheta TWOTHETA",
        "fast_axis": "-fdet_vector",
        "slow_axis": "-sdet_vector",
        "normal": "-odet_vector",
        "twotheta_axis": "-twotheta_axis",
        "point_pixel": "-point_pixel",
        "curved": "-curved_det",
        "thickness_um": "-detector_thick",
        "attenuation_um": "-detector_abs",
        "thickness_steps": "-detector_thicksteps",
        "mask": "-mask",
    },
    "run": {
        "dtype": "--dtype",
        "device": "--device",
        "precision": "--precision",
        "compat": "--compat",
        "oversample": "-oversample",
        "oversample_omega": "-oversample_omega",
        "oversample_polar": "-oversample_polar",
        "oversample_thick": "-oversample_thick",
        "roi": "-roi",
        "dmin_angstrom": "-dmin",
        "block_steps": "--block-steps",
    },
}
"""Flags, and header keys in capitals, that set each field."""


def field_origins(settings: Settings) -> dict[str, dict[str, str]]:
    """The origin of every field: ``flag -x``, ``header -img FILE``, a file, or ``default``.

    Args:
        settings: Flags and headers, after they have been resolved.
    """
    found = {
        section: {field: _origin(settings, names.split()) for field, names in fields.items()}
        for section, fields in ORIGINS.items()
    }
    cell_file = settings.origins.get("-cell", "")
    if settings.has("-cell") or not cell_file:
        return found
    for field in ("cell_a", "cell_b", "cell_c", "cell_alpha", "cell_beta", "cell_gamma"):
        found["crystal"][field] = cell_file
    return found


def _origin(settings: Settings, names: list[str]) -> str:
    given = settings.last(*(name for name in names if name.startswith("-")))
    if given is not None:
        return f"flag {given.flag.name}"
    for key in names:
        if not key.startswith("-") and settings.header(key) is not None:
            return settings.origins[key]
    return "default"
