"""The shared library of the inner loop: found in the cache, or built by the system's compiler.

The key of a library in the cache is a hash of all that it depends on: the source, the options, the compiler's
file and the processor. A library is written under another name and renamed when it is whole, so that processes
can share the cache.
"""

from __future__ import annotations

import atexit
import ctypes
import hashlib
import os
import platform
import shutil
import subprocess
import sys
import tempfile
import warnings
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from gradbragg.errors import GradBraggWarning

SOURCE = Path(__file__).with_name("pixels.c")

# no -ffast-math: with it some compilers switch off denormal numbers for the whole process, and NaN is not seen
_OPTIONS = (
    *("-O3", "-std=c11", "-shared", "-fPIC", "-ffp-contract=fast"),
    *("-fno-math-errno", "-fno-trapping-math", "-fno-signed-zeros", "-fassociative-math"),
)
_THIS_PROCESSOR = "-march=native"
_LONGEST_BUILD_S = 120


@dataclass(frozen=True)
class Variant:
    """What a library is specialised for.

    Args:
        single: Trigonometry and sums in single precision.
        table: Structure factors come from a table.
    """

    single: bool
    table: bool

    @property
    def options(self) -> list[str]:
        """Definitions for the compiler."""
        return ["-DSINGLE"] * self.single + ["-DTABLE"] * self.table


def cached(variant: Variant) -> bool:
    """Whether a library can be had without compiling."""
    return variant in _loaded or ((compiler := find_compiler()) is not None and _is_there(_place(variant, compiler)))


def find_compiler() -> str | None:
    """Path of the C compiler: ``$CC``, else the first of cc, gcc and clang; None: there is none."""
    return _find_compiler(os.environ.get("CC"), os.environ.get("PATH"))


@cache
def _find_compiler(chosen: str | None, path: str | None) -> str | None:
    names = [chosen] if chosen else ["cc", "gcc", "clang"]
    return next((found for name in names if (found := shutil.which(name, path=path))), None)


_loaded: dict[Variant, ctypes.CDLL] = {}
_failed: set[Variant] = set()


def library(variant: Variant) -> ctypes.CDLL | None:
    """The library, from this process, from the cache, or newly built; None where that is not possible.

    Args:
        variant: What it is specialised for.
    """
    if variant in _loaded:
        return _loaded[variant]
    compiler = find_compiler()
    if compiler is None or variant in _failed:
        return None
    place = _place(variant, compiler)
    found = _load(place) if _is_there(place) else None
    if found is None:
        found = _built(variant, compiler, place)
    if found is None:
        _failed.add(variant)
        return None
    _loaded[variant] = found
    return found


def _place(variant: Variant, compiler: str) -> Path:
    return cache_folder() / f"pixels-{_key(variant, compiler)}.so"


def _is_there(place: Path) -> bool:
    with suppress(OSError):
        return place.is_file()
    return False


def cache_folder() -> Path:
    """Where libraries are kept: ``$GRADBRAGG_CACHE``, else a folder of the user's cache.

    A user without a home has a folder that lasts as long as the process.
    """
    if own := os.environ.get("GRADBRAGG_CACHE"):
        return Path(own)
    if caches := os.environ.get("XDG_CACHE_HOME"):
        return Path(caches) / "gradbragg"
    try:
        home = Path.home()
    except RuntimeError:
        return _passing_folder()
    return home / ("Library/Caches" if sys.platform == "darwin" else ".cache") / "gradbragg"


@cache
def _passing_folder() -> Path:
    folder = Path(tempfile.mkdtemp(prefix="gradbragg-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return folder


@cache
def _key(variant: Variant, compiler: str) -> str:
    seen = Path(compiler).resolve().stat()
    parts = (_OPTIONS, variant.options, str(Path(compiler).resolve()), seen.st_size, seen.st_mtime_ns, _processor())
    return hashlib.sha256(SOURCE.read_bytes() + repr(parts).encode()).hexdigest()[:32]


def _processor() -> str:
    """What tells processors apart that do not have the same instructions."""
    with suppress(OSError):
        lines = Path("/proc/cpuinfo").read_text().splitlines()
        return next(line for line in lines if line.startswith(("flags", "Features")))
    return f"{platform.machine()} {platform.processor()}"


def _load(place: Path) -> ctypes.CDLL | None:
    with suppress(OSError, AttributeError):
        found = ctypes.CDLL(str(place))
        for name in ("forward", "backward"):
            getattr(found, name).restype = None
        return found
    return None


def _built(variant: Variant, compiler: str, place: Path) -> ctypes.CDLL | None:
    with suppress(OSError, subprocess.SubprocessError):
        place.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=place.parent, prefix="build-") as folder:
            product = Path(folder) / place.name
            if not compile_source(variant, compiler, product):
                return None
            product.replace(place)
        return _load(place)
    return None


def compile_source(variant: Variant, compiler: str, product: Path) -> bool:
    """Whether the compiler made the product, for this processor or else for any of its kind.

    Args:
        variant: What it is specialised for.
        compiler: Path of the C compiler.
        product: The shared library to be written.

    Warns:
        GradBraggWarning: The compiler failed.
    """
    said = ""
    for target in ([_THIS_PROCESSOR], []):
        line = [compiler, *_OPTIONS, *target, *variant.options, str(SOURCE), "-o", str(product), "-lm"]
        done = subprocess.run(line, capture_output=True, timeout=_LONGEST_BUILD_S, check=False, text=True)
        if done.returncode == 0:
            return True
        said = next((text for text in done.stderr.splitlines() if "error" in text), f"exit code {done.returncode}")
    text = f"{compiler} could not build the inner loop ({said}); images are computed without it, more slowly"
    warnings.warn(f"{text}. Another compiler: CC; none: GRADBRAGG_COMPILE=0", GradBraggWarning, stacklevel=2)
    return False
