"""Structure factor of an index triple: nearest entry of a table, or tricubic interpolation in it.

The tables are padded by the caller: one ring of ``default_F`` around the listed box, so that any index,
clamped to the ring, finds its value without a branch.
"""

from __future__ import annotations

import torch
from torch import Tensor


def table_entries(table: Tensor, index: tuple[Tensor, Tensor, Tensor]) -> Tensor:
    """Entries of a padded table; an index outside is clamped to the padding.

    Args:
        table: ``(H, K, L)``, its outermost layer being the value for everything outside.
        index: Three whole tensors of one shape, counted from the table's first entry.

    Returns:
        Shape of the indices; linear in the table.
    """
    H, K, L = table.shape
    i, j, k = (n.clamp(0, size - 1) for n, size in zip(index, (H, K, L), strict=True))
    flat = (i * K + j) * L + k
    return table.reshape(-1).index_select(0, flat.reshape(-1)).reshape(flat.shape)


def lagrange_weights(x: Tensor) -> Tensor:
    """Weights of the four-point Lagrange polynomial on the nodes -1, 0, 1, 2.

    Args:
        x: Position between nodes 0 and 1, any shape.

    Returns:
        ``(..., 4)``, summing to 1.
    """
    below, above, beyond = x + 1.0, x - 1.0, x - 2.0
    return torch.stack(
        (
            -x * above * beyond / 6.0,
            below * above * beyond / 2.0,
            -below * x * beyond / 2.0,
            below * x * above / 6.0,
        ),
        -1,
    )


def tricubic_entries(table: Tensor, hkl: tuple[Tensor, Tensor, Tensor], origin: tuple[int, int, int]) -> Tensor:
    """Tensor product of four-point Lagrange interpolation along the three indices.

    Args:
        table: Padded table ``(H, K, L)``.
        hkl: Real indices, three tensors of one shape.
        origin: Index of the table's first entry.

    Returns:
        Shape of the indices.
    """
    floors = [torch.floor(h.detach()) for h in hkl]
    weights = [lagrange_weights((h - f).to(table.dtype)) for h, f in zip(hkl, floors, strict=True)]
    first = [f.to(torch.int64) - start - 1 for f, start in zip(floors, origin, strict=True)]
    total = torch.zeros_like(weights[0][..., 0])
    for m in range(4):
        for n in range(4):
            plane = weights[0][..., m] * weights[1][..., n]
            for o in range(4):
                entry = table_entries(table, (first[0] + m, first[1] + n, first[2] + o))
                total = total + plane * weights[2][..., o] * entry
    return total
