"""Structure factors from CIF and mmCIF reflection files, through gemmi (docs/physics.md, section 6)."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from gradbragg.errors import FileError
from gradbragg.io.optional import optional_module
from gradbragg.io.symmetry import UniqueReflections, expanded, signed_root
from gradbragg.io.text import read_text
from gradbragg.models.crystal_data import CrystalData

if TYPE_CHECKING:
    from pathlib import Path

_AMPLITUDES = ("F_meas_au", "F_meas", "F_calc_au", "F_calc")
_INTENSITIES = ("F_squared_meas", "intensity_meas", "F_squared_calc")
_REFUSED = ("x", "-", "<", "h", "l")
"""Status marks of reflections that were not observed or not used."""

_CELL = ("length_a", "length_b", "length_c", "angle_alpha", "angle_beta", "angle_gamma")
_SYMBOLS = ("symmetry.space_group_name_H-M", "space_group.name_H-M_alt")
_NUMBERS = ("symmetry.Int_Tables_number", "space_group.IT_number")


def read_cif(path: str | Path, column: str | None = None) -> CrystalData:
    """Read the amplitudes of a reflection file, of macromolecules (mmCIF) or small molecules (CIF).

    Args:
        path: The file.
        column: Item of the amplitudes without its category, such as ``F_meas_au``; or of intensities
            (``F_squared_meas``, ``intensity_meas``), whose root is taken. None: the first of those that there is.

    Returns:
        Amplitudes expanded to P1, and the cell.

    Raises:
        FileError: The file cannot be read, or has no reflections, no such item, no cell or no space group.
        UnsupportedError: gemmi is not installed.
    """
    gemmi = optional_module("gemmi", "reading CIF")
    try:
        document = gemmi.cif.read_string(read_text(path))
    except (RuntimeError, ValueError) as error:
        raise FileError(path, f"cannot be read as CIF ({error})") from error
    for block in document:
        for separator in (".", "_"):
            if block.find_values(f"_refln{separator}index_h"):
                return _from_block(path, gemmi, block, separator, column)
    raise FileError(path, "holds no reflections (_refln); a file of atoms is for --pdb")


def _from_block(path: str | Path, gemmi: Any, block: Any, separator: str, column: str | None) -> CrystalData:  # noqa: ANN401
    wanted = (column,) if column is not None else _AMPLITUDES + _INTENSITIES
    name = next((name for name in wanted if block.find_values(f"_refln{separator}{name}")), None)
    if name is None:
        raise FileError(path, f"has none of {', '.join(f'_refln{separator}{name}' for name in wanted)}")
    tags = ["index_h", "index_k", "index_l", name]
    rows = block.find(f"_refln{separator}", tags + [f"?{tag}" for tag in ("status", "observed_status")])
    values = np.array([[gemmi.cif.as_number(row[i]) for i in range(4)] for row in rows])
    refused = [any(row.has(i) and row[i] in _REFUSED for i in (4, 5)) for row in rows]
    hkl = values[:, :3]
    if not np.isfinite(hkl).all() or (hkl != np.round(hkl)).any() or np.abs(hkl).max() > 2**31:
        bad = int(np.flatnonzero(~(np.isfinite(hkl) & (hkl == np.round(hkl))).all(axis=1))[:1].sum())
        raise FileError(path, f"reflection {bad + 1} has indices that are not whole numbers")
    F = values[:, 3]
    if name not in _AMPLITUDES and ("squared" in name or "intensity" in name):
        F = signed_root(F)
    F = np.where(refused, math.nan, F)
    cell = _cell(path, gemmi, block)
    group = _space_group(path, gemmi, block, cell)
    return CrystalData(expanded(path, UniqueReflections(hkl.astype(np.int64), F), group), cell, group.xhm(), name)


def _value(block: Any, dotted: str) -> str | None:  # noqa: ANN401  gemmi's
    """The value of an item in the spelling of mmCIF or of CIF."""
    for tag in (f"_{dotted}", "_" + dotted.replace(".", "_")):
        found = block.find_value(tag)
        if found is not None and found not in ("?", "."):
            return str(found).strip("'\"")
    return None


def _cell(path: str | Path, gemmi: Any, block: Any) -> tuple[float, float, float, float, float, float]:  # noqa: ANN401
    values = [gemmi.cif.as_number(_value(block, f"cell.{name}") or "?") for name in _CELL]
    if not all(math.isfinite(value) and value > 0 for value in values):
        raise FileError(path, "has no unit cell (_cell.length_a ... _cell.angle_gamma)")
    a, b, c, alpha, beta, gamma = values
    return a, b, c, alpha, beta, gamma


def _space_group(path: str | Path, gemmi: Any, block: Any, cell: tuple[float, ...]) -> Any:  # noqa: ANN401  gemmi's
    for tag in _SYMBOLS:
        symbol = _value(block, tag)
        group = symbol and gemmi.find_spacegroup_by_name(symbol, cell[3], cell[5])
        if group:
            return group
    for tag in _NUMBERS:
        number = _value(block, tag)
        group = number and number.isdigit() and gemmi.find_spacegroup_by_number(int(number))
        if group:
            return group
    raise FileError(path, "has no space group that gemmi knows (_symmetry.space_group_name_H-M)")
