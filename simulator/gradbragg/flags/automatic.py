"""Counts, ranges and spacings that a user leaves open (docs/physics.md, section 7)."""

from __future__ import annotations

import math
from dataclasses import dataclass


@dataclass(frozen=True)
class Sampling:
    """Samples of a range.

    Args:
        steps: How many.
        full: The range.
        step: Spacing; None: ``full / (steps - 1)``.
    """

    steps: int
    full: float
    step: float | None


SINGLE = Sampling(1, 0.0, None)
"""One sample in the middle."""


def sampling(steps: float | None, full: float | None, step: float | None, nominal: float | None) -> Sampling:
    """Complete what is known of a sampled range.

    Args:
        steps: None or 0 and below: open.
        full: None or below 0: open.
        step: None or 0 and below: open.
        nominal: Range where only the steps are known; None: a single sample then.
    """
    steps = None if steps is None or steps <= 0 else steps
    full = None if full is None or full < 0 else full
    step = None if step is None or step <= 0 else step
    return _collapsed(_completed(None if steps is None else int(steps), full, step, nominal))


def _completed(steps: int | None, full: float | None, step: float | None, nominal: float | None) -> Sampling:
    if full is None:
        if step is not None:
            return Sampling(2, step, None)
        if steps is None or nominal is None:
            return SINGLE
        return Sampling(steps, nominal, nominal / steps)
    if steps is None:
        return Sampling(2, full, None) if step is None else Sampling(_ratio(full, step), full, step)
    return Sampling(max(steps, 2), full, None) if step is None else Sampling(steps, full, step)


def _ratio(full: float, step: float) -> int:
    """``ceil(full/step)``; what is beyond all use stays a whole number, for the configuration to refuse."""
    return math.ceil(min(full / step, 1e18))


def _collapsed(found: Sampling) -> Sampling:
    return SINGLE if found.full <= 0 or found.steps <= 0 else found


@dataclass(frozen=True)
class PhiSteps:
    """The steps of a rotation.

    Args:
        steps: How many.
        osc_deg: Range.
        step_deg: Spacing; None: ``osc_deg / steps``.
    """

    steps: int
    osc_deg: float
    step_deg: float | None


def phi_steps(steps: float | None, osc: float | None, step: float | None) -> PhiSteps:
    """Complete what is known of a rotation.

    Args:
        steps: None or below 0: open; 0 counts as 1.
        osc: Degrees; None or below 0: open.
        step: Degrees; None or below 0: open.
    """
    count = None if steps is None or steps < 0 else max(int(steps), 1)
    osc = None if osc is None or osc < 0 else osc
    positive = step is not None and step > 0
    if count is None:
        if osc is None:
            return PhiSteps(2, step, step) if positive and step is not None else PhiSteps(1, 0.0, None)
        if not positive or step is None:
            return PhiSteps(2, osc, None)
        return PhiSteps(max(_ratio(osc, step), 1), osc, step)
    if osc is None:
        return PhiSteps(2, step, step) if positive and step is not None else PhiSteps(count, 1.0, None)
    return PhiSteps(count, osc, None if step is None or step < 0 else step)


def mosaic_domains(domains: float | None, spread: float | None) -> tuple[int, float]:
    """Number of domains and spread in degrees.

    Args:
        domains: None or 0 and below: open.
        spread: Degrees; None or below 0: open.
    """
    if spread is None or spread <= 0:
        return 1, 0.0
    return (10 if domains is None or domains <= 0 else int(domains)), spread
