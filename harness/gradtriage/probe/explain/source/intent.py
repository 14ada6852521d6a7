"""What the source says is meant: comments, names of functions, the project's settings."""

from __future__ import annotations

import ast
import functools
import re
import tokenize
from collections.abc import Sequence
from pathlib import PurePath
from typing import TYPE_CHECKING

from gradtriage.probe.explain.source.syntax import conditions_around

if TYPE_CHECKING:
    from gradtriage.probe.explain.source.sites import Site

_GRADIENT = r"(?:grad(?:ient)?s?|backprop\w*)"
_STOPPED = (
    rf"(?:(?:no|without|zero|stop\w*|block\w*|cut\w*|ignor\w*|drop\w*)\s+(?:\w+\s+){{0,2}}{_GRADIENT}"
    rf"|{_GRADIENT}\s+(?:is\s+|are\s+)?(?:stopped|blocked|cut|ignored|dropped|not (?:needed|wanted))"
    r"|detach(?:ed|es|ing)?|non-?differentia\w+|not\s+(?:be\s+|to be\s+)?differentia\w+"
    r"|(?:treated as|held|kept|taken as)\s+(?:a\s+)?constant)"
)
_PURPOSE = r"(?:on purpose|by design|intentional(?:ly)?|deliberate(?:ly)?|purposely)"
_SAID = re.compile(
    rf"gradtriage: stop-gradient|\bstop[-_ ]?grad(?:ient)?s?\b|\bstraight[- ]through\b|\bCFL\b"
    rf"|\b{_STOPPED}\b[^.;]*\b{_PURPOSE}\b|\b{_PURPOSE}\b[^.;]*\b{_STOPPED}\b",
    re.IGNORECASE,
)
# somebody who asks, doubts or complains does not mean it
_DOUBT = re.compile(
    r"\?|\b(?:todo|fixme|xxx|bug|hack|why|wrong(?:ly)?|broken|unclear|maybe|perhaps|oops)\b", re.IGNORECASE
)
_DENIED = re.compile(
    r"(?:\b(?:not|no longer|never|don'?t|doesn'?t|isn'?t|should|avoid|without|remove[ds]?|used to)\b|n't)"
    r"[^.;:,]{0,24}$",
    re.IGNORECASE,
)  # fmt: skip
_NAMES = re.compile(
    r"(?:sg|ste|stop_?grad(?:ient)?s?|straight_?through|grad(?:ient)?_?revers(?:al|e|er)|revers(?:e|al)_?grad(?:ient)?|rev_?grad)"
    r"(?:_(?:fn|func|function|op|layer|estimator|est|round|floor|sign|step|clamp|quanti[sz]e[rd]?|quant|binari[sz]e|"
    r"sample|softmax|onehot|forward|apply))*"
    r"|(?:round|floor|sign|step|clamp|quanti[sz]e|quant|binari[sz]e|sample|onehot)_(?:ste|straight_?through)",
)  # fmt: skip
_ONCE = re.compile(r"(?:^|_)(?:first|init|inited|initiali[sz]ed|initiali[sz]ing|fitted|calibrated)(?:_|$)")
_CALLS = re.compile(r"\b(?:sg|stop_?grad(?:ient)?s?)\s*\(")
_LAMBDA = re.compile(r"\b(\w+)\s*=\s*(?:staticmethod\()?lambda\b")
_MOST_LINES_BEFORE = 4


def said_by_comment(site: Site) -> str:
    """The comment on a line, or on the lines of comment right before it, that says its cut is meant; empty if none."""
    for comment in _comments_of(site):
        if says_meant(comment):
            return comment.lstrip("# ")
    return ""


def says_meant(comment: str) -> bool:
    """Whether a comment says that a gradient is stopped or replaced on purpose."""
    if _DOUBT.search(comment):
        return False
    return any(not _DENIED.search(comment[: found.start()]) for found in _SAID.finditer(comment))


def said_by_name(site: Site) -> str:
    """The name of the function around a line, or of one that it calls, that says so; empty if none."""
    for name in _names_at(site):
        if is_meaning_name(name):
            return name
    called = _CALLS.search(site.source.partition("#")[0])
    return called.group(0).rstrip("( ") if called and not site.source.startswith("def ") else ""


def is_meaning_name(name: str) -> bool:
    """Whether a function's or class's name says that its gradient is stopped, passed straight through or reversed."""
    snake = re.sub(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", "_", name).lower().strip("_")
    return _NAMES.fullmatch(snake) is not None


def said_by_settings(site: Site, listed: Sequence[str]) -> str:
    """The entry of the settings that a line falls under, `file.py` or `file.py::function`; empty if none."""
    for entry in listed:
        file, _, function = entry.partition("::")
        wanted, path = PurePath(file).parts, PurePath(site.file).parts
        if path[-len(wanted) :] == wanted and (not function or _within(function, site.function)):
            return entry
    return ""


def said_by_a_condition(site: Site) -> str:
    """The name in a condition around a line that says that it runs once, before all else; empty if none."""
    names = [node for test in conditions_around(site) for node in ast.walk(test)]
    found = [node.attr if isinstance(node, ast.Attribute) else getattr(node, "id", "") for node in names]
    return next((name for name in found if _ONCE.search(name)), "")


def _within(function: str, qualified: str) -> bool:
    """Whether a function is the one named, or one inside it; a class holds its methods."""
    wanted = function.replace("::", ".").split(".")
    parts = [part for part in qualified.split(".") if part != "<locals>"]
    return any(parts[start : start + len(wanted)] == wanted for start in range(len(parts)))


def _names_at(site: Site) -> list[str]:
    """The innermost function, and its class where it is a method."""
    parts = site.function.split(".")
    if parts[-1] == "<lambda>":
        bound = _LAMBDA.search(site.source)
        return [bound.group(1)] if bound else []
    return parts[-1:] if len(parts) < 2 or parts[-2] == "<locals>" else [parts[-1], parts[-2]]


def _comments_of(site: Site) -> list[str]:
    comments = _comments(site.file)
    own = comments.get(site.line)
    block: list[str] = []
    for line in range(site.line - 1, max(0, site.line - 1 - _MOST_LINES_BEFORE), -1):
        before = comments.get(line)
        if before is None or not before[1]:
            break
        block.insert(0, before[0])
    return ([own[0]] if own else []) + ([" ".join(text.lstrip("# ") for text in block)] if block else [])


@functools.lru_cache(maxsize=256)
def _comments(file: str) -> dict[int, tuple[str, bool]]:
    """The comments of a file by line, each with whether it stands alone there."""
    found: dict[int, tuple[str, bool]] = {}
    try:
        with tokenize.open(file) as source:
            for token in tokenize.generate_tokens(source.readline):
                if token.type == tokenize.COMMENT:
                    alone = token.line[: token.start[1]].strip() == ""
                    found[token.start[0]] = token.string, alone
    except (OSError, SyntaxError, UnicodeDecodeError, tokenize.TokenError):
        pass
    return found
