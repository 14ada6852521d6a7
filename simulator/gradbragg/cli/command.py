"""The command, from its line to its exit code."""

from __future__ import annotations

import sys
import traceback
import warnings
from dataclasses import replace
from importlib import metadata
from typing import TYPE_CHECKING

import torch

from gradbragg.cli.finished import Finished
from gradbragg.cli.outputs import write_outputs
from gradbragg.cli.progress import ProgressBar
from gradbragg.cli.summary import json_summary, text_summary
from gradbragg.cli.view import print_view_help, view
from gradbragg.errors import BlankImageWarning, GradBraggError
from gradbragg.flags.help_text import help_text
from gradbragg.flags.resolve import resolve
from gradbragg.models.beam import Beam
from gradbragg.models.crystal import Crystal
from gradbragg.models.detector import Detector
from gradbragg.simulation.pixel_table import HEADING, pixel_lines
from gradbragg.simulation.simulator import Simulator
from gradbragg.simulation.statistics import image_statistics

if TYPE_CHECKING:
    from collections.abc import Sequence

_BLANK = "every pixel is 0: no reflection with a structure factor is in reach; check indices, detector, -dmin and mask"

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
    if argv and argv[0] == "view":
        return _view(argv[1:])
    if not argv or any(word in ("-h", "-help", "--help") for word in argv):
        sys.stdout.write(help_text())
        return 0 if argv else 2
    if "--version" in argv:
        sys.stdout.write(f"gradbragg {metadata.version('gradtriage')}\n")
        return 0
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            finished = replace(_simulate(argv), warnings=_texts(caught))
            written = write_outputs(finished)
        except GradBraggError as error:
            return _report(error, argv)
        finally:
            for text in _texts(caught):
                sys.stderr.write(f"gradbragg: warning: {text}\n")
    _print(finished, written)
    return 0


def _texts(caught: Sequence[warnings.WarningMessage]) -> tuple[str, ...]:
    """What was warned of, each once."""
    return tuple(dict.fromkeys(str(one.message) for one in caught))


def entry() -> None:
    """The console script."""
    sys.exit(main(sys.argv[1:]))


def _simulate(argv: Sequence[str]) -> Finished:
    resolved = resolve(argv)
    crystal, detector, beam, run = resolved.configs
    simulator = Simulator(Crystal(crystal), Detector(detector), Beam(beam), run)
    bar = ProgressBar(resolved.outputs.progress and not resolved.outputs.printout)
    try:
        with torch.no_grad():
            image = simulator.run(bar)
    except (MemoryError, RuntimeError) as error:
        if isinstance(error, RuntimeError) and "memory" not in str(error):
            raise
        text = "there is not enough memory for so many samples or pixels; give fewer, or a smaller --block-steps"
        raise GradBraggError(text) from error
    finally:
        bar.close()
    finite = torch.isfinite(image.to(torch.float32))  # as the raw file will hold it
    if not bool(finite.all()):
        bad = int((~finite).sum())
        raise GradBraggError(f"{bad} pixels are not finite; check distances, vectors and fluence")
    statistics = image_statistics(simulator, image)
    if statistics.maximum == 0 and simulator.crystal.has_structure_factors() and not resolved.configs[-1].compat:
        warnings.warn(_BLANK, BlankImageWarning, stacklevel=2)
    return Finished(resolved, simulator, image, statistics)


def _print(finished: Finished, written: list[str]) -> None:
    outputs = finished.resolved.outputs
    if outputs.printout:
        sys.stdout.write(HEADING + "\n")
        for line in pixel_lines(finished.simulator, finished.image, outputs.printout_pixel):
            sys.stdout.write(line + "\n")
    if outputs.json == "-":
        sys.stdout.write(json_summary(finished))
    else:
        sys.stdout.write(text_summary(finished, written))


def _view(argv: Sequence[str]) -> int:
    if any(word in ("-h", "-help", "--help") for word in argv):
        return print_view_help()
    try:
        sys.stdout.write(view(argv))
    except GradBraggError as error:
        return _report(error, argv)
    return 0


def _report(error: GradBraggError, argv: Sequence[str]) -> int:
    if "--debug" in argv:
        traceback.print_exc()
    sys.stderr.write(f"gradbragg: error: {error}\n")
    return _REFERENCE_EXIT_CODE if "--compat" in argv else error.exit_code
