"""The leaves below a loss in autograd's graph."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import torch

NODE_LIMIT = 50_000


def graph_leaves(roots: Iterable[object]) -> tuple[list[torch.Tensor], bool]:
    """The leaf tensors that a backward pass from `roots` would reach, and whether the whole graph was seen.

    The walk stops after `NODE_LIMIT` nodes; leaves that are deeper are then found only if the test can see them.

    Args:
        roots: Tensors or gradient edges; anything else is passed over.
    """
    leaves: dict[int, torch.Tensor] = {}
    waiting: list[Any] = []
    for root in roots:
        if isinstance(root, torch.Tensor):
            if root.grad_fn is not None:
                waiting.append(root.grad_fn)
            elif root.requires_grad:
                leaves[id(root)] = root
        elif hasattr(root, "node"):
            waiting.append(root.node)
    seen = set(waiting)
    while waiting:
        node = waiting.pop()
        if type(node).__name__ == "AccumulateGrad":
            leaves[id(node.variable)] = node.variable
            continue
        for below, _ in node.next_functions:
            if below is not None and below not in seen:
                seen.add(below)
                waiting.append(below)
        if len(seen) > NODE_LIMIT:
            return list(leaves.values()), False
    return list(leaves.values()), True
