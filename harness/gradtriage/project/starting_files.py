"""The files with which somebody else's project starts: a plan, a ledger, settings."""

import re
import tomllib
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import Any

from jinja2 import Environment, StrictUndefined

from gradtriage.evidence.files import write_whole

_GUESSES = ("tests", "test")
GITIGNORE_LINE = "/reports/"
# the templates are YAML, TOML and Markdown, filled with our own words
_JINJA = Environment(undefined=StrictUndefined, trim_blocks=True, keep_trailing_newline=True, autoescape=False)  # noqa: S701


@dataclass(frozen=True)
class Written:
    """A starting file and whether it was written now or stood there already."""

    path: Path
    new: bool


def write_starting_files(root: Path, select: tuple[str, ...], args: tuple[str, ...]) -> list[Written]:
    """Writes what is not there yet; what is there stays as it is.

    Args:
        root: The project's folder.
        select: Tests for the plan; empty for the project's own (its `testpaths`, `tests/`, or everything).
        args: Further pytest arguments for the plan.
    """
    name = re.sub(r"[^A-Za-z0-9]+", "-", root.resolve().name).strip("-") or "project"
    words: dict[str, Any] = {
        "initiative": f"{name.upper()}-001",
        "select": list(select) or own_tests(root),
        "args": list(args),
    }
    wanted = {
        root / "plans" / "gradients.yaml": _rendered("plan.yaml.j2", words),
        root / "fix_plan.md": _rendered("fix_plan.md.j2", words),
    }
    if not _has_settings(root):
        wanted[root / "gradtriage.toml"] = _rendered("gradtriage.toml.j2", words)
    written = [Written(path, _write_new(path, text)) for path, text in wanted.items()]
    ignore = root / ".gitignore"
    if (root / ".git").exists():
        written.append(Written(ignore, _ignore_reports(ignore)))
    return written


def own_tests(root: Path) -> list[str]:
    """Where a project's tests are: pytest's `testpaths`, a folder named for it, or the whole project."""
    configured = _testpaths(root)
    existing = [path for path in configured if (root / path).exists()]
    return existing or [name for name in _GUESSES if (root / name).is_dir()][:1] or ["."]


def _testpaths(root: Path) -> list[str]:
    try:
        options = tomllib.loads((root / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["pytest"]["ini_options"]
        paths = options.get("testpaths", [])
    except (OSError, tomllib.TOMLDecodeError, KeyError, TypeError, UnicodeDecodeError):
        return []
    if isinstance(paths, str):
        return paths.split()
    return [str(path) for path in paths] if isinstance(paths, list) else []


def _has_settings(root: Path) -> bool:
    try:
        return "gradtriage" in tomllib.loads((root / "pyproject.toml").read_text(encoding="utf-8")).get("tool", {})
    except (OSError, tomllib.TOMLDecodeError, UnicodeDecodeError, TypeError):
        return False


def _rendered(template: str, words: dict[str, Any]) -> str:
    text = resources.files("gradtriage.project").joinpath("templates", template).read_text(encoding="utf-8")
    return _JINJA.from_string(text).render(words)


def _write_new(path: Path, text: str) -> bool:
    if path.exists():
        return False
    path.parent.mkdir(parents=True, exist_ok=True)
    write_whole(path, text)
    return True


def _ignore_reports(path: Path) -> bool:
    before = path.read_text(encoding="utf-8") if path.exists() else ""
    if any(line.strip().strip("/") == "reports" for line in before.splitlines()):
        return False
    gap = "" if not before or before.endswith("\n") else "\n"
    write_whole(path, f"{before}{gap}{GITIGNORE_LINE}\n")
    return True
