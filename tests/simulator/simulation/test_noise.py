"""Counting noise: the reference program's own values, and the moments of a Poisson distribution."""

import math
import re

import numpy as np
import pytest
import torch

from gradbragg.cli import main
from gradbragg.models.poisson_stream import PoissonStream, log_gamma
from gradbragg.models.random_stream import UniformStream
from gradbragg.simulation.noise import photon_counts

BASE = "--compat --dtype float64 -cell 100 100 100 90 90 90 -default_F 100 -distance 100 -detpixels 32 -N 5 "

NOTED = {
    "all by products or rejection": ("-seed 1", 5719, 0, [40, 40, 40, 40, 41, 40], [45, 43, 40, 42, 45, 56]),
    "mostly by rejection": ("-seed 7 -fluence 3e30", 135079, 0, [41, 43, 44, 43, 42, 54], None),
    "mostly normal": ("-seed 3 -fluence 1e34", 451222678, 384, [7188, 6001, 6018, 7486, 11910, 29348], None),
}
"""Noted from the reference program: photons, overloads, row 0 columns 0-5, row 16 columns 10-15."""


@pytest.mark.parametrize(("line", "photons", "overloads", "first", "middle"), NOTED.values(), ids=NOTED)
def test_compat_draws_the_reference_programs_noise(
    line, photons, overloads, first, middle, tmp_path, monkeypatch, capsys
):
    monkeypatch.chdir(tmp_path)
    assert main([*BASE.split(), "-oversample", "1", *line.split()]) == 0
    assert f"{photons} photons, {overloads} overloads" in capsys.readouterr().out
    image = np.frombuffer((tmp_path / "noiseimage.img").read_bytes()[512:], np.uint16).reshape(32, 32)
    assert image[0, :6].tolist() == first
    if middle is not None:
        assert image[16, 10:16].tolist() == middle


def test_a_negative_seed_goes_on_with_the_table_of_the_mosaic_stage(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    images = []
    for line in ("-seed -5", "-seed -5 -mosaic_seed 7", "-seed 5", "-seed 5 -mosaic_seed 7"):
        assert main([*BASE.split(), "-oversample", "1", "-nopgm", *line.split()]) == 0
        images.append((tmp_path / "noiseimage.img").read_bytes())
    assert images[0] != images[1]
    assert images[2] == images[3]


def test_a_count_below_0_is_stored_as_0(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert main([*BASE.split(), "-oversample", "1", "-adc", "-5", "-seed", "1"]) == 0
    image = np.frombuffer((tmp_path / "noiseimage.img").read_bytes()[512:], np.uint16)
    assert image.max() < 1000
    assert image.min() == 0


@pytest.mark.parametrize("z", [0.5, 1.0, 2.0, 10.0, 1e4])
def test_log_gamma(z):
    assert log_gamma(z) == pytest.approx(math.lgamma(z), rel=1e-6, abs=1e-6)


@pytest.mark.parametrize("mean", [0.0, 0.3, 5.0, 40.0, 3000.0, 2e6])
@pytest.mark.parametrize("source", ["reference", "ours"])
def test_deviates_have_the_mean_and_variance_of_a_poisson_distribution(mean, source):
    n = 4000
    if source == "ours":
        drawn = photon_counts(torch.full((n,), mean), 1)
    else:
        stream = PoissonStream(UniformStream(-1))
        drawn = np.array([stream.deviate(mean) for _ in range(n)])
    assert abs(drawn.mean() - mean) <= 4.0 * math.sqrt(mean / n)
    # the variance of a sample variance is 2 mean^2/n + mean/n
    assert abs(drawn.var() - mean) <= 4.0 * math.sqrt((2.0 * mean**2 + mean) / n)


def test_the_same_seed_gives_the_same_counts():
    image = torch.full((50,), 7.0)
    assert np.array_equal(photon_counts(image, 3), photon_counts(image, 3))
    assert not np.array_equal(photon_counts(image, 3), photon_counts(image, 4))
    assert photon_counts(torch.tensor([1e20]), -1) == pytest.approx(1e20, rel=1e-6)


def test_noise_warns_of_nothing_and_names_its_seed(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    line = "-cell 100 -default_F 100 -N 5 -detpixels 16 -oversample 1 -noisefile n.img -seed 12"
    assert main(line.split()) == 0
    out, err = capsys.readouterr()
    assert re.search(r"wrote n.img: \d+ photons, 0 overloads, seed 12", out)
    assert err == ""


def test_pixels_below_0_count_as_0():
    """A detector behind the sample gives such pixels."""
    assert photon_counts(torch.tensor([-729.0]), 1).tolist() == [0.0]
    stream = UniformStream(-1)
    assert PoissonStream(stream).deviate(-729.0) == 0.0
    used = stream.uniform()
    fresh = UniformStream(-1)
    fresh.uniform()
    assert used == fresh.uniform()
