"""Second derivatives, transforms, changes in place, threads and memory with the compiled inner loop."""

import os
import subprocess
import sys

import pytest
import torch
from torch.utils._python_dispatch import TorchDispatchMode

import gradbragg as gb
from tests.support.simulator.images import BEAM, CRYSTAL, DETECTOR, RUN, TRICLINIC, changed, configs, simulate
from tests.support.simulator.tolerances import COMPILED
from tests.support.simulator.uncompiled import uncompiled

PARTS = configs(
    TRICLINIC + " -mosaic 0.5 -mosaic_domains 3 -detector_thick 300 -detector_abs 250 -water 0.01 -polar 0.5"
)

SMOOTH = {
    "cell_a": (CRYSTAL, 61.0),
    "misset_deg": (CRYSTAL, [11.0, -23.0, 37.0]),
    "n_cells": (CRYSTAL, [3.7, 4.2, 5.1]),
    "default_F": (CRYSTAL, 30.0),
    "wavelength_angstrom": (BEAM, 1.1),
    "polarization": (BEAM, 0.5),
    "distance_mm": (DETECTOR, 90.0),
    "thickness_um": (DETECTOR, 300.0),
}


@pytest.mark.parametrize("name", SMOOTH)
def test_gradcheck_and_gradgradcheck_pass(name, images_compiled):
    which, value = SMOOTH[name]
    few = changed(PARTS, RUN, roi=gb.Roi(3, 5, 4, 6))
    x = torch.tensor(value, dtype=torch.float64, requires_grad=True)

    def scaled(x):
        # of order 1, so that gradcheck's absolute tolerance means something
        return simulate(changed(few, which, **{name: x})).sum() * 1e-2

    assert torch.autograd.gradcheck(scaled, x, rtol=1e-5)
    assert torch.autograd.gradgradcheck(scaled, x, rtol=1e-4)
    assert images_compiled


def test_the_slope_of_structure_factors_in_a_list_has_a_slope():
    F = (1.0 + torch.rand((3, 3, 3), dtype=torch.float64, generator=torch.Generator().manual_seed(1))).requires_grad_()
    few = changed(PARTS, RUN, roi=gb.Roi(3, 5, 4, 6))

    def scaled(F):
        listed = gb.ReflectionTable(F, (-1, -1, -1))
        return simulate(changed(few, CRYSTAL, reflections=listed, interpolate=False)).sum()

    assert torch.autograd.gradcheck(scaled, F)
    assert torch.autograd.gradgradcheck(scaled, F)


def test_a_gradient_that_keeps_its_graph_is_the_compiled_gradient():
    a = torch.tensor(61.0, dtype=torch.float64, requires_grad=True)
    image = simulate(changed(PARTS, CRYSTAL, cell_a=a)).sum()
    (compiled,) = torch.autograd.grad(image, a, retain_graph=True)
    (kept,) = torch.autograd.grad(image, a, create_graph=True)
    assert compiled.item() == pytest.approx(kept.item(), rel=1e-10)
    assert kept.requires_grad


def test_a_batch_under_vmap_is_the_images_one_by_one(images_compiled):
    missets = torch.tensor([[1.0, 2.0, 3.0], [4.0, 5.0, 6.0], [7.0, 8.0, 9.0]], dtype=torch.float64)

    def image(misset):
        return simulate(changed(PARTS, CRYSTAL, misset_deg=misset))

    images = torch.func.vmap(image)(missets)
    assert len(images_compiled) == 3
    for one, misset in zip(images, missets, strict=True):
        assert torch.allclose(one, image(misset), rtol=0.0, atol=COMPILED * one.max())


def test_a_batch_under_vmap_has_the_gradients_of_its_images():
    missets = torch.tensor([[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]], dtype=torch.float64, requires_grad=True)

    def image(misset):
        return simulate(changed(PARTS, CRYSTAL, misset_deg=misset))

    weights = torch.rand((2, 16, 16), dtype=torch.float64, generator=torch.Generator().manual_seed(1))
    (together,) = torch.autograd.grad((torch.func.vmap(image)(missets) * weights).sum(), missets)
    one_by_one = torch.autograd.grad(sum((image(m) * w).sum() for m, w in zip(missets, weights, strict=True)), missets)
    assert torch.allclose(together, one_by_one[0], rtol=1e-9)


def observed(make):
    class Watch(TorchDispatchMode):
        def __torch_dispatch__(self, function, types, args=(), kwargs=None):
            return function(*args, **(kwargs or {}))

    with Watch():
        return make()


def dual(make):
    with torch.autograd.forward_ad.dual_level():
        return torch.autograd.forward_ad.unpack_dual(make()).primal


@pytest.mark.parametrize("watched", [observed, dual], ids=["mode", "forward"])
def test_whoever_looks_at_operations_sees_them(watched, images_compiled):
    image = watched(lambda: simulate(PARTS))
    assert torch.equal(image, uncompiled(PARTS))
    assert not images_compiled


@pytest.mark.filterwarnings("ignore:`torch.jit.script` is deprecated:DeprecationWarning")  # torch's own import
@pytest.mark.parametrize("transform", [torch.func.grad, torch.func.jacfwd, torch.func.hessian])
def test_other_transforms_work(transform):
    def total(a):
        return simulate(changed(PARTS, CRYSTAL, cell_a=a)).sum()

    a = torch.tensor(61.0, dtype=torch.float64)
    leaf = a.clone().requires_grad_()
    (want,) = torch.autograd.grad(total(leaf), leaf, create_graph=True)
    if transform is torch.func.hessian:
        (want,) = torch.autograd.grad(want, leaf)
    assert transform(total)(a).item() == pytest.approx(want.item(), rel=1e-8)


UNKNOWN = {
    "round": configs(TRICLINIC + " -round_xtal"),
    "gauss": configs(TRICLINIC + " -gauss_xtal"),
    "tophat": configs(TRICLINIC + " -tophat_spots"),
    "curved": configs(TRICLINIC + " -curved_det"),
    "compat": configs(TRICLINIC + " --compat"),
    "single": changed(PARTS, RUN, dtype=torch.float32, precision="single"),
}


@pytest.mark.parametrize("parts", UNKNOWN.values(), ids=UNKNOWN)
def test_what_the_inner_loop_does_not_know_is_done_without_it(parts, images_compiled):
    assert torch.equal(simulate(parts), uncompiled(parts))
    assert not images_compiled


def test_interpolated_structure_factors_are_done_without_it(images_compiled):
    listed = gb.ReflectionTable(torch.ones((9, 9, 9), dtype=torch.float64), (-4, -4, -4))
    parts = changed(PARTS, CRYSTAL, reflections=listed, interpolate=True)
    assert torch.equal(simulate(parts), uncompiled(parts))
    assert not images_compiled


@pytest.mark.parametrize(
    ("which", "name", "value", "change"),
    [
        (CRYSTAL, "cell_a", 61.0, 1.0),
        (CRYSTAL, "default_F", 30.0, 5.0),
        (CRYSTAL, "n_cells", [3.7, 4.2, 5.1], 0.5),
        (BEAM, "wavelength_angstrom", 1.1, 0.05),
        (DETECTOR, "distance_mm", 90.0, 5.0),
    ],
)
def test_a_change_in_place_is_seen_by_the_next_run(which, name, value, change):
    x = torch.tensor(value, dtype=torch.float64, requires_grad=True)
    crystal, detector, beam, run = changed(PARTS, which, **{name: x})
    simulator = gb.Simulator(gb.Crystal(crystal), gb.Detector(detector), gb.Beam(beam), run)
    before = simulator.run()
    before.sum().backward()
    with torch.no_grad():
        x += change
    x.grad = None
    after = simulator.run()
    after.sum().backward()
    fresh = x.detach().clone().requires_grad_()
    again = simulate(changed(PARTS, which, **{name: fresh}))
    again.sum().backward()
    assert torch.equal(after, again)
    assert torch.equal(x.grad, fresh.grad)
    assert not torch.equal(after, before)


@pytest.fixture
def threads():
    before = torch.get_num_threads()
    yield torch.set_num_threads
    torch.set_num_threads(before)


def test_neither_image_nor_gradient_depends_on_the_number_of_threads(threads):
    def results():
        a = torch.tensor(61.0, dtype=torch.float64, requires_grad=True)
        image = simulate(changed(parts, CRYSTAL, cell_a=a))
        return image.detach(), torch.autograd.grad(image.sum(), a)[0]

    parts = configs(TRICLINIC.replace("-detpixels 16", "-detpixels 70"))
    threads(1)
    image, slope = results()
    threads(3)
    assert torch.equal(results()[0], image)
    assert torch.equal(results()[1], slope)


def test_progress_is_told_and_an_interruption_ends_the_run():
    crystal, detector, beam, run = configs(TRICLINIC.replace("-detpixels 16", "-detpixels 70"))
    simulator = gb.Simulator(gb.Crystal(crystal), gb.Detector(detector), gb.Beam(beam), run)
    told = []
    simulator.run(lambda done, pixels: told.append((done, pixels)))
    assert told
    assert all(done < pixels == 4900 for done, pixels in told)

    def interrupt(done, pixels):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        simulator.run(interrupt)
    assert torch.isfinite(simulator.run()).all()


MEMORY = """
import resource, torch, gradbragg as gb
from tests.support.simulator.images import CRYSTAL, changed, configs, simulate
flags = "-cell 61 72 83 84 97 101 -default_F 30 -misset 11 -23 37 -N 4 -oversample 1 -mosaic 0.5 -mosaic_domains {}"
def run(domains, detpixels):
    a = torch.tensor(61.0, dtype=torch.float64, requires_grad=True)
    parts = configs(flags.format(domains) + f" -detpixels {detpixels}")
    torch.autograd.grad(simulate(changed(parts, CRYSTAL, cell_a=a)).double().sum(), a)
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
first = run(1, 200)
print(run(500, 200) - first)
"""


@pytest.mark.skipif(sys.platform == "win32", reason="no resource module")
def test_memory_does_not_grow_with_the_steps():
    """20 million steps would be 160 MB for a single number each."""
    grown = subprocess.run([sys.executable, "-c", MEMORY], capture_output=True, text=True, check=True, env=os.environ)
    unit = 1 if sys.platform == "darwin" else 1024
    assert int(grown.stdout) * unit < 40e6
