"""The documentation is true: links lead somewhere, commands and options are described, schemas are current."""

import json
import re
import subprocess
from pathlib import Path

import click
import pytest

from gradtriage.cli import COMMANDS, app
from gradtriage.model.schemas import schemas

ROOT = Path(__file__).parents[2]
PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")])
LINK = re.compile(r"\[[^\]]*\]\(([^)#\s]+)(?:#[^)]*)?\)")


def commands() -> dict[str, click.Command]:
    """Every command by its name, those of groups behind their group's."""
    found: dict[str, click.Command] = {}
    for name in COMMANDS:
        command = app.get_command(click.Context(app), name)
        assert command is not None
        found[name] = command
        if isinstance(command, click.Group):
            found |= {f"{name} {below}": one for below, one in command.commands.items()}
    return found


def options() -> list[tuple[str, str]]:
    return [
        (name, option)
        for name, command in commands().items()
        for parameter in command.params
        for option in parameter.opts
        if option.startswith("--")
    ]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_relative_link_of_a_page_leads_to_a_file(page):
    text = re.sub(r"```.*?```", "", page.read_text(encoding="utf-8"), flags=re.DOTALL)
    targets = [target for target in LINK.findall(text) if "://" not in target]
    assert [target for target in targets if not (page.parent / target).exists()] == []


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_has_a_section_in_the_user_guide(name):
    assert f"### `gradtriage {name} " in (ROOT / "docs/user-guide.md").read_text(encoding="utf-8")


@pytest.mark.parametrize(("command", "option"), options())
def test_every_option_is_described_in_the_user_guide(command, option):
    guide = (ROOT / "docs/user-guide.md").read_text(encoding="utf-8")
    assert option in guide, f"{option} of gradtriage {command}"


@pytest.mark.parametrize("name", commands())
def test_the_help_of_every_command_has_an_example(name):
    command = commands()[name]
    assert f"Example: gradtriage {name}" in command.get_help(click.Context(command, info_name=f"gradtriage {name}"))


@pytest.mark.parametrize("name", schemas())
def test_the_exported_schemas_are_those_of_the_models(name):
    assert json.loads((ROOT / f"docs/schemas/{name}.json").read_text(encoding="utf-8")) == schemas()[name]


def tracked_files() -> list[Path]:
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, check=True).stdout.decode()
    return [ROOT / name for name in listed.split("\0") if name]


def test_no_file_names_a_place_on_the_machine_that_made_it():
    private = re.compile(r"(?<![A-Za-z0-9_./-])/(?:work|root|home|Users)/[A-Za-z0-9_]")
    found = []
    for path in tracked_files():
        if path.suffix in (".npz", ".png", ".img") or path == Path(__file__) or not path.is_file():
            continue
        found += [
            f"{path.relative_to(ROOT)}: {line.strip()[:80]}"
            for line in path.read_text("utf-8").splitlines()
            if private.search(line)
        ]
    assert found == []
