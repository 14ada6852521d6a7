"""The reference program's interpolation ends for good at the first index outside its list."""

import math

import pytest
import torch

from tests.support.simulator.images import RUN, changed, configs, simulate

FLAGS = (
    "--dtype float64 -cell 100 100 100 90 90 90 -misset 0 5 0 -N 2 -oversample 1 -distance 100 -detpixels 64 "
    "-pixel 0.1 -lambda 1 -hkl small.hkl "
)
INSIDE = (33, 33)


@pytest.fixture(autouse=True)
def small_list(tmp_path, monkeypatch):
    indices = range(-4, 5)
    lines = [
        f"{h} {k} {m} {100 + 10 * math.sin(h + 2 * k + 3 * m):.6g}" for h in indices for k in indices for m in indices
    ]
    (tmp_path / "small.hkl").write_text("\n".join(lines) + "\n")
    monkeypatch.chdir(tmp_path)


@pytest.mark.parametrize(("roi", "noted"), [("", 0.609059811), ("-roi 30 34 30 34", 0.602414489)], ids=["all", "few"])
def test_in_compat_a_pixel_depends_on_the_pixels_before_it(roi, noted):
    image = simulate(configs("--compat " + FLAGS + roi))
    assert image[INSIDE].item() == pytest.approx(noted, rel=1e-6)


def test_compat_blocks_do_not_change_where_it_ends():
    parts = configs("--compat " + FLAGS)
    assert torch.equal(simulate(changed(parts, RUN, block_steps=100)), simulate(parts))


def test_by_default_each_evaluation_decides_for_itself():
    images = [simulate(configs(FLAGS + roi)) for roi in ("", "-roi 30 34 30 34")]
    assert images[0][INSIDE].item() == images[1][INSIDE].item() == pytest.approx(0.602414489, rel=1e-6)
