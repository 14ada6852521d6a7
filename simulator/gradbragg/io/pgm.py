"""PGM images: eight bits a pixel, bright spots on black."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gradbragg.io.atomic import write_atomically
from gradbragg.io.counts import gray_bytes

if TYPE_CHECKING:
    from pathlib import Path

    import numpy as np


def write_pgm(path: str | Path, image: np.ndarray, scale: float) -> None:
    """Write a binary PGM image.

    Args:
        path: The file.
        image: Photons ``(slow, fast)``.
        scale: Gray levels per photon; what is brighter than 255 is 255.

    Raises:
        FileError: It cannot be written.
    """
    slow, fast = image.shape
    head = f"P5\n{fast} {slow}\n# pixels scaled by {scale:g}\n255\n"
    write_atomically(path, head.encode() + gray_bytes(image, scale).tobytes())
