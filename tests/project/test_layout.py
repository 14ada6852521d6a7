"""What the package promises about itself: names, light imports, one version."""

import subprocess
import sys
from importlib.metadata import entry_points, version

import pytest

import gradtriage

HEAVY = ("torch", "pydantic", "pytest", "jinja2", "simpleeval", "psutil", "yaml", "markdown_it", "filelock")


def modules_after(code: str) -> set[str]:
    listing = f"import sys\n{code}\nprint(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", listing], capture_output=True, text=True, check=True)
    return set(done.stdout.split())


SHOW_HELP = """
import contextlib, io
from gradtriage.cli import app
with contextlib.redirect_stdout(io.StringIO()):
    app.main(["--help"], standalone_mode=False)
"""


def test_showing_the_help_imports_nothing_heavy():
    assert modules_after(SHOW_HELP).isdisjoint(HEAVY)


@pytest.mark.parametrize(
    "module", ["gradtriage.cli.run", "gradtriage.cli.verify", "gradtriage.cli.doctor", "gradtriage.verify"]
)
def test_reading_and_writing_evidence_never_imports_torch(module):
    assert "torch" not in modules_after(f"import {module}")


def test_the_plugin_imports_neither_torch_nor_the_harness():
    loaded = modules_after("import gradtriage.plugin")
    assert loaded.isdisjoint({"torch", "pydantic", "click", "yaml", "psutil", "gradtriage.model", "gradtriage.run"})


def test_the_installed_version_is_that_of_the_package():
    assert version("gradtriage") == gradtriage.__version__


def test_the_command_and_the_plugin_are_registered_under_their_names():
    assert {point.name for point in entry_points(group="console_scripts")} >= {"gradtriage", "gradbragg"}
    assert [point.value for point in entry_points(group="pytest11") if point.name == "gradtriage"] == [
        "gradtriage.plugin"
    ]
