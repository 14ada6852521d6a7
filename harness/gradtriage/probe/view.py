"""What a test sees at a gradient call, and for how long that stays true."""

from __future__ import annotations

import weakref
from types import CodeType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import torch

Rank = tuple[int, int, int, int]
_NAMELESS: Rank = (2, 0, 0, 0)
_LIMIT = 64


class View:
    """The leaves that are visible to a test, and the names of tensors.

    Attributes:
        leaves: Leaf tensors that require a gradient and are visible to the test, by their id.
    """

    def __init__(self) -> None:
        self.leaves: dict[int, torch.Tensor] = {}
        self.names: dict[int, tuple[Rank, int, str, torch.Tensor]] = {}

    def name(self, tensor: torch.Tensor) -> str | None:
        """The best name for a tensor that was asked for or is a leaf."""
        known = self.names.get(id(tensor))
        return None if known is None else known[2]

    def rank(self, tensor: torch.Tensor) -> tuple[Rank, int]:
        """Sorts tensors as the author met them: by how good their names are, then by where those stand."""
        known = self.names.get(id(tensor))
        return (_NAMELESS, 0) if known is None else known[:2]

    def add(self, tensor: torch.Tensor, name: str, rank: Rank, *, visible: bool) -> None:
        """Keeps the name if it is better than what is known, and the leaf if the test can see it."""
        known = self.names.get(id(tensor))
        if known is None or rank < known[0]:
            self.names[id(tensor)] = rank, len(self.names), name, tensor
        if visible:
            self.leaves.setdefault(id(tensor), tensor)


class Memory:
    """The last view of each test function: good while nothing in its frames was rebound and no leaf died.

    Leaves are held weakly: what a test lets go of has to go.
    """

    def __init__(self) -> None:
        self._known: dict[int, tuple[CodeType, list[Any], list[tuple[Any, ...]]]] = {}

    def recall(self, code: CodeType | None, signature: list[Any], wanted: set[int]) -> View | None:
        """The view of the last call, if it is still true and has a name for each tensor that is wanted."""
        kept = self._known.get(id(code))
        if kept is None or kept[0] is not code or kept[1] != signature:
            return None
        view = View()
        for reference, rank, order, name, visible in kept[2]:
            tensor = reference()
            if tensor is None or not tensor.requires_grad:
                return None
            view.names[id(tensor)] = rank, order, name, tensor
            if visible:
                view.leaves[id(tensor)] = tensor
        return view if wanted <= view.names.keys() else None

    def keep(self, code: CodeType | None, signature: list[Any], view: View) -> None:
        """Remembers the leaves of a view."""
        if code is None:
            return
        if len(self._known) >= _LIMIT:
            self._known.clear()
        self._known[id(code)] = (
            code,
            signature,
            [
                (weakref.ref(tensor), rank, order, name, identity in view.leaves)
                for identity, (rank, order, name, tensor) in view.names.items()
                if tensor.is_leaf
            ],
        )
