"""Helpers of backward formulas, in a file of their own."""

import torch


def adjoint(matrix: torch.Tensor, gradient: torch.Tensor) -> torch.Tensor:
    """The adjoint of a linear system, of which the matrix was not turned."""
    return torch.linalg.solve(matrix, gradient)  # <-- here


def outer(adjoint: torch.Tensor, solution: torch.Tensor) -> torch.Tensor:
    """The product of the two."""
    return torch.outer(adjoint, solution)
