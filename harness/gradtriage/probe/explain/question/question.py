"""One gradient computation in question: its targets, numeric and autograd derivatives under any counterfactual."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from gradtriage.probe.calls import NAMELESS
from gradtriage.probe.explain.leaves.nudge import Nudge
from gradtriage.probe.explain.program import NO_GRAPH
from gradtriage.probe.explain.question.oracle import Derivative, differentiate
from gradtriage.probe.explain.replay.children import ChildCrashedError
from gradtriage.probe.explain.replay.replays import BodyFailedError
from gradtriage.probe.explain.source.sites import Site

if TYPE_CHECKING:
    from gradtriage.probe.explain.replay.listings import Listing, Target
    from gradtriage.probe.explain.replay.replays import Replays
    from gradtriage.probe.explain.tape.backward import NodeReport
    from gradtriage.probe.explain.tape.rewrites import Rewrite
    from gradtriage.probe.explain.tape.tape import Key, Tape

# Agreement of autograd with differences, relative; single precision leaves no more to be seen.
TOLERANCE = 1e-4
TOLERANCE_SINGLE = 3e-2
# A difference within the tolerance that is more than rounding: of the larger derivative, and of the numeric error.
SUSPICIOUS, SURELY = 1e-6, 20.0
# Of the gap between the slopes to both sides at a kink, which does not shrink with the step.
KEEPS = 0.75


@dataclass
class Cause:
    """One cause of what is wrong with the gradients of some targets.

    Attributes:
        proof: `proven` after a counterfactual run that restores agreement, `supported` if the trace shows it,
            `suspected` otherwise.
    """

    kind: str
    site: Site
    op: str
    targets: list[str]
    proof: str
    evidence: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Design:
    """A place where a gradient is stopped or replaced on purpose.

    Attributes:
        reason: How that is known.
        targets: Whose gradient.
    """

    site: Site
    reason: str
    targets: list[str]


@dataclass(frozen=True)
class Comparison:
    """Autograd and differences along the directions of some targets, together."""

    autograd: float
    numeric: Derivative
    tolerance: float

    @property
    def agree(self) -> bool:
        """Whether they are the same derivative."""
        return self.numeric.agrees(self.autograd, self.tolerance)

    @property
    def differ(self) -> bool:
        """Whether they are certainly not the same."""
        return self.conclusive and not self.agree

    @property
    def differ_a_little(self) -> bool:
        """Whether they agree within the tolerance, and differ by much more than the error; of doubles only."""
        difference = abs(self.numeric.value - self.autograd)
        largest = max(abs(self.numeric.value), abs(self.autograd))
        certain = difference > SUSPICIOUS * largest + SURELY * self.numeric.error
        return self.agree and certain and self.tolerance <= TOLERANCE

    @property
    def proves(self) -> bool:
        """Whether they are for certain the same, of a loss that follows the targets."""
        return self.agree and self.conclusive and self.numeric.moved

    @property
    def conclusive(self) -> bool:
        """Whether the numeric one is good enough to tell whether autograd is right."""
        return self.numeric.tells(self.autograd if math.isfinite(self.autograd) else 0.0)

    @property
    def relative_error(self) -> float | None:
        """The difference over the larger of the two; None where there is no number."""
        if not (math.isfinite(self.numeric.value) and math.isfinite(self.autograd)):
            return None
        largest = max(abs(self.numeric.value), abs(self.autograd))
        return abs(self.numeric.value - self.autograd) / largest if largest else 0.0


class Question:
    """Asks about one gradient computation.

    Args:
        replays: Of the body.
        listing: The computation.
        others: All computations of the body.
        again: A computation of the same place was examined before this one.
        by_design: Places where gradients are stopped or replaced on purpose, `file.py` or `file.py::function`.

    Attributes:
        designs: Where gradients are stopped or replaced on purpose.
        meant: What stands in every counterfactual, so that these make no difference.
        unhooked: Whether hooks that parameters have had since before the body are off in each, being meant.
    """

    def __init__(
        self,
        replays: Replays,
        listing: Listing,
        others: Sequence[Listing] = (),
        *,
        again: bool = False,
        by_design: Sequence[str] = (),
    ) -> None:
        self.replays, self.listing, self.others, self.again = replays, listing, others, again
        self.by_design = by_design
        self.meant: Mapping[Key, Rewrite] = {}
        self.unhooked = False
        self.designs: list[Design] = []
        self.tolerance = TOLERANCE_SINGLE if listing.single else TOLERANCE
        self._tape: Tape | None = None
        self._nudged: dict[tuple[tuple[Any, ...], float], Tape] = {}
        self._backward: tuple[Tape, list[NodeReport]] | None = None

    @property
    def targets(self) -> list[Target]:
        """The targets that can be recognised in a replay."""
        return [target for target in self.listing.targets if target.key is not None]

    @property
    def asked(self) -> list[Target]:
        """Those of them that the body can see; a leaf without a name, made inside of what it calls, is nobody's.

        They are all that there are, if none has a name.
        """
        named = [target for target in self.targets if not (target.name.startswith(NAMELESS) and _is_born(target))]
        return named if named and self.listing.kind == "backward" else self.targets

    @property
    def fails(self) -> bool:
        """Whether the body fails after one of its computations."""
        return any(listing.red for listing in self.others)

    @property
    def raises_midway(self) -> bool:
        """Whether there is a graph, and autograd raises on its way through it."""
        return bool(self.listing.raises) and self.listing.raises != NO_GRAPH

    def compare(
        self,
        targets: Sequence[Target],
        rewrites: Mapping[Key, Rewrite] | None = None,
        *,
        step: float | None = None,
        autograd: float | None = None,
    ) -> Comparison:
        """Autograd against differences along the targets' directions together.

        Args:
            targets: Whose directions.
            rewrites: A counterfactual, for both.
            step: A step that is known to be good; None to look for one.
            autograd: The derivative by autograd, if it is known.
        """
        slope = sum(self.slopes(targets, rewrites)) if autograd is None else autograd
        return Comparison(slope, self.numeric(targets, rewrites, step=step), self.tolerance)

    def trial(
        self,
        targets: Sequence[Target],
        rewrites: Mapping[Key, Rewrite],
        *,
        step: float | None = None,
        autograd: float | None = None,
    ) -> Comparison | None:
        """Autograd against differences under a counterfactual; None where the body cannot run under it."""
        try:
            return self.compare(targets, rewrites, step=step, autograd=autograd)
        except (BodyFailedError, ChildCrashedError):
            return None

    def slope(self, targets: Sequence[Target], rewrites: Mapping[Key, Rewrite]) -> float | None:
        """Autograd's derivative under a counterfactual; None where the body cannot run under it."""
        try:
            return sum(self.slopes(targets, rewrites))
        except (BodyFailedError, ChildCrashedError):
            return None

    def slopes(
        self,
        targets: Sequence[Target],
        rewrites: Mapping[Key, Rewrite] | None = None,
        *,
        keep_graphs: bool = False,
        without_hooks: bool = False,
    ) -> list[float]:
        """Autograd's derivative along each target's own direction; NaN where its gradient is not finite."""
        rewrites = {**self.meant, **(rewrites or {})}
        without_hooks = without_hooks or self.unhooked
        return self.replays.slopes(
            self.listing.number, targets, rewrites, keep_graphs=keep_graphs, without_hooks=without_hooks
        )

    def old_hooks(self, targets: Sequence[Target]) -> list[Site]:
        """Where hooks were made that these targets have had since before the body."""
        hooks = [hook for target in targets for hook in self.replays.old_hooks(target)]
        codes = [hook.__code__ for hook in hooks if hasattr(hook, "__code__")]
        return [Site(code.co_filename, code.co_firstlineno, code.co_qualname) for code in codes]

    def numeric(
        self, targets: Sequence[Target], rewrites: Mapping[Key, Rewrite] | None = None, *, step: float | None = None
    ) -> Derivative:
        """The derivative along the targets' directions together, by differences."""

        def evaluate(steps: Sequence[float]) -> list[float]:
            steps_taken = [nudges(targets, h) for h in steps]
            return self.replays.losses(self.listing.number, steps_taken, {**self.meant, **(rewrites or {})})

        return differentiate(evaluate, single=self.listing.single, ladder=None if step is None else (step,))

    def at_kink(self, targets: Sequence[Target], wrong: Comparison) -> bool:
        """Whether the slopes to both sides differ, and autograd's lies between them: one choice of several is as good.

        Args:
            targets: Along whose directions.
            wrong: Autograd against differences there.
        """
        far_ahead, far_behind, ahead, behind = (
            change / side for side, change in self._changes(targets, wrong.numeric.step, 2)
        )
        gap, far_gap = abs(ahead - behind), abs(far_ahead - far_behind)
        slack = self.tolerance * max(abs(ahead), abs(behind)) + 3 * wrong.numeric.error
        # of a smooth function the gap would halve with the step
        kinked = gap > 1.5 * slack and KEEPS * far_gap < gap < far_gap / KEEPS
        return kinked and min(ahead, behind) - slack <= wrong.autograd <= max(ahead, behind) + slack

    def jumps(self, targets: Sequence[Target], wrong: Comparison) -> bool:
        """Whether the loss where the targets are is another one than beside it, on both sides, however near.

        Args:
            targets: Along whose directions.
            wrong: Autograd against differences there.
        """
        ahead, behind, near_ahead, near_behind = (
            change for _, change in self._changes(targets, wrong.numeric.step, 10)
        )
        far, near = (ahead + behind) / 2, (near_ahead + near_behind) / 2
        return abs(near) > KEEPS * abs(far) and abs(near) > abs(near_ahead - near_behind)

    def _changes(self, targets: Sequence[Target], step: float, finer: float) -> list[tuple[float, float]]:
        """Steps to both sides, the far ones first, and by how much the loss changes with each."""
        sides = (step, -step, step / finer, -step / finer)
        losses = self.replays.losses(self.listing.number, [nudges(targets, side) for side in sides], self.meant)
        return [(side, loss - self.listing.loss) for side, loss in zip(sides, losses, strict=True)]

    def tape(self) -> Tape:
        """The operations of the unchanged run."""
        if self._tape is None:
            self._tape = self.replays.tape(self.listing.number, self.targets)
        return self._tape

    def backward(self) -> tuple[Tape, list[NodeReport]]:
        """The operations of the unchanged run, and what each node of its backward pass did."""
        if self._backward is None:
            self._backward = self.replays.backward(self.listing.number, self.targets)
        return self._backward

    def nudged_tape(self, targets: Sequence[Target], step: float) -> Tape:
        """The operations of a run in which some targets were moved; bits as in `tape`."""
        asked = tuple((target.key, target.seed, target.symmetric, target.held) for target in targets), step
        if asked not in self._nudged:
            self._nudged[asked] = self.replays.tape(self.listing.number, self.targets, nudges(targets, step))
        return self._nudged[asked]

    def bits(self, targets: Sequence[Target]) -> int:
        """The bits that stand for targets in a tape."""
        keys = [target.key for target in self.targets]
        return sum(1 << keys.index(target.key) for target in targets)

    def names(self, bits: int) -> list[str]:
        """The targets' names that bits stand for."""
        return [target.name for index, target in enumerate(self.targets) if bits >> index & 1]


def _is_born(target: Target) -> bool:
    return target.key is not None and target.key[0] == "born"


def nudges(targets: Sequence[Target], step: float) -> list[Nudge]:
    """A step for each of the targets; the copies of one without a gradient may be where it is lost."""
    return [
        Nudge(
            target.key,
            target.scale,
            target.seed,
            step,
            target.epoch,
            copies=target.status == "none",
            symmetric=target.symmetric,
            held=target.held,
        )
        for target in targets
        if target.key is not None
    ]
