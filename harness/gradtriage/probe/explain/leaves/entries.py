"""The values of a tensor, whatever its layout."""

import torch
from torch import Tensor

from gradtriage.probe.statistics import stored_values


def entries(tensor: Tensor) -> Tensor:
    """The values that a tensor stores, as a dense one: of a sparse tensor without the zeros that it leaves out."""
    if tensor.layout is torch.strided and not tensor.is_nested:
        return tensor
    return stored_values(tensor)[0]
