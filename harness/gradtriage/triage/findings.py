"""What the captured gradients say, rule by rule: each finding is a statement about figures in the files."""

from collections import defaultdict
from dataclasses import dataclass, replace

from gradtriage.evidence.junit import junit_address
from gradtriage.model.diagnosis import DiagnosisDocument, Differential
from gradtriage.triage.captured import Captured, NamedGradient
from gradtriage.triage.wording import VERDICTS, inline_code

GRADCHECKS = ("gradcheck", "gradgradcheck")


@dataclass(frozen=True)
class Finding:
    """A sentence for the headline, the reasoning behind it, and what it asks for next."""

    title: str
    reasoning: str
    next_step: str = ""


def findings(captured: Captured) -> list[Finding]:
    """The findings of a run, the most telling first."""
    rules = (_diagnosed, _contrast, _blank, _not_finite, _vacuous, _dead_output, _missing, _some_zero, _raised)
    found = [finding for rule in rules if (finding := rule(captured)) is not None]
    if _contrast(captured) is not None:  # it names the factor, so nobody needs to look for it
        found = [replace(finding, next_step="") if finding == _blank(captured) else finding for finding in found]
    return found or [_nothing_wrong(captured)]


def _plain_gradients(captured: Captured) -> list[NamedGradient]:
    return [named for named in captured.named if named.record.kind not in GRADCHECKS]


def _diagnosed(captured: Captured) -> Finding | None:
    """What the explanation found, where it found a cause."""
    diagnosis = captured.diagnosis
    if diagnosis is None:
        return None
    if diagnosis.differential is not None and diagnosis.differential.changed and diagnosis.verdict == "healthy":
        return _departed(diagnosis, diagnosis.differential)
    if diagnosis.verdict == "healthy":
        n = len(diagnosis.parameters)
        return Finding(
            f"Autograd agrees with differences for {'the one parameter' if n == 1 else f'all {n} parameters'} "
            f"of {inline_code(_test(diagnosis.nodeid))}",
            "Each gradient was compared with the slope of the loss along a direction of its parameter.",
        )
    if not diagnosis.causes:
        return None
    first = diagnosis.causes[0]
    place, concerned = inline_code(f"{first.file}:{first.line}"), _listed([inline_code(n) for n in first.parameters], 8)
    certain = {"proven": "proven", "supported": "seen in the trace, not proven", "suspected": "suspected"}[first.proof]
    return Finding(
        f"{VERDICTS[diagnosis.verdict]}: {first.kind} at {place} ({certain})",
        f"It concerns {concerned} in {inline_code(_test(diagnosis.nodeid))}. {first.fix}",
        f"Look at {place}. {first.fix}",
    )


def _departed(diagnosis: DiagnosisDocument, differential: Differential) -> Finding:
    """The gradients are right, for another function."""
    test = inline_code(_test(diagnosis.nodeid))
    title = f"The gradients of {test} are right for this function, but it is another function than at "
    title += inline_code(differential.against)
    if not diagnosis.causes:
        return Finding(title, "No operation was seen to be the first that differs.")
    first = diagnosis.causes[0]
    place = inline_code(f"{first.file}:{first.line}")
    certain = {"proven": "proven", "supported": "seen in the trace, not proven", "suspected": "suspected"}[first.proof]
    return Finding(
        f"{title}: first difference at {place} ({certain})",
        "Autograd agrees with differences of today's loss, so only the comparison of the two runs can see it.",
        f"Look at {place}. {first.fix}",
    )


def _blank(captured: Captured) -> Finding | None:
    """The loss is zero and so is each gradient, in at least one record."""
    for record in captured.gradients.records:
        statuses = {entry.status for entry in record.gradients.values()}
        if record.loss == 0 and statuses == {"zero"}:
            n = len(record.gradients)
            return Finding(
                f"The loss is exactly 0, and so {'is its gradient' if n == 1 else f'are all {n} gradients'}",
                "Primary: the output that the loss is made of is zero everywhere (or its terms cancel to the bit). "
                "Secondary: the gradients are zero as a consequence. They are zeros and not missing, so autograd "
                "reached every "
                "parameter; whether the path carries the right values cannot be seen while a factor on it is zero.",
                "Find the factor that makes the output zero: run the same test with each suspect input at a non-zero "
                "value.",
            )
    return None


def _contrast(captured: Captured) -> Finding | None:
    """The same parameters of one parametrised test, all zero in one case and non-zero in another."""
    zero: dict[tuple[str, frozenset[str]], str] = {}
    alive: dict[tuple[str, frozenset[str]], str] = {}
    for record in captured.gradients.records:
        statuses = {entry.status for entry in record.gradients.values()}
        key = record.nodeid.partition("[")[0], frozenset(record.gradients)
        if statuses == {"zero"}:
            zero.setdefault(key, record.nodeid)
        elif statuses == {"ok"}:
            alive.setdefault(key, record.nodeid)
    for key in (key for key in zero if key in alive):  # in the order of the records: the page must come out the same
        n = len(key[1])
        return Finding(
            f"The same {n} gradient{'s are' if n > 1 else ' is'} zero with {inline_code(_parameters(zero[key]))} "
            f"and non-zero with {inline_code(_parameters(alive[key]))}",
            "Both cases run the same test function, and in one of them autograd brings a gradient to every parameter. "
            "What makes the gradients of the other zero is the argument in which the two differ, not a cut in the "
            "path.",
            "Give the failing case the input that the passing one has, or make the missing input an error.",
        )
    return None


def _not_finite(captured: Captured) -> Finding | None:
    bad = [named for named in captured.named if named.entry.status in ("nan", "inf")]
    if not bad:
        return None
    return Finding(
        f"{_counted(bad)} not finite: {_names(bad)}",
        "A NaN in a gradient is born at a singular point of some backward formula (a root, a logarithm or a division "
        "at zero, "
        "also in the branch of a `where` that was not taken) and then spreads to everything before it.",
        "Look for the first operation whose backward is not finite.",
    )


def _vacuous(captured: Captured) -> Finding | None:
    empty = [
        n for n in captured.named if n.record.kind in GRADCHECKS and n.entry.status == "zero" and n.entry.numeric == 0
    ]
    if not empty:
        return None
    tests = list(dict.fromkeys(_test(named.record.nodeid) for named in empty))
    return Finding(
        f"{len(tests)} gradient check{'s' if len(tests) > 1 else ''} compared zero with zero: "
        f"{', '.join(f'{inline_code(t)}' for t in tests[:5])}",
        "Analytic and numeric derivative are both exactly zero, so the check passes whatever the backward formula "
        "is. It proves nothing.",
        "Check at inputs where the derivative is not zero.",
    )


def _dead_output(captured: Captured) -> Finding | None:
    """All zero although the loss is not."""
    for record in captured.gradients.records:
        statuses = {entry.status for entry in record.gradients.values()}
        if record.kind not in GRADCHECKS and statuses == {"zero"} and record.loss != 0:
            shown = "no scalar" if record.loss is None else f"{record.loss:.6g}"
            return Finding(
                f"All {len(record.gradients)} gradients of {inline_code(_test(record.nodeid))} are exactly zero, "
                f"the loss is {shown}",
                "Autograd reached every parameter, and the derivative it found is zero: a saturated or piecewise "
                "constant operation, "
                "a factor that is zero, or a loss that does not depend on the parameters.",
                "Change one parameter by hand and see whether the loss moves.",
            )
    return None


def _missing(captured: Captured) -> Finding | None:
    missing = [named for named in _plain_gradients(captured) if named.entry.status == "none"]
    if not missing:
        return None
    return Finding(
        f"{_counted(missing)} missing: {_names(missing)}",
        "Autograd has no path from the loss to these tensors although they require grad: the value was taken out of "
        "the graph on the "
        "way (`.item()`, `.detach()`, `torch.tensor(...)`, NumPy, `no_grad`), or the loss does not use them.",
        "Follow each tensor from the test to the loss and look where `requires_grad` becomes False.",
    )


def _some_zero(captured: Captured) -> Finding | None:
    for record in captured.gradients.records:
        zero = [name for name, entry in record.gradients.items() if entry.status == "zero"]
        if zero and len(zero) < len(record.gradients):
            return Finding(
                f"{len(zero)} of {len(record.gradients)} gradients of {inline_code(_test(record.nodeid))} are exactly "
                f"zero: {_listed([inline_code(name) for name in zero], 8)}",
                "The others are not, so the loss is alive. Either it does not depend on these parameters here, or "
                "their path ends in a "
                "zero factor or a saturated operation.",
                "Change one of them by hand and see whether the loss moves.",
            )
    return None


def _raised(captured: Captured) -> Finding | None:
    raised = [record for record in captured.gradients.records if record.raised]
    if not raised:
        return None
    first = raised[0]
    exception, place = inline_code(str(first.raised)), inline_code(f"{first.where.file}:{first.where.line}")
    return Finding(
        f"{len(raised)} gradient computation{'s' if len(raised) > 1 else ''} raised, first {exception} in "
        f"{inline_code(_test(first.nodeid))}",
        f"It was raised at {place}; the log holds the message.",
        "Read the message in pytest.log.",
    )


def _nothing_wrong(captured: Captured) -> Finding:
    records = captured.gradients.records
    if not records:
        return Finding(
            "No gradient was computed in this run",
            "No test called `backward`, `autograd.grad`, `gradcheck` or one of their kin, so nothing can be said "
            "about gradients.",
        )
    return Finding(
        f"Every one of {len(captured.named)} gradients in {len(records)} "
        f"computation{'s' if len(records) > 1 else ''} is finite and non-zero",
        "That they are there does not make them right: only a comparison with differences, as `gradcheck` does it, "
        "can show that.",
    )


def _counted(named: list[NamedGradient]) -> str:
    return f"{len(named)} gradient{'s are' if len(named) > 1 else ' is'}"


def _names(named: list[NamedGradient], most: int = 8) -> str:
    names: dict[str, list[str]] = defaultdict(list)
    for one in named:
        names[_test(one.record.nodeid)].append(inline_code(one.name))
    parts = [f"{_listed(list(dict.fromkeys(found)), most)} in {inline_code(test)}" for test, found in names.items()][:3]
    return "; ".join(parts) + (" and more" if len(names) > 3 else "")


def _listed(names: list[str], most: int) -> str:
    return ", ".join(names[:most]) + (f" and {len(names) - most} more" if len(names) > most else "")


def _test(nodeid: str) -> str:
    return junit_address(nodeid)[1]


def _parameters(nodeid: str) -> str:
    return nodeid.partition("[")[2].removesuffix("]") or _test(nodeid)
