"""Structure factors from MTZ files, through gemmi (docs/physics.md, section 6)."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING, Any

import numpy as np

from gradbragg.errors import FileError, GradBraggWarning
from gradbragg.io.optional import optional_module
from gradbragg.io.symmetry import UniqueReflections, expanded, signed_root
from gradbragg.io.text import read_bytes
from gradbragg.models.crystal_data import CrystalData

if TYPE_CHECKING:
    from pathlib import Path

_PREFERRED = ("F", "FP", "FOBS", "F-obs", "F-obs-filtered", "FMEAN", "FC", "F-model", "FC_ALL")
_AMPLITUDE, _MATE_AMPLITUDE, _INTENSITY, _MATE_INTENSITY = "F", "G", "J", "K"
_USABLE = (_AMPLITUDE, _MATE_AMPLITUDE, _INTENSITY, _MATE_INTENSITY)


def read_mtz(path: str | Path, column: str | None = None) -> CrystalData:
    """Read the amplitudes of an MTZ file; the observations of an unmerged one are averaged, not scaled.

    Args:
        path: The file.
        column: Label of the amplitudes, or of intensities, whose root is taken. With a label such as F(+) the
            Friedel mates come from F(-). None: FP, F or the like, else the first amplitudes there are.

    Returns:
        Amplitudes expanded to P1, and the cell.

    Raises:
        FileError: The file cannot be read or has no such column.
        UnsupportedError: gemmi is not installed.

    Warns:
        GradBraggWarning: The file was not merged, or amplitudes are negative.
    """
    gemmi = optional_module("gemmi", "reading MTZ")
    content = read_bytes(path)
    if not content.startswith(b"MTZ "):
        raise FileError(path, "is not an MTZ file: it does not begin with 'MTZ '")
    try:
        mtz = gemmi.read_mtz_file(str(path))
    except (RuntimeError, ValueError, OSError, MemoryError) as error:
        raise FileError(path, f"cannot be read as MTZ ({error})") from error
    if mtz.spacegroup is None:
        raise FileError(path, "has no space group that gemmi knows")
    if len(mtz.batches):
        mtz = _merged(path, gemmi, mtz)
    data = np.array(mtz, copy=True)
    if not len(data):
        raise FileError(path, "holds no reflection")
    chosen = _column(path, mtz, column)
    mate = _mate(mtz, chosen)
    unique = UniqueReflections(
        data[:, :3].astype(np.int64), _amplitudes(data, chosen), None if mate is None else _amplitudes(data, mate)
    )
    reflections = expanded(path, unique, mtz.spacegroup)
    return CrystalData(reflections, tuple(mtz.cell.parameters), mtz.spacegroup.xhm(), chosen.label)


def _merged(path: str | Path, gemmi: Any, mtz: Any) -> Any:  # noqa: ANN401  gemmi's
    """Weighted means of the observations of an unmerged file, Friedel mates apart."""
    observed = gemmi.Intensities()
    try:
        observed.import_mtz(mtz, gemmi.DataType.Unmerged)
        observed.merge_in_place(observed.prepare_for_merging(gemmi.DataType.Anomalous))
        merged = observed.prepare_merged_mtz(False)
    except (RuntimeError, ValueError) as error:
        raise FileError(path, f"is not merged and has no observations that can be ({error})") from error
    text = f"{path}: {mtz.nreflections} observations merged to {merged.nreflections} reflections, without scaling them"
    warnings.warn(text, GradBraggWarning, stacklevel=3)
    return merged


def _column(path: str | Path, mtz: Any, label: str | None) -> Any:  # noqa: ANN401  gemmi's
    columns = {column.label: column for column in mtz.columns if column.type in _USABLE}
    if label is not None:
        if label not in columns:
            raise FileError(path, f"has no amplitudes {label!r}; there are: {', '.join(columns) or 'none'}")
        return columns[label]
    amplitudes = [column for column in columns.values() if column.type == _AMPLITUDE]
    named = [columns[name] for name in _PREFERRED if name in columns and columns[name] in amplitudes]
    found = named or amplitudes or list(columns.values())
    if not found:
        raise FileError(path, f"has no amplitudes or intensities; its columns are {', '.join(mtz.column_labels())}")
    return found[0]


def _mate(mtz: Any, column: Any) -> Any | None:  # noqa: ANN401  gemmi's
    """The column of the Friedel mates, where the chosen one is of one half only."""
    if column.type not in (_MATE_AMPLITUDE, _MATE_INTENSITY):
        return None
    partner = column.label.replace("+", "-")
    return next((one for one in mtz.columns if one.label == partner and one is not column), None)


def _amplitudes(data: np.ndarray, column: Any) -> np.ndarray:  # noqa: ANN401  gemmi's
    values: np.ndarray = data[:, column.idx].astype(np.float64)
    return signed_root(values) if column.type in (_INTENSITY, _MATE_INTENSITY) else values
