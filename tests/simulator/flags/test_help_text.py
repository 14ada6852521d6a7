import re

import pytest

from gradbragg.flags.help_text import help_text
from gradbragg.flags.table import FLAGS


@pytest.mark.parametrize("flag", FLAGS, ids=lambda flag: flag.name)
def test_the_help_names_every_flag_and_alias(flag):
    text = help_text()
    assert f"  {flag.name}" in text
    for alias in flag.aliases:
        assert alias in text


def test_no_flag_or_alias_is_declared_twice():
    names = [name for flag in FLAGS for name in (flag.name, *flag.aliases)]
    assert len(names) == len(set(names))


def test_the_help_fits_a_wide_terminal():
    assert max(len(line) for line in help_text().splitlines()) <= 112


def test_the_help_shows_how_many_values_a_flag_takes_and_every_other_name():
    text = help_text()
    assert re.search(r"(?m)^  -cell A \[B C ALPHA BETA GAMMA\]\s", text)
    assert re.search(r"(?m)^  -misset X Y Z\s", text)
    assert re.search(r"(?m)^  -roi COUNT COUNT COUNT COUNT\s", text)
    assert re.search(r"(?m)^  -fdet_vector VALUE VALUE VALUE\s", text)
    for flag in FLAGS:
        for name in (*flag.aliases, *(f"{start}*" for start in flag.starts)):
            assert name in text
