"""The ``gradbragg`` command."""

from __future__ import annotations

import sys
import traceback
import warnings
from importlib import metadata
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from gradbragg.errors import GradBraggError
from gradbragg.flags.help_text import help_text
from gradbragg.flags.resolve import Resolved, resolve
from gradbragg.io.float_image import write_float_image
from gradbragg.io.png import write_png
from gradbragg.models.beam import Beam
from gradbragg.models.crystal import Crystal
from gradbragg.models.detector import Detector
from gradbragg.simulation.simulator import Simulator

if TYPE_CHECKING:
    from collections.abc import Sequence

_REFERENCE_EXIT_CODE = 9
"""What the reference program returns for every error that it notices."""


def main(argv: Sequence[str]) -> int:
    """Simulate one image as a command line says; can be called any number of times in a process.

    Args:
        argv: The arguments, without the program's name.

    Returns:
        The exit code: 0 when the image is written, 2 for a command line that cannot be used, 1 for any other
        error; with ``--compat`` 9 for every error.
    """
    if not argv or any(word in ("-h", "-help", "--help") for word in argv):
        sys.stdout.write(help_text())
        return 0 if argv else 2
    if "--version" in argv:
        sys.stdout.write(f"gradbragg {metadata.version('gradtriage')}\n")
        return 0
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            image, resolved = _simulate(argv)
            _write(image, resolved)
        except GradBraggError as error:
            return _report(error, argv)
        finally:
            for text in dict.fromkeys(str(one.message) for one in caught):
                sys.stderr.write(f"gradbragg: warning: {text}\n")
    sys.stdout.write(_summary(image, resolved))
    return 0


def entry() -> None:
    """The console script."""
    sys.exit(main(sys.argv[1:]))


def _simulate(argv: Sequence[str]) -> tuple[Tensor, Resolved]:
    resolved = resolve(argv)
    crystal, detector, beam, run = resolved.configs
    with torch.no_grad():
        image = Simulator(Crystal(crystal), Detector(detector), Beam(beam), run).run()
    if not bool(torch.isfinite(image).all()):
        bad = int((~torch.isfinite(image)).sum())
        raise GradBraggError(f"{bad} pixels are not finite; check distances, vectors and fluence")
    return image, resolved


def _write(image: Tensor, resolved: Resolved) -> None:
    write_float_image(resolved.outputs.float_image, image)
    if resolved.outputs.png is not None:
        write_png(resolved.outputs.png, image)


def _report(error: GradBraggError, argv: Sequence[str]) -> int:
    if "--debug" in argv:
        traceback.print_exc()
    sys.stderr.write(f"gradbragg: error: {error}\n")
    return _REFERENCE_EXIT_CODE if "--compat" in argv else error.exit_code


def _summary(image: Tensor, resolved: Resolved) -> str:
    slow, fast = divmod(int(image.argmax()), image.shape[1])
    total = float(image.double().sum())
    lines = [
        f"max_I = {float(image.max()):.6g} at pixel (fast {fast}, slow {slow})",
        f"sum = {total:.9g}  mean = {total / image.numel():.6g} photons/pixel",
        f"wrote {resolved.outputs.float_image}",
    ]
    if resolved.outputs.png is not None:
        lines.append(f"wrote {resolved.outputs.png}")
    return "\n".join(lines) + "\n"
