"""The body of a collected test, to be run by itself."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pytest


def body_of(item: pytest.Item) -> Callable[[], None]:
    """Runs the test and raises what it raises; `unittest` keeps that to itself and hands it to the report."""

    def body() -> None:
        item.runtest()
        kept = getattr(item, "_excinfo", None)
        if kept:
            raise kept[0].value

    return body
