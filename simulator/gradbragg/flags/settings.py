"""The flags and headers of one run, and where each setting came from."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from gradbragg.flags.parse import Given, parse
from gradbragg.io.smv import SmvHeader, read_smv_header

if TYPE_CHECKING:
    from collections.abc import Sequence


@dataclass(frozen=True)
class Settings:
    """What was given for one run.

    Args:
        given: Flags in order.
        headers: Headers of image files, the one that counts most last, each with the flag that named it.
        origins: Where each setting that was looked up came from; filled as they are.
    """

    given: tuple[Given, ...]
    headers: tuple[tuple[str, SmvHeader], ...] = ()
    origins: dict[str, str] = field(default_factory=dict)

    @property
    def compat(self) -> bool:
        """Whether the reference program is to be reproduced."""
        return self.has("--compat")

    def last(self, *names: str) -> Given | None:
        """The last given of the named flags."""
        found = [given for given in self.given if given.flag.name in names]
        # one word can be several flags; among them the order of the names decides
        return max(found, key=lambda given: (given.position, names.index(given.flag.name)), default=None)

    def has(self, name: str) -> bool:
        """Whether a flag was given."""
        return any(given.flag.name == name for given in self.given)

    def number(self, *names: str) -> float | None:
        """The value of the last given of the named flags."""
        given = self.last(*names)
        if given is None:
            return None
        self.origins[names[0]] = f"flag {given.flag.name}"
        return given.number()

    def vector(self, name: str) -> tuple[float, float, float] | None:
        """The three values of a flag."""
        given = self.last(name)
        if given is None:
            return None
        self.origins[name] = f"flag {name}"
        return given.number(0), given.number(1), given.number(2)

    def text(self, name: str) -> str | None:
        """The value of a flag as text."""
        given = self.last(name)
        if given is None:
            return None
        self.origins[name] = f"flag {name}"
        return str(given.values[0])

    def header(self, key: str) -> float | None:
        """The value of a header key; later headers beat earlier ones."""
        value = None
        for flag, header in self.headers:
            found = header.number(key)
            if found is not None:
                value = found
                self.origins[key] = f"header {flag} {header.path}"
        return value

    def first_known(self, name: str, key: str, default: float) -> float:
        """A flag, else a header key, else a default."""
        value = self.number(name)
        if value is None:
            value = self.header(key)
        if value is None:
            self.origins[name] = "default"
            return default
        return value


def read_settings(argv: Sequence[str]) -> Settings:
    """Parse a command line and read the headers that it names.

    Args:
        argv: The arguments, without the program's name.

    Raises:
        GradBraggError: The line or one of the files cannot be used.
    """
    given = tuple(parse(argv))
    plain = Settings(given)
    order = ["-mask", "-img"]
    if not plain.compat:  # files count in the order in which they are named
        order.sort(key=lambda name: found.position if (found := plain.last(name)) else -1)
    headers = []
    for name in order:
        path = plain.text(name)
        if path is not None:
            headers.append((name, read_smv_header(path, last_substring=plain.compat)))
    return Settings(given, tuple(headers), plain.origins)
