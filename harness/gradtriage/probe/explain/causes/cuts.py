"""Where a value went on and its gradient did not: candidates from two tapes, proven by freezing."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from gradtriage.probe.explain.leaves.operations import INTEGER, LOOKS, writes
from gradtriage.probe.explain.tape.tape import LEAF, UNKNOWN, Key, Operation, Tape

if TYPE_CHECKING:
    from gradtriage.probe.explain.source.sites import Site

_ITEM = frozenset(
    {
        "item",
        "__float__",
        "__int__",
        "__index__",
        "__bool__",
        "__complex__",
        "tolist",
        "__contains__",
        "__format__",
        "__repr__",
    }
)
_NUMPY = frozenset({"numpy", "__array__", "__array_wrap__", "from_numpy", "__dlpack__"})
_REBUILD = frozenset(
    {
        "tensor", "as_tensor", "asarray", "new_tensor", "scalar_tensor", "linspace", "logspace", "arange", "full",
        "full_like", "new_full", "Tensor", "from_dlpack", "frombuffer", "DoubleTensor", "FloatTensor", "Parameter",
        "__deepcopy__",
    }
)  # fmt: skip
# draws that follow their parameters, and to which torch gives the slope zero
DRAWS = frozenset({"normal", "poisson", "bernoulli"})
# kinds of operations by which values go on without their gradient whatever the circumstances
CUTS = frozenset({"item", "numpy", "detach", "data", "rebuild"})


@dataclass(frozen=True)
class Cut:
    """A place at which gradients may have been lost.

    Attributes:
        site: The line to blame.
        kind: As in the contract.
        op: The operation there, by name.
        keys: The operations whose results are frozen to test it.
        bits: The targets that are lost there.
        escape: Whether values left torch there or went on without a gradient (else: came in from outside).
    """

    site: Site
    kind: str
    op: str
    keys: tuple[Key, ...]
    bits: int
    escape: bool = True
    order: int = field(default=0, compare=False)


def find_cuts(plain: Tape, nudged: Tape, wrong: int) -> list[Cut]:
    """The places where a value depends on a target in question, and autograd does not know it.

    Args:
        plain: Operations of the unchanged run.
        nudged: Operations of a run in which the targets were moved.
        wrong: The bits of the targets whose gradient is in question.
    """
    moved = moved_operations(plain, nudged)
    places = _only_written_through(plain)
    found: dict[tuple[Site, str], list[tuple[Key, int, Operation]]] = {}
    for index, operation in enumerate(plain.operations):
        if index not in moved or index in places:
            continue
        passed = 0 if operation.key[1] in DRAWS else operation.reach_out
        lost = _lost(operation, moved) & wrong & ~passed
        if lost:
            site, kind = blame(operation)
            found.setdefault((site, kind), []).append((operation.key, lost, operation))
        elif (
            not any(source == LEAF or source in moved for source in operation.sources)
            and not operation.reach_out & wrong
        ):
            site = operation.key[0]
            found.setdefault((site, "entry"), []).append((operation.key, wrong, operation))
    cuts = [_cut(site, kind, entries, order) for order, ((site, kind), entries) in enumerate(found.items())]
    return _merged(cuts, _ways_out(plain, moved))


def _only_written_through(tape: Tape) -> set[int]:
    """Detached looks at a leaf's memory that are taken to write into it on the same line, as an initialisation does.

    No value goes on there. Frozen, such a look would be other memory, and the leaf would keep what it had. What is
    written into is looked at first, before all that goes into it.
    """
    first: dict[Site, int] = {}
    found = set()
    for index, one in enumerate(tape.operations):
        if one.key[1] in LOOKS and one.leaf_memory:
            first.setdefault(one.key[0], index)
        elif writes(one.key[1]) and one.leaf_memory and one.sources[:1] == [LEAF] and not one.reach_in[0]:
            look = first.pop(one.key[0], None)
            found |= set() if look is None else {look}
    return found


def _ways_out(plain: Tape, moved: set[int]) -> dict[tuple[str, int], str]:
    """The lines on which values leave torch, and how: `x.detach().numpy()` is a way to numpy, and not a detach."""
    found: dict[tuple[str, int], str] = {}
    for operation in (plain.operations[index] for index in sorted(moved)):
        site, kind = blame(operation)
        if kind in ("item", "numpy", "rebuild"):
            found.setdefault((site.file, site.line), kind)
    return found


def moved_operations(plain: Tape, nudged: Tape) -> set[int]:
    """Indexes of the operations of the plain tape whose outputs changed with the leaves."""
    other = {operation.key: operation.digest for operation in nudged.operations}
    return {
        index
        for index, operation in enumerate(plain.operations)
        if operation.leaf_memory
        or ((digest := other.get(operation.key)) is not None and not same_digest(digest, operation.digest))
    }


def same_digest(a: Sequence[float | str], b: Sequence[float | str]) -> bool:
    """Whether two results are equal as far as their digests say; NaN equals itself."""
    return len(a) == len(b) and all(x == y or (x != x and y != y) for x, y in zip(a, b, strict=True))


def _lost(operation: Operation, moved: set[int]) -> int:
    """The targets that autograd reached from the inputs that moved."""
    bits = 0
    for source, reach in zip(operation.sources, operation.reach_in, strict=True):
        if source in (LEAF, UNKNOWN) or source in moved:
            bits |= reach
    return bits


def blame(operation: Operation) -> tuple[Site, str]:
    """The line and the kind of a cut at an operation."""
    site, name, _ = operation.key
    way = way_out(name)
    if way is not None:
        return site, way
    if operation.gradless is not None:
        return operation.gradless, "no-grad"
    if operation.custom:
        return site, "custom-backward"
    if name in INTEGER:
        return site, "integer"
    if name.endswith("_") or name == "__setitem__":
        return site, "inplace"
    return site, "other"


def way_out(name: str) -> str | None:
    """The kind of an operation by which values go on without their gradient whatever the circumstances."""
    if name in _ITEM:
        return "item"
    if name in _NUMPY:
        return "numpy"
    if name in ("detach", "detach_"):
        return "detach"
    if name in ("data", "data="):
        return "data"
    return "rebuild" if name in _REBUILD else None


def _cut(site: Site, kind: str, entries: list[tuple[Key, int, Operation]], order: int) -> Cut:
    bits = 0
    for _, lost, _ in entries:
        bits |= lost
    return Cut(
        site,
        "rebuild" if kind == "entry" else kind,
        entries[0][0][1],
        tuple(key for key, _, _ in entries),
        bits,
        kind != "entry",
        order,
    )


def _merged(cuts: list[Cut], ways_out: dict[tuple[str, int], str]) -> list[Cut]:
    """Several operations of one line are one cut: `x.detach().numpy()` loses the gradient once.

    The last step that leaves torch gives the kind.
    """
    by_line: dict[tuple[str, int], list[Cut]] = {}
    for cut in cuts:
        by_line.setdefault((cut.site.file, cut.site.line), []).append(cut)
    merged = []
    for together in by_line.values():
        lost = [cut for cut in together if cut.escape] or together
        first = lost[0]
        kind = ways_out.get((first.site.file, first.site.line), first.kind) if first.kind != "no-grad" else first.kind
        keys = tuple(key for cut in lost for key in cut.keys)
        bits = 0
        for cut in lost:
            bits |= cut.bits
        merged.append(Cut(first.site, kind, first.op, keys, bits, first.escape, first.order))
    return sorted(merged, key=lambda cut: (not cut.escape, cut.order))
