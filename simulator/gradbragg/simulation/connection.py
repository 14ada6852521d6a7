"""Every tensor of the configurations stays connected to the image, if only by a gradient of 0.

A field that another field overrides (the distance by a close distance, the fluence by a flux), or that the
chosen shape or sampling does not use, moves nothing. Its gradient is then 0, not None: an optimizer that was
given it goes on, and a test that looks for disconnected parameters finds those that are broken.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import fields, is_dataclass

import torch
from torch import Tensor


def tensors_of(value: object) -> Iterator[Tensor]:
    """The floating tensors in a configuration, in its tuples and in its tables."""
    if isinstance(value, Tensor):
        if value.is_floating_point() and value.numel():
            yield value
    elif isinstance(value, (tuple, list)):
        for one in value:
            yield from tensors_of(one)
    elif is_dataclass(value):
        for field in fields(value):
            yield from tensors_of(getattr(value, field.name))


def connected(image: Tensor, configurations: Iterable[object]) -> Tensor:
    """The image, with every tensor of the configurations in its graph.

    Nothing is added to the values, whatever the tensors hold: each contributes through ``torch.where`` the
    branch that is never taken, whose gradient is 0.

    Args:
        image: Any shape.
        configurations: Crystal, detector, beam, run.
    """
    always = torch.ones((), dtype=torch.bool, device=image.device)
    nothing = [
        torch.where(always, 0.0, value.reshape(-1)[0].to(dtype=image.dtype, device=image.device))
        for value in (tensor for one in configurations for tensor in tensors_of(one))
    ]
    return image + torch.stack(nothing).sum() if nothing else image
