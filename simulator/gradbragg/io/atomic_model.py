"""Structure factors of an atomic model, through gemmi (docs/physics.md, section 6)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from gradbragg.errors import FileError
from gradbragg.io.optional import optional_module
from gradbragg.io.reflection_rows import check_size
from gradbragg.io.symmetry import UniqueReflections, expanded
from gradbragg.io.text import read_text
from gradbragg.models.crystal_data import CrystalData

if TYPE_CHECKING:
    from pathlib import Path

_GRID_POINTS = 3.0
"""Points of the density grid for each smallest spacing."""


def structure_factors_of_model(path: str | Path, d_min: float) -> CrystalData:
    """Structure factors of the atoms of a PDB or mmCIF file.

    The electron density of the first model, from tabulated form factors with the atoms' B factors and
    occupancies, is put on a grid and transformed. There is no bulk solvent and no anomalous scattering.

    Args:
        path: The file; it needs a unit cell and a space group.
        d_min: Smallest spacing, angstrom.

    Returns:
        Amplitudes expanded to P1, F000 included, and the cell.

    Raises:
        FileError: The file cannot be read, or has no atoms, no cell or no space group.
        UnsupportedError: gemmi is not installed.
    """
    gemmi = optional_module("gemmi", "reading atomic models")
    structure = _read(path, gemmi)
    group = gemmi.find_spacegroup_by_name(structure.spacegroup_hm)
    cell = structure.cell
    if not cell.is_crystal() or group is None:
        raise FileError(
            path, "has no unit cell and space group (CRYST1 or _cell, _symmetry); structure factors need both"
        )
    check_size(path, tuple(int(_GRID_POINTS * edge / d_min) + 1 for edge in (cell.a, cell.b, cell.c)))
    density = gemmi.DensityCalculatorX()
    density.d_min = d_min
    density.rate = _GRID_POINTS / 2.0
    density.set_refmac_compatible_blur(structure[0])
    density.grid.setup_from(structure)
    density.put_model_density_on_grid(structure[0])
    transformed = gemmi.transform_map_to_f_phi(density.grid)
    unique = transformed.prepare_asu_data(dmin=d_min, unblur=density.blur, with_000=True)
    listed = UniqueReflections(np.array(unique.miller_array, dtype=np.int64), np.abs(unique.value_array).astype(float))
    return CrystalData(expanded(path, listed, group), tuple(cell.parameters), group.xhm(), f"atoms to {d_min:.4g} A")


def _read(path: str | Path, gemmi: Any) -> Any:  # noqa: ANN401  gemmi's
    text = read_text(path)
    try:
        structure = gemmi.read_structure_string(text)
    except (RuntimeError, ValueError) as error:
        raise FileError(path, f"cannot be read as PDB or mmCIF ({error})") from error
    if len(structure) == 0 or structure[0].count_atom_sites() == 0:
        raise FileError(path, "holds no atoms; a file of reflections is for --cif")
    structure.setup_cell_images()
    return structure
