"""The crystal: cell, orientation, and the orientations that a run samples (docs/physics.md, section 3)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields

import torch
from torch import Tensor

from gradbragg.kernels.cell import (
    cell_volume,
    cross_products,
    dual_vectors,
    reciprocal_vectors,
    stretched_real_vectors,
)
from gradbragg.kernels.rotation import axis_rotation, fixed_axes_rotation, unit
from gradbragg.models.batch import batch_entries, batch_shape
from gradbragg.models.config import CrystalConfig
from gradbragg.models.conventions import CONVENTIONS
from gradbragg.models.random_stream import UniformStream, draw_turn
from gradbragg.models.transforms import readable
from gradbragg.rules import PHYSICAL, Rules
from gradbragg.units import ANGSTROM, DEGREE, MM_IN_METRE, TensorKind, Vector


@dataclass(frozen=True, eq=False)
class CrystalState:
    """A crystal in all the orientations of a run.

    Args:
        real: Rows a, b, c in angstrom ``(phi, domains, 3, 3)``.
        reciprocal: Rows a*, b*, c* in 1/angstrom ``(phi, domains, 3, 3)``.
        unrotated: Rows a, b, c in angstrom ``(3, 3)``, after the misset, before phi and mosaic rotation.
        before_phi: Rows a, b, c of each domain without the phi rotation ``(domains, 3, 3)``.
        starts_at_zero: Whether the first phi step is exactly 0, without gradient, no dimension.
        cells: Number of cells along a, b, c ``(3,)``.
    """

    real: Tensor
    reciprocal: Tensor
    unrotated: Tensor
    before_phi: Tensor
    starts_at_zero: Tensor
    cells: Tensor

    @property
    def orientations(self) -> Tensor:
        """Real vectors with phi and domains in one dimension ``(phi * domains, 3, 3)``, domains quickest."""
        return self.real.flatten(-4, -3)

    @classmethod
    def batched(cls, states: Sequence[CrystalState], batch: tuple[int, ...]) -> CrystalState:
        """The states of a batch as one, each tensor with the batch's dimensions first."""
        each = {field.name: [getattr(state, field.name) for state in states] for field in fields(cls)}
        return cls(**{name: torch.stack(v).reshape(*batch, *v[0].shape) for name, v in each.items()})


class Crystal:
    """A crystal as its configuration describes it; computes nothing until it is asked.

    Args:
        config: The description.
    """

    def __init__(self, config: CrystalConfig | None = None) -> None:
        self.config = config if config is not None else CrystalConfig()

    def build_state(
        self,
        kind: TensorKind | None = None,
        rules: Rules = PHYSICAL,
        spindle_axis: Vector | None = None,
    ) -> CrystalState:
        """Real and reciprocal vectors in every orientation, from the values of the moment.

        Of a batch of crystals every tensor has the batch's dimensions first.

        Args:
            kind: Dtype and device; None: double precision on the CPU.
            rules: Physics or reference program.
            spindle_axis: Phi axis when the configuration leaves it open; None: that of mosflm.
        """
        kind = kind if kind is not None else TensorKind()
        batch = batch_shape(self.config)
        if batch:
            each = [Crystal(config) for (config,) in batch_entries(batch, [self.config])]
            return CrystalState.batched([one.build_state(kind, rules, spindle_axis) for one in each], batch)
        unrotated = self.real_vectors(kind, rules)
        phi = self.phi_rotations(kind, rules, spindle_axis)
        domains = self.domain_rotations(kind, rules)
        # a rotation acts on columns, the vectors are rows: rows @ U^T
        rotated = unrotated @ phi.transpose(-1, -2)
        real = rotated[:, None] @ domains.transpose(-1, -2)
        return CrystalState(
            real=real,
            reciprocal=dual_vectors(real),
            unrotated=unrotated,
            before_phi=unrotated @ domains.transpose(-1, -2),
            starts_at_zero=kind.scalar(self.config.phi_start_deg).detach() == 0,
            cells=self.cell_counts(unrotated, kind),
        )

    def real_vectors(self, kind: TensorKind, rules: Rules = PHYSICAL) -> Tensor:
        """Rows a, b, c in angstrom ``(3, 3)`` after the misset, before phi and mosaic rotation."""
        config = self.config
        lengths = self._cell_lengths(kind)
        if config.reciprocal_matrix is not None:
            reciprocal = kind.scalar(config.reciprocal_matrix).transpose(-1, -2)
        else:
            assert lengths is not None  # noqa: S101  the configuration has checked it
            reciprocal = reciprocal_vectors(lengths, self._cell_angles(kind), rules.oblique_c_star)
        misset = fixed_axes_rotation(kind.vector(config.misset_deg) * DEGREE)
        reciprocal = reciprocal @ misset.transpose(-1, -2)
        if lengths is None:
            return dual_vectors(reciprocal)
        return stretched_real_vectors(reciprocal, lengths)

    def _cell_lengths(self, kind: TensorKind) -> Tensor | None:
        a, b, c = self.config.cell_a, self.config.cell_b, self.config.cell_c
        if a is None or b is None or c is None:
            return None
        return kind.vector((a, b, c))

    def _cell_angles(self, kind: TensorKind) -> Tensor:
        config = self.config
        return kind.vector((config.cell_alpha, config.cell_beta, config.cell_gamma)) * DEGREE  # type: ignore[arg-type]

    def spot_metric(self, real: Tensor, kind: TensorKind) -> Tensor:
        """Reciprocal vectors that measure gauss and tophat spots in the reference program ``(3, 3)``.

        ``a* = (b x c)/V`` with the volume of the cell, which is not quite that of the vectors where the
        reference program gets the angles wrong.

        Args:
            real: Rows a, b, c in angstrom before phi and mosaic rotation.
            kind: Kind of the result.
        """
        lengths = self._cell_lengths(kind)
        if lengths is None:
            return dual_vectors(real)
        return cross_products(real) / cell_volume(lengths, self._cell_angles(kind))

    def cell_counts(self, real: Tensor, kind: TensorKind) -> Tensor:
        """Cells along a, b, c ``(3,)``; a crystal size beats ``n_cells``, and nothing is below 1.

        Args:
            real: Rows a, b, c in angstrom.
            kind: Kind of the result.
        """
        config = self.config
        given = config.n_cells
        cells = kind.vector(given) if not isinstance(given, (int, float)) else kind.scalar(float(given))
        cells = cells.expand(3)
        if config.crystal_size_mm is None:
            return cells
        edges = torch.linalg.vector_norm(real, dim=-1)
        entries = []
        for axis, size in enumerate(config.crystal_size_mm):
            if size is None:
                entries.append(cells[axis])
                continue
            count = (kind.scalar(size) / MM_IN_METRE) / (edges[axis] * ANGSTROM)
            entries.append((torch.ceil(count) if config.whole_cells else count).clamp(min=1.0))
        return torch.stack(entries)

    def phi_angles(self, kind: TensorKind, rules: Rules = PHYSICAL) -> Tensor:
        """Spindle angles in radians ``(phi,)``: the left edges of the steps."""
        config = self.config
        steps = torch.arange(config.phi_steps, dtype=kind.dtype, device=kind.device)
        if config.phi_step_deg is not None:
            step = kind.scalar(config.phi_step_deg)
        else:
            step = kind.scalar(config.osc_deg) / config.phi_steps
        phi = kind.scalar(config.phi_start_deg) * DEGREE + steps * (step * DEGREE)
        if rules.phi_zero_reuses_previous:
            order = torch.arange(config.phi_steps, device=kind.device)
            phi = phi[torch.where(phi.detach() == 0, (order - 1) % config.phi_steps, order)]
        return phi

    def phi_rotations(self, kind: TensorKind, rules: Rules = PHYSICAL, spindle_axis: Vector | None = None) -> Tensor:
        """Spindle rotations ``(phi, 3, 3)``."""
        chosen = self.config.spindle_axis if self.config.spindle_axis is not None else spindle_axis
        axis = unit(kind.vector(chosen if chosen is not None else CONVENTIONS["mosflm"].spindle))
        return axis_rotation(axis, self.phi_angles(kind, rules))

    def domain_rotations(self, kind: TensorKind, rules: Rules = PHYSICAL) -> Tensor:
        """Mosaic rotations ``(domains, 3, 3)``: fixed random axes, angles proportional to the spread.

        The rotation is smooth in the spread at 0 too, so it is made whatever the spread.
        """
        config = self.config
        stream = UniformStream(-config.mosaic_seed)
        turns = [draw_turn(stream, rules.single_precision_mosaicity) for _ in range(config.mosaic_domains)]
        axes = torch.tensor([turn.axis for turn in turns], dtype=kind.dtype, device=kind.device)
        fractions = torch.tensor([0.0] + [turn.fraction for turn in turns[1:]], dtype=kind.dtype, device=kind.device)
        spread = kind.scalar(config.mosaic_spread_deg) * DEGREE
        rounded = rules.single_precision_mosaicity
        angles = _rounded(_rounded(spread) * fractions) if rounded else spread * fractions
        return axis_rotation(axes, angles)

    def has_structure_factors(self) -> bool:
        """Whether any reflection can have a structure factor other than 0; True where ``vmap`` hides the values."""
        config = self.config
        if config.reflections is not None and _not_all_zero(config.reflections.F_hkl):
            return True
        return _not_all_zero(config.default_F) if isinstance(config.default_F, Tensor) else config.default_F != 0


def _not_all_zero(values: Tensor) -> bool:
    """Whether one of the values is not 0; True where ``vmap`` hides them."""
    return readable(values.detach().abs().max()) != 0.0


def _rounded(value: Tensor) -> Tensor:
    """The value rounded to single precision; the rounding has slope 1."""
    return value + (value.detach().to(torch.float32).to(value.dtype) - value.detach())
