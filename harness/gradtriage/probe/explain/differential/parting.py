"""The first node of two backward passes that hands on another gradient, although it received the same."""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from gradtriage.probe.explain.leaves.operations import HOOKS

if TYPE_CHECKING:
    from torch import Tensor

    from gradtriage.probe.explain.differential.comparison import RunComparison
    from gradtriage.probe.explain.differential.recording import NodeKey, RecordedNode


@dataclass(frozen=True)
class Parting:
    """Where two backward passes part.

    Attributes:
        node: Today's node.
        operation: The operation to look at: the one that the node belongs to, or one after which the gradient is lost.
        lost_in: The operation that is new and takes the gradient away; None where the node hands on another one.
        known: What the node handed on then; None where not all of it was kept or the gradient is lost.
    """

    node: NodeKey
    operation: int
    lost_in: int | None
    known: tuple[Tensor | None, ...] | None


def first_parting(comparison: RunComparison) -> Parting | None:
    """The first such node in the order of today's backward pass; None where no node is seen to be the first."""
    waiting = dict(keyed(comparison.call_then.nodes))
    for key, node in keyed(comparison.call_now.nodes):
        old = comparison.pairs.get(node.operation)
        before = waiting.get((-1 if old is None else old, key[1], key[2]))
        if before is None or node.operation < 0:
            continue
        received = _all_same(comparison, node.received, before.received)
        if received and not _all_same(comparison, node.handed_on, before.handed_on):
            return _parting(comparison, key, node, before)
    return _new_hook(comparison)


def _new_hook(comparison: RunComparison) -> Parting | None:
    """A hook that changes what a node receives: it is registered today, and was not then."""
    for index in range(comparison.call_now.operations):
        if comparison.now.operations[index].name in HOOKS and index not in comparison.pairs:
            return Parting((index, "hook", 0), index, index, None)
    return None


def keyed(nodes: Sequence[RecordedNode]) -> list[tuple[NodeKey, RecordedNode]]:
    """The nodes, named by operation, type and count: the same in every replay."""
    counts: Counter[tuple[int, str]] = Counter()
    found = []
    for node in nodes:
        found.append(((node.operation, node.name, counts[node.operation, node.name]), node))
        counts[node.operation, node.name] += 1
    return found


def _all_same(comparison: RunComparison, mine: Sequence[int], theirs: Sequence[int]) -> bool:
    return len(mine) == len(theirs) and all(
        comparison.now.same(a, comparison.then, b) for a, b in zip(mine, theirs, strict=True)
    )


def _parting(comparison: RunComparison, key: NodeKey, node: RecordedNode, before: RecordedNode) -> Parting:
    lost = any(a < 0 <= b for a, b in zip(node.handed_on, before.handed_on, strict=False))
    if lost:
        new = _new_operand(comparison, node.operation)
        if new is not None:
            return Parting(key, new, new, None)
        return Parting(key, node.operation, None, None)
    known = [None if number < 0 else comparison.then.values[number].tensor() for number in before.handed_on]
    whole = all(number < 0 or tensor is not None for number, tensor in zip(before.handed_on, known, strict=True))
    return Parting(key, node.operation, None, tuple(known) if whole else None)


def _new_operand(comparison: RunComparison, index: int) -> int | None:
    """The nearest operation that did not stand before this one, among all whose results lead into it."""
    waiting, seen = deque([index]), {index}
    while waiting:
        for operand in comparison.now.operations[waiting.popleft()].operands:
            if operand.source >= 0 and operand.source not in seen:
                if operand.source not in comparison.pairs:
                    return operand.source
                seen.add(operand.source)
                waiting.append(operand.source)
    return None
