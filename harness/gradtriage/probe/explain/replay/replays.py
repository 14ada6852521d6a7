"""A body and its k-th gradient computation, to be replayed under conditions: losses, gradients, tapes."""

from __future__ import annotations

import contextlib
import functools
import importlib
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from gradtriage.probe.explain.leaves.identity import (
    Identities,
    direction_of,
    frozen_alive,
    leaves_alive,
    product,
)
from gradtriage.probe.explain.leaves.memory import ModuleMemory
from gradtriage.probe.explain.leaves.nudge import Nudge, apply_nudge
from gradtriage.probe.explain.leaves.training import Training
from gradtriage.probe.explain.leaves.watch import LeafWatch
from gradtriage.probe.explain.replay.checks import PassedOver
from gradtriage.probe.explain.replay.children import ChildFailedError, Failure, Reply, Work, run_child, run_children
from gradtriage.probe.explain.replay.listings import Lister, Listing, Target, lacks_gradient
from gradtriage.probe.explain.replay.replay import Conditions, conditions_hold
from gradtriage.probe.explain.replay.results import Kept, Moved
from gradtriage.probe.explain.tape.backward import NodeReport, formulas_are_seen, watch_backward
from gradtriage.probe.explain.tape.remakes import KeepLargeOperands
from gradtriage.probe.explain.tape.rewrites import FindSingular, Rewrite
from gradtriage.probe.explain.tape.trace import TapeRecorder
from gradtriage.probe.sinks import nobody_told

if TYPE_CHECKING:
    from gradtriage.probe.explain.leaves.transforms import Wrapped
    from gradtriage.probe.explain.program import GradientCall, Program
    from gradtriage.probe.explain.tape.tape import Key as OperationKey
    from gradtriage.probe.explain.tape.tape import Tape


def _import_what_backward_needs() -> None:
    """Half a second of imports that torch makes at the first backward pass with weights: not in each child."""
    one = torch.ones((), requires_grad=True)
    with nobody_told():
        torch.autograd.grad(one * 1, one, torch.ones(()))


def _import_from_torch(names: Sequence[str]) -> None:
    """What a body makes torch import (seconds for an optimiser) is imported here, once, and not in each child."""
    for name in names:
        if name.partition(".")[0] == "torch":
            with contextlib.suppress(ImportError):
                importlib.import_module(name)


class BodyFailedError(Exception):
    """The body raised, or ended its process, before the gradient computation in question."""


class Replays:
    """Replays of one program.

    Args:
        program: The body; its leaves may exist already or be born in it.
        seconds: Time for one replay.
        at_once: How many replays run at the same time.
    """

    def __init__(self, program: Program, seconds: float = 60.0, at_once: int = 2) -> None:
        self._program, self._seconds, self._at_once = program, seconds, at_once
        _import_what_backward_needs()
        self._old, self._frozen = leaves_alive(), frozen_alive()
        self._passed_over = PassedOver()
        self._training: Training | None = None
        self.evaluations = 0

    def listings(self) -> list[Listing]:
        """Every gradient computation of the body, in order; what the body raised afterwards does not matter here."""
        found, imported = _checked(run_child(self._list, self._seconds))
        _import_from_torch(imported)
        return list(found)

    def old_targets(self, listings: Iterable[Listing]) -> list[Tensor]:
        """The targets of these computations that are there before the body."""
        keys = dict.fromkeys(target.key for listing in listings for target in listing.targets if target.key)
        return [self._old[key[1]] for key in keys if key[0] == "old" and key[1] in self._old]

    def _list(self, reply: Reply) -> None:
        before = set(sys.modules)
        leaves = LeafWatch(self._old, self._frozen, listening=True)
        observer = Lister(leaves)
        ended = True
        try:
            with conditions_hold(Conditions(leaves, grad_read=observer.grad_read, half_seen=observer.half_seen)):
                self._program(observer)
        except BaseException as error:
            if not observer.listings:
                raise
            ended = False
            observer.failed(error)
        listings = observer.told()
        survived = listings if ended else listings[:-1]
        told = [replace(one, expected=bool(one.raises) and one.made and one in survived) for one in listings]
        reply.send((told, [name for name in sys.modules if name not in before]))

    def losses(
        self, number: int, nudged: Sequence[Sequence[Nudge]], rewrites: Mapping[OperationKey, Rewrite] | None = None
    ) -> list[float]:
        """The loss at the numbered call, once for each set of steps.

        Args:
            number: Of the gradient call.
            nudged: One sequence of steps a replay.
            rewrites: What stands in the place of operations.
        """
        works = [functools.partial(self._loss, number, nudges, rewrites) for nudges in nudged]
        self.evaluations += len(works)
        return self._results(works)

    def _loss(
        self, number: int, nudges: Sequence[Nudge], rewrites: Mapping[OperationKey, Rewrite] | None, reply: Reply
    ) -> None:
        conditions = Conditions(LeafWatch(self._old, self._frozen, nudges), training=self._training)
        if rewrites:
            conditions.recorder = TapeRecorder(lambda _: 0, rewrites=rewrites, full=False)
        self._until(number, conditions, lambda call: call.loss(), reply)

    def hold_training(self, number: int) -> bool:
        """From now on optimisers make of parameters what they made of them in the real run, whatever was moved.

        Args:
            number: Of the gradient call before which they did.

        Returns:
            Whether there were more steps than were held before.
        """
        held = 0 if self._training is None else len(self._training.steps)

        def work(reply: Reply) -> None:
            training = Training()
            self._until(number, Conditions(LeafWatch(self._old), training=training), lambda _: training.steps, reply)

        self.evaluations += 1
        self._training = Training(list(self._result(work)), holding=True)
        return len(self._training.steps) > held

    def slopes(
        self,
        number: int,
        targets: Sequence[Target],
        rewrites: Mapping[OperationKey, Rewrite] | None = None,
        *,
        keep_graphs: bool = False,
        without_hooks: bool = False,
    ) -> list[float]:
        """Autograd's derivative of the loss along each target's own direction; NaN where its gradient is not finite.

        Args:
            number: Of the gradient call.
            targets: Whose gradients.
            rewrites: What stands in the place of operations.
            keep_graphs: Whether the graphs of earlier computations stay.
            without_hooks: Whether hooks that leaves had before the body are taken off.
        """

        def work(reply: Reply) -> None:
            leaves = LeafWatch(self._old)
            for leaf in self._old.values() if without_hooks else ():
                leaf._backward_hooks = None
            conditions = Conditions(leaves, keep_graphs=keep_graphs)
            seeing: AbstractContextManager[None] = contextlib.nullcontext()
            if rewrites:
                conditions.recorder = recorder = TapeRecorder(lambda _: 0, rewrites=rewrites, full=False)
                seeing = formulas_are_seen(recorder)

            def answer(call: GradientCall) -> list[float]:
                with seeing:
                    return _slopes(call, leaves.identities, targets)

            self._until(number, conditions, answer, reply)

        return list(self._result(work))

    def old_hooks(self, target: Target) -> list[Callable[..., Any]]:
        """The hooks that a leaf has had since before the body."""
        leaf = self._old.get(target.key[1]) if target.key is not None and target.key[0] == "old" else None
        return [] if leaf is None else list((leaf._backward_hooks or {}).values())

    def tape(self, number: int, targets: Sequence[Target], nudges: Sequence[Nudge] = ()) -> Tape:
        """The operations up to the numbered call, for these targets."""
        tape: Tape = self._recorded(number, targets, nudges, lambda recorder, _: recorder.tape)
        return tape

    def backward(self, number: int, targets: Sequence[Target]) -> tuple[Tape, list[NodeReport]]:
        """The operations up to the numbered call, and what each node of the backward pass does."""
        found: tuple[Tape, list[NodeReport]] = self._recorded(
            number, targets, (), lambda recorder, call: (recorder.tape, watch_backward(call, recorder))
        )
        return found

    def second_loss(self, number: int, nudges: Sequence[Nudge]) -> float:
        """The loss of a second evaluation in the same process, made after some leaves were moved."""

        def work(reply: Reply) -> None:
            leaves = LeafWatch(self._old)
            self._until(number, Conditions(leaves), lambda call: _again(call, leaves.identities, nudges).loss(), reply)

        self.evaluations += 1
        return float(self._result(work))

    def second_tape(self, number: int, targets: Sequence[Target]) -> Tape:
        """The operations up to the numbered call and those of a second evaluation after them."""

        def answer(recorder: TapeRecorder, call: GradientCall) -> Tape:
            if call.again is not None:
                call.again()
            return recorder.tape

        tape: Tape = self._recorded(number, targets, (), answer)
        return tape

    def maker_of_nonleaf(self, number: int) -> OperationKey | None:
        """The operation that made the tensor whose `.grad` is read after the numbered call although it is no leaf."""

        def work(reply: Reply) -> None:
            recorder = TapeRecorder(lambda _: 0)
            calls = _Counter()

            def grad_read(tensor: Tensor) -> None:
                if calls.number >= number and lacks_gradient(tensor) and not tensor.is_leaf:
                    reply.send(recorder.maker(tensor))

            with conditions_hold(Conditions(LeafWatch(self._old), recorder, grad_read=grad_read)):
                self._program(calls)
            reply.send(None)

        self.evaluations += 1
        key: OperationKey | None = self._result(work)
        return key

    def slope_of_result(self, number: int, key: OperationKey, step: Moved) -> float:
        """Autograd's derivative of the loss along a step of one operation's result."""
        kept = Kept()

        def answer(call: GradientCall) -> float:
            return float("nan") if kept.tensor is None else step.along(kept.tensor, call.gradient_of(kept.tensor))

        def work(reply: Reply) -> None:
            recorder = TapeRecorder(lambda _: 0, rewrites={key: kept}, full=False)
            self._until(number, Conditions(LeafWatch(self._old), recorder), answer, reply)

        self.evaluations += 1
        return float(self._result(work))

    def values(self, number: int, keys: frozenset[OperationKey]) -> dict[OperationKey, Any]:
        """The results that operations had in the unchanged run."""
        return dict(self._recorded(number, (), (), lambda recorder, _: recorder.tape.values, keep=keys))

    def large_operands(
        self,
        number: int,
        keys: Sequence[OperationKey],
        nudges: Sequence[Nudge],
        rewrites: Mapping[OperationKey, Rewrite],
    ) -> dict[OperationKey, dict[int, Tensor]]:
        """The large operands of custom functions where some leaves were moved, also of those in formulas."""
        found: dict[OperationKey, dict[int, Tensor]] = {key: {} for key in keys}

        def answer(recorder: TapeRecorder, call: GradientCall) -> Any:
            with formulas_are_seen(recorder), contextlib.suppress(Exception):
                call.gradients()
            return found

        keeping = {key: KeepLargeOperands(kept) for key, kept in found.items()}
        return dict(self._recorded(number, (), nudges, answer, rewrites={**rewrites, **keeping}))

    def singular(self, number: int, keys: Sequence[OperationKey]) -> dict[OperationKey, dict[int, Wrapped]]:
        """The entries of operations' operands at which the derivative was not finite in the unchanged run."""
        found: dict[OperationKey, dict[int, Wrapped]] = {key: {} for key in keys}
        rewrites = {key: FindSingular(masks) for key, masks in found.items()}
        return dict(self._recorded(number, (), (), lambda *_: found, rewrites=rewrites))

    def _recorded(
        self,
        number: int,
        targets: Sequence[Target],
        nudges: Sequence[Nudge],
        answer: Callable[[TapeRecorder, GradientCall], Any],
        keep: frozenset[OperationKey] = frozenset(),
        rewrites: Mapping[OperationKey, Rewrite] | None = None,
    ) -> Any:
        def work(reply: Reply) -> None:
            leaves = LeafWatch(self._old, self._frozen, nudges)
            bits = {target.key: 1 << index for index, target in enumerate(targets)}

            def bit_of(leaf: Tensor) -> int:
                return bits.get(leaves.identities.key(leaf), 0)

            memory, full = ModuleMemory(), not keep and not rewrites
            recorder = TapeRecorder(
                bit_of, keep=keep, rewrites=rewrites, pause=leaves.memory.pause, full=full, memory=memory
            )
            with memory.watching():
                conditions = Conditions(leaves, recorder, training=self._training)
                self._until(number, conditions, functools.partial(answer, recorder), reply)

        self.evaluations += 1
        return self._result(work)

    def _until(self, number: int, conditions: Conditions, answer: Any, reply: Reply) -> None:
        observer = _Stopper(number, conditions, answer, reply)
        self._passed_over.hold()
        with conditions_hold(conditions):
            self._program(observer)
        raise ChildFailedError(f"the body ended before gradient call {number}")

    def _result(self, work: Work) -> Any:
        return self._results([work])[0]

    def _results(self, works: Sequence[Work]) -> list[Any]:
        """What children sent; checks that fail for what was changed are passed over."""
        results = run_children(works, self._seconds, self._at_once)
        while True:
            failed = [index for index, result in enumerate(results) if isinstance(result, Failure)]
            checks = {results[index].checks for index in failed}
            if not self._passed_over.add(checks):
                break
            self._run_again(works, failed, results, self._at_once)
        if failed and self._at_once > 1 and len(works) > 1:  # they may have written into the same file
            self._run_again(works, failed, results, at_once=1)
            if not any(isinstance(results[index], Failure) for index in failed):
                self._at_once = 1
        return list(map(_checked, results))

    def _run_again(self, works: Sequence[Work], failed: Sequence[int], results: list[Any], at_once: int) -> None:
        again = run_children([works[index] for index in failed], self._seconds, at_once)
        for index, result in zip(failed, again, strict=True):
            results[index] = result


def _checked(result: Any) -> Any:
    if isinstance(result, Failure):
        raise BodyFailedError(f"{result.type_name}: {result.message}")
    return result


class _Counter:
    """Knows how many gradient computations there were."""

    def __init__(self) -> None:
        self.number = 0

    def opened(self, call: GradientCall) -> None:
        self.number = call.number


class _Stopper:
    """Answers at the numbered call and ends the process."""

    def __init__(self, number: int, conditions: Conditions, answer: Any, reply: Reply) -> None:
        self._number, self._conditions, self._answer, self._reply = number, conditions, answer, reply

    def opened(self, call: GradientCall) -> None:
        recorder = self._conditions.recorder
        if recorder is not None:
            recorder.gradient_call(frees=call.frees)
        if call.number == self._number:
            self._refuse_unseen_reads(call)
            self._conditions.leaves.pending.settle()
            self._reply.send(self._answer(call))

    def _refuse_unseen_reads(self, call: GradientCall) -> None:
        """A leaf that autograd reaches was read; if we did not see it, its step came too late and says nothing."""
        # a loss that was made a leaf is its own gradient without being read
        unread = {id(leaf) for leaf in self._conditions.leaves.pending.unread()} - set(map(id, call.roots))
        if not unread:
            return
        reached = zip(call.targets, call.gradients(), strict=True)
        if any(id(leaf) in unread and gradient is not None for leaf, gradient in reached):
            message = (
                "a parameter is read where replays cannot see it (a scripted module or compiled extension; "
                "for scripted code run with PYTORCH_JIT=0 from the start of the process, as `gradtriage explain` does)"
            )
            self._reply.send(Failure("UnseenReadError", message))


def _again(call: GradientCall, identities: Identities, nudges: Sequence[Nudge]) -> GradientCall:
    """The computation with what it differentiates evaluated once more, for moved leaves."""
    steps = {nudge.key: nudge for nudge in nudges}
    for leaf in call.targets:
        nudge = steps.get(identities.key(leaf) or ("", 0))
        if nudge is not None:
            apply_nudge(leaf, nudge)
            torch.autograd.graph.increment_version(leaf)  # a cache that asks for it must be able to see the write
    assert call.again is not None  # noqa: S101 - the listing says so
    return replace(call, roots=call.again())


def _slopes(call: GradientCall, identities: Identities, targets: Sequence[Target]) -> list[float]:
    wanted = {target.key: index for index, target in enumerate(targets)}
    slopes = [0.0] * len(targets)
    for leaf, gradient in zip(call.targets, call.gradients(), strict=True):
        index = wanted.get(identities.key(leaf))
        if index is None or gradient is None:
            continue
        target = targets[index]
        along = direction_of(leaf, target.scale, target.seed, symmetric=target.symmetric, held=target.held)
        slopes[index] = product(gradient, along, leaf)
    return slopes
