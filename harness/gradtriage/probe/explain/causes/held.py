"""What holds a value constant inside the forward of a custom function, and what would let it go."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from gradtriage.probe.explain.leaves.operations import INTEGER
from gradtriage.probe.explain.tape.inside import zero_factors
from gradtriage.probe.explain.tape.rewrites import Identity, NonZero, NonZeroNumber, Rewrite

if TYPE_CHECKING:
    from gradtriage.probe.explain.source.sites import Site
    from gradtriage.probe.explain.tape.inside import Inner
    from gradtriage.probe.explain.tape.tape import Key, Operation, Tape

_MOST_INSIDE = 12
_ROUNDING = frozenset({"round", "floor", "ceil", "trunc", "fix", "long", "int", "short", "sign"})
_BOUNDING = frozenset(
    {"clamp", "clip", "clamp_min", "clamp_max", "relu", "relu6", "hardtanh", "threshold", "nan_to_num"}
)

HOLDING = _ROUNDING | _BOUNDING


@dataclass(frozen=True)
class Death:
    """Operations of one line that hold their result constant, and what would bring it to life.

    Attributes:
        rewrites: Alternatives, the likeliest first.
        evidence: Where a zero comes from.
        unusual: Nothing in its name says that it may hold something constant.
        inside: It is inside a custom function.
        behind: Bits of the targets that a zero factor depends on.
    """

    site: Site
    kind: str
    op: str
    rewrites: tuple[Mapping[Key, Rewrite], ...]
    evidence: dict[str, object]
    unusual: bool = False
    inside: bool = False
    behind: int = 0


def zeros_inside(tape: Tape, functions: Iterable[Key]) -> list[Death]:
    """Factors that are zero inside the forwards of custom functions."""
    found: dict[tuple[Site, str], Death] = {}
    for function in functions:
        for absorbing, born in zero_factors(tape.inside.get(function, ())):
            site, name, _ = absorbing.key
            if absorbing.zero_number:
                alike = list(_alike(tape, absorbing))
                ways: tuple[Mapping[Key, Rewrite], ...] = (
                    dict.fromkeys(alike, Identity()),
                    dict.fromkeys(alike, NonZeroNumber()),
                )
            else:
                ways = (dict.fromkeys(_alike(tape, born), NonZero()),)
            found.setdefault(
                (site, name), Death(site, "zero-factor", name, ways, {"origin": born.key[0].told}, inside=True)
            )
    return list(found.values())[:_MOST_INSIDE]


def flats_inside(tape: Tape, functions: Iterable[Key]) -> list[Death]:
    """What rounds or bounds values inside the forwards of custom functions."""
    found: dict[tuple[Site, str], Death] = {}
    for one in (one for function in functions for one in tape.inside.get(function, ()) if not one.backward):
        site, name, _ = one.key
        if name in HOLDING:
            kind = "integer" if name in _ROUNDING else "saturated"
            ways = (dict.fromkeys(_alike(tape, one), Identity()),)
            found.setdefault((site, name), Death(site, kind, name, ways, {}, inside=True))
    return list(found.values())[:_MOST_INSIDE]


def is_held(tape: Tape, function: Key) -> bool:
    """Whether a forward holds its result constant by a zero factor or a bound, and does not round or compare."""
    names = {one.key[1] for one in tape.inside.get(function, ()) if not one.backward}
    bounds = bool(names & _BOUNDING) and not names & INTEGER
    return bounds or bool(zeros_inside(tape, [function]))


def held_on_the_way(tape: Tape, operations: Sequence[Operation]) -> list[Death]:
    """What multiplies by the number 0, rounds or bounds among some operations, and inside those that are functions."""
    found: dict[tuple[Site, str], Death] = {}
    for operation in operations:
        site, name, _ = operation.key
        if operation.zero_number:
            ways: tuple[Mapping[Key, Rewrite], ...] = (dict.fromkeys(_alike(tape, operation), NonZeroNumber()),)
            found.setdefault((site, name), Death(site, "zero-factor", name, ways, {}))
        elif name in HOLDING and not operation.custom:
            kind = "integer" if name in _ROUNDING else "saturated"
            keys = list(_alike(tape, operation))
            ways = (dict.fromkeys(keys, Identity()), *([dict.fromkeys(keys, NonZero())] if operation.zeros else []))
            found.setdefault((site, name), Death(site, kind, name, ways, {}))
    functions = [operation.key for operation in operations if operation.custom]
    return [*found.values(), *zeros_inside(tape, functions), *flats_inside(tape, functions)][:_MOST_INSIDE]


def _alike(tape: Tape, inner: Inner | Operation) -> Iterator[Key]:
    """All calls of the operation from its line, inside of custom functions and outside."""
    keys = [operation.key for operation in tape.operations]
    keys += [one.key for inside in tape.inside.values() for one in inside]
    return (key for key in keys if key[:2] == inner.key[:2])
