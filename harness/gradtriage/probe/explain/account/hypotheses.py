"""The usual hypotheses about a broken gradient, each with the probe that decides it and the figures it rests on."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from gradtriage.probe.explain.program import NO_GRAPH

if TYPE_CHECKING:
    from gradtriage.probe.explain.account.diagnosis import Diagnosis
    from gradtriage.probe.explain.account.survey import Survey
    from gradtriage.probe.explain.question.findings import Finding
    from gradtriage.probe.explain.question.question import Cause

Status = Literal["confirmed", "refuted", "open"]


@dataclass(frozen=True)
class Answer:
    """What a probe says, and the figures that made it say so."""

    status: Status
    evidence: str


Probe = Callable[["Diagnosis"], Answer]


def hypotheses_of(diagnosis: Diagnosis) -> list[dict[str, Any]]:
    """Each hypothesis with its answer: confirmed ones first, refuted ones last, otherwise the cheapest probe first."""
    answers = [(name, statement, _answer(probe, diagnosis)) for name, statement, probe in USUAL]
    answers.sort(key=lambda entry: ("confirmed", "open", "refuted").index(entry[2].status))
    return [
        {"id": f"H{number}", "name": name, "statement": statement, "status": answer.status, "evidence": answer.evidence}
        for number, (name, statement, answer) in enumerate(answers, 1)
    ]


def _answer(probe: Probe, diagnosis: Diagnosis) -> Answer:
    if diagnosis.listing is None:
        return Answer("open", f"not probed: {diagnosis.reason}")
    return probe(diagnosis)


# probes of the first run alone


def _repeats(diagnosis: Diagnosis) -> Answer:
    if diagnosis.verdict == "nondeterministic":
        return Answer("confirmed", _first_place(diagnosis) or diagnosis.reason)
    gradients = _counted(len(diagnosis.findings), "gradient")
    return Answer("refuted", f"two runs gave the same loss and the same norms of {gradients}, to the bit")


def _recorded(diagnosis: Diagnosis) -> Answer:
    assert diagnosis.listing is not None  # noqa: S101 - asked by the caller
    if diagnosis.listing.raises == NO_GRAPH:
        return Answer("confirmed", "the loss does not require a gradient: no operation that led to it was recorded")
    reached = sum(finding.target.status != "none" for finding in diagnosis.findings)
    return Answer(
        "refuted",
        f"the loss has a graph, and autograd reaches {reached} of {_counted(len(diagnosis.findings), 'parameter')}",
    )


def _leaves(diagnosis: Diagnosis) -> Answer:
    proven = _proven(diagnosis, "nonleaf")
    others = [finding.target.name for finding in diagnosis.findings if not finding.target.leaf]
    if proven or (others and all(f.target.status == "none" for f in diagnosis.findings if f.target.name in others)):
        return Answer(
            "confirmed",
            _told(proven, diagnosis.unit) if proven else f"no leaf that requires a gradient: {_listed(others)}",
        )
    if others:
        return Answer("refuted", f"{_listed(others)}: no leaf, but a gradient comes back for it")
    return Answer("refuted", f"{_all(diagnosis)}: each is a leaf that requires a gradient")


def _inputs_finite(diagnosis: Diagnosis) -> Answer:
    bad = [finding.target.name for finding in diagnosis.findings if not finding.target.finite]
    if bad:
        return Answer("confirmed", f"entries that are not finite: {_listed(bad)}")
    return Answer("refuted", f"{_all(diagnosis)}: each entry is finite")


def _singular(diagnosis: Diagnosis) -> Answer:
    assert diagnosis.listing is not None  # noqa: S101 - asked by the caller
    bad = [f.target.name for f in diagnosis.findings if f.target.status in ("nan", "inf")]
    if not bad and diagnosis.verdict not in ("nan", "inf"):
        return Answer("refuted", f"the loss is finite, and so is the gradient of {_all(diagnosis)}")
    if not all(finding.target.finite for finding in diagnosis.findings):
        return Answer("refuted", "what is not finite is so before the first operation")
    return _by_cause(diagnosis, ("nan-sqrt", "nan-where", "nan-div", "nan-other"), "", None)


# probes by differences


def _precision(diagnosis: Diagnosis) -> Answer:
    assert diagnosis.listing is not None  # noqa: S101 - asked by the caller
    undecided = [f for f in diagnosis.findings if f.status == "unknown"]
    errors = [f.comparison.numeric.error for f in undecided if f.comparison]
    if diagnosis.listing.single and undecided:
        error = f", error of the differences up to {max(errors):.2g}" if errors else ""
        return Answer("confirmed", f"single precision; undecided: {_listed([f.target.name for f in undecided])}{error}")
    if undecided:
        return Answer("refuted", "no single precision was seen; differences are too coarse for another reason")
    precision = "single precision, and yet the differences decide" if diagnosis.listing.single else "double precision"
    return Answer("refuted", precision)


def _moves(diagnosis: Diagnosis) -> Answer:
    causes = [cause for cause in diagnosis.causes if cause.kind == "zero-factor"]
    if causes:
        proven = next((cause for cause in causes if cause.proof == "proven"), None)
        return (
            Answer("confirmed", _told(proven, diagnosis.unit))
            if proven
            else Answer("open", f"{_place(causes[0])}: not proven")
        )
    compared = [finding for finding in diagnosis.findings if finding.comparison is not None]
    if not compared:
        if diagnosis.verdict in ("nan", "inf"):
            return Answer("refuted", "gradients are not finite, and so not zero")
        return Answer("open", f"no differences were taken: {diagnosis.reason}")
    moving = [finding for finding in compared if finding.comparison and finding.comparison.numeric.moved]
    if moving:
        most = max(moving, key=_change)
        share = f"{len(moving)} of {_counted(len(compared), 'parameter')}"
        return Answer(
            "refuted", f"the loss follows {share}, {most.target.name} most: {_change(most):.3g} {_step(most)}"
        )
    return Answer("refuted", "the loss does not move, and no factor that is zero everywhere was found on the way")


def _change(finding: Finding) -> float:
    numeric = finding.comparison.numeric if finding.comparison else None
    return 0.0 if numeric is None or numeric.value != numeric.value else abs(numeric.value * numeric.step)


def _step(finding: Finding) -> str:
    return f"for a step of {finding.comparison.numeric.step:g} of its size" if finding.comparison else ""


# probes of the trace, and of runs in which suspects were changed


def _numbers(diagnosis: Diagnosis) -> Answer:
    return _by_cut(diagnosis, ("item", "numpy", "rebuild"), "none turns a value into a number or copies it")


def _detached(diagnosis: Diagnosis) -> Answer:
    return _by_cut(diagnosis, ("detach", "data", "no-grad"), "none of them is detached or without gradients")


def _by_cut(diagnosis: Diagnosis, kinds: tuple[str, ...], none: str) -> Answer:
    reached = sum(finding.target.status != "none" for finding in diagnosis.findings)
    if diagnosis.verdict in ("nan", "inf") and reached == len(diagnosis.findings):
        return Answer("refuted", f"autograd reaches {_all(diagnosis)}: gradients are there, and not finite")
    count = _count(diagnosis, lambda survey: sum(survey.cuts[kind] for kind in kinds))
    return _by_cause(diagnosis, kinds, none, count)


def _held(diagnosis: Diagnosis) -> Answer:
    kinds = ("saturated", "integer")
    asked = [f for f in diagnosis.findings if f.status not in ("ok", "unknown") and f.comparison]
    rounded = _count(diagnosis, lambda survey: survey.cuts["integer"])
    if asked and all(f.comparison and f.comparison.numeric.moved for f in asked) and rounded == 0:
        return Answer(
            "refuted", f"the loss follows {_listed([f.target.name for f in asked])}: nothing holds it constant"
        )
    return _by_cause(diagnosis, kinds, "none holds its operand constant", None)


def _formulas(diagnosis: Diagnosis) -> Answer:
    count = _count(diagnosis, lambda survey: survey.custom.total() + survey.hooks)
    return _by_cause(diagnosis, ("custom-backward", "hook"), "no custom function and no hook", count)


def _stale(diagnosis: Diagnosis) -> Answer:
    count = _count(diagnosis, lambda survey: survey.foreign)
    return _by_cause(diagnosis, ("stale",), "no operand with a graph from before the run", count)


def _writes(diagnosis: Diagnosis) -> Answer:
    return _by_cause(diagnosis, ("inplace",), "no write past autograd", _count(diagnosis, lambda survey: survey.writes))


def _meant(diagnosis: Diagnosis) -> Answer:
    if diagnosis.designs:
        places = _listed([f"line {design.site.line} of {design.site.function}" for design in diagnosis.designs])
        if diagnosis.verdict == "healthy":
            return Answer("confirmed", f"{places}: without these autograd agrees with differences")
        return Answer("refuted", f"{places}; the difference stays without these")
    return Answer("refuted", "nothing on the way is marked as meant, or has the form of it")


def _by_cause(diagnosis: Diagnosis, kinds: tuple[str, ...], none: str, suspects: int | None) -> Answer:
    """Confirmed by a proven cause; refuted where there is no suspect, or where suspects were changed to no effect.

    Args:
        diagnosis: What was found.
        kinds: Of cause.
        none: That there is no suspect, in words.
        suspects: How many there are; None where that was not counted.
    """
    proven = _proven(diagnosis, *kinds)
    if proven:
        return Answer("confirmed", _told(proven, diagnosis.unit))
    matching = [cause for cause in diagnosis.causes if cause.kind in kinds]
    if matching:
        return Answer("open", f"{_place(matching[0])}: {matching[0].proof}, and no run that changes it alone proves it")
    if suspects == 0:
        return Answer("refuted", f"{_counted(_operations(diagnosis), 'operation')} on the way, {none}")
    seen = "" if suspects is None else f"{_counted(suspects, 'suspect')} on the way; "
    return Answer(*_without(diagnosis, seen))


def _without(diagnosis: Diagnosis, seen: str) -> tuple[Status, str]:
    """Why suspects that are there are not to blame, if that is known."""
    others = [cause for cause in diagnosis.causes if cause.proof == "proven"]
    if diagnosis.verdict == "healthy":
        return "refuted", f"{seen}{_agreement(diagnosis)}"
    if others:
        kinds = _listed(list(dict.fromkeys(cause.kind for cause in others)))
        return "refuted", f"{seen}with {kinds} alone changed, autograd agrees with differences"
    if diagnosis.verdict == "insensitive":
        return "refuted", f"{seen}the loss does not move, and autograd says the same"
    if diagnosis.verdict == "unknown":
        return "open", f"{seen}{diagnosis.reason}"
    return "open", f"{seen}no run that changes such a place alone brings autograd and differences together"


def _agreement(diagnosis: Diagnosis) -> str:
    errors = [f.comparison.relative_error for f in diagnosis.findings if f.comparison]
    known = [error for error in errors if error is not None]
    largest = f", largest relative difference {max(known):.1g}" if known and not diagnosis.designs else ""
    return f"autograd agrees with differences for {_counted(len(diagnosis.findings), 'parameter')}{largest}"


def _all(diagnosis: Diagnosis) -> str:
    n = len(diagnosis.findings)
    return f"all {n} parameters" if n > 1 else "the parameter"


def _count(diagnosis: Diagnosis, of: Callable[[Survey], int]) -> int | None:
    return None if diagnosis.survey is None else of(diagnosis.survey)


def _operations(diagnosis: Diagnosis) -> int:
    return 0 if diagnosis.survey is None else diagnosis.survey.operations


def _proven(diagnosis: Diagnosis, *kinds: str) -> Cause | None:
    return next((cause for cause in diagnosis.causes if cause.kind in kinds and cause.proof == "proven"), None)


def _told(cause: Cause, unit: float) -> str:
    slopes = [(name, value) for name, value in cause.evidence.items() if name.startswith(("autograd", "numeric"))]
    figures = [f"{name.replace('_', ' ')} {value / unit:.6g}" for name, value in slopes if isinstance(value, float)]
    return f"{_place(cause)}: {', '.join(figures) or cause.proof}"


def _place(cause: Cause) -> str:
    return f"{cause.kind} at {cause.site.function or 'module level'} line {cause.site.line}"


def _first_place(diagnosis: Diagnosis) -> str:
    return f"{_place(diagnosis.causes[0])}: two runs differ from here on" if diagnosis.causes else ""


def _counted(number: int, what: str) -> str:
    return f"{number} {what}" if number == 1 else f"{number} {what}s"


def _listed(names: Sequence[str], most: int = 6) -> str:
    return ", ".join(names[:most]) + (f" and {len(names) - most} more" if len(names) > most else "")


# the cheapest probe first; the name is what a plan's hypothesis is matched by
USUAL: tuple[tuple[str, str, Probe], ...] = (
    ("random", "The computation is random: two runs differ", _repeats),
    ("unrecorded", "The loss has no graph at all", _recorded),
    ("no-leaf", "A parameter is no leaf, or does not require a gradient", _leaves),
    ("bad-input", "A parameter is not finite", _inputs_finite),
    ("singular", "A derivative is singular where it is taken", _singular),
    ("precision", "Single precision hides the answer", _precision),
    ("blank", "A factor is zero everywhere, so the output does not move", _moves),
    ("number", "A parameter was turned into a number or rebuilt on its way", _numbers),
    ("detached", "A tensor was detached, or gradients were switched off", _detached),
    ("held", "An operation is saturated, rounded or compared", _held),
    ("meant", "The gradient is stopped or replaced on purpose", _meant),
    ("formula", "A backward formula or a hook is wrong", _formulas),
    ("stale", "A value comes from another graph or a cache", _stale),
    ("written", "Memory that autograd holds was written past it", _writes),
)
