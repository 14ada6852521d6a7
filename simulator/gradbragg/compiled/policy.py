"""Whether to compile: the environment, and the break-even that was measured (docs/performance.md)."""

from __future__ import annotations

import os

RAY = 8
"""What a ray costs uncompiled, in steps of the crystal."""

BREAK_EVEN = 7_000_000
"""Uncompiled steps that take as long as compiling; both scale alike with the speed of a machine."""

_done = 0


def allowed() -> bool:
    """Whether the environment leaves compilation on."""
    return os.environ.get("GRADBRAGG_COMPILE") != "0" and os.environ.get("NANOBRAGG_DISABLE_COMPILE") in (None, "", "0")


def worth_compiling(steps: int, rays: int) -> bool:
    """Whether to compile before a run, which counts as done uncompiled if not.

    As many runs as there have been in this process are expected to follow: it pays when twice what was done and
    this run together reach the break-even. ``GRADBRAGG_COMPILE=1`` says that it always does.

    Args:
        steps: Evaluations of the crystal in the run.
        rays: Rays among which they are.
    """
    global _done
    work = steps + RAY * rays
    if os.environ.get("GRADBRAGG_COMPILE") == "1" or 2 * _done + work >= BREAK_EVEN:
        return True
    _done += work
    return False
