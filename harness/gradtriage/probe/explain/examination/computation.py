"""The diagnosis of one gradient computation."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from gradtriage.probe.explain.account.diagnosis import VERDICTS, Diagnosis
from gradtriage.probe.explain.causes.cuts import CUTS
from gradtriage.probe.explain.causes.deaths import zero_causes
from gradtriage.probe.explain.causes.designs import UNWANTED, Meant, find_designs, find_steps, shown
from gradtriage.probe.explain.causes.elsewhere import copies, stopped_by_the_caller, trained_elsewhere
from gradtriage.probe.explain.causes.kept import kept_value
from gradtriage.probe.explain.causes.nonfinite import nonfinite_causes
from gradtriage.probe.explain.causes.nonleaf import nonleaf_cause
from gradtriage.probe.explain.causes.raised import raising_causes
from gradtriage.probe.explain.causes.severed import severance_causes
from gradtriage.probe.explain.causes.starts import learn_later, starting_points
from gradtriage.probe.explain.causes.steps import step_cause
from gradtriage.probe.explain.causes.wrongbackward import backward_causes, stale_causes, write_causes
from gradtriage.probe.explain.program import NO_GRAPH
from gradtriage.probe.explain.question.findings import Finding, as_listed, compare_all, with_what_is_meant
from gradtriage.probe.explain.question.question import Design, Question

if TYPE_CHECKING:
    from gradtriage.probe.explain.question.question import Cause, Comparison
    from gradtriage.probe.explain.replay.listings import Target
    from gradtriage.probe.explain.source.sites import Site

# Targets without a gradient whose large moves are tried.
MOST_STEPPED = 4


def diagnose(question: Question) -> Diagnosis:
    """What is wrong with the gradients of one computation: verdict, findings, causes, designs.

    Args:
        question: The computation.
    """
    listing = question.listing
    bad = [t for t in question.targets if t.status in ("nan", "inf")]
    if bad or not math.isfinite(listing.loss):
        return _diagnose_nonfinite(question, bad or question.targets)
    if not question.targets:
        reason = "no parameter can be recognised in a second run"
        if listing.raises == NO_GRAPH and not listing.targets:
            reason = (
                f"{NO_GRAPH}: no tensor that the test can see requires a gradient; is `requires_grad=True` missing?"
            )
        return Diagnosis("unknown", listing, as_listed(listing), reason=reason)
    if question.raises_midway:
        return _diagnose_raising(question)
    unkept = nonleaf_cause(question)
    if unkept is not None:
        target, comparison, cause = unkept
        findings = [*as_listed(listing), Finding(target, "none", comparison)]
        return Diagnosis("severed", listing, findings, [cause], f"{target.name} is no leaf: its gradient is not kept")
    findings = compare_all(question)
    trained = any(f.status == "wrong" for f in findings) and listing.number > 1
    if trained and question.replays.hold_training(listing.number):
        # what is moved may have moved what others learned from it, which is no part of the derivative
        findings = compare_all(question)
    verdicts: list[str] = []
    causes: list[Cause] = []
    meant, reason = _not_asked_about(question, findings)
    findings = [replace(f, status=f.target.status) if f.target.name in meant else f for f in findings]
    wrong = [finding.target for finding in findings if finding.status == "wrong"]
    if wrong:
        verdict, found, reason = _diagnose_wrong(question, wrong, findings)
        verdicts.append(verdict)
        causes += found
        if verdict == "healthy":
            meant |= {target.name for target in wrong}
            findings = with_what_is_meant(question, findings)
    still = [
        f.target
        for f in findings
        if f.target.status == "zero" and f.comparison is not None and not f.comparison.numeric.moved
    ]
    still = [target for target in still if target.name not in meant]
    later = learn_later(question, still)
    still = [target for target in still if target.name not in later]
    if later:
        reason = reason or f"zero here and not in a later call: {', '.join(sorted(later))}"
    if still:
        verdict, found = zero_causes(question, still)
        if verdict == "insensitive" and _nobody_minds(question):
            verdict, found = "healthy", []
            names = ", ".join(target.name for target in still)
            reason = reason or f"the loss does not depend on {names}, and the test passes"
        starts = starting_points(question, found)
        question.designs += starts
        verdicts += [] if starts else [verdict]
        causes += [] if starts else found
    asked = [f for f in findings if f.target.name not in meant]
    verdict, found = _dead_among_steps(question, asked) if not verdicts else ("healthy", [])
    if found:
        verdicts.append(verdict)
        causes += found
        dead = {name for cause in found for name in cause.targets}
        findings = [replace(f, status="zero") if f.target.name in dead else f for f in findings]
    unused = [f.target for f in findings if f.target.status == "none" and f.status == "none"]
    unused = [target for target in unused if target.name not in meant | copies(listing, question.others)]
    if unused:
        verdict, found = zero_causes(question, unused)
        # one that nothing depends on is no fault beside others that are used
        if found or len(unused) == len(findings):
            verdicts.append(verdict)
        causes += found
        stepped = [] if found else [step_cause(question, target) for target in unused[:MOST_STEPPED]]
        causes += [cause for cause in stepped if cause is not None]
        verdicts += ["severed" for cause in stepped if cause is not None]
    if any(f.status == "unknown" for f in findings):
        verdicts.append("unknown")
    kept = kept_value(question) if not verdicts and listing.repeatable else None
    if kept is not None:
        verdicts.append("partial")
        causes.append(kept)
        reason = "a second evaluation gives another value than one in a process of its own"
    verdict = min(verdicts or ["healthy"], key=VERDICTS.index)
    if verdict == "unknown":
        reason = "differences are too coarse to decide (single precision, noise or a kink)"
    return Diagnosis(verdict, listing, findings, _roots_first(causes), reason, designs=question.designs)


def _nobody_minds(question: Question) -> bool:
    """Whether a test passes in which other parameters have gradients: one may well cancel, as a shift in a softmax."""
    others = any(target.status == "ok" for target in question.targets)
    asked = question.listing.made and question.listing.kind in ("backward", "grad")
    return asked and others and not question.fails


def _roots_first(causes: Sequence[Cause]) -> list[Cause]:
    """What is the origin of another cause comes before it."""
    origins = [cause.evidence.get("origin") for cause in causes]
    roots = [cause for cause in causes if cause.site.told in origins]
    follow = [
        cause.evidence.get("origin") in [root.site.told for root in roots if root is not cause] for cause in causes
    ]
    return roots + [
        replace(cause, proof="supported") if follows else cause
        for cause, follows in zip(causes, follow, strict=True)
        if cause not in roots
    ]


def _dead_among_steps(question: Question, findings: Sequence[Finding]) -> tuple[str, list[Cause]]:
    """Zero gradients of a loss that moves all the same: at an extremum, or where values jump (rounded, chosen).

    Only what is proven counts: at an extremum nothing is wrong.
    """
    moving = [
        f.target
        for f in findings
        if f.target.status == "zero" and f.status != "wrong" and f.comparison is not None and f.comparison.numeric.moved
    ]
    if not moving:
        return "healthy", []
    verdict, causes = zero_causes(question, moving, moving=True)
    proven = [cause for cause in causes if cause.proof == "proven"]
    return (verdict, proven) if proven else ("healthy", [])


def _is_designed(question: Question, targets: Sequence[Target], wrong: Comparison, cause: Cause) -> bool:
    return cause.site in [design.site for design in find_designs(question, targets, wrong).designs]


def _not_asked_about(question: Question, findings: Sequence[Finding]) -> tuple[set[str], str]:
    """Targets without a gradient that the computation is not about, and why.

    Those of which the test itself asserts that there is none, copies, and what is trained elsewhere.
    """
    listing = question.listing
    unwanted = set(listing.unwanted)
    asserted: dict[Site, list[str]] = {}
    for name, site in listing.unwanted.items():
        asserted.setdefault(site, []).append(name)
    question.designs += [Design(site, UNWANTED, names) for site, names in asserted.items()]
    wrong = {f.target.name: f for f in findings if f.status == "wrong" and f.target.name not in unwanted}
    copied = copies(listing, question.others) & set(wrong)
    reasons = [f"no gradient is meant for copies of other parameters: {', '.join(sorted(copied))}"] if copied else []
    elsewhere = [target for target in trained_elsewhere(listing, question.others) if target.name in wrong]
    elsewhere = [target for target in elsewhere if target.name not in copied]
    why = stopped_by_the_caller(question, elsewhere, question.compare(elsewhere)) if elsewhere else ""
    if not why:
        return copied | unwanted, "; ".join(reasons)
    names = {target.name for target in elsewhere}
    return copied | unwanted | names, "; ".join(
        [*reasons, f"no gradient is meant here for {', '.join(sorted(names))}: {why}"]
    )


def _diagnose_raising(question: Question) -> Diagnosis:
    """A computation that raises midway: a gradient that nobody gets, whatever it would be."""
    verdict, causes = raising_causes(question, question.targets)
    return Diagnosis(verdict, question.listing, as_listed(question.listing), causes, question.listing.raises)


def _diagnose_nonfinite(question: Question, bad: Sequence[Target]) -> Diagnosis:
    statuses = {target.status for target in bad}
    verdict = "nan" if "nan" in statuses or math.isnan(question.listing.loss) else "inf"
    return Diagnosis(verdict, question.listing, as_listed(question.listing), nonfinite_causes(question, bad))


def _accept(question: Question, meant: Meant) -> None:
    """From now on what is meant makes no difference."""
    question.meant = {**question.meant, **meant.rewrites}
    question.designs = [*question.designs, *meant.designs]
    question.unhooked = question.unhooked or meant.unhooked


def _diagnose_wrong(
    question: Question, wrong: Sequence[Target], findings: Sequence[Finding]
) -> tuple[str, list[Cause], str]:
    """Verdict, causes, reason: what kills the gradient, cuts, formulas; for all wrong targets together."""
    together = question.compare(wrong)
    if together.agree:  # opposite errors that cancel along this direction
        together = next(f.comparison for f in findings if f.status == "wrong" and f.comparison is not None)
        wrong = [f.target for f in findings if f.status == "wrong"][:1]
    if all(target.status == "zero" for target in wrong):
        # there is a path: what is dead on it may be the cause, and detached values that cancel otherwise are not
        verdict, causes = zero_causes(question, wrong)
        if causes and causes[0].proof == "proven":
            # a single cut accounts for the difference itself, with all values as they are
            cuts = severance_causes(question, wrong, together)
            alone = (
                len(cuts) == 1 and cuts[0].proof == "proven" and not _is_designed(question, wrong, together, cuts[0])
            )
            return ("severed", cuts, "") if alone else (verdict, causes, "")
    _accept(question, find_designs(question, wrong, together))
    if question.designs:
        together = question.compare(wrong)
        if together.agree:
            return "healthy", [], f"gradients are stopped or replaced by design: {shown(question.designs)}"
    causes = severance_causes(question, wrong, together)
    severed = "severed" if all(target.status in ("none", "zero") for target in wrong) else "partial"
    if causes and causes[0].proof == "proven":
        return severed, causes, ""
    steps = find_steps(question, wrong, together)
    if steps.designs:
        without, before = question.meant, list(question.designs)
        _accept(question, steps)
        beside = question.compare(wrong)
        if beside.agree:
            return "healthy", [], f"a step is given a slope by design: {shown(steps.designs)}"
        others = severance_causes(question, wrong, beside)
        if others and others[0].proof == "proven":
            return severed, others, ""
        question.meant, question.designs = without, before
    formulas = backward_causes(question, wrong, together)
    if formulas:
        return severed if formulas[0].kind in CUTS else "wrong-backward", formulas, ""
    writes = write_causes(question, wrong, together)
    if writes:
        return "partial", writes, ""
    stale = stale_causes(question, wrong, together)
    if stale:
        return "partial", stale, ""
    lost = nonfinite_causes(question, wrong)
    if lost and lost[0].proof == "proven":
        return "nan", lost, "a custom backward takes what is not finite, and what it makes of it is finite and wrong"
    formula = not causes and any(operation.custom for operation in question.tape().operations)
    missing = any(target.status == "none" for target in wrong)
    reason = "autograd and differences differ for certain; the place is not proven"
    return ("wrong-backward" if formula and not missing else severed), causes, reason
