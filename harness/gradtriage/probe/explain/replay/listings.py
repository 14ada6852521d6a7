"""The gradient computations of a body as its first run sees them, with their targets."""

from __future__ import annotations

import traceback
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from gradtriage.probe.explain.leaves.identity import Key, memory_of, scale_of
from gradtriage.probe.explain.leaves.origins import ORIGINS
from gradtriage.probe.explain.program import NO_GRAPH
from gradtriage.probe.explain.source.absence import ZERO, absence_asserted, absences_of_results
from gradtriage.probe.explain.source.sites import Site, calling_site, is_within_function
from gradtriage.probe.frames import MACHINERY, kind_of

if TYPE_CHECKING:
    from gradtriage.probe.explain.leaves.watch import LeafWatch
    from gradtriage.probe.explain.program import GradientCall


@dataclass(frozen=True)
class Target:
    """A tensor that a gradient is asked for, as the first run saw it.

    Attributes:
        key: Which tensor it is in every replay; None if it cannot be recognised again.
        status: `ok`, `none`, `zero`, `nan` or `inf`.
        value: Its gradient if it is a scalar's.
        epoch: How often its leaf was written into before it got the value that the computation is about.
        original: The leaf that it is a copy of.
        leaf: Whether it is a leaf that requires a gradient.
        finite: Whether all its entries are.
        matrix: Whether it is a symmetric (Hermitian) matrix, or several.
        symmetric: Whether it is moved along directions that keep it one.
        blank: Whether it is a module's parameter, and zero.
        holes: Whether some of its entries are zero.
        held: Whether these stay so: they may stand for what is missing.
    """

    name: str
    key: Key | None
    scale: float
    seed: int
    shape: tuple[int, ...]
    single: bool
    status: str
    value: float | None
    norm: float | None
    epoch: int = 0
    original: Key | None = None
    leaf: bool = True
    finite: bool = True
    matrix: bool = False
    symmetric: bool = False
    blank: bool = False
    holes: bool = False
    held: bool = False


@dataclass(frozen=True)
class Missed:
    """A leaf whose `.grad` the body read after a gradient computation, and which had none.

    Attributes:
        read: The line that read it.
        requires: Whether it requires a gradient.
        frozen: Where it was told not to.
        made: Where it was made, if it is a parameter.
    """

    read: Site
    key: Key | None
    shape: tuple[int, ...]
    requires: bool
    frozen: Site | None
    made: Site | None


@dataclass(frozen=True)
class Listing:
    """One gradient computation of the body as the first run saw it.

    Attributes:
        caller: The line that it was called from.
        raises: What it raises instead of giving gradients; empty where it raises nothing.
        made: Whether the body makes it; else it is only asked about.
        repeatable: Whether what it differentiates can be evaluated again.
        nonleaf: Where, after it, the body read the `.grad` of a tensor that is no leaf, and failed.
        expected: The body went on after what was raised: it was expected.
        red: The body failed after it, and made no other computation in between.
        missed: The gradients that it read in between, and that are not there.
        refused: What the call itself raised, although there are gradients.
        inner: Whether it is made within a custom function, whose own affair it is.
        half: Whether anything was in half precision before it.
        read: The leaves whose gradient the body looks at after it.
        unwanted: Targets whose gradient is missing or zero, as an assertion says that it be, and where it says so.
    """

    number: int
    kind: str
    where: dict[str, Any]
    caller: Site
    loss: float
    single: bool
    targets: tuple[Target, ...]
    raises: str = ""
    made: bool = True
    repeatable: bool = False
    nonleaf: Site | None = None
    expected: bool = False
    red: bool = False
    missed: tuple[Missed, ...] = ()
    refused: str = ""
    inner: bool = False
    half: bool = False
    read: frozenset[Key] = frozenset()
    unwanted: Mapping[str, Site] = field(default_factory=dict)


@dataclass(frozen=True)
class _Reading:
    """A look at the gradient of a leaf.

    Attributes:
        after: How many computations there were before it.
        asserted: What is asserted of it, and where: that it be missing or zero; empty for all else.
    """

    after: int
    key: Key
    asserted: str
    place: Site | None


class Lister:
    """Lists every gradient computation and lets it go on."""

    def __init__(self, leaves: LeafWatch) -> None:
        self._leaves = leaves
        self.listings: list[Listing] = []
        self.nonleaf: Site | None = None
        self._missed: list[Missed] = []
        self._half = False
        self._readings: list[_Reading] = []

    def opened(self, call: GradientCall) -> None:
        """Lists the computation."""
        self.nonleaf = None
        self._missed.clear()
        with self._leaves.unseen():
            self.listings.append(self._listing(call))

    def grad_read(self, tensor: Tensor) -> None:
        """Of tensors that are no leaves the first reading since the last gradient call is the one that counts."""
        site = calling_site()
        if tensor.is_leaf and self.listings:
            self._note_reading(tensor, site)
        if not lacks_gradient(tensor):
            return
        if not tensor.is_leaf:  # which one it is a replay with a tape will say
            self.nonleaf = self.nonleaf or site
            return
        key = self._leaves.identities.key(tensor)
        frozen, made = ORIGINS.place_of_freezing(tensor), ORIGINS.place_of_making(tensor)
        self._missed.append(Missed(site, key, tuple(tensor.shape), tensor.requires_grad, frozen, made))

    def half_seen(self) -> None:
        """Something is in half precision."""
        self._half = True

    def _note_reading(self, tensor: Tensor, read: Site) -> None:
        key = self._leaves.identities.key(tensor)
        if key is not None:
            self._readings.append(_Reading(len(self.listings), key, *absence_asserted(read)))

    def told(self) -> list[Listing]:
        """The computations, with what is looked at and asserted after each."""
        return [
            self._told(one, [read for read in self._readings if read.after > at])
            for at, one in enumerate(self.listings)
        ]

    def _told(self, listing: Listing, readings: Sequence[_Reading]) -> Listing:
        given = absences_of_results(listing.caller) if listing.kind == "grad" else {}
        unwanted = {}
        for position, target in enumerate(listing.targets):
            asserted = [(read.asserted, read.place) for read in readings if read.key == target.key]
            for kind, place in [*asserted, given.get(position, ("", None))]:
                absent = target.status == "none" or (target.status == "zero" and kind == ZERO)
                if absent and place is not None:
                    unwanted[target.name] = place
        return replace(listing, unwanted=unwanted, read=frozenset(read.key for read in readings))

    def failed(self, error: BaseException) -> None:
        """The body raised after the last computation."""
        last = self.listings[-1]
        asks = last.kind in ("backward", "grad") and not last.raises
        refused = _refusal(error, last.caller) if asks else ""
        missed = tuple(self._missed)
        self.listings[-1] = replace(last, nonleaf=self.nonleaf, red=True, missed=missed, refused=refused)

    def _listing(self, call: GradientCall) -> Listing:
        gradients, raises = _gradients(call)
        targets = tuple(
            _target(self._leaves, name, leaf, gradient, seed)
            for seed, (name, leaf, gradient) in enumerate(zip(call.names, call.targets, gradients, strict=True))
        )
        single = any(root.dtype in _SINGLE for root in call.roots) or any(t.single for t in targets)
        site, loss = calling_site(), call.loss()
        again = call.again is not None
        inner = is_within_function()
        return Listing(
            call.number,
            call.kind,
            call.where,
            site,
            loss,
            single,
            targets,
            raises,
            call.made,
            again,
            inner=inner,
            half=self._half,
        )


def lacks_gradient(tensor: Tensor) -> bool:
    """Whether a tensor has no gradient, or keeps none."""
    return tensor.grad is None if tensor.is_leaf else not tensor.retains_grad


def _refusal(error: BaseException, caller: Site) -> str:
    """What torch raised in the line of a gradient call; empty where the error is another one."""
    frames = list(traceback.walk_tb(error.__traceback__))
    lines = [(frame.f_code.co_filename, line) for frame, line in frames]
    inner = bool(frames) and kind_of(frames[-1][0].f_code.co_filename) is MACHINERY
    called = inner and (caller.file, caller.line) in lines and not isinstance(error, AssertionError)
    return f"{type(error).__name__}: {error}".splitlines()[0] if called else ""


def _gradients(call: GradientCall) -> tuple[list[Tensor | None], str]:
    """What autograd gives, or what it raises: a freed graph, a write into what it had kept, a wrong custom backward."""
    if call.kind in ("backward", "grad") and not any(root.requires_grad for root in call.roots):
        return [None] * len(call.targets), NO_GRAPH
    try:
        return call.gradients(), ""
    except Exception as error:  # noqa: BLE001 - whatever a custom backward raises
        return [None] * len(call.targets), f"{type(error).__name__}: {error}".splitlines()[0]


_SINGLE = (torch.float32, torch.float16, torch.bfloat16, torch.complex64)


def _target(leaves: LeafWatch, name: str, leaf: Tensor, gradient: Tensor | None, seed: int) -> Target:
    if gradient is not None and gradient.layout != torch.strided:
        gradient = gradient.to_dense()
    status, norm, value = "none", None, None
    if gradient is not None:
        if bool(gradient.isnan().any()):
            status = "nan"
        elif bool(gradient.isinf().any()):
            status = "inf"
        else:
            status = "ok" if bool(gradient.any()) else "zero"
            norm = float(
                torch.linalg.vector_norm(gradient.to(torch.complex128 if gradient.is_complex() else torch.float64))
            )
            value = float(gradient) if gradient.numel() == 1 and not gradient.is_complex() else None
    single = leaf.dtype in _SINGLE
    key, memory = leaves.identities.key(leaf), leaves.memory
    epoch, original = 0, None
    if key is not None:
        epoch, original = memory.epoch_in_use(key, reached=gradient is not None), memory.original_of(key)
    values = memory_of(leaf)
    own, finite = leaf.is_leaf and leaf.requires_grad, bool(torch.isfinite(values).all())
    shape, scale = tuple(leaf.shape), scale_of(leaf)
    square = leaf.layout is torch.strided and leaf.dim() > 1 and shape[-1] == shape[-2] > 1
    matrix = square and torch.equal(values, values.mH)
    nonzero = int(torch.count_nonzero(values))
    blank = isinstance(leaf, torch.nn.Parameter) and not nonzero
    return Target(
        name,
        key,
        scale,
        seed,
        shape,
        single,
        status,
        value,
        norm,
        epoch,
        original,
        own,
        finite,
        matrix,
        blank=blank,
        holes=0 < nonzero < values.numel(),
    )
