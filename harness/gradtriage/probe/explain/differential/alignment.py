"""Which operation of one run is which of another, although lines moved and functions were edited."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Hashable, Sequence
from difflib import SequenceMatcher
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from gradtriage.probe.explain.differential.recording import RecordedOperation, Recording

Token = Callable[["RecordedOperation", "Recording"], Hashable]


def aligned(then: Recording, now: Recording, ends: tuple[int, int]) -> dict[int, int]:
    """Pairs of operations: index of today's to index of then's.

    As sequences, by what is the strongest sign first: the same text and the same result; the same text; the same
    function and result; the same function and operation. What is then left over is paired by its result alone,
    wherever it stands: statements that were moved.

    Args:
        then: The known run.
        now: The run of today.
        ends: How many operations count, then and today.
    """
    pairs: dict[int, int] = {}
    gaps = [(range(ends[0]), range(ends[1]))]
    for token in (_text_and_result, _text, _function_and_result, _function):
        left = []
        for gap in gaps:
            left += _match(then, now, gap, token, pairs)
        gaps = left
    _match_moved(then, now, gaps, pairs)
    return pairs


def _results(operation: RecordedOperation, recording: Recording) -> Hashable:
    values = (recording.values[number] for number in operation.outputs)
    return tuple((value.dtype, value.shape, value.digest) for value in values)


def _text_and_result(operation: RecordedOperation, recording: Recording) -> Hashable:
    return _text(operation, recording), _results(operation, recording)


def _text(operation: RecordedOperation, _: Recording) -> Hashable:
    place = operation.place
    return place.file, place.function, operation.name, place.source


def _function_and_result(operation: RecordedOperation, recording: Recording) -> Hashable:
    return operation.place.function, operation.name, _results(operation, recording)


def _function(operation: RecordedOperation, _: Recording) -> Hashable:
    return operation.place.function, operation.name


def _match(
    then: Recording, now: Recording, gap: tuple[range, range], token: Token, pairs: dict[int, int]
) -> list[tuple[range, range]]:
    """Pairs what a gap holds by a token; returns the gaps that stay."""
    if not gap[0] or not gap[1]:
        return [gap]
    # repeated calls are counted, so that the first stays the first
    old = _counted([token(then.operations[i], then) for i in gap[0]])
    new = _counted([token(now.operations[i], now) for i in gap[1]])
    left = []
    at = gap[0].start, gap[1].start
    for block in SequenceMatcher(None, old, new, autojunk=False).get_matching_blocks():
        first = gap[0].start + block.a, gap[1].start + block.b
        left.append((range(at[0], first[0]), range(at[1], first[1])))
        pairs.update((first[1] + k, first[0] + k) for k in range(block.size))
        at = first[0] + block.size, first[1] + block.size
    return [one for one in left if one[0] or one[1]]


def _counted(tokens: Sequence[Hashable]) -> list[tuple[Hashable, int]]:
    seen: Counter[Hashable] = Counter()
    found = []
    for token in tokens:
        found.append((token, seen[token]))
        seen[token] += 1
    return found


def _match_moved(then: Recording, now: Recording, gaps: list[tuple[range, range]], pairs: dict[int, int]) -> None:
    waiting: dict[Hashable, list[int]] = {}
    for old, _ in gaps:
        for index in old:
            operation = then.operations[index]
            waiting.setdefault((operation.name, _results(operation, then)), []).append(index)
    for _, new in gaps:
        for index in new:
            operation = now.operations[index]
            found = waiting.get((operation.name, _results(operation, now)))
            if found:
                pairs[index] = found.pop(0)
