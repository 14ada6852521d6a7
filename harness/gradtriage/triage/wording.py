"""Words from tests and plans, put so that they stay words: on one line, visible, and no markup."""

import re

_BACKTICKS = re.compile(r"`+")
# what moves the cursor or the order of the letters on a terminal, or cannot be written at all
_UNSEEN = re.compile("[\x00-\x1f\x7f-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069\ud800-\udfff]")


def one_line(text: str) -> str:
    """Text with its white space as single spaces, and control characters as signs that can be seen."""
    return visible(" ".join(text.split()))


def visible(text: str) -> str:
    """Text with signs in place of its control characters."""
    return _UNSEEN.sub(_sign, text)


def inline_code(text: str) -> str:
    """Text as inline code of Markdown, whatever backticks it holds."""
    flat = one_line(text)
    fence = "`" * (max((len(run) for run in _BACKTICKS.findall(flat)), default=0) + 1)
    pad = " " if flat.startswith("`") or flat.endswith("`") or not flat else ""
    return f"{fence}{pad}{flat}{pad}{fence}"


def _sign(match: re.Match[str]) -> str:
    code = ord(match[0])
    return chr(0x2400 + code) if code < 0x20 else "\u2421" if code == 0x7F else "\N{REPLACEMENT CHARACTER}"


# what a diagnosis says, in a sentence
VERDICTS = {
    "nondeterministic": "Two runs from the same state differ, so nothing can be said about differences",
    "nan": "A gradient is not a number",
    "inf": "A gradient is infinite",
    "severed": "The loss depends on a parameter, and autograd has no path to it",
    "partial": "A path is lost: the gradient is there, and wrong",
    "wrong-backward": "Every path is there, and a backward formula gives a wrong gradient",
    "blank-output": "The loss does not move, because a factor is zero everywhere",
    "saturated": "The loss does not move, because an operation holds its operand constant",
    "insensitive": "The loss really does not depend on these parameters",
    "vacuous": "The check compares zero with zero and proves nothing",
    "unknown": "It cannot be decided",
    "healthy": "Autograd agrees with differences",
}
