"""Blocks bound the memory and change nothing else."""

import pytest
import torch

from tests.support.simulator.images import CRYSTAL, RUN, TRICLINIC, changed, configs, simulate
from tests.support.simulator.tolerances import ROUNDING

FLAGS = TRICLINIC + " -phi 3 -osc 1 -phisteps 3 -mosaic 0.5 -mosaic_domains 4 -oversample 2 -dispersion 1 -dispsteps 2"
FEW_PIXELS = " -roi 3 5 4 6"
STEPS_A_PIXEL = 3 * 4 * 4 * 2


@pytest.mark.parametrize("compat", [False, True], ids=["physical", "compat"])
@pytest.mark.parametrize("block_steps", [1, 7, 10, STEPS_A_PIXEL, 1000])
def test_the_image_does_not_depend_on_the_block_size(block_steps, compat):
    parts = changed(configs(FLAGS + FEW_PIXELS), RUN, compat=compat)
    whole = simulate(changed(parts, RUN, block_steps=2**22))
    pieces = simulate(changed(parts, RUN, block_steps=block_steps))
    assert torch.allclose(pieces, whole, rtol=0, atol=ROUNDING * whole.max())


@pytest.mark.parametrize("block_steps", [10, 1000])
def test_gradients_do_not_depend_on_the_block_size(block_steps):
    def gradient(steps):
        a = torch.tensor(61.0, dtype=torch.float64, requires_grad=True)
        parts = changed(changed(configs(FLAGS + FEW_PIXELS), RUN, block_steps=steps), CRYSTAL, cell_a=a)
        return torch.autograd.grad(simulate(parts).sum(), a)[0].item()

    assert gradient(block_steps) == pytest.approx(gradient(2**22), rel=1e-10)


def test_backward_keeps_no_step_sized_tensors_of_other_blocks():
    """What autograd saves between forward and backward, counted by a hook, stays near the size of the image."""
    saved = 0

    def count(tensor):
        nonlocal saved
        saved += tensor.numel()
        return tensor

    a = torch.tensor(61.0, dtype=torch.float64, requires_grad=True)
    parts = changed(changed(configs(FLAGS), RUN, block_steps=2048), CRYSTAL, cell_a=a)
    with torch.autograd.graph.saved_tensors_hooks(count, lambda tensor: tensor):
        image = simulate(parts)
    assert image.requires_grad
    assert saved < image.numel() * STEPS_A_PIXEL / 4
