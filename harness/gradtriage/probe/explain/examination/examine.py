"""The first gradient computation of a body that is not healthy, in a precision in which that can be told."""

from __future__ import annotations

import math
import time
from collections.abc import Sequence
from typing import TYPE_CHECKING

from gradtriage.probe.explain.account.diagnosis import VERDICTS, Diagnosis
from gradtriage.probe.explain.account.path import path_of
from gradtriage.probe.explain.account.survey import Survey, survey
from gradtriage.probe.explain.causes.determinism import first_varying
from gradtriage.probe.explain.causes.elsewhere import on_purpose
from gradtriage.probe.explain.examination.computation import diagnose
from gradtriage.probe.explain.examination.failing import frozen_diagnosis, red_all_the_same
from gradtriage.probe.explain.question.choice import chosen, place, statuses
from gradtriage.probe.explain.question.findings import as_listed
from gradtriage.probe.explain.question.question import Question
from gradtriage.probe.explain.replay.children import ChildFailedError
from gradtriage.probe.explain.replay.precision import in_double, leaves_in_double, without_half
from gradtriage.probe.explain.replay.replays import BodyFailedError, Replays
from gradtriage.probe.explain.tape.scripted import remedy

if TYPE_CHECKING:
    from gradtriage.probe.explain.program import Program
    from gradtriage.probe.explain.replay.listings import Listing

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
            with leaves_in_double(replays.old_targets(listings)):
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
            frozen = frozen_diagnosis(last, program, diagnosis)
            diagnosis = frozen or (red_all_the_same(last, diagnosis) if diagnosis.verdict == "healthy" else diagnosis)
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
            diagnosis = diagnose(question)
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


def _survey(question: Question, diagnosis: Diagnosis) -> Survey | None:
    """What lies on the way; nobody asks where all is well."""
    suspicious = [f.target for f in diagnosis.findings if f.status != "ok" and f.target.key is not None]
    if not suspicious or diagnosis.verdict == "healthy":
        return None
    try:
        return survey(question, suspicious, compared=diagnosis.verdict not in ("nan", "inf"))
    except (BodyFailedError, ChildFailedError):  # the diagnosis stands without it
        return None
