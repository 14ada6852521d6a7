"""A comparison with a known-good run, in sentences for the terminal and the page."""

from collections.abc import Iterator

from gradtriage.model.diagnosis import DiagnosedCause, DiagnosisDocument, Differential, ThenNow
from gradtriage.report.markdown import number

MOST_NAMED = 6


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
    if diagnosis.verdict == "healthy":
        return f"the gradients are right for this function, but it is another function than at {found.against}{where}"
    return f"it is another function than at {found.against}, too{where}"


def _counted(found: Differential) -> str:
    gradients = f"{len(found.gradients)} gradient{'' if len(found.gradients) == 1 else 's'}"
    operations = "" if found.operations is None else f", {found.operations.equal} of {found.operations.now} operations"
    return f"the loss and {gradients} are the same{operations}"


def _listed(gradients: dict[str, ThenNow]) -> str:
    shown = [f"{name} then {number(g.then, 6)}, now {number(g.now, 6)}" for name, g in gradients.items()]
    return "; ".join(shown[:MOST_NAMED]) + (f"; and {len(shown) - MOST_NAMED} more" if len(shown) > MOST_NAMED else "")


def is_departure(cause: DiagnosedCause) -> bool:
    """Whether a cause says where a run is another one than a known-good one."""
    return "what" in cause.evidence


def stood(cause: DiagnosedCause) -> str:
    """The line that stood there then; empty where none did."""
    then = cause.evidence.get("then")
    return f"{then['file']}:{then['line']}: {then['source']}" if isinstance(then, dict) else ""


def departure_proof(cause: DiagnosedCause) -> str:
    """What was put back, and what came of it; empty where nothing was proven."""
    restored = cause.evidence.get("loss_restored")
    if cause.proof != "proven" or restored is None:
        return ""
    with_others = cause.evidence.get("together_with")
    what = "with this line as it was" if not with_others else "with this line and the other causes' as they were"
    gradients = (
        "and every gradient is what it was"
        if cause.evidence.get("gradients_restored") == "the same as then"
        else "gradients cannot be compared, only its value was put back"
    )
    return f"{what} the loss is {number(restored, 9)}, as then; {gradients}"
