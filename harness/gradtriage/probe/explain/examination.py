"""From a body that computes gradients to a diagnosis of the first gradient computation that is not healthy."""

from __future__ import annotations

import math
import time
from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from gradtriage.probe.explain.account.diagnosis import VERDICTS, Diagnosis
from gradtriage.probe.explain.account.path import path_of
from gradtriage.probe.explain.account.survey import Survey, survey
from gradtriage.probe.explain.causes.cuts import CUTS
from gradtriage.probe.explain.causes.deaths import zero_causes
from gradtriage.probe.explain.causes.designs import UNWANTED, Meant, find_designs, find_steps, shown
from gradtriage.probe.explain.causes.determinism import first_varying
from gradtriage.probe.explain.causes.elsewhere import copies, on_purpose, stopped_by_the_caller, trained_elsewhere
from gradtriage.probe.explain.causes.kept import kept_value
from gradtriage.probe.explain.causes.missed import frozen_causes, replaced_causes
from gradtriage.probe.explain.causes.nonfinite import nonfinite_causes
from gradtriage.probe.explain.causes.nonleaf import nonleaf_cause
from gradtriage.probe.explain.causes.raised import raising_causes
from gradtriage.probe.explain.causes.severed import severance_causes
from gradtriage.probe.explain.causes.starts import learn_later, starting_points
from gradtriage.probe.explain.causes.steps import step_cause
from gradtriage.probe.explain.causes.wrongbackward import backward_causes, stale_causes, write_causes
from gradtriage.probe.explain.program import NO_GRAPH
from gradtriage.probe.explain.question.choice import chosen, place, statuses
from gradtriage.probe.explain.question.findings import Finding, as_listed, compare_all
from gradtriage.probe.explain.question.question import Design, Question
from gradtriage.probe.explain.replay.children import ChildFailedError
from gradtriage.probe.explain.replay.precision import in_double, without_half
from gradtriage.probe.explain.replay.replays import BodyFailedError, Replays
from gradtriage.probe.explain.tape.scripted import remedy

if TYPE_CHECKING:
    from gradtriage.probe.explain.program import Program
    from gradtriage.probe.explain.question.question import Cause, Comparison
    from gradtriage.probe.explain.replay.listings import Listing, Target

# Targets without a gradient whose large moves are tried.
MOST_STEPPED = 4
# Of the loss, where a body is run in a higher precision than its own.
ALIKE_HALF, ALIKE_SINGLE = 5e-2, 1e-3


def examine(
    program: Program, *, call: int | None = None, seconds: float = 60.0, by_design: Sequence[str] = ()
) -> Diagnosis:
    """Diagnoses the first unhealthy gradient computation of a body, or its first one if all are healthy.

    Args:
        program: The body.
        call: Look at this computation only.
        seconds: Time for one replay.
        by_design: Where gradients are stopped or replaced on purpose: `file.py` or `file.py::function`.
    """
    started = time.monotonic()
    try:
        replays = Replays(program, seconds)
        listings = replays.listings()
        plain = time.monotonic() - started
        half = any(one.half for one in listings)
        finer = _finer(without_half(program), listings, seconds, ALIKE_HALF) if half else None
        diagnosis, evaluations = _examined(program, *(finer or (replays, listings)), call, by_design)
        if finer is None and any(one.single for one in listings) and _is_open(diagnosis, listings):
            finer = _finer(in_double(program), listings, seconds, ALIKE_SINGLE)
            if finer is not None and not any(one.single for one in finer[1]):
                second, more = _examined(program, *finer, call, by_design)
                evaluations += more
                diagnosis = diagnosis if second.unexplained else second
    except (BodyFailedError, ChildFailedError) as error:
        return Diagnosis("unknown", None, reason=f"the body does not come to a gradient computation: {error}")
    diagnosis.evaluations = evaluations
    diagnosis.seconds = {"plain": plain, "total": time.monotonic() - started}
    return diagnosis


def _examined(
    program: Program, replays: Replays, listings: Sequence[Listing], call: int | None, by_design: Sequence[str]
) -> tuple[Diagnosis, int]:
    """The diagnosis, and how often the body was evaluated for it."""
    if not listings:
        return Diagnosis("unknown", None, reason="the body computes no gradient"), replays.evaluations
    varying = first_varying(replays, listings, replays.listings())
    if varying is not None:
        causes = [] if varying.cause is None else [varying.cause]
        findings = as_listed(varying.listing)
        diagnosis = Diagnosis("nondeterministic", varying.listing, findings, causes, "two runs give different values")
    else:
        diagnosis = _first_unhealthy(replays, listings, call, by_design)
        if listings[-1].red and call is None:
            last = Question(replays, listings[-1], listings)
            frozen = _frozen(last, program, diagnosis)
            diagnosis = frozen or (_red_all_the_same(last, diagnosis) if diagnosis.verdict == "healthy" else diagnosis)
    return diagnosis, replays.evaluations


def _is_open(diagnosis: Diagnosis, listings: Sequence[Listing]) -> bool:
    """Whether more digits may show more: nothing is proven, or a test fails whose gradients seem right."""
    return diagnosis.unexplained or (listings[-1].red and not diagnosis.causes)


def _finer(
    program: Program, as_it_is: Sequence[Listing], seconds: float, tolerance: float
) -> tuple[Replays, list[Listing]] | None:
    """Replays of a body in higher precision; None where it is another one then: it fails, or a gradient appears.

    Args:
        program: The body in higher precision.
        as_it_is: The computations of the body itself.
        seconds: Time for one replay.
        tolerance: Relative, of the losses, which are the same but for rounding if the same random numbers are drawn.
    """
    replays = Replays(program, seconds)
    try:
        listings = replays.listings()
    except (BodyFailedError, ChildFailedError):
        return None
    same = [_traits(one) for one in listings] == [_traits(one) for one in as_it_is]
    near = all(
        math.isclose(one.loss, other.loss, rel_tol=tolerance, abs_tol=tolerance)
        for one, other in zip(listings, as_it_is, strict=False)
    )
    return (replays, listings) if same and near else None


def _traits(listing: Listing) -> tuple[object, ...]:
    return place(listing), statuses(listing), bool(listing.raises), listing.red


def _first_unhealthy(
    replays: Replays, listings: Sequence[Listing], number: int | None, by_design: Sequence[str]
) -> Diagnosis:
    """The first unhealthy one of the computations that are examined, else what could be decided least."""
    examined = [one for one in listings if one.number == number] if number is not None else chosen(listings)
    if not examined:
        return Diagnosis("healthy", listings[0], reason="the call raises, and the test expects it to")
    # what raised is what the test is red by, whatever was zero before
    examined = sorted(examined, key=lambda one: not one.raises)
    known: set[object] = set()
    diagnoses = []
    for listing in examined:
        question = Question(replays, listing, listings, again=place(listing) in known, by_design=by_design)
        known.add(place(listing))
        try:
            diagnosis = _diagnose(question)
            if diagnosis.unexplained:
                diagnosis.reason = remedy(question.tape()) or diagnosis.reason
            diagnosis.survey = _survey(question, diagnosis)
            if diagnosis.causes:
                diagnosis.path = path_of(question.tape(), diagnosis.causes[0])
        except (BodyFailedError, ChildFailedError) as error:
            diagnosis = Diagnosis("unknown", listing, as_listed(listing), reason=str(error))
        if diagnosis.verdict not in ("healthy", "unknown") and not _stopped_by_the_caller(diagnosis):
            return diagnosis
        diagnoses.append(diagnosis)
    # a call about tensors that are no leaves, as inside of a model, says nothing beside those that can be examined
    known_leaves = [
        one
        for one in diagnoses
        if one.listing and (one.listing.raises or any(target.key for target in one.listing.targets))
    ]
    diagnoses = known_leaves or diagnoses
    stopped = [one for one in diagnoses if one.causes]
    if stopped:  # of several stops by the caller the last one is the likelier to be a mistake
        return stopped[-1]
    return min(diagnoses, key=lambda d: (VERDICTS.index(d.verdict), d.listing.number if d.listing else 0))


def _stopped_by_the_caller(diagnosis: Diagnosis) -> bool:
    """Whether all causes are stops in the very function that asks for the gradient: a reference of detached values.

    What is wrong at a later computation is told before these.
    """
    caller = None if diagnosis.listing is None else diagnosis.listing.caller
    return bool(diagnosis.causes) and all(on_purpose(cause, caller) for cause in diagnosis.causes)


def _frozen(question: Question, program: Program, other: Diagnosis) -> Diagnosis | None:
    """What a failing test misses by name goes before what else there is: frozen parameters whose gradient it reads."""
    listing = question.listing
    frozen = frozen_causes(question, program)
    if not frozen:
        return None
    findings = other.findings if other.listing is listing else as_listed(listing)
    causes = [cause for _, cause in frozen] + other.causes
    return Diagnosis("severed", listing, [*findings, *(finding for finding, _ in frozen)], causes)


def _red_all_the_same(question: Question, healthy: Diagnosis) -> Diagnosis:
    """What a failing test may miss after its last gradient computation, where each gradient is right."""
    listing = question.listing
    findings = healthy.findings if healthy.listing is listing else as_listed(listing)
    known = {target.key for target in listing.targets}
    replaced = replaced_causes(listing.missed, known)
    if replaced:
        reason = f"{replaced[0].targets[0]} was made after the gradient call: another tensor than the call was about"
        return Diagnosis("insensitive", listing, findings, replaced, reason)
    missed = {one.key for one in listing.missed if one.requires}
    unread = [t.name for t in question.targets if t.status == "none" and (t.key in missed or listing.refused)]
    if unread:
        reason = (
            f"nothing that the test runs reads {', '.join(unread)}; what was computed of it before (in a fixture, at "
            "import) is a constant here"
        )
        return Diagnosis("insensitive", listing, findings, [], reason)
    if listing.refused:
        return Diagnosis("unknown", listing, findings, reason=f"the gradients are right; the call: {listing.refused}")
    zero = [f.target.name for f in findings if f.status == "zero" and f.target.key in listing.read]
    if zero:
        reason = f"the gradient of {', '.join(zero)} is zero, and so is the derivative; nothing is proven to be wrong"
        return Diagnosis("unknown", listing, findings, reason=reason, designs=healthy.designs)
    strangers = [target.name for target in listing.targets if target.key is None]
    if strangers:
        reason = (
            f"{', '.join(strangers)}: no leaf, or made out of sight; it cannot be told whether its gradient is right"
        )
        return Diagnosis("unknown", listing, findings, reason=reason)
    return healthy


def _survey(question: Question, diagnosis: Diagnosis) -> Survey | None:
    """What lies on the way; nobody asks where all is well."""
    suspicious = [f.target for f in diagnosis.findings if f.status != "ok" and f.target.key is not None]
    if not suspicious or diagnosis.verdict == "healthy":
        return None
    try:
        return survey(question, suspicious, compared=diagnosis.verdict not in ("nan", "inf"))
    except (BodyFailedError, ChildFailedError):  # the diagnosis stands without it
        return None


def _diagnose(question: Question) -> Diagnosis:
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
            findings = [replace(f, status="ok") if f.status == "wrong" else f for f in findings]
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
    return asked and others and not any(listing.red for listing in question.others)


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
    question.designs += [Design(site, UNWANTED, [name]) for name, site in listing.unwanted.items()]
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
    formula = not causes and any(operation.custom for operation in question.tape().operations)
    missing = any(target.status == "none" for target in wrong)
    reason = "autograd and differences differ for certain; the place is not proven"
    return ("wrong-backward" if formula and not missing else severed), causes, reason
