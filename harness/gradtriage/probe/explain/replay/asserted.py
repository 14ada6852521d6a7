"""A test that only asserts that a tensor has a graph: its question, asked where the assertion fails."""

from __future__ import annotations

import ast
import re
import traceback
from linecache import getline
from types import FrameType
from typing import Any

from torch import Tensor

_ASKED = re.compile(r"([A-Za-z_][\w.]*(?:\[[^\]]+\])?)\.(?:requires_grad|grad_fn)\b")


def tensor_without_graph(error: AssertionError) -> tuple[Tensor, FrameType] | None:
    """The tensor that an assertion of `requires_grad` or `grad_fn` failed about, and the frame it is in.

    Args:
        error: What the test raised; the failing line has to name the tensor.
    """
    for frame, line in reversed(list(traceback.walk_tb(error.__traceback__))):
        for name in _ASKED.findall(getline(frame.f_code.co_filename, line)):
            value = _value(name, {**frame.f_globals, **frame.f_locals})
            if isinstance(value, Tensor) and value.is_floating_point() and not value.requires_grad:
                return value, frame
    return None


def _value(name: str, known: dict[str, Any]) -> Any:
    """What a name with attributes and one index stands for; None where that cannot be told."""
    try:
        return _of(ast.parse(name, mode="eval").body, known)
    except (SyntaxError, KeyError, AttributeError, IndexError, TypeError):
        return None


def _of(node: ast.expr, known: dict[str, Any]) -> Any:
    if isinstance(node, ast.Attribute):
        return getattr(_of(node.value, known), node.attr)
    if isinstance(node, ast.Subscript):
        return _of(node.value, known)[_of(node.slice, known)]
    return node.value if isinstance(node, ast.Constant) else known[getattr(node, "id", "")]
