"""The text of ``gradbragg --help``, generated from the declarations."""

from __future__ import annotations

import textwrap
from typing import TYPE_CHECKING

from gradbragg.flags.table import GROUPS

if TYPE_CHECKING:
    from gradbragg.flags.declaration import Flag

_HEAD = """\
gradbragg: X-ray diffraction images of a crystal, with gradients

usage: gradbragg -cell A B C ALPHA BETA GAMMA -default_F F [flags]
   or: gradbragg -mat FILE -hkl FILE [flags]
   or: gradbragg view IMAGE [PAGE]            (a page with spots and resolution rings)

example: gradbragg -cell 100 100 100 90 90 90 -default_F 100 -N 5 -lambda 6.2 -distance 100 --png spots.png
"""
_INDENT = 36

_VALUES = {"cell": " A [B C ALPHA BETA GAMMA]", "misset": " X Y Z"}
"""Values that have names of their own."""

_VALUE = {"file": " FILE", "word": " WORD", "count": " COUNT"}


def help_text() -> str:
    """Every flag by group, with values, unit, default and meaning."""
    parts = [_HEAD]
    for group in GROUPS:
        parts.append(f"\n{group.title}\n")
        parts.extend(_entry(flag) for flag in group.flags)
    return "".join(parts)


def _entry(flag: Flag) -> str:
    head = f"  {flag.name}{_VALUES.get(flag.kind) or _VALUE.get(flag.kind, ' VALUE') * flag.args}"
    text = flag.help
    if flag.unit not in ("", "file"):
        text += f" [{flag.unit}]"
    if flag.default:
        text += f" Default: {flag.default}."
    names = (*flag.aliases, *(f"{start}*" for start in flag.starts))
    if names:
        text += f" Also {', '.join(names)}."
    lines = textwrap.wrap(text, 110 - _INDENT)
    gap = "\n" + " " * _INDENT if len(head) >= _INDENT - 1 else " " * (_INDENT - len(head))
    return head + gap + ("\n" + " " * _INDENT).join(lines) + "\n"
