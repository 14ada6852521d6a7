"""Tensors with leading dimensions stand for several experiments, each with its own image and gradient."""

import pytest
import torch

import gradbragg as gb
from tests.support.simulator.agreement import INPUTS, Input, moved
from tests.support.simulator.images import BEAM, CRYSTAL, DETECTOR, RUN, TRICLINIC, Configs, changed, configs, simulate

PLAIN = configs(TRICLINIC)
SHARES = torch.tensor([1.0, 1.001], dtype=torch.float64)


def situation(tested: Input) -> tuple[Configs, torch.Tensor]:
    """The configurations in which an input matters, few pixels of them, and its value."""
    parts = changed(configs(TRICLINIC + tested.flags), tested.which, **dict(tested.fixed))
    value = getattr(parts[tested.which], tested.field) if tested.value is None else tested.value
    return changed(parts, RUN, roi=gb.Roi(3, 6, 4, 6)), torch.tensor(value, dtype=torch.float64)


@pytest.mark.parametrize("tested", INPUTS, ids=lambda tested: tested.name)
def test_a_batch_of_any_input_gives_each_image_and_each_gradient(tested):
    parts, value = situation(tested)
    batch = torch.stack([value * share for share in SHARES]).requires_grad_()
    images = simulate(moved(parts, tested, batch))
    assert images.shape == (2, 16, 16)
    (gradients,) = torch.autograd.grad((images.sum((-2, -1)) * torch.tensor([1.0, -2.0])).sum(), batch)
    for i, factor in enumerate((1.0, -2.0)):
        x = batch[i].detach().clone().requires_grad_()
        alone = simulate(moved(parts, tested, x))
        assert torch.equal(images[i].detach(), alone.detach())
        (gradient,) = torch.autograd.grad(factor * alone.sum(), x)
        assert torch.equal(gradients[i], gradient)


def test_batches_of_several_fields_are_broadcast_against_each_other():
    cells = torch.tensor([[61.0], [62.0]], dtype=torch.float64)
    wavelengths = torch.tensor([1.1, 1.15, 1.2], dtype=torch.float64)
    images = simulate(changed(changed(PLAIN, CRYSTAL, cell_a=cells), BEAM, wavelength_angstrom=wavelengths))
    assert images.shape == (2, 3, 16, 16)
    alone = changed(changed(PLAIN, CRYSTAL, cell_a=cells[1, 0]), BEAM, wavelength_angstrom=wavelengths[2])
    assert torch.equal(images[1, 2], simulate(alone))


def test_a_batch_among_the_entries_of_a_vector_counts():
    x = torch.tensor([0.0, 5.0], dtype=torch.float64)
    images = simulate(changed(PLAIN, CRYSTAL, misset_deg=(x, -23.0, 37.0)))
    assert torch.equal(images[1], simulate(changed(PLAIN, CRYSTAL, misset_deg=(5.0, -23.0, 37.0))))


def test_each_crystal_of_a_batch_has_its_own_oversampling():
    parts = changed(PLAIN, RUN, oversample=None, roi=gb.Roi(0, 3, 0, 3))
    cells = torch.tensor([4.0, 9.0], dtype=torch.float64)[:, None].expand(2, 3)
    images = simulate(changed(parts, CRYSTAL, n_cells=cells))
    for i in range(2):
        assert torch.equal(images[i], simulate(changed(parts, CRYSTAL, n_cells=cells[i])))


def test_the_state_of_a_batch_of_crystals_has_its_dimensions_first():
    missets = torch.tensor([[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]], dtype=torch.float64, requires_grad=True)
    crystal = changed(configs(TRICLINIC + " -phi 3 -osc 1 -phisteps 4"), CRYSTAL, misset_deg=missets)[CRYSTAL]
    state = gb.Crystal(crystal).build_state()
    assert state.real.shape == (2, 4, 1, 3, 3)
    assert state.orientations.shape == (2, 4, 3, 3)
    one = changed(configs(TRICLINIC + " -phi 3 -osc 1 -phisteps 4"), CRYSTAL, misset_deg=missets[1])[CRYSTAL]
    assert torch.equal(state.reciprocal[1], gb.Crystal(one).build_state().reciprocal)
    assert torch.autograd.grad(state.real[1].square().sum() + state.real[0, 0, 0, 0, 0], missets)[0].isfinite().all()


def test_progress_of_a_batch_is_that_of_the_whole():
    crystal, detector, beam, run = changed(PLAIN, BEAM, fluence=torch.tensor([1e29, 2e29], dtype=torch.float64))
    told = []
    gb.Simulator(gb.Crystal(crystal), gb.Detector(detector), gb.Beam(beam), run).run(lambda *at: told.append(at))
    assert told == [(0, 512), (256, 512)]


def test_a_batch_can_be_transformed():
    def total(scale):
        return simulate(changed(PLAIN, CRYSTAL, cell_a=61.0 * SHARES * scale)).sum()

    one = torch.ones((), dtype=torch.float64)
    x = one.clone().requires_grad_()
    (gradient,) = torch.autograd.grad(total(x), x)
    assert torch.func.grad(total)(one).item() == pytest.approx(gradient.item(), rel=1e-9)


def test_batches_that_do_not_go_together_are_an_error():
    parts = changed(PLAIN, CRYSTAL, cell_a=torch.full((2,), 61.0), cell_b=torch.full((3,), 72.0))
    with pytest.raises(gb.ConfigError, match=r"the batches do not go together: cell_a \(2,\), cell_b \(3,\)"):
        simulate(parts)


def test_an_empty_batch_is_an_error():
    with pytest.raises(gb.ConfigError, match=r"the batch \(0,\) is empty"):
        simulate(changed(PLAIN, CRYSTAL, cell_a=torch.empty(0)))


def test_what_describes_one_detector_or_beam_refuses_a_batch():
    detector = changed(PLAIN, DETECTOR, distance_mm=torch.tensor([90.0, 95.0]))[DETECTOR]
    with pytest.raises(gb.ConfigError, match=r"distance_mm holds a batch \(2,\)"):
        gb.Detector(detector).geometry()
