"""The physical image by the compiled inner loop, with derivatives of any order.

The first derivative is compiled too. Where a derivative of it may be wanted (``create_graph=True``) it is taken
by autograd from the same formula in torch, block by block.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor
from torch.utils.checkpoint import checkpoint

from gradbragg.compiled.compiler import Variant, cached, library
from gradbragg.compiled.library import Layout, Packed, photons, slopes
from gradbragg.compiled.policy import allowed, worth_compiling
from gradbragg.models.transforms import function_transform_active
from gradbragg.simulation.observers import operations_observed
from gradbragg.simulation.packing import formula, packed

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from gradbragg.simulation.accumulate import Scene
    from gradbragg.simulation.pixel_set import PixelSet

_LARGEST_TABLE = 2**31


def fused_pixels(scene: Scene, pixels: PixelSet, progress: Callable[[int, int], None] | None) -> Tensor | None:
    """Photons in each pixel by the physics ``(P,)``; None where the inner loop cannot or need not be compiled.

    Args:
        scene: What is simulated.
        pixels: The pixels.
        progress: Called with the pixels that are done and those in all, now and then.
    """
    if not allowed() or not _fits(scene) or operations_observed(_tensors(scene)):
        return None
    structure = scene.lattice.structure
    variant = Variant(scene.lattice.kind.dtype == torch.float32, structure.table is not None)
    rays = pixels.count * scene.plan.rays
    if not cached(variant) and not worth_compiling(rays * scene.plan.orientations, rays):
        return None
    inner_loop = library(variant)
    if inner_loop is None:
        return None
    layout = Layout(
        pixels=pixels.listed,
        count=pixels.count,
        n_fast=scene.optics.n_fast,
        subpixels=scene.plan.subpixels,
        point_pixel=scene.optics.point_pixel,
        absorbs=scene.optics.layers is not None,
        origin=structure.origin,
        dtype=scene.lattice.kind.dtype,
        library=inner_loop,
        block_steps=scene.block_steps,
        progress=progress,
    )
    inputs = packed(scene)
    if not (torch.is_grad_enabled() and any(one.requires_grad for one in inputs.tensors())) and not (
        function_transform_active()
    ):
        return photons(layout, inputs)
    image: Tensor = FusedPixels.apply(layout, *inputs.tensors())  # type: ignore[no-untyped-call]
    return image


def _fits(scene: Scene) -> bool:
    """Whether the inner loop knows what is in the scene."""
    optics, lattice = scene.optics, scene.lattice
    table = lattice.structure.table
    return (
        not optics.rules.factors_once_a_pixel
        and not optics.geometry.curved
        and lattice.shape == "square"
        and not lattice.structure.interpolate
        and lattice.orientations.dtype == torch.float64
        and lattice.orientations.device.type == "cpu"
        and (table is None or table.numel() < _LARGEST_TABLE)
    )


class FusedPixels(torch.autograd.Function):
    """Photons in each pixel ``(P,)`` from a layout and the tensors of ``Packed``."""

    @staticmethod
    def forward(layout: Layout, *tensors: Tensor) -> Tensor:
        """The image."""
        return photons(layout, Packed(*tensors))

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Any, ...], output: Tensor) -> None:  # noqa: ANN401, ARG004
        """Only the inputs are kept, which are small."""
        ctx.layout = inputs[0]
        ctx.save_for_backward(*inputs[1:])

    @staticmethod
    def backward(ctx: Any, image_slope: Tensor) -> tuple[Tensor | None, ...]:  # noqa: ANN401
        """The slopes of the inputs."""
        given, needed = ctx.saved_tensors, ctx.needs_input_grad[1:]
        if not torch.is_grad_enabled():
            return None, *slopes(ctx.layout, Packed(*given), image_slope, table_gradient=needed[-1]).tensors()
        wanted = [one for one, is_needed in zip(given, needed, strict=True) if is_needed]
        found = iter(_differentiable_slopes(ctx.layout, given, wanted, image_slope))
        return None, *(next(found) if is_needed else None for is_needed in needed)

    @staticmethod
    def vmap(info: Any, in_dims: tuple[Any, ...], layout: Layout, *tensors: Tensor) -> tuple[Tensor, int]:  # noqa: ANN401
        """One image after the other: each fills the machine by itself."""
        images = []
        for number in range(info.batch_size):
            own = (t if dim is None else t.select(dim, number) for t, dim in zip(tensors, in_dims[1:], strict=True))
            images.append(FusedPixels.apply(layout, *own))  # type: ignore[no-untyped-call]
        return torch.stack(images), 0


def _differentiable_slopes(
    layout: Layout, given: Sequence[Tensor], wanted: Sequence[Tensor], image_slope: Tensor
) -> tuple[Tensor, ...]:
    """The slopes by autograd from the formula in torch, with a graph of their own."""
    inputs = Packed(*given)
    steps = layout.subpixels.shape[0] * inputs.layers.shape[0] * inputs.sources.shape[0] * inputs.orientations.shape[0]
    blocks = torch.split(layout.indices, max(1, layout.block_steps // steps))
    pieces = [checkpoint(_formula, layout, block, *given, use_reentrant=False) for block in blocks]
    return torch.autograd.grad(torch.cat(pieces), wanted, image_slope, create_graph=True, materialize_grads=True)


def _formula(layout: Layout, pixels: Tensor, *given: Tensor) -> Tensor:
    return formula(layout, Packed(*given), pixels)


def _tensors(scene: Scene) -> tuple[Tensor, ...]:
    geometry, structure = scene.optics.geometry, scene.lattice.structure
    listed = structure.default_F if structure.table is None else structure.table
    return geometry.pix0, geometry.pixel_size, scene.optics.sources.wavelength, scene.lattice.orientations, listed
