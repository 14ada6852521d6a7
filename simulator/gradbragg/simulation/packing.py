"""A scene in the form that the compiled inner loop takes, and the same formula in torch."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor

from gradbragg.compiled.library import Packed
from gradbragg.kernels.grating import grating, nearest_index
from gradbragg.kernels.polarization import polarization_frame
from gradbragg.kernels.structure_factor import table_entries

if TYPE_CHECKING:
    from gradbragg.compiled.library import Layout
    from gradbragg.simulation.accumulate import Scene
    from gradbragg.simulation.rays import RayOptics

_UPPER = ((0, 1, 2, 0, 0, 1), (0, 1, 2, 1, 2, 2))
"""Places of xx, yy, zz, xy, xz, yz in a symmetric matrix."""


def packed(scene: Scene) -> Packed:
    """Everything continuous that a scene's pixels are computed from; keeps its graph."""
    optics, plan, lattice = scene.optics, scene.plan, scene.lattice
    geometry, layers = optics.geometry, optics.layers
    frame = (
        geometry.pix0,
        geometry.pixel_size * geometry.fast,
        geometry.pixel_size * geometry.slow,
        geometry.normal,
    )
    depths = plan.depths
    one = torch.ones_like(depths[0])
    area = one if optics.point_pixel else geometry.pixel_size.square() * geometry.close_distance.abs()
    mu, spacing = (layers.mu, layers.spacing) if layers is not None else (0.0 * one, one)
    R = plan.orientations
    water = 0.0 * one if scene.background is None else scene.background.double() * R
    factors = (
        area,
        spacing * mu,
        scene.flux.double() / (plan.subpixels.shape[0] * R),
        water,
        torch.inf * one if optics.dmin is None else optics.dmin.detach() ** -2,
    )
    F = lattice.structure.default_F if lattice.structure.table is None else lattice.structure.table
    return Packed(
        frame=torch.stack(frame),
        layers=torch.stack((depths, depths * mu), -1),
        factors=torch.stack(factors),
        sources=_sources(optics),
        orientations=lattice.orientations,
        cells=lattice.cells.double(),
        F2=F.square(),
    )


def _sources(optics: RayOptics) -> Tensor:
    """Directions, inverse wavelengths and weighted polarization factors ``(J, 11)``.

    ``P = (1 + (i.d)^2 - K [(d.E)^2 - (d.B)^2])/2`` is a quadratic form of the direction d.
    """
    sources = optics.sources
    incident, weight = sources.incident, sources.weight
    if optics.K is None:
        constant, form = weight, torch.zeros_like(incident[:, :, None] * incident[:, None, :])
    else:
        B, E = polarization_frame(incident, sources.polarization_axis)
        along, identity = _outer(incident), torch.eye(3, dtype=incident.dtype, device=incident.device)
        # without a plane of polarization, 1 - (i.d)^2 stands for the bracket
        plane = torch.where((B == 0).all(-1)[:, None, None], identity - along, _outer(E) - _outer(B))
        constant = 0.5 * weight
        form = constant[:, None, None] * (along - optics.K * plane)
    columns = (sources.wavelength.reciprocal(), constant, *form[:, _UPPER[0], _UPPER[1]].unbind(-1))
    return torch.cat((incident, torch.stack(columns, -1)), -1)


def _outer(vector: Tensor) -> Tensor:
    return vector[:, :, None] * vector[:, None, :]


def formula(layout: Layout, given: Packed, pixels: Tensor) -> Tensor:
    """The formula of the compiled inner loop in torch, of which any derivative can be taken ``(P,)``.

    Args:
        layout: What has no derivative.
        given: The inputs.
        pixels: Indices of the pixels that are wanted.
    """
    corner, fast, slow, normal = given.frame.unbind(0)
    area, D_mu, scale, water, largest_q2 = given.factors.unbind(0)
    subpixels = layout.subpixels
    along = (pixels % layout.n_fast)[:, None] + subpixels[:, 0]
    across = (pixels // layout.n_fast)[:, None] + subpixels[:, 1]
    flat = corner + along[..., None] * fast + across[..., None] * slow
    X = flat[:, :, None, :] + given.layers[:, :1] * normal
    distance = torch.linalg.vector_norm(X, dim=-1)
    d = X / distance[..., None]
    first, R0 = d[:, :, 0], distance[:, :, 0]
    omega = area * R0**-2 if layout.point_pixel else area * R0**-3
    captured = torch.ones_like(distance)
    if layout.absorbs:
        cosine = (d * normal).sum(-1)
        rho = torch.where(cosine > 0, cosine, 1.0)
        stopped = -torch.exp(-given.layers[:, 1] / rho) * torch.expm1(-D_mu / rho)
        captured = torch.where(cosine > 0, stopped, 0.0)

    incident, inverse, constant, form = given.sources.split_with_sizes((3, 1, 1, 6), -1)
    products = first[..., _UPPER[0]] * first[..., _UPPER[1]]
    twice = torch.tensor((1.0, 1.0, 1.0, 2.0, 2.0, 2.0), dtype=form.dtype, device=form.device)
    polar = constant[:, 0] + products @ (twice * form).transpose(0, 1)
    q = (d[..., None, :] - incident) * inverse
    visible = q.detach().square().sum(-1) <= largest_q2
    summed = torch.where(visible, _lattice_sum(layout, given, q), 0.0)
    weight = (omega[..., None] * polar)[:, :, None] * captured[..., None]
    image: Tensor = scale * (weight * (summed + water)).sum((1, 2, 3))
    return image.to(layout.dtype)


def _lattice_sum(layout: Layout, given: Packed, q: Tensor) -> Tensor:
    """Intensity summed over the orientations, one squared electron being 1 ``(...)``."""
    hkl = [q @ given.orientations[:, axis].transpose(-1, -2) for axis in range(3)]
    whole = [nearest_index(h) for h in hkl]
    square = torch.ones((), dtype=layout.dtype)
    for h, h0, N in zip(hkl, whole, given.cells.to(layout.dtype), strict=True):
        square = square * grating((h - h0).to(layout.dtype), N).square()
    if given.F2.ndim == 0:
        return (given.F2 * square.sum(-1)).double()
    i, j, k = (h0.to(torch.int64) - first for h0, first in zip(whole, layout.origin, strict=True))
    summed: Tensor = (table_entries(given.F2, (i, j, k)) * square).sum(-1)
    return summed.double()
