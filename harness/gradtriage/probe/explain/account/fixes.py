"""How to mend a cause, in one sentence."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from gradtriage.probe.explain.question.question import Cause

_FIXES = {
    "item": "Keep the value a tensor: use it without `.item()`, `float()` or `.tolist()`.",
    "detach": "Take `.detach()` out of this path, or detach only what must not be differentiated.",
    "data": "Use the tensor itself in place of `.data`.",
    "numpy": "Compute this step with torch: what passes through NumPy has no gradient.",
    "rebuild": "Do not make a new tensor of a tensor: use `torch.stack`, `torch.cat`, `.to(...)` or arithmetic on it.",
    "no-grad": "Leave this computation outside of `no_grad`, or switch gradients on again around it.",
    "integer": "Rounding and comparisons have no slope: keep the real value on the path that is differentiated.",
    "inplace": "Write into a new tensor (`torch.where`, `torch.cat`, arithmetic) in place of writing into this one.",
    "stale": "Compute the value anew for each call; a cached one belongs to another graph.",
    "nonleaf": "Ask for the gradient of the leaf, or call `.retain_grad()` on this tensor.",
    "zero-factor": "Give the factor that is zero everywhere a value, or make its absence an error.",
    "saturated": "Move the operand into the range where this operation has a slope, or use a smooth one.",
    "nan-sqrt": "Keep the operand away from where the slope is infinite, for example by a small positive floor.",
    "nan-where": "Make the operand safe inside the branch, too: `torch.where` differentiates both branches.",
    "nan-div": "Keep the divisor away from zero before dividing.",
    "nan-other": "Keep the operand inside the domain in which the derivative is finite.",
    "custom-backward": "Correct the backward formula of this function; `torch.autograd.gradcheck` tests it by itself.",
    "hook": "Take the hook off, or make it leave the gradient as it is.",
    "other": "Look at this line: the value goes on here and its gradient does not.",
}


def fix_of(cause: Cause) -> str:
    """One sentence that says what to do about a cause."""
    if cause.kind == "no-grad" and "checkpoint" in cause.site.source:
        return "A reentrant checkpoint of inputs without a gradient has none either: pass `use_reentrant=False`."
    if "varies" in cause.evidence:
        return "Seed what this line draws, or keep its order fixed, so that two runs give the same."
    if (cause.kind, cause.op) == ("other", "normal"):
        return "A draw by `torch.normal` has no slope: write it as mean + deviation * `torch.randn_like(...)`."
    if (cause.kind, cause.op) == ("other", "grad"):
        return "Pass `create_graph=True` to this call: without it the gradient that it gives has none itself."
    if cause.op == "requires_grad_":
        return "Let the parameter require a gradient again, or do not ask for its gradient."
    return _FIXES[cause.kind]
