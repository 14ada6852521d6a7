"""What is known of each target: autograd and differences along its own direction, or along one for a group."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from gradtriage.probe.explain.leaves.identity import Key
    from gradtriage.probe.explain.question.question import Comparison, Question
    from gradtriage.probe.explain.replay.listings import Listing, Target

# Numeric derivatives of single targets: at most so many, the rest is tested in groups.
MOST_SINGLE = 16
# Where a difference within the tolerance is certain all the same it may be larger along another direction.
OTHER_DIRECTIONS, OTHER_SEEDS = 2, 2000
# By how much the step is shortened to see whether a contradiction stands, and how much of it may change by that.
FINER, FINER_SINGLE = (0.03, 0.01), (0.1, 0.03, 0.01)
SAME = 0.2
# Of what a gradient gives along a usual direction: the digits of a solver that stops early.
SMALL = 1e-5
# A step that is fine enough is not shortened: where a value is rounded to single precision nothing would move.
FINE = 1e-6
# Of the noise, below which a dependence without a gradient is none: what rounding leaves of other parameters' steps.
FAINT = 1e4


@dataclass
class Finding:
    """What is known of one target.

    Attributes:
        status: As listed, or `wrong` where differences contradict autograd, `unknown` where they cannot decide.
        comparison: Autograd and differences along its own direction, if that was looked at.
    """

    target: Target
    status: str
    comparison: Comparison | None = None


def as_listed(listing: Listing) -> list[Finding]:
    """The targets of a computation with the statuses that they were listed with."""
    return [Finding(target, target.status) for target in listing.targets]


def compare_all(question: Question) -> list[Finding]:
    """Every target by itself where they are few; where they are many, groups of equal status first."""
    targets = question.asked
    slopes = dict(zip((t.key for t in targets), question.slopes(targets), strict=True))
    if len(targets) <= MOST_SINGLE and not question.again:
        return [_finding(question, target, slopes) for target in targets]
    findings = []
    for status in ("ok", "zero", "none"):
        group = [target for target in targets if target.status == status]
        if group:
            findings += _group_findings(question, group, slopes)
    return findings


def _group_findings(question: Question, group: Sequence[Target], slopes: Mapping[Key | None, float]) -> list[Finding]:
    comparison = question.compare(group, autograd=sum(slopes[target.key] for target in group))
    status = _status(group[0], comparison, _noise(slopes))
    if status == group[0].status and (len(group) == 1 or not comparison.differ_a_little):
        return _looked_at_again(question, group, status, comparison)
    if len(group) == 1:
        return [_confirmed(question, Finding(group[0], status, comparison))]
    if status == "unknown" and len(group) <= 2:
        return [Finding(target, status, comparison) for target in group]
    middle = len(group) // 2
    return [*_group_findings(question, group[:middle], slopes), *_group_findings(question, group[middle:], slopes)]


def _finding(question: Question, target: Target, slopes: Mapping[Key | None, float]) -> Finding:
    comparison = question.compare([target], autograd=slopes[target.key])
    status = _status(target, comparison, _noise(slopes))
    if status == "wrong" and target.matrix and not target.symmetric:
        # factorisations read one triangle, and their gradients are those among symmetric matrices
        target = replace(target, symmetric=True)
        comparison = question.compare([target])
        status = _status(target, comparison, _noise(slopes))
    if status == "wrong" and target.holes and question.jumps([target], comparison):
        # a zero that stands for what is missing: what is not zero can be moved, and the rest has no derivative
        target = replace(target, held=True)
        comparison = question.compare([target])
        status = _status(target, comparison, _noise(slopes))
    if status == target.status:
        return _looked_at_again(question, [target], status, comparison)[0]
    return _confirmed(question, Finding(target, status, comparison))


def _confirmed(question: Question, finding: Finding) -> Finding:
    """A contradiction stands if a finer step shows the same; one at a kink, or that depends on the step, does not.

    Of a piecewise smooth function a step may cross kinks, and two steps of nearly the same length cross the same ones.
    """
    target, comparison = finding.target, finding.comparison
    if comparison is None or not comparison.numeric.moved or comparison.numeric.step <= FINE:
        return finding
    before = comparison
    for factor in FINER_SINGLE if question.listing.single else FINER:
        step = comparison.numeric.step * factor
        finer = question.compare([target], autograd=comparison.autograd, step=step)
        if not finer.conclusive:
            continue
        if finer.agree:
            return Finding(target, target.status, finer)
        change = abs(finer.numeric.value - before.numeric.value)
        if finding.status == "wrong" and change <= SAME * abs(before.numeric.value - comparison.autograd):
            if target.status == "ok" and question.at_kink([target], finer):
                break
            return finding
        before = finer
    return Finding(target, "unknown", comparison)


def _looked_at_again(
    question: Question, targets: Sequence[Target], status: str, comparison: Comparison
) -> list[Finding]:
    """Targets along other directions where there is a small difference that is more than the numeric error.

    One entry of many that is wrong, or a wrong term that is nearly orthogonal, shows little along one direction.
    """
    for number in range(1, OTHER_DIRECTIONS + 1):
        if not comparison.differ_a_little:
            break
        others = [replace(target, seed=target.seed + number * OTHER_SEEDS) for target in targets]
        other = question.compare(others)
        if other.differ and not any(_is_small(target, other) for target in others):
            found = [Finding(target, "wrong", other) for target in others]
            return found if len(found) > 1 else [_confirmed(question, found[0])]
    return [Finding(target, status, comparison) for target in targets]


def _noise(slopes: Mapping[Key | None, float]) -> float:
    return 1e-13 * max(map(abs, slopes.values()), default=0.0)


def _status(target: Target, comparison: Comparison, noise: float) -> str:
    """What is known of a target; a slope below the noise is what rounding leaves of one that cancels."""
    numeric = comparison.numeric
    faint = FAINT * noise if target.status == "none" else noise
    below = abs(comparison.autograd) <= noise and abs(numeric.value) <= faint + 3 * numeric.error
    if comparison.agree or below or _is_small(target, comparison):
        return target.status
    return _contradicted(comparison)


def _is_small(target: Target, comparison: Comparison) -> bool:
    """Whether a difference is small beside what the gradient gives along a usual direction; along this it cancels."""
    usual = (target.norm or 0.0) * target.scale
    return abs(comparison.numeric.value - comparison.autograd) <= SMALL * usual


def _contradicted(comparison: Comparison) -> str:
    return "wrong" if comparison.differ or (not comparison.numeric.moved and comparison.autograd != 0) else "unknown"


def with_what_is_meant(question: Question, findings: Sequence[Finding]) -> list[Finding]:
    """The findings after all that is meant was accepted: differences are shown as they are without it."""
    return [_accepted(question, f, number) if f.status == "wrong" else f for number, f in enumerate(findings)]


def _accepted(question: Question, finding: Finding, number: int) -> Finding:
    comparison = question.trial([finding.target], {}) if number < MOST_SINGLE else None
    return Finding(finding.target, finding.target.status, comparison)
