"""Unit cell to reciprocal and real vectors (docs/physics.md, section 3).

Only cosines and the volume enter, so that every expression is smooth as long as the volume is positive.
"""

from __future__ import annotations

import torch
from torch import Tensor


def cell_volume(lengths: Tensor, angles: Tensor) -> Tensor:
    """Volume of the unit cell.

    ``V = a b c sqrt(1 - cos2(alpha) - cos2(beta) - cos2(gamma) + 2 cos(alpha) cos(beta) cos(gamma))``

    Args:
        lengths: a, b, c ``(3,)`` in angstrom.
        angles: alpha, beta, gamma ``(3,)`` in radians.

    Returns:
        Cubic angstrom, no dimension.
    """
    cosines = torch.cos(angles)
    volume: Tensor = lengths.prod(-1) * torch.sqrt(1.0 - (cosines * cosines).sum(-1) + 2.0 * cosines.prod(-1))
    return volume


def reciprocal_vectors(lengths: Tensor, angles: Tensor, oblique_c_star: bool = False) -> Tensor:
    """Reciprocal vectors of a cell with a* along x and b* in the xy plane.

    ``a* = (a*, 0, 0)``, ``b* = b* (cos gamma*, sin gamma*, 0)``,
    ``c* = (c* cos beta*, c* (cos alpha* - cos beta* cos gamma*)/sin gamma*, 1/c)``.

    Args:
        lengths: a, b, c ``(3,)`` in angstrom.
        angles: alpha, beta, gamma ``(3,)`` in radians.
        oblique_c_star: Take ``sin(gamma)/(c sin gamma*)`` for the last component, as the reference does.

    Returns:
        ``(3, 3)``, rows a*, b*, c* in 1/angstrom.
    """
    V = cell_volume(lengths, angles)
    a, b, c = lengths.unbind(-1)
    cos_a, cos_b, cos_g = torch.cos(angles).unbind(-1)
    sin_a, sin_b, sin_g = torch.sin(angles).unbind(-1)
    a_star, b_star, c_star = b * c * sin_a / V, c * a * sin_b / V, a * b * sin_g / V
    cos_a_star = (cos_b * cos_g - cos_a) / (sin_b * sin_g)
    cos_b_star = (cos_g * cos_a - cos_b) / (sin_g * sin_a)
    cos_g_star = (cos_a * cos_b - cos_g) / (sin_a * sin_b)
    sin_g_star = c / (V * a_star * b_star)
    c_z = sin_g / (c * sin_g_star) if oblique_c_star else 1.0 / c
    zero = torch.zeros_like(a)
    return torch.stack(
        (
            torch.stack((a_star, zero, zero), -1),
            torch.stack((b_star * cos_g_star, b_star * sin_g_star, zero), -1),
            torch.stack((c_star * cos_b_star, c_star * (cos_a_star - cos_b_star * cos_g_star) / sin_g_star, c_z), -1),
        ),
        -2,
    )


def cross_products(vectors: Tensor) -> Tensor:
    """The cyclic cross products of three vectors.

    Args:
        vectors: ``(..., 3, 3)``, rows v1, v2, v3.

    Returns:
        ``(..., 3, 3)``, rows v2 x v3, v3 x v1, v1 x v2.
    """
    products: Tensor = torch.linalg.cross(vectors[..., [1, 2, 0], :], vectors[..., [2, 0, 1], :])
    return products


def dual_vectors(vectors: Tensor) -> Tensor:
    """The dual basis: rows ``(v2 x v3)/V, (v3 x v1)/V, (v1 x v2)/V`` with ``V = v1 . (v2 x v3)``.

    Args:
        vectors: ``(..., 3, 3)``, rows v1, v2, v3. A left-handed set has a negative V and is accepted.

    Returns:
        ``(..., 3, 3)`` in the inverse unit.
    """
    products = cross_products(vectors)
    V = (vectors[..., 0, :] * products[..., 0, :]).sum(-1)
    dual: Tensor = products / V[..., None, None]
    return dual


def stretched_real_vectors(reciprocal: Tensor, lengths: Tensor) -> Tensor:
    """Real vectors with the directions of a reciprocal set and prescribed lengths.

    Args:
        reciprocal: ``(3, 3)``, rows a*, b*, c* in 1/angstrom.
        lengths: a, b, c ``(3,)`` in angstrom.

    Returns:
        ``(3, 3)``, rows a, b, c in angstrom.
    """
    products = cross_products(reciprocal)
    real: Tensor = products / torch.linalg.vector_norm(products, dim=-1, keepdim=True) * lengths[..., None]
    return real
