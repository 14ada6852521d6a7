"""A diagnosis told to a person: what is wrong, where, why, how it was proven, how to mend it."""

from collections.abc import Iterator
from pathlib import Path

from gradtriage.model.diagnosis import DiagnosedCause, DiagnosedParameter, DiagnosisDocument
from gradtriage.report.comparison import comparison_lines, compilation_lines, departure_proof, is_departure, stood
from gradtriage.report.markdown import number
from gradtriage.triage.wording import VERDICTS

_CONTEXT = 2


def story(diagnosis: DiagnosisDocument, root: Path) -> Iterator[str]:
    """The lines for the terminal, with the code around each cause.

    Args:
        diagnosis: What was found.
        root: Folder that its files are relative to.
    """
    changed = diagnosis.differential is not None and diagnosis.differential.changed
    yield (
        f"{diagnosis.verdict}{', changed' if changed else ''}: {VERDICTS[diagnosis.verdict]}"
        + (f" ({diagnosis.reason})" if diagnosis.reason else "")
    )
    where = f" at {diagnosis.where.file}:{diagnosis.where.line}" if diagnosis.where else ""
    call = f"gradient call {diagnosis.call}{where}, loss {number(diagnosis.loss, 6)}"
    yield f"  {diagnosis.nodeid}: {diagnosis.outcome}; {call}"
    for parameter in diagnosis.parameters:
        yield f"  {parameter_line(parameter)}"
    yield from (f"  {line}" for line in (*compilation_lines(diagnosis), *comparison_lines(diagnosis)))
    for cause in diagnosis.causes:
        yield ""
        yield f"{cause.id} {cause.kind} ({cause.proof}) in {cause.file}:{cause.line}" + (
            f", {cause.function}" if cause.function else ""
        )
        yield from _code(root / cause.file, cause.line)
        if then := stood(cause):
            yield f"  then: {then}"
        if origin := cause.evidence.get("origin"):
            yield f"  since {origin['file']}:{origin['line']}: {origin['source']}"
        if used := cause.evidence.get("used"):
            yield f"  used again in {used['file']}:{used['line']}: {used['source']}"
        if proof := proof_sentence(cause):
            yield f"  proof: {proof}"
        if isinstance(guess := cause.evidence.get("line"), str):
            yield f"  line:  {guess}"
        if cause.parameters:
            yield f"  {'changes' if is_departure(cause) else 'loses'}: {', '.join(cause.parameters)}"
        yield f"  mend:  {cause.fix}"
    if diagnosis.by_design:
        yield ""
        yield "by design, as far as one can tell; object if it is not so:"
    for design in diagnosis.by_design:
        yield f"  {design.file}:{design.line}: {design.source}"
        yield f"      {design.reason} ({', '.join(design.parameters)})"


def parameter_line(parameter: DiagnosedParameter) -> str:
    """A parameter's two derivatives beside each other."""
    return (
        f"{parameter.name}: {parameter.status}; autograd {number(parameter.autograd, 6)}, "
        f"differences {number(parameter.numeric, 6)}"
        + (f", compiled {number(parameter.compiled, 6)}" if parameter.compiled is not None else "")
    )


def proof_sentence(cause: DiagnosedCause) -> str:
    """What was replaced in the counterfactual run, and what came of it; empty where nothing was proven."""
    figures = {name: number(value, 6) for name, value in cause.evidence.items() if isinstance(value, (int, float))}
    if cause.proof != "proven":
        return ""
    if "loss_restored" in figures:
        return departure_proof(cause)
    if "numeric_frozen" in figures:
        return (
            f"with the value here frozen, differences give {figures['numeric_frozen']}, as autograd does "
            f"({figures['autograd']}); unfrozen they give {figures['numeric']}"
        )
    if "numeric_revived" in figures:
        what = "with another value in its place" if cause.kind == "zero-factor" else "without it"
        return (
            f"{what} the loss moves, and autograd ({figures['autograd_revived']}) agrees with differences "
            f"({figures['numeric_revived']})"
        )
    if "numeric_safe" in figures:
        return (
            f"with a safe operand here autograd gives {figures['autograd_safe']}, as differences do "
            f"({figures['numeric_safe']})"
        )
    if "loss_kept" in figures:
        return (
            f"after a move of the parameters a second evaluation gives {figures['loss_second']}, one in a process of "
            f"its own {figures['loss_fresh']}; with the old value of this one alone that gives "
            f"{figures['loss_kept']}, too"
        )
    if "loss_frozen" in figures:
        return (
            f"a move of {figures['jump']} takes the loss from {figures['loss_before']} to {figures['loss_after']}, and "
            "with the value here frozen it stays: all of the dependence goes through this step"
        )
    if "autograd_asked" in figures:
        return (
            f"asked for this tensor, autograd gives {figures['autograd_asked']}, as differences along it do "
            f"({figures['numeric']}): the gradient is there, and nobody keeps it"
        )
    if "autograd_mended" in figures:
        return (
            f"without the value of an earlier graph autograd gives {figures['autograd_mended']}, as differences do "
            f"({figures['numeric_mended']})"
        )
    if "autograd_unwritten" in figures:
        return (
            f"without this write autograd gives {figures['autograd_unwritten']}, as differences do "
            f"({figures['numeric_unwritten']})"
        )
    if "autograd_thawed" in figures:
        return (
            f"let, it has a gradient: autograd gives {figures['autograd_thawed']}, as differences do "
            f"({figures['numeric']})"
        )
    if "autograd_restored" in figures:
        what = "without this hook" if cause.kind == "hook" else "with differences in place of this formula"
        return (
            f"{what} autograd gives {figures['autograd_restored']}, as differences of the loss do "
            f"({figures['numeric']}); as it is, it gives {figures['autograd']}"
        )
    return ""


def _code(path: Path, line: int) -> Iterator[str]:
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError):
        return
    for shown in range(max(1, line - _CONTEXT), min(len(lines), line + _CONTEXT) + 1):
        yield f"  {'>' if shown == line else ' '} {shown:5d} | {lines[shown - 1]}"
