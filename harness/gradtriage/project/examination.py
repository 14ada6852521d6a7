"""The state of the environment: what runs will use, what makes them irreproducible, what is broken."""

import json
import os
import platform
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from gradtriage import __version__
from gradtriage.errors import GradTriageError
from gradtriage.evidence.commit import checked_out
from gradtriage.evidence.folder import is_alive, partial_folders
from gradtriage.evidence.redaction import redacted, redacted_beside
from gradtriage.model.plan import Plan
from gradtriage.model.settings import Project
from gradtriage.run.command import environment_with, interpreter, plugin_path

OLDEST_PYTHON = (3, 11)
OLDEST_TORCH = (2, 7)
OLDEST_PYTEST = (8, 0)
LITTLE_SPACE = 200 * 1024 * 1024
# Asks the interpreter that will run the tests; a process of its own, since importing torch takes seconds.
_PROBE = """
import importlib.metadata as m, importlib.util as u, json, os, platform, sys
names, pins = json.loads(sys.argv[1])
def version(name):
    try: return m.version(name)
    except m.PackageNotFoundError: return None
print(json.dumps({
    "python": platform.python_version(),
    "packages": {name: version(name) for name in names},
    "plugin": u.find_spec("gradtriage") is not None,
    "pins": {name: os.environ.get(name) for name in pins},
}))
"""
_ASKED_FOR = ("torch", "pytest", "pytest-randomly", "pytest-random-order", "pytest-forked")


@dataclass(frozen=True)
class Remark:
    """One thing that was looked at.

    Attributes:
        level: `ok`; `note`, something that can make two runs differ; `fault`, something that is broken.
        remedy: What to do, where there is something.
    """

    level: Literal["ok", "note", "fault"]
    subject: str
    text: str
    remedy: str = ""


def examine(project: Project, plan: Plan | None) -> list[Remark]:
    """Everything that `gradtriage doctor` has to say.

    Args:
        project: The project in which the command was called.
        plan: The plan whose pins are tried, if one was given.
    """
    pins = plan.env if plan else {}
    return [
        *_harness(),
        *_test_interpreter(project, pins),
        *_surroundings(os.environ, pins),
        *_working_tree(project),
        *_evidence(project, plan),
    ]


def _harness() -> Iterator[Remark]:
    yield Remark(
        "ok",
        "gradtriage",
        f"{__version__} on Python {platform.python_version()}, {platform.system()} {platform.machine()}",
    )
    if not hasattr(os, "fork"):
        yield Remark(
            "note",
            "platform",
            "no fork here: a test process cannot be copied, so features that replay tests fall back to slower ways",
        )
    if not hasattr(os, "killpg"):
        yield Remark(
            "note", "platform", "no process groups here: what a test starts in the background is ended one by one"
        )
    if sys.platform != "linux":
        yield Remark(
            "note",
            "platform",
            "if gradtriage itself is killed, pytest is not ended with it here",
            "end a left-over pytest by hand",
        )


def _test_interpreter(project: Project, pins: Mapping[str, str | None]) -> Iterator[Remark]:
    try:
        python = interpreter(project)
        with plugin_path(python) as extra:
            told = _ask(python.path, environment_with(pins, extra), project.root, list(pins))
    except GradTriageError as error:
        yield Remark("fault", "interpreter", str(error))
        return
    except (OSError, subprocess.SubprocessError, ValueError) as error:
        yield Remark(
            "fault",
            "interpreter",
            f"{project.settings.python or sys.executable} does not answer: {error}",
            "check 'python' in the settings",
        )
        return
    yield _version("Python", told["python"], OLDEST_PYTHON)
    packages = told["packages"]
    yield _version("pytest", packages["pytest"], OLDEST_PYTEST)
    yield _version("torch", packages["torch"], OLDEST_TORCH)
    if not told["plugin"]:
        yield Remark(
            "fault", "plugin", "the interpreter that runs the tests cannot find gradtriage", "install gradtriage there"
        )
    for name in ("pytest-randomly", "pytest-random-order"):
        if packages[name]:
            yield Remark(
                "note",
                name,
                f"{packages[name]} shuffles the tests",
                f"add '-p no:{name.removeprefix('pytest-').replace('-', '_')}' to the plan's args",
            )
    if packages["pytest-forked"]:
        yield Remark(
            "note",
            "pytest-forked",
            "with --forked, gradients of a forked test are not captured",
            "run without --forked",
        )
    for name, value in pins.items():
        seen, shown = told["pins"][name], redacted(name, value)
        if seen == value:
            yield Remark("ok", "pin", f"{name} = {shown if value is not None else 'unset'}")
        else:
            yield Remark(
                "fault",
                "pin",
                f"{name}: wanted {shown}, the interpreter sees {redacted_beside(name, seen, value)}",
                "something in the interpreter's start-up changes it (sitecustomize?)",
            )


def _ask(python: str, env: dict[str, str], root: Path, pins: list[str]) -> dict[str, Any]:
    done = subprocess.run(
        [python, "-c", _PROBE, json.dumps([_ASKED_FOR, pins])],
        env=env,
        cwd=root,
        capture_output=True,
        text=True,
        timeout=120,
        check=True,
    )
    return json.loads(done.stdout.strip().splitlines()[-1])  # type: ignore[no-any-return]


def _version(name: str, found: str | None, oldest: tuple[int, ...]) -> Remark:
    wanted = ".".join(map(str, oldest))
    if found is None:
        level: Literal["note", "fault"] = "note" if name == "torch" else "fault"
        return Remark(level, name, "is not installed", f"install {name.lower()}>={wanted}")
    numbers = tuple(int("".join(filter(str.isdigit, part)) or 0) for part in found.split("+")[0].split(".")[:2])
    if numbers < oldest:
        return Remark("fault", name, f"{found} is older than {wanted}", f"install {name.lower()}>={wanted}")
    return Remark("ok", name, found)


def _surroundings(env: Mapping[str, str], pins: Mapping[str, str | None]) -> Iterator[Remark]:
    """Variables that change what a run does without standing in the plan."""
    for name in ("PYTEST_ADDOPTS", "PYTEST_PLUGINS", "PYTHONPATH", "PYTHONSTARTUP"):
        if env.get(name) and name not in pins:
            yield Remark(
                "note",
                name,
                f"is set to {redacted(name, env[name])!r} and reaches every run",
                f"pin it under 'env' in the plan, or unset it ({name}: null)",
            )
    for name, why in (
        ("PYTHONHASHSEED", "the order of sets differs from run to run"),
        ("OMP_NUM_THREADS", "the number of threads follows the machine, and sums can differ in the last digits"),
        ("CUDA_VISIBLE_DEVICES", "what runs on a GPU differs from machine to machine"),
    ):
        if name not in pins and name not in env:
            yield Remark("note", name, f"is not pinned: {why}", f"pin it under 'env' in the plan ({name}: \"…\")")


def _working_tree(project: Project) -> Iterator[Remark]:
    commit, dirty = checked_out(project.root, project.root / project.settings.reports)
    if commit is None:
        yield Remark(
            "note", "commit", "no git repository with a commit here: evidence cannot name the code that it is about"
        )
    elif dirty:
        yield Remark(
            "note",
            "commit",
            f"{commit[:12]} with uncommitted changes: evidence names a commit that is not what ran",
            "commit first",
        )
    else:
        yield Remark("ok", "commit", commit[:12])


def _evidence(project: Project, plan: Plan | None) -> Iterator[Remark]:
    reports = project.root / (plan.reports if plan else project.settings.reports)
    place = next(folder for folder in (reports, *reports.parents) if folder.exists())
    if not os.access(place, os.W_OK):
        yield Remark("fault", "reports", f"{reports} cannot be written", "choose another 'reports'")
    free = shutil.disk_usage(place).free
    if free < LITTLE_SPACE:
        yield Remark("fault", "disk", f"only {free // 1_000_000} MB are free at {place}", "free space")
    else:
        yield Remark("ok", "disk", f"{free // 1_000_000_000} GB free")
    for partial in partial_folders(reports) if reports.is_dir() else []:
        if not is_alive(partial):
            yield Remark(
                "fault",
                "evidence",
                f"{partial.path} was left by a killed run",
                f"seal it: gradtriage verify {partial.path}",
            )
