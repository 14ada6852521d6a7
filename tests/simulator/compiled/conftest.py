"""Everything here compiles, into a cache of the test run's own."""

import os

import pytest

from gradbragg.compiled import compiler
from gradbragg.simulation import fused


@pytest.fixture(scope="session")
def cache(tmp_path_factory):
    base = tmp_path_factory.getbasetemp()
    return (base.parent if "PYTEST_XDIST_WORKER" in os.environ else base) / "gradbragg-cache"


@pytest.fixture(autouse=True)
def compiling(cache, monkeypatch):
    monkeypatch.setenv("GRADBRAGG_COMPILE", "1")
    monkeypatch.setenv("GRADBRAGG_CACHE", str(cache))
    monkeypatch.delenv("NANOBRAGG_DISABLE_COMPILE", raising=False)


@pytest.fixture
def new_process(monkeypatch):
    """Forget the libraries of this process, now and whenever it is called."""

    def forget():
        monkeypatch.setattr(compiler, "_loaded", {})
        monkeypatch.setattr(compiler, "_failed", set())

    forget()
    return forget


@pytest.fixture
def images_compiled(monkeypatch):
    """The layouts of the images that the compiled inner loop made."""
    made = []
    photons = fused.photons

    def noted(layout, packed):
        made.append(layout)
        return photons(layout, packed)

    monkeypatch.setattr(fused, "photons", noted)
    return made
