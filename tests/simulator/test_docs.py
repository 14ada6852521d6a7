"""The pages about the simulator say what the code does."""

import re
from pathlib import Path

import pytest

from gradbragg.flags.output_table import OWN
from gradbragg.models.conventions import CONVENTIONS
from gradbragg.rules import PHYSICAL, REFERENCE, Rules

ROOT = Path(__file__).parents[2]
PHYSICS = (ROOT / "docs" / "physics.md").read_text()
GUIDE = (ROOT / "docs" / "gradbragg.md").read_text()


@pytest.mark.parametrize("name", [*Rules.__dataclass_fields__])
def test_every_rule_is_described_and_differs(name):
    assert f"| `{name}` |" in PHYSICS
    assert getattr(REFERENCE, name)
    assert not getattr(PHYSICAL, name)


@pytest.mark.parametrize("name", CONVENTIONS)
def test_every_convention_is_described(name):
    assert re.search(rf"\|[^|]*\b{name}\b", PHYSICS)


@pytest.mark.parametrize("flag", [flag.name for flag in OWN.flags if flag.name not in ("--help", "--version")])
def test_every_flag_of_our_own_is_in_the_guide(flag):
    assert f"`{flag}" in GUIDE


def test_sections_that_the_code_cites_exist():
    sections = set(re.findall(r"(?m)^## (\d+)\.", PHYSICS))
    cited = set()
    for path in (ROOT / "simulator").rglob("*.py"):
        cited |= set(re.findall(r"physics\.md, section (\d+)", path.read_text()))
    assert cited
    assert cited <= sections


def test_the_guides_examples_run_one_after_the_other(capsys):
    names: dict[str, object] = {}
    examples = re.findall(r"```python\n(.*?)```", GUIDE, flags=re.DOTALL)
    assert len(examples) >= 3
    for code in examples:
        exec(compile(code, "docs/gradbragg.md", "exec"), names)
    assert names["images"].shape == (3, 64, 64)
    assert capsys.readouterr().err == ""
