"""Raw float images: native single precision, no header, fast index quickest."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor

from gradbragg.io.atomic import write_atomically

if TYPE_CHECKING:
    from pathlib import Path


def write_float_image(path: str | Path, image: Tensor) -> None:
    """Write an image as raw single-precision numbers.

    Args:
        path: The file.
        image: ``(slow, fast)``.

    Raises:
        FileError: It cannot be written.
    """
    write_atomically(path, image.detach().to("cpu", torch.float32).contiguous().numpy().tobytes())
