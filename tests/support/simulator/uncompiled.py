"""The same simulation without compiled code."""

import os
from unittest import mock

import torch

from tests.support.simulator.images import Configs, simulate


def uncompiled(parts: Configs) -> torch.Tensor:
    with mock.patch.dict(os.environ, {"GRADBRAGG_COMPILE": "0"}):
        return simulate(parts)
