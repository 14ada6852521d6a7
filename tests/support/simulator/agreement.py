"""How well the gradient of each continuous input agrees with finite differences.

``python -m tests.support.simulator.agreement`` prints the table of docs/gradients.md, with ``--everywhere`` all
inputs in nine situations.
"""

import math
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

import torch
from torch import Tensor

import gradbragg as gb
from tests.support.simulator.images import BEAM, CRYSTAL, DETECTOR, TRICLINIC, Configs, changed, configs, simulate
from tests.support.simulator.richardson import derivative

MATRIX = ((0.016, -0.009, 0.006), (0.015, 0.016, -0.001), (-0.002, 0.003, 0.015))
NO_CELL = (
    ("reciprocal_matrix", torch.tensor(MATRIX, dtype=torch.float64)),
    *((f"cell_{name}", None) for name in ("a", "b", "c", "alpha", "beta", "gamma")),
)
SOURCES = {
    "source_positions": torch.tensor([[-10.0, 0.02, 0.01], [-10.0, -0.03, 0.02]], dtype=torch.float64),
    "source_weights": torch.tensor([1.0, 2.5], dtype=torch.float64),
    "source_wavelengths_angstrom": torch.tensor([1.1, 1.12], dtype=torch.float64),
}
FLAT = " -detector_thick 300 -detector_abs 250"


@dataclass(frozen=True)
class Input:
    """One continuous input in a situation in which it matters.

    Args:
        which: Configuration.
        field: Of the configuration.
        value: Where the gradient is taken; None: the value of the situation.
        flags: The situation, beside the triclinic crystal of all.
        fixed: Fields of the same configuration that the situation needs.
        label: In the table; empty: the field.
        wrap: Makes the field's value of the tensor.
    """

    which: int
    field: str
    value: float | tuple | None = None
    flags: str = ""
    fixed: tuple[tuple[str, object], ...] = ()
    label: str = ""
    wrap: Callable[[Tensor], object] = lambda tensor: tensor

    @property
    def name(self) -> str:
        return self.label or self.field


def table(interpolate: bool) -> Input:
    generator = torch.Generator().manual_seed(1)
    F = 10.0 + torch.rand((25, 27, 29), dtype=torch.float64, generator=generator)
    return Input(
        CRYSTAL,
        "reflections",
        value=tuple(F.reshape(-1).tolist()),
        fixed=(("interpolate", interpolate),),
        label=f"reflections.F_hkl, {'tricubic' if interpolate else 'nearest'}",
        wrap=lambda x: gb.ReflectionTable(x.unflatten(-1, F.shape), (-12, -13, -14)),
    )


INPUTS = (
    *(Input(CRYSTAL, f"cell_{name}") for name in ("a", "b", "c", "alpha", "beta", "gamma")),
    Input(CRYSTAL, "reciprocal_matrix", MATRIX, fixed=NO_CELL),
    Input(CRYSTAL, "misset_deg", (11.0, -23.0, 37.0)),
    Input(CRYSTAL, "n_cells", (3.7, 4.2, 5.1)),
    Input(CRYSTAL, "crystal_size_mm", (2.3e-5, 3.1e-5, 3.7e-5), fixed=(("whole_cells", False),)),
    Input(CRYSTAL, "fudge", flags=" -N 2 -gauss_xtal -fudge 2"),
    Input(CRYSTAL, "tophat_softness", 0.2, flags=" -N 2 -tophat_spots"),
    Input(CRYSTAL, "phi_start_deg", flags=" -phi 3 -osc 1.5 -phisteps 4"),
    Input(CRYSTAL, "osc_deg", flags=" -phi 3 -osc 1.5 -phisteps 4"),
    Input(CRYSTAL, "phi_step_deg", 0.4, flags=" -phi 3 -osc 1.5 -phisteps 4"),
    Input(CRYSTAL, "spindle_axis", (0.1, 0.2, 1.0), flags=" -phi 3"),
    Input(CRYSTAL, "mosaic_spread_deg", flags=" -mosaic 0.7 -mosaic_domains 5"),
    Input(CRYSTAL, "default_F"),
    table(interpolate=False),
    table(interpolate=True),
    Input(CRYSTAL, "water_um", flags=" -water 0.01"),
    Input(BEAM, "wavelength_angstrom"),
    Input(BEAM, "fluence"),
    Input(BEAM, "flux", flags=" -flux 1e18"),
    Input(BEAM, "exposure_s", flags=" -flux 1e18 -exposure 2"),
    Input(BEAM, "beamsize_mm", flags=" -flux 1e18 -beamsize 0.2"),
    Input(BEAM, "polarization", flags=" -polar 0.8"),
    Input(BEAM, "direction", (1.0, 0.02, -0.03), flags=" -beam_vector 1 0.02 -0.03"),
    Input(BEAM, "polarization_axis", (0.0, 0.3, 1.0), flags=" -polar 0.7"),
    Input(BEAM, "hdiv_range_mrad", flags=" -hdivrange 2 -hdivsteps 3 -vdivrange 1 -vdivsteps 2"),
    Input(BEAM, "vdiv_range_mrad", flags=" -hdivrange 2 -hdivsteps 3 -vdivrange 1 -vdivsteps 2"),
    Input(BEAM, "hdiv_step_mrad", 0.9, flags=" -hdivrange 2 -hdivsteps 3"),
    Input(BEAM, "vdiv_step_mrad", 0.9, flags=" -vdivrange 2 -vdivsteps 3"),
    Input(BEAM, "dispersion", flags=" -dispersion 2 -dispsteps 3"),
    Input(BEAM, "dispersion_step", 0.009, flags=" -dispersion 2 -dispsteps 3"),
    *(Input(BEAM, name, tuple(v.tolist()), fixed=tuple(SOURCES.items())) for name, v in SOURCES.items()),
    Input(DETECTOR, "pixel_size_mm"),
    Input(DETECTOR, "detector_size_mm", (20.0, 21.0)),
    Input(DETECTOR, "distance_mm"),
    Input(DETECTOR, "close_distance_mm", 85.0),
    Input(DETECTOR, "beam_center_mm", (10.0, 11.0)),
    Input(DETECTOR, "near_point_mm", (10.0, 11.0), flags=" -fdet_vector 0 0 1"),
    Input(DETECTOR, "origin_pixels", (7.0, 9.0), flags=" -xds"),
    Input(DETECTOR, "pix0_mm", (90.0, 9.0, -11.0)),
    Input(DETECTOR, "rotation_deg", (4.0, -3.0, 2.0)),
    Input(DETECTOR, "twotheta_deg", flags=" -twotheta 7"),
    Input(DETECTOR, "fast_axis", (0.0, 0.1, 1.0)),
    Input(DETECTOR, "slow_axis", (0.05, -1.0, 0.1)),
    Input(DETECTOR, "normal", (1.0, 0.05, 0.1), flags=" -xds -twotheta 3"),
    Input(DETECTOR, "twotheta_axis", (0.1, 1.0, 0.2), flags=" -twotheta 5"),
    Input(DETECTOR, "thickness_um", flags=FLAT),
    Input(DETECTOR, "attenuation_um", flags=FLAT),
)


def weights() -> Tensor:
    """Random pixel weights: a plain sum hides what only moves intensity about."""
    return torch.rand((16, 16), dtype=torch.float64, generator=torch.Generator().manual_seed(0))


@dataclass(frozen=True)
class Agreement:
    """A gradient and its finite difference.

    Args:
        deviation: Largest ``|gradient - difference|`` of the entries that were tried, relative to the largest
            gradient of the input.
        uncertainty: The finite difference's own error, relative to the same.
    """

    deviation: float
    uncertainty: float


def measure(tested: Input) -> Agreement:
    """The agreement of one input, along its three largest gradients."""
    parts, start = situation_of(tested)
    x = start.clone().requires_grad_()
    (gradient,) = torch.autograd.grad(loss_of(parts, tested, x), x)
    return agreement(lambda x: loss_of(parts, tested, x), start, gradient, float(gradient.abs().max()), entries=3)


def measure_second(tested: Input) -> Agreement:
    """The same for the slope along a fixed direction and its gradient, along the two largest second derivatives."""
    parts, start = situation_of(tested)
    direction = 0.5 + torch.rand(start.shape, dtype=torch.float64, generator=torch.Generator().manual_seed(3))

    def slope(x: Tensor, *, graph: bool = False) -> Tensor:
        x = x if x.requires_grad else x.requires_grad_()
        (gradient,) = torch.autograd.grad(loss_of(parts, tested, x), x, create_graph=graph)
        return (gradient * direction).sum()

    x = start.clone().requires_grad_()
    first = slope(x, graph=True)
    (second,) = torch.autograd.grad(first, x, materialize_grads=True) if first.requires_grad else (torch.zeros_like(x),)
    # where a loss is linear in its input, what it is measured by is the slope
    linear = 1e-3 * first.detach().abs().item() / max(start.abs().max().item(), 1e-9)
    return agreement(slope, start, second, max(second.abs().max().item(), linear), entries=2)


def situation_of(tested: Input) -> tuple[Configs, Tensor]:
    """The configurations in which an input matters, and where it is."""
    parts = changed(configs(TRICLINIC + tested.flags), tested.which, **dict(tested.fixed))
    value = getattr(parts[tested.which], tested.field) if tested.value is None else tested.value
    return parts, torch.tensor(value, dtype=torch.float64)


def loss_of(parts: Configs, tested: Input, x: Tensor) -> Tensor:
    return (simulate(moved(parts, tested, x)) * weights()).sum()


def agreement(
    function: Callable[[Tensor], Tensor], start: Tensor, gradient: Tensor, size: float, entries: int
) -> Agreement:
    """A function's gradient against finite differences, along its largest entries."""
    flat = gradient.reshape(-1)
    deviation = uncertainty = 0.0
    for i in flat.abs().argsort(descending=True)[:entries].tolist():

        def along(value: float, i: int = i) -> float:
            new = start.clone()
            new.reshape(-1)[i] = value
            return function(new).item()

        number = float(start.reshape(-1)[i])
        numeric, error = derivative(along, number, scale=max(abs(number), 0.1 if start.ndim else 1e-3))
        deviation = max(deviation, abs(float(flat[i]) - numeric) / size)
        uncertainty = max(uncertainty, error / size)
    return Agreement(deviation, uncertainty)


def moved(parts: Configs, tested: Input, x: Tensor) -> Configs:
    return changed(parts, tested.which, **{tested.field: tested.wrap(x)})


def power_of_ten(value: float) -> str:
    """The next power of ten above a value."""
    return f"1e{math.ceil(math.log10(max(value, 1e-15))):+03d}"


def rows() -> list[str]:
    """The rows of the table."""
    names = ("CrystalConfig", "DetectorConfig", "BeamConfig")
    lines = ["| configuration | input | situation | agrees to | difference uncertain by |", "|---|---|---|---|---|"]
    for tested in INPUTS:
        found = measure(tested)
        digits = f"{power_of_ten(found.deviation)} | {power_of_ten(found.uncertainty)}"
        situation = f"`{tested.flags.strip()}`" if tested.flags else "plain"
        lines.append(f"| `{names[tested.which]}` | `{tested.name}` | {situation} | {digits} |")
    return lines


SITUATIONS = {
    "plain": "",
    "mosaic": " -mosaic 0.6 -mosaic_domains 3",
    "phi": " -phi 3 -osc 1.5 -phisteps 3",
    "rotated": " -detector_rotx 5 -detector_roty -3 -detector_rotz 2 -twotheta 8",
    "round": " -round_xtal -N 2",
    "gauss": " -gauss_xtal -N 2",
    "thick": " -detector_thick 300 -detector_abs 250 -detector_thicksteps 3",
    "several sources": " -hdivrange 2 -hdivsteps 3 -vdivrange 1 -vdivsteps 2 -dispersion 1 -dispsteps 2",
    "oversample": " -oversample 2",
}


def everywhere() -> Iterator[str]:
    """A line for each input in each situation, the last flag of a kind counting."""
    for situation, flags in SITUATIONS.items():
        for tested in INPUTS:
            found = measure(replace(tested, flags=tested.flags + flags))
            yield f"{situation:16} {tested.name:32} {found.deviation:8.1e} {found.uncertainty:8.1e}"


if __name__ == "__main__":
    for line in everywhere() if "--everywhere" in sys.argv else rows():
        sys.stdout.write(line + "\n")
        sys.stdout.flush()
