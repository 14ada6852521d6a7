"""Settings to a crystal configuration."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, cast

from gradbragg.errors import FileError, UsageError
from gradbragg.flags.automatic import mosaic_domains, phi_steps
from gradbragg.io.matrix_file import read_matrix
from gradbragg.models.config import CrystalConfig, Shape
from gradbragg.models.random_stream import random_misset_deg
from gradbragg.rules import PHYSICAL, REFERENCE

if TYPE_CHECKING:
    from torch import Tensor

    from gradbragg.flags.settings import Settings
    from gradbragg.flags.structure_settings import StructureSettings

_SHAPES = {"-square_xtal": "square", "-round_xtal": "round", "-gauss_xtal": "gauss", "-tophat_spots": "tophat"}
_EDGES = ("-sample_thick", "-sample_width", "-sample_height")


def crystal_config(settings: Settings, wavelength: float, custom: bool, structure: StructureSettings) -> CrystalConfig:
    """The crystal that the settings describe.

    Args:
        settings: Flags and headers.
        wavelength: Angstrom, which a matrix file carries.
        custom: Whether the convention is custom, so that a spindle axis counts.
        structure: Structure factors; their file's cell counts where neither -cell nor -mat is given.

    Raises:
        GradBraggError: The settings do not describe a crystal.
    """
    cell = _cell(settings)
    matrix = _matrix(settings, wavelength, cell[0] is not None)
    if cell[0] is None and matrix is None and structure.cell is not None:
        cell = structure.cell
        settings.origins["-cell"] = "the file of the structure factors"
    a, b, c, alpha, beta, gamma = cell
    if a is None and matrix is None:
        raise UsageError("no unit cell: give -cell a b c alpha beta gamma, or -mat FILE")
    phi = phi_steps(settings.number("-phisteps"), _osc(settings), settings.number("-phistep"))
    domains, spread = mosaic_domains(settings.number("-mosaic_domains"), settings.number("-mosaic"))
    shape = settings.last(*_SHAPES)
    cells = _cells(settings)
    return CrystalConfig(
        cell_a=a,
        cell_b=b,
        cell_c=c,
        cell_alpha=alpha,
        cell_beta=beta,
        cell_gamma=gamma,
        reciprocal_matrix=matrix,
        misset_deg=_misset(settings),
        n_cells=cells,
        crystal_size_mm=_sizes(settings),
        whole_cells=True,
        shape=cast("Shape", _SHAPES[shape.flag.name] if shape else "square"),
        fudge=settings.first_known("-fudge", "", 1.0) if settings.has("-fudge") else 1.0,
        phi_start_deg=settings.first_known("-phi", "PHI", 0.0),
        osc_deg=phi.osc_deg,
        phi_steps=phi.steps,
        phi_step_deg=phi.step_deg,
        spindle_axis=settings.vector("-spindle_axis") if custom else None,
        mosaic_spread_deg=spread,
        mosaic_domains=domains,
        mosaic_seed=int(settings.number("-mosaic_seed") or 0) if settings.has("-mosaic_seed") else 12345678,
        default_F=settings.number("-default_F") or 0.0,
        reflections=structure.reflections,
        interpolate=_interpolate(settings, cells),
        water_um=settings.number("-water") or 0.0,
    )


def _cell(settings: Settings) -> tuple[float | None, ...]:
    given = settings.last("-cell")
    if given is None or given.number() == 0.0:
        return (None,) * 6
    settings.origins["-cell"] = "flag -cell"
    values = [given.number(i) for i in range(len(given.values))]
    if not settings.compat:
        for value in values:
            if value <= 0:
                raise UsageError(f"-cell needs values above 0, got {value:g}")
    values += [0.0] * (6 - len(values))
    edges = [value if value > 0 else values[0] for value in values[:3]]
    angles = [value if value > 0 else 90.0 for value in values[3:]]
    return (*edges, *angles)


def _matrix(settings: Settings, wavelength: float, has_cell: bool) -> Tensor | None:
    path = settings.text("-mat")
    if path is None:
        return None
    try:
        return read_matrix(path) / wavelength
    except FileError:
        # the reference program passes over a matrix that it cannot read, and needs a cell then
        if settings.compat and has_cell:
            return None
        raise


def _osc(settings: Settings) -> float | None:
    flag = settings.number("-osc")
    if flag is not None:
        return flag
    header = settings.header("OSC_RANGE")
    # a header of a still says 0; only the reference program takes that for a request of two equal steps
    return None if header == 0 and not settings.compat else header


def _misset(settings: Settings) -> tuple[float, float, float]:
    given = settings.last("-misset")
    if given is None:
        return (0.0, 0.0, 0.0)
    settings.origins["-misset"] = "flag -misset"
    if not isinstance(given.values[0], str):
        return given.number(0), given.number(1), given.number(2)
    seed = settings.number("-misset_seed")
    rules = REFERENCE if settings.compat else PHYSICAL
    return random_misset_deg(int(seed) if seed is not None else int(time.time()), rules.random_misset_in_radians)


def _cells(settings: Settings) -> tuple[float, float, float]:
    found = [settings.number("-N" + axis, "-N") for axis in "abc"]
    if not settings.compat:
        for value in found:
            if value is not None and value < 1:
                raise UsageError(f"-N needs 1 or more cells, got {value:g}")
    a, b, c = (max(value if value is not None else 1.0, 1.0) for value in found)
    return a, b, c


def _sizes(settings: Settings) -> tuple[float | None, float | None, float | None] | None:
    beam = settings.number("-beamsize")
    beam = 0.1 if beam is None else beam
    sizes: list[float | None] = []
    for axis, name in enumerate(_EDGES):
        size = settings.number("-samplesize", name)
        if size is not None and axis > 0:
            size = min(size, beam)
        sizes.append(size if size is not None and size > 0 else None)
    a, b, c = sizes
    return None if a is b is c is None else (a, b, c)


def _interpolate(settings: Settings, cells: tuple[float, float, float]) -> bool | None:
    given = settings.last("-interpolate", "-nointerpolate")
    if given is not None:
        return given.flag.name == "-interpolate"
    # the reference program decides before it turns a crystal size into cells
    return min(cells) <= 2 if settings.compat else None
