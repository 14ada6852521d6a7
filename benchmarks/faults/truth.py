"""What is wrong with a function's gradients, decided without the tool: central differences at several steps."""

from __future__ import annotations

import itertools
import math

import memo
import torch

STEPS = (3e-4, 1e-4, 3e-5, 1e-5, 1e-6)


def observe(function, parameters):
    """Loss, and for each parameter the gradient along a fixed direction by autograd and by differences."""
    leaves = {name: value.detach().clone().requires_grad_() for name, value in parameters.items()}
    loss = evaluated(function, leaves)
    directions = {
        name: torch.randn(value.shape, generator=torch.Generator().manual_seed(11), dtype=value.dtype)
        for name, value in leaves.items()
    }
    gradients = dict.fromkeys(leaves)
    if loss.requires_grad:
        found = torch.autograd.grad(loss, list(leaves.values()), allow_unused=True)
        gradients = dict(zip(leaves, found, strict=True))
    result = {"loss": float(loss), "parameters": {}}
    for name, gradient in gradients.items():
        slope = None if gradient is None else float((gradient * directions[name]).sum())
        finite = gradient is None or bool(torch.isfinite(gradient).all())
        zero = gradient is not None and not bool(gradient.any())
        numeric, error = _differences(function, parameters, name, directions[name])
        result["parameters"][name] = {
            "slope": slope,
            "finite": finite,
            "zero": zero,
            "numeric": numeric,
            "error": error,
        }
    return result


def evaluated(function, parameters):
    """The loss from the same start each time: seed, memo and gradient mode."""
    memo.VALUES.clear()
    torch.manual_seed(0)
    with torch.enable_grad():
        return function(**parameters).sum()


def _differences(function, parameters, name, direction):
    estimates = []
    for step in STEPS:
        sides = []
        for sign in (1, -1):
            moved = {key: value.detach().clone() for key, value in parameters.items()}
            moved[name] = moved[name] + sign * step * direction
            for value in moved.values():
                value.requires_grad_()
            sides.append(float(evaluated(function, moved).detach()))
        estimates.append((sides[0] - sides[1]) / (2 * step))
    if not all(map(math.isfinite, estimates)):
        return None, None
    pairs = [(abs(a - b), b) for a, b in itertools.pairwise(estimates)]
    error, value = min(pairs)
    return value, error


def judge(original, mutant):
    """`same`, `right`, `fault` or `undecided`."""
    if not math.isfinite(mutant["loss"]):
        return "fault"
    verdicts = []
    biggest = max(abs(p["slope"] or 0.0) for p in mutant["parameters"].values())
    for name, now in mutant["parameters"].items():
        before = original["parameters"][name]
        if not now["finite"]:
            return "fault"
        slope = now["slope"] or 0.0
        if now["numeric"] is None:
            verdicts.append("undecided")
            continue
        scale = max(abs(now["numeric"]), abs(slope))
        difference = abs(now["numeric"] - slope)
        if scale <= 1e-13 * biggest or (scale <= 1e-12 and now["error"] <= 1e-12):
            verdicts.append("dead" if abs(before["slope"] or 0.0) > 1e-12 * biggest else "right")
        elif difference <= 1e-5 * scale + 5 * now["error"]:
            verdicts.append("right" if now["error"] <= 1e-2 * scale else "undecided")
        else:
            verdicts.append("fault" if difference > 20 * now["error"] and difference > 1e-4 * scale else "undecided")
    if "fault" in verdicts:
        return "fault"
    if "undecided" in verdicts:
        return "undecided"
    if "dead" in verdicts:
        return "fault"
    same = abs(mutant["loss"] - original["loss"]) <= 1e-12 * max(1.0, abs(original["loss"])) and all(
        math.isclose(now["slope"] or 0.0, original["parameters"][name]["slope"] or 0.0, rel_tol=1e-9, abs_tol=1e-12)
        for name, now in mutant["parameters"].items()
    )
    return "same" if same else "right"
