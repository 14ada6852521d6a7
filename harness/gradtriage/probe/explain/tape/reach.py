"""Which of the leaves in question a backward pass from a tensor would reach, as a set of bits."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from gradtriage.probe.explain.leaves.identity import node_of

if TYPE_CHECKING:
    from torch import Tensor

REACH = "gradtriage.reach"


class Reach:
    """Reachability, remembered in autograd's own nodes, so that nothing is kept alive by it.

    Args:
        bit_of: The bit of a leaf; 0 for one that is not in question.
    """

    def __init__(self, bit_of: Callable[[Tensor], int]) -> None:
        self._bit_of = bit_of

    def of(self, tensor: Tensor) -> int:
        """The leaves that a backward pass from this tensor reaches."""
        if not tensor.requires_grad:
            return 0
        node = node_of(tensor)
        return self._bit_of(tensor) if node is None else self._of_node(node)

    def _of_node(self, node: Any) -> int:
        known = node.metadata.get(REACH)
        if known is not None:
            return int(known)
        stack = [node]
        while stack:
            top = stack[-1]
            below = [child for child, _ in top.next_functions if child is not None]
            unknown = [child for child in below if REACH not in child.metadata]
            if unknown:
                stack.extend(unknown)
                continue
            bits = self._bit_of(top.variable) if hasattr(top, "variable") else 0
            for child in below:
                bits |= child.metadata[REACH]
            top.metadata[REACH] = bits
            stack.pop()
        return int(node.metadata[REACH])
