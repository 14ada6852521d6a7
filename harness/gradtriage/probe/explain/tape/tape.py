"""What a replay did: its operations in order, what each reads and gives, what autograd reaches."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from gradtriage.probe.explain.source.sites import Site

if TYPE_CHECKING:
    from gradtriage.probe.explain.leaves.memory import Owner
    from gradtriage.probe.explain.tape.inside import Inner

# Called from a place, and for the how-manieth time in its strand: the same operation in every replay.
Key = tuple[Site, str, int]

UNKNOWN, LEAF = -1, -2


@dataclass(frozen=True)
class CustomCall:
    """A call of a custom function.

    Attributes:
        arguments: Which of its arguments have a gradient.
        backward_site: Where its backward begins; None for what has no source in Python.
        keeper_site: Where the function begins that keeps values for the backward.
        contextless: Its forward takes no context: it can be called like any other.
        large: Differences of it entry by entry would take long.
    """

    key: Key
    arguments: tuple[bool, ...] = ()
    backward_site: Site | None = None
    keeper_site: Site | None = None
    contextless: bool = False
    large: bool = False


@dataclass
class Operation:
    """One recorded operation.

    Attributes:
        sources: For each tensor that went in: the index of the operation that made it, `LEAF` for a leaf in question
            (or memory of one), `UNKNOWN` for a tensor that came from elsewhere.
        reach_in: For each of them, what autograd reached from it before the operation.
        reach_out: What autograd reaches from any of the outputs.
        digest: Figures that change when the output's values do.
        escape: The result is no tensor: values left torch here.
        zeros: The output is zero everywhere.
        zeros_in: Which of them were not made by an operation of the run, and are zero everywhere.
        foreign: Which of them have a graph and were not made in this run.
        past: The targets behind the memory that it writes into past autograd.
        zero_number: It multiplies by the number 0.
        custom: What there is to know of a custom function; None for other operations.
        leaf_memory: The output is memory of a leaf in question, and so follows it.
        gradless: The place where the recording of gradients was switched off, if it was.
        state: Whose memory it writes into without a gradient: a module's parameter or buffer.
        meant_slope: Why its slope is meant to differ from the derivative of its forward; empty where it is not.
    """

    key: Key
    sources: list[int]
    reach_in: list[int]
    reach_out: int
    digest: tuple[float | str, ...]
    escape: bool
    gradless: Site | None
    zeros: bool = False
    custom: CustomCall | None = None
    leaf_memory: bool = False
    zero_number: bool = False
    past: int = 0
    foreign: frozenset[int] = frozenset()
    zeros_in: frozenset[int] = frozenset()
    state: Owner = ""
    meant_slope: str = ""


@dataclass
class Tape:
    """The operations of one replay in order, and the values that were asked for.

    Attributes:
        calls: For each gradient computation so far the number of operations before it, and whether it uses up its
            graph.
        inside: For each custom function the operations inside of it.
        nested: For each custom function the custom functions that its forward and its backward call.
    """

    operations: list[Operation] = field(default_factory=list)
    calls: list[tuple[int, bool]] = field(default_factory=list)
    values: dict[Key, Any] = field(default_factory=dict)
    inside: dict[Key, list[Inner]] = field(default_factory=dict)
    nested: dict[Key, list[CustomCall]] = field(default_factory=dict)

    def ancestors(self, index: int, reaching: int = 0) -> list[int]:
        """The operations whose values go into one, the latest first.

        Args:
            index: Of the operation.
            reaching: Only by way of values from which autograd reaches one of these targets; 0 for all.
        """
        found: set[int] = set()
        waiting = [index]
        while waiting:
            operation = self.operations[waiting.pop()]
            for source, reach in zip(operation.sources, operation.reach_in, strict=True):
                if source >= 0 and source not in found and (not reaching or reach & reaching):
                    found.add(source)
                    waiting.append(source)
        return sorted(found, reverse=True)
