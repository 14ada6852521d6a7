"""``gradbragg view IMAGE``: a page to look at an image."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from gradbragg.errors import FileError, UsageError
from gradbragg.flags.output_settings import ADC_OFFSET
from gradbragg.io.atomic import write_atomically
from gradbragg.io.html_page import image_page
from gradbragg.io.image_files import read_image
from gradbragg.simulation.annotations import Plane, rings_of, spots_of

if TYPE_CHECKING:
    from collections.abc import Sequence

VIEW_HELP = """\
usage: gradbragg view IMAGE [PAGE]

Writes PAGE (IMAGE.html unless given): the image with its spots and resolution rings, to be opened in a browser.
IMAGE is an SMV image (-intfile, -noisefile) or a NeXus file (--nexus).
"""


def view(argv: Sequence[str]) -> str:
    """Write the page of an image.

    Args:
        argv: The image, and the page if it is not to lie beside it.

    Returns:
        What to print.

    Raises:
        GradBraggError: The line or the image cannot be used.
    """
    names = [word for word in argv if word != "--debug"]
    if not names or len(names) > 2 or any(name.startswith("-") for name in names):
        raise UsageError("view needs the file of an image, and the file of the page if you like: view IMAGE [PAGE]")
    path = Path(names[0])
    page = Path(names[1]) if len(names) == 2 else path.with_name(path.name + ".html")
    if page.absolute() == path.absolute():
        raise UsageError(f"the page would overwrite the image {path}; give it another name")
    stored = read_image(path)
    if not np.isfinite(stored.pixels).all():
        raise FileError(path, "holds pixels that are not finite")
    plane = Plane(stored.header)
    pixels = stored.pixels.astype(float)
    counted = np.issubdtype(stored.pixels.dtype, np.integer)
    offset = min(float(np.median(pixels)), ADC_OFFSET) if counted else 0.0
    spots, rings = spots_of(pixels, plane), rings_of(pixels.shape, plane)
    write_atomically(page, image_page(path.name, pixels, stored.header, spots, rings, offset).encode())
    return f"wrote {page}: {len(spots)} spots, rings at {' '.join(f'{ring.d:.3g}' for ring in rings)} A\n"


def print_view_help() -> int:
    """Print what the command does."""
    sys.stdout.write(VIEW_HELP)
    return 0
