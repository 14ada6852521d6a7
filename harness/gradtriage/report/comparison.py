"""A comparison with a known-good run, in sentences for the terminal and the page."""

from collections.abc import Iterator

from gradtriage.model.diagnosis import DiagnosedCause, DiagnosisDocument, Differential, ThenNow
from gradtriage.report.markdown import number

MOST_NAMED = 6


def compilation_lines(diagnosis: DiagnosisDocument) -> Iterator[str]:
    """What came of the compiled run. Nothing where nothing was compiled."""
    found = diagnosis.compiled
    if found is None:
        return
    if found.agree is None:
        yield f"compiled code was not held against eager code: {found.reason}"
        return
    names = ", ".join(f"{f.function} ({f.file}:{f.line})" for f in found.functions[:MOST_NAMED])
    if found.agree:
        yield f"compiled and eager code agree: {names}"
        return
    yield f"compiled and eager code disagree: {names}"
    if found.loss is not None:
        yield f"loss: eager {number(found.loss.eager, 9)}, compiled {number(found.loss.compiled, 9)}"
    differing = [
        f"{name} eager {number(g.eager, 9)}, compiled {number(g.compiled, 9)}{_apart(g.relative_difference)}"
        for name, g in found.gradients.items()
        if not g.same
    ]
    yield f"gradients: {'; '.join(differing[:MOST_NAMED]) or 'the same'}"


def comparison_lines(diagnosis: DiagnosisDocument) -> Iterator[str]:
    """What came of the comparison: in a sentence, then in figures. Nothing where none was asked for."""
    found = diagnosis.differential
    if found is None:
        return
    if found.changed is None:
        yield f"not compared with {found.against}: {found.reason}"
        return
    if not found.changed:
        yield f"no difference from {found.against}: {_counted(found)}"
        return
    yield _sentence(diagnosis, found)
    if found.loss is not None:
        yield f"loss: then {number(found.loss.then, 9)}, now {number(found.loss.now, 9)}"
    differing = {name: both for name, both in found.gradients.items() if not both.same}
    if differing:
        yield f"gradients: {_listed(differing)}; {len(found.gradients) - len(differing)} the same"
    elif found.gradients:
        yield f"gradients: all {len(found.gradients)} the same"
    if found.reason:
        yield found.reason


def _sentence(diagnosis: DiagnosisDocument, found: Differential) -> str:
    first = next((cause for cause in diagnosis.causes if is_departure(cause)), None)
    where = "" if first is None else f": first difference at {first.file}:{first.line}"
    if first is not None and isinstance(origin := first.evidence.get("origin"), dict):
        where += f", changed in {origin['file']}:{origin['line']}"
    if diagnosis.verdict == "healthy":
        return f"the gradients are right for this function, but it is another function than at {found.against}{where}"
    return f"it is another function than at {found.against}, too{where}"


def _counted(found: Differential) -> str:
    gradients = f"{len(found.gradients)} gradient{'' if len(found.gradients) == 1 else 's'}"
    operations = "" if found.operations is None else f", {found.operations.equal} of {found.operations.now} operations"
    return f"the loss and {gradients} are the same{operations}"


def _listed(gradients: dict[str, ThenNow]) -> str:
    shown = [
        f"{name} then {number(g.then, 9)}, now {number(g.now, 9)}{_apart(g.relative_difference)}"
        for name, g in gradients.items()
    ]
    return "; ".join(shown[:MOST_NAMED]) + (f"; and {len(shown) - MOST_NAMED} more" if len(shown) > MOST_NAMED else "")


def _apart(relative: float | None) -> str:
    return "" if relative is None else f" ({100 * relative:.2g} % apart)"


def is_departure(cause: DiagnosedCause) -> bool:
    """Whether a cause says where a run is another one than a known-good one."""
    return "what" in cause.evidence


def stood(cause: DiagnosedCause) -> str:
    """The line that stood there then; empty where none did."""
    then, numbers = cause.evidence.get("then"), cause.evidence.get("numbers")
    if not isinstance(then, dict):
        return ""
    given = ""
    if isinstance(numbers, dict) and then["source"] == cause.source:
        old, new = (", ".join(number(figure, 9) for figure in numbers[when]) for when in ("then", "now"))
        given = f"  (with {old}; now with {new})" if old and new else ""
    return f"{then['file']}:{then['line']}: {then['source']}{given}"


def departure_proof(cause: DiagnosedCause) -> str:
    """What was put back, and what came of it; empty where nothing was proven."""
    restored = cause.evidence.get("loss_restored")
    if cause.proof != "proven" or restored is None:
        return ""
    with_others = cause.evidence.get("together_with")
    what = "with the value here as it was" if cause.evidence.get("origin") else "with this line as it was"
    if with_others:
        what = "with this line and the other causes' as they were"
    gradients = (
        "and every gradient is what it was"
        if cause.evidence.get("gradients_restored") == "the same as then"
        else "gradients cannot be compared, only its value was put back"
    )
    return f"{what} the loss is {number(restored, 9)}, as then; {gradients}"
