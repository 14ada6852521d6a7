"""Where libraries come from, and what happens where none is to be had."""

import shutil
import stat

import pytest
import torch

import gradbragg as gb
from gradbragg.compiled import compiler, policy
from gradbragg.compiled.compiler import Variant
from tests.support.simulator.images import TRICLINIC, configs, simulate
from tests.support.simulator.uncompiled import uncompiled

DOUBLE = Variant(single=False, table=False)


def script(path, body):
    path.write_text(f"#!/bin/sh\n{body}\n")
    path.chmod(path.stat().st_mode | stat.S_IXUSR)
    return str(path)


@pytest.fixture
def counting(tmp_path, monkeypatch, new_process):
    """A compiler that notes how often it is called, and an empty cache."""
    log = tmp_path / "calls"
    real = shutil.which("cc") or shutil.which("gcc")
    monkeypatch.setenv("CC", script(tmp_path / "counting-cc", f'echo "$@" >> {log}\nexec {real} "$@"'))
    monkeypatch.setenv("GRADBRAGG_CACHE", str(tmp_path / "cache"))
    return lambda: len(log.read_text().splitlines()) if log.exists() else 0


@pytest.mark.parametrize("single", [False, True])
@pytest.mark.parametrize("table", [False, True])
def test_every_variant_builds_without_a_warning_of_the_compiler(single, table, tmp_path, monkeypatch):
    strict = ("-Wall", "-Wextra", "-Werror")
    monkeypatch.setattr(compiler, "_OPTIONS", (*compiler._OPTIONS, *strict))
    assert compiler.compile_source(Variant(single, table), compiler.find_compiler(), tmp_path / "product.so")


def test_a_library_is_built_once_and_found_by_the_next_process(counting, new_process):
    first = simulate(configs(TRICLINIC))
    simulate(configs(TRICLINIC))
    new_process()
    assert torch.equal(simulate(configs(TRICLINIC)), first)
    assert counting() == 1


def test_small_work_uses_what_is_in_the_cache_but_compiles_nothing(counting, new_process, monkeypatch, images_compiled):
    monkeypatch.delenv("GRADBRAGG_COMPILE")
    monkeypatch.setattr(policy, "_done", 0)
    simulate(configs(TRICLINIC))
    assert (counting(), len(images_compiled)) == (0, 0)
    compiler.library(DOUBLE)
    new_process()
    simulate(configs(TRICLINIC))
    assert (counting(), len(images_compiled)) == (1, 1)


def test_work_beyond_the_break_even_compiles_at_once_and_small_work_in_the_end(monkeypatch):
    monkeypatch.delenv("GRADBRAGG_COMPILE")
    monkeypatch.setattr(policy, "_done", 0)
    assert policy.worth_compiling(policy.BREAK_EVEN, 1)
    small = policy.BREAK_EVEN // 10
    assert [policy.worth_compiling(small, 0) for _ in range(6)] == [False] * 5 + [True]


@pytest.mark.parametrize("setting", [("GRADBRAGG_COMPILE", "0"), ("NANOBRAGG_DISABLE_COMPILE", "1")], ids=str)
def test_the_environment_turns_compiled_code_off(setting, counting, monkeypatch, images_compiled):
    monkeypatch.setenv(*setting)
    assert torch.equal(simulate(configs(TRICLINIC)), uncompiled(configs(TRICLINIC)))
    assert (counting(), len(images_compiled)) == (0, 0)


def test_without_a_compiler_the_image_is_made_without_a_word(monkeypatch, tmp_path, new_process, images_compiled):
    monkeypatch.delenv("CC", raising=False)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert torch.equal(simulate(configs(TRICLINIC)), uncompiled(configs(TRICLINIC)))
    assert not images_compiled


def test_a_compiler_that_fails_is_named_once_and_the_image_is_made(monkeypatch, tmp_path, new_process):
    broken = script(tmp_path / "broken-cc", "echo 'pixels.c: error: no' >&2; exit 1")
    monkeypatch.setenv("CC", broken)
    monkeypatch.setenv("GRADBRAGG_CACHE", str(tmp_path / "cache"))
    with pytest.warns(gb.GradBraggWarning, match=r"broken-cc could not build the inner loop \(pixels.c: error: no\)"):
        image = simulate(configs(TRICLINIC))
    assert torch.equal(image, uncompiled(configs(TRICLINIC)))
    simulate(configs(TRICLINIC))
    assert not list((tmp_path / "cache").iterdir())


def test_a_compiler_that_does_not_know_the_processor_builds_for_its_kind(monkeypatch, tmp_path, new_process):
    real = shutil.which("cc") or shutil.which("gcc")
    body = f'case "$*" in *-march=native*) exit 1;; esac\nexec {real} "$@"'
    monkeypatch.setenv("CC", script(tmp_path / "old-cc", body))
    monkeypatch.setenv("GRADBRAGG_CACHE", str(tmp_path / "cache"))
    assert compiler.library(DOUBLE) is not None


def test_a_damaged_file_in_the_cache_is_built_again(counting):
    place = compiler._place(DOUBLE, compiler.find_compiler())
    place.parent.mkdir()
    place.write_bytes(b"not a library")
    assert compiler.library(DOUBLE) is not None
    assert counting() == 1


def test_a_cache_that_cannot_be_written_is_done_without(monkeypatch, tmp_path, new_process):
    (tmp_path / "cache").write_text("a file where a folder should be")
    monkeypatch.setenv("GRADBRAGG_CACHE", str(tmp_path / "cache"))
    assert torch.equal(simulate(configs(TRICLINIC)), uncompiled(configs(TRICLINIC)))


def test_a_user_without_a_home_has_a_cache_for_the_process(monkeypatch, new_process):
    def nowhere():
        raise RuntimeError("no home")

    for name in ("GRADBRAGG_CACHE", "XDG_CACHE_HOME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(compiler.Path, "home", nowhere)
    assert compiler.library(DOUBLE) is not None
    assert compiler.cached(DOUBLE)


def test_another_processor_or_compiler_or_variant_has_a_library_of_its_own(monkeypatch, tmp_path):
    found = compiler.find_compiler()
    copy = script(tmp_path / "cc", "exit 1")
    places = {
        compiler._place(DOUBLE, found),
        compiler._place(DOUBLE, copy),
        compiler._place(Variant(True, False), found),
    }
    compiler._key.cache_clear()
    monkeypatch.setattr(compiler, "_processor", lambda: "another")
    places.add(compiler._place(DOUBLE, found))
    compiler._key.cache_clear()
    assert len(places) == 4
