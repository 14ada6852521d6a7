"""Reading a plan from its file, with errors that name file, line, key and remedy."""

import difflib
from collections.abc import Callable
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ValidationError

from gradtriage.errors import PlanError
from gradtriage.model.plan import Criterion, Hypothesis, Phase, PhaseStatus, Plan, PytestChunk
from gradtriage.model.yaml_source import load_yaml

# the model that a path's last key belongs to, by the key that leads to it
_MODELS: dict[str, type[BaseModel]] = {
    "": Plan,
    "phases": Phase,
    "pytest": PytestChunk,
    "criteria": Criterion,
    "hypotheses": Hypothesis,
    "status": PhaseStatus,
}


def read_plan(path: Path, compile_check: Callable[[str], object]) -> Plan:
    """Reads and checks a plan.

    Args:
        path: The YAML file.
        compile_check: Compiles one check and raises `ValueError` with a remedy where it cannot.

    Raises:
        PlanError: One line that names the file, the line, the key and the remedy.
    """
    try:
        text = path.read_bytes()
    except OSError as error:
        raise PlanError(
            f"{path}: {error.strerror or error}; give the path of a plan (`gradtriage init` writes one)"
        ) from error
    data, lines = load_yaml(text, str(path))
    if data.get("schema") != Plan.SCHEMA:
        raise PlanError(f"{path}: schema: is {data.get('schema')!r}; this version reads 'schema: {Plan.SCHEMA}'")
    try:
        return Plan.model_validate(data, context={"compile_check": compile_check})
    except ValidationError as error:
        raise PlanError(_explained(path, dict(error.errors()[0]), lines)) from error


def _explained(path: Path, error: dict[str, Any], lines: dict[tuple[str | int, ...], int]) -> str:
    loc = tuple(part for part in error["loc"] if part != "[key]")
    known = [loc[:n] for n in range(len(loc), -1, -1) if loc[:n] in lines]
    line = lines[known[0]] if known else 1
    key = _dotted(loc) or "plan"
    match error["type"]:
        case "extra_forbidden":
            close = difflib.get_close_matches(str(loc[-1]), _fields(loc), n=1)
            hint = f"did you mean {close[0]!r}?" if close else f"known keys: {', '.join(_fields(loc))}"
            return f"{path}:{line}: {key}: unknown key; {hint}"
        case "missing":
            return f"{path}:{line}: {key}: is missing; add it"
        case "value_error":
            return f"{path}:{line}: {key}: {error['ctx']['error']}"
        case _:
            given = repr(error.get("input"))
            return f"{path}:{line}: {key}: {error['msg'][0].lower() + error['msg'][1:]}, given {given[:80]}"


def _dotted(loc: tuple[str | int, ...]) -> str:
    return "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in loc).lstrip(".")


def _fields(loc: tuple[str | int, ...]) -> list[str]:
    keys = [part for part in loc[:-1] if isinstance(part, str)]
    model = _MODELS.get(keys[-1] if keys else "", Plan)
    return [field.alias or name for name, field in model.model_fields.items()]
