"""What a flag is."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from gradbragg.models.conventions import Pivot

Kind = Literal["switch", "number", "count", "file", "word", "cell", "misset"]
Status = Literal["active", "inert"]


@dataclass(frozen=True)
class Flag:
    """One flag of the command line.

    Args:
        name: With its dash.
        help: One sentence.
        kind: How its values are read.
        args: Values that follow; for ``cell`` and ``misset`` the most that can.
        unit: Unit of the values.
        aliases: Other names.
        starts: Other names of which the beginning is enough.
        exact: The reference program wants the whole token, not a part of it.
        pivot: The pivot that the flag asks for in the custom convention.
        status: ``active``; ``inert`` (accepted, never had an effect).
        default: What holds without the flag.
    """

    name: str
    help: str
    kind: Kind = "number"
    args: int = 1
    unit: str = ""
    aliases: tuple[str, ...] = ()
    starts: tuple[str, ...] = ()
    exact: bool = False
    pivot: Pivot | None = None
    status: Status = "active"
    default: str = ""

    def is_named(self, token: str) -> bool:
        """Whether a token is this flag, spelled out."""
        return token == self.name or token in self.aliases or any(token.startswith(start) for start in self.starts)

    def occurs_in(self, token: str) -> bool:
        """Whether the reference program finds this flag in a token."""
        if token == self.name or (not self.exact and self.name in token):
            return True
        return any(other in token for other in (*self.aliases, *self.starts))


@dataclass(frozen=True)
class Group:
    """Flags that belong together in the help.

    Args:
        title: Heading.
        flags: In the order of the help.
    """

    title: str
    flags: tuple[Flag, ...]


def switch(name: str, text: str, **rest: object) -> Flag:
    """A flag without a value."""
    return Flag(name, text, kind="switch", args=0, **rest)  # type: ignore[arg-type]
