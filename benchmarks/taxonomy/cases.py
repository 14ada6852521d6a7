"""Cases of the taxonomy: small projects kept as Markdown, each with the answer that `explain` owes.

A case is a second-level heading (its name), prose, a line `Expected: verdicts; kinds` with alternatives after `|`
(`any`: whatever is not healthy or unknown), perhaps a line `Test: id` where the test to explain is not the first one,
and one block of Python for each file, whose first line is a comment with the file's name. `#!` ends a line at which the
cause is, `#! also` a line that may be proven too; both are taken out before anything runs.
"""

from __future__ import annotations

import ast
import re
from dataclasses import dataclass
from pathlib import Path

_FILE = re.compile(r"^```python\n# (\S+\.py)\n(.*?)^```$", re.DOTALL | re.MULTILINE)
_MARK = re.compile(r"[ ]*#!( also)?$")


@dataclass(frozen=True)
class Case:
    """One project.

    Attributes:
        row: Name of the file that it stands in.
        verdicts, kinds: What may be answered; no kinds for a decoy.
        files: Text by name.
        test: Node id of the test to explain.
        causes: Places of the cause, as (file, line).
        also: Further places that may be proven.
    """

    row: str
    name: str
    verdicts: tuple[str, ...]
    kinds: tuple[str, ...]
    files: dict[str, str]
    test: str
    causes: frozenset[tuple[str, int]]
    also: frozenset[tuple[str, int]]

    @property
    def decoy(self) -> bool:
        """Whether nothing is wrong."""
        return not self.kinds


def read(folder: Path) -> list[Case]:
    """Every case of a folder of Markdown files."""
    pages = {page.stem: page.read_text() for page in sorted(folder.glob("*.md"))}
    found = [
        _case(row, section)
        for row, text in pages.items()
        for section in re.split(r"^## ", text, flags=re.MULTILINE)[1:]
    ]
    names = [case.name for case in found]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise ValueError(f"{folder}: two cases of one name: {', '.join(twice)}")
    return found


def _case(row: str, section: str) -> Case:
    name = section.split("\n", 1)[0].strip()
    expected = re.search(r"^Expected: (.+)$", section, re.MULTILINE)
    blocks = _FILE.findall(section)
    if expected is None or not blocks:
        raise ValueError(
            f"{row}: {name}: a case needs a line `Expected:` and blocks of Python that start with a file name"
        )
    verdicts, _, kinds = expected[1].partition(";")
    files, causes, also = {}, set(), set()
    for file, text in blocks:
        files[file], here, there = _unmarked(text)
        causes |= {(file, line) for line in here}
        also |= {(file, line) for line in there}
    if bool(kinds) != bool(causes):
        raise ValueError(f"{row}: {name}: kinds without a marked line, or a marked line without kinds")
    file = next(file for file in files if file.startswith("test_"))
    chosen = re.search(r"^Test: (.+)$", section, re.MULTILINE)
    test = chosen[1].strip() if chosen else re.search(r"^def (test_\w+)", files[file], re.MULTILINE)[1]
    return Case(
        row, name, _names(verdicts), _names(kinds), files, f"{file}::{test}", frozenset(causes), frozenset(also)
    )


def _names(text: str) -> tuple[str, ...]:
    return tuple(name.strip() for name in text.split("|") if name.strip())


def _unmarked(text: str) -> tuple[str, set[int], set[int]]:
    """A file without its marks, and the lines of the statements that bore them."""
    marks = [(number, mark) for number, line in enumerate(text.splitlines(), 1) if (mark := _MARK.search(line))]
    plain = "\n".join(_MARK.sub("", line) for line in text.splitlines()) + "\n"
    simple = [
        node
        for node in ast.walk(ast.parse(plain))
        if isinstance(node, ast.stmt)
        and not isinstance(node, (ast.FunctionDef, ast.ClassDef, ast.With, ast.For, ast.If, ast.While, ast.Try))
    ]
    found: tuple[set[int], set[int]] = set(), set()
    for number, mark in marks:
        lines = {number}
        for node in simple:
            if node.lineno <= number <= node.end_lineno:
                lines |= set(range(node.lineno, node.end_lineno + 1))
        found[bool(mark[1])].update(lines)
    return plain, *found
