"""PNG previews: dark spots on white, as on film."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image

from gradbragg.io.atomic import write_atomically

if TYPE_CHECKING:
    from pathlib import Path

    from torch import Tensor

_BRIGHT_PERCENTILE = 99.7
"""Share of the lit pixels that stay below full black; a few spots outshine all others by orders."""


def gray_levels(image: np.ndarray) -> np.ndarray:
    """Gray levels of an image: white for 0, black for the brightest 0.3 %, a square root between.

    Args:
        image: Any finite numbers ``(slow, fast)``.

    Returns:
        Bytes of the same shape.
    """
    lit = image[image > 0]
    top = float(np.percentile(lit, _BRIGHT_PERCENTILE)) if lit.size else 1.0
    level = np.sqrt(np.clip(image / max(top, np.finfo(float).tiny), 0.0, 1.0))
    return np.round(255.0 * (1.0 - level)).astype(np.uint8)


def write_png(path: str | Path, image: Tensor) -> None:
    """Write a preview of an image.

    Args:
        path: The file.
        image: ``(slow, fast)``; the fast axis goes right, the slow axis down.

    Raises:
        FileError: It cannot be written.
    """
    buffer = io.BytesIO()
    Image.fromarray(gray_levels(image.detach().cpu().double().numpy())).save(buffer, format="PNG")
    write_atomically(path, buffer.getvalue())
