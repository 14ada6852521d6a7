"""Which gradient computations of a body are examined: all of a short one, of a long one those that can differ."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from gradtriage.probe.explain.leaves.identity import Key
    from gradtriage.probe.explain.replay.listings import Listing

MOST_CALLS = 16


def chosen(listings: Sequence[Listing]) -> list[Listing]:
    """At most `MOST_CALLS` computations, in order.

    Those that a test expects to raise are left out, and those within a custom function if there are others. First
    come the first of each place, those in which some gradient is missing, zero, not finite or raises for the first
    time at its place, and the last of each place; then the rest.

    Args:
        listings: All computations of the body.
    """
    asked = [listing for listing in listings if not listing.expected]
    asked = [listing for listing in asked if not listing.inner] or asked
    seen: set[object] = set()
    telling: list[Listing] = []
    for listing in asked:
        for trait in (place(listing), (place(listing), bool(listing.raises), statuses(listing))):
            if trait not in seen:
                seen.add(trait)
                telling.append(listing)
    last = {place(listing): listing for listing in asked}
    ranked = dict.fromkeys([*(one.number for one in telling), *(one.number for one in last.values())])
    numbers = set([*ranked, *(one.number for one in asked if one.number not in ranked)][:MOST_CALLS])
    return [listing for listing in asked if listing.number in numbers]


def trained(listings: Iterable[Listing]) -> set[Key | None]:
    """The leaves that get a gradient in one of these computations."""
    return {target.key for listing in listings for target in listing.targets if target.status == "ok"}


def place(listing: Listing) -> tuple[str, str, int, tuple[str, ...]]:
    """Computations of one place ask for the same gradients in the same line."""
    return listing.kind, listing.caller.file, listing.caller.line, tuple(target.name for target in listing.targets)


def statuses(listing: Listing) -> tuple[str, ...]:
    """What became of each gradient."""
    return tuple(target.status for target in listing.targets)
