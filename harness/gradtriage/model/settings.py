"""Settings of a project: `[tool.gradtriage]` in `pyproject.toml`, or `gradtriage.toml`."""

import difflib
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, ConfigDict, ValidationError

from gradtriage.errors import PlanError
from gradtriage.model.document import Text

OWN_FILE = "gradtriage.toml"


def _is_place(entry: str) -> str:
    file, separator, function = entry.partition("::")
    if not file.endswith(".py") or bool(separator) != bool(function):
        raise ValueError(f"{entry!r} is no place; write 'package/module.py' or 'package/module.py::function'")
    return entry


ByDesign = Annotated[Text, AfterValidator(_is_place)]


class Settings(BaseModel):
    """What holds for every plan of a project.

    Attributes:
        python: Interpreter that runs the tests; None for the one that gradtriage runs under.
        reports: Folder for evidence where no plan names one.
        ledger: The ledger where no plan names one.
        by_design: Where gradients are stopped or replaced on purpose: `file.py` or `file.py::function`.
        history: Another database for the history, as a URL of SQLAlchemy; None for a file beside the evidence.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    python: Text | None = None
    reports: Text = "reports"
    ledger: Text = "fix_plan.md"
    by_design: tuple[ByDesign, ...] = ()
    history: Text | None = None


@dataclass(frozen=True)
class Project:
    """A project's root folder, to which every path in plans and settings is relative, and its settings."""

    root: Path
    settings: Settings


def find_project(start: Path) -> Project:
    """The project that a folder belongs to.

    It is the nearest folder, from `start` upwards, that holds `gradtriage.toml` or a `pyproject.toml` with a
    `[tool.gradtriage]` table; without any, `start` itself with default settings.

    Raises:
        PlanError: A settings file is not TOML or has an unknown key.
    """
    for folder in (start, *start.parents):
        for name in (OWN_FILE, "pyproject.toml"):
            table = _table(folder / name)
            if table is not None:
                return Project(folder, _settings(folder / name, table))
    return Project(start, Settings())


def _table(path: Path) -> dict[str, Any] | None:
    try:
        data = tomllib.loads(path.read_text(encoding="utf-8-sig"))
    except (FileNotFoundError, NotADirectoryError, PermissionError):
        return None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, OSError) as error:
        raise PlanError(f"{path}: not TOML: {error}") from error
    if path.name == OWN_FILE:
        return data
    tools = data.get("tool", {})
    if not isinstance(tools, dict) or "gradtriage" not in tools:
        return None
    table = tools["gradtriage"]
    if not isinstance(table, dict):
        raise PlanError(f"{path}: tool.gradtriage: is no table; write the settings below [tool.gradtriage]")
    return table


def _settings(path: Path, table: dict[str, Any]) -> Settings:
    try:
        return Settings.model_validate(table)
    except ValidationError as error:
        first = error.errors()[0]
        key = ".".join(str(part) for part in first["loc"])
        if first["type"] == "extra_forbidden":
            known = list(Settings.model_fields)
            close = difflib.get_close_matches(key, known, n=1)
            hint = f"did you mean {close[0]!r}?" if close else f"known keys: {', '.join(known)}"
            raise PlanError(f"{path}: {key}: unknown key; {hint}") from error
        raise PlanError(f"{path}: {key}: {first['msg'].removeprefix('Value error, ')}") from error
