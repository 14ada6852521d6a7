"""The command line of a run: the one that is executed, and the one that reproduces it."""

import os
import shlex
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import gradtriage
from gradtriage.errors import UsageError
from gradtriage.evidence.redaction import looks_secret
from gradtriage.model.plan import PytestChunk
from gradtriage.model.settings import Project

_ANSWER = "gradtriage-probe"
# Prints whether pytest is there and which version of gradtriage is.
_PROBE = f"""
import importlib.metadata as m, importlib.util as u
try: version = m.version("gradtriage")
except m.PackageNotFoundError: version = "none"
print("{_ANSWER}", u.find_spec("pytest") is not None, version)
"""


@dataclass(frozen=True)
class Interpreter:
    """The Python that runs the tests, and how it finds the plugin.

    Attributes:
        path: Its executable.
        has_plugin: Whether gradtriage is installed in its environment; if not, a link to the package is put on
            its path for the run.
    """

    path: str
    has_plugin: bool


def interpreter(project: Project) -> Interpreter:
    """The interpreter that the settings name, or the one that we run under.

    Raises:
        UsageError: The one that the settings name does not exist or has no pytest.
    """
    named = project.settings.python
    if named is None:
        return Interpreter(sys.executable, has_plugin=True)
    path = str(project.root / named) if (project.root / named).exists() else named
    try:
        done = subprocess.run(
            [path, "-c", _PROBE], capture_output=True, text=True, timeout=60, cwd=project.root, check=False
        )
    except (OSError, subprocess.SubprocessError) as error:
        raise UsageError(
            f"settings: python = {named!r} cannot be started: {error}; name an interpreter that exists"
        ) from error
    answer = done.stdout.split()[-3:]
    if len(answer) != 3 or answer[0] != _ANSWER:
        raise UsageError(
            f"settings: python = {named!r} does not answer as a Python does; name an interpreter that works"
        )
    if answer[1] != "True":
        raise UsageError(f"settings: python = {named!r} has no pytest; install it there")
    return Interpreter(path, has_plugin=answer[2] == gradtriage.__version__)


@contextmanager
def plugin_path(python: Interpreter) -> Iterator[dict[str, str]]:
    """The variables by which an interpreter without gradtriage finds the plugin while the run lasts."""
    if python.has_plugin:
        yield {}
        return
    with tempfile.TemporaryDirectory(prefix="gradtriage-") as folder:
        package = Path(next(iter(gradtriage.__path__)))
        Path(folder, "gradtriage").symlink_to(package, target_is_directory=True)
        before = os.environ.get("PYTHONPATH")
        yield {"PYTHONPATH": folder + (os.pathsep + before if before else "")}


def pytest_command(python: Interpreter, chunk: PytestChunk, capture: Path, *, junit: bool = True) -> list[str]:
    """The command that runs a chunk and leaves its capture in a folder."""
    xml = [f"--junitxml={capture / 'pytest.xml'}"] if junit else []
    return [
        python.path, "-u", "-m", "pytest", "-p", "gradtriage", f"--gradtriage-dir={capture}", *xml,
        *chunk.args, *chunk.select,
    ]  # fmt: skip


def environment_with(pins: Mapping[str, str | None], extra: Mapping[str, str]) -> dict[str, str]:
    """The environment of the test process: ours, with the pins set or unset."""
    env = {**os.environ, **extra}
    for name, value in pins.items():
        if value is None:
            env.pop(name, None)
        else:
            env[name] = value
    return env


def reproduction(root: Path, python: Interpreter, chunk: PytestChunk, pins: Mapping[str, str | None]) -> str:
    """One line that runs the same tests when pasted into a shell at the project's root.

    It captures nothing, so that it can never write into evidence; a secret stands as a reference to the variable.
    """
    unset = [word for name, value in pins.items() if value is None for word in ("-u", name)]
    assigned = [
        f'{name}="${name}"' if looks_secret(name) else f"{name}={_quoted(value)}"
        for name, value in pins.items()
        if value is not None
    ]
    words: Sequence[str] = [_relative(python.path, root), "-m", "pytest", *chunk.args, *chunk.select]
    return " ".join(
        ["env", *unset, *assigned, *(_quoted(word) for word in words)] if pins else [_quoted(word) for word in words]
    )


def _quoted(word: str) -> str:
    """For a shell and on one line: a word with line breaks or control characters as `$'...'`."""
    if word.isprintable():
        return shlex.quote(word)
    escaped = (
        f"\\{char}"
        if char in "\\'"
        else char
        if char.isprintable()
        else "".join(f"\\{byte:03o}" for byte in char.encode("utf-8", "surrogateescape"))
        for char in word
    )
    return f"$'{''.join(escaped)}'"


def _relative(path: str, root: Path) -> str:
    """An interpreter within the project as a relative path, so that the line holds on another machine."""
    absolute = Path(path)
    if absolute.is_absolute() and absolute.is_relative_to(root):
        return absolute.relative_to(root).as_posix()
    return path
