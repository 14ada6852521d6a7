"""The operations of one replay: from where, what went in, a digest of what came out, what autograd reaches."""

from __future__ import annotations

import functools
import operator
import threading
import weakref
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from gradtriage.probe.explain.leaves.identity import is_leaf, node_of, storage_of
from gradtriage.probe.explain.leaves.memory import ModuleMemory, Owner
from gradtriage.probe.explain.leaves.operations import (
    FILLERS,
    HOOKS,
    LOOKS,
    PRODUCTS,
    is_view,
    operation_name,
    tensors_in,
    written_tensor,
    written_tensors,
)
from gradtriage.probe.explain.leaves.threads import current_strand, numbered
from gradtriage.probe.explain.leaves.transforms import SEEN, in_transform, outside, physical
from gradtriage.probe.explain.source.sites import Site, calling_site, leaves_block
from gradtriage.probe.explain.tape.backward import mark_nodes
from gradtriage.probe.explain.tape.customs import custom_call, is_function, is_made_by_torch
from gradtriage.probe.explain.tape.digests import digest_of, repr_digest, snapshot
from gradtriage.probe.explain.tape.inside import Inner, all_finite, all_zero
from gradtriage.probe.explain.tape.reach import Reach
from gradtriage.probe.explain.tape.slopes import meant_slope
from gradtriage.probe.explain.tape.tape import LEAF, UNKNOWN, Key, Operation, Tape

if TYPE_CHECKING:
    from gradtriage.probe.explain.tape.rewrites import Rewrite


@dataclass(frozen=True)
class _Function:
    """The custom function that we are in.

    Attributes:
        key: Of the operation that it is.
        backward: It is its backward.
        received: The memory of the gradients that came in.
    """

    key: Key
    backward: bool = False
    received: frozenset[int] = frozenset()


class _Thread(threading.local):
    """What belongs to one thread: whether we are at work, in which custom function, where gradients went off."""

    def __init__(self) -> None:
        self.inside = 0
        self.function: _Function | None = None
        self.gradless: Site | None = None
        self.suspended: list[Site | None] = []


class TapeRecorder:
    """Records operations; keeps or replaces the results of chosen ones.

    Args:
        bit_of: The bit of a leaf in question.
        keep: Operations whose results are kept.
        rewrites: What stands in the place of chosen operations.
        pause: Told when we read memory ourselves, and when that is over.
        full: Whether operations are described; without it only `keep` and `rewrites` work, at little cost.
        memory: Knows the memory of modules.
    """

    def __init__(
        self,
        bit_of: Callable[[Tensor], int],
        *,
        keep: frozenset[Key] = frozenset(),
        rewrites: Mapping[Key, Rewrite] | None = None,
        pause: Callable[[bool], None] = lambda _: None,
        full: bool = True,
        memory: ModuleMemory | None = None,
    ) -> None:
        self.tape = Tape()
        self.bit_of, self._reach = bit_of, Reach(bit_of)
        self._keep, self._rewrites, self._full = keep, dict(rewrites or {}), full
        self._lines = {(key[0], key[1]) for key in (*keep, *self._rewrites)}
        self._counts: Counter[tuple[Site, str, int]] = Counter()
        self._made_by: dict[int, tuple[weakref.ref[Tensor], int]] = {}
        self._made_inside: dict[int, tuple[weakref.ref[Tensor], int]] = {}
        self._leaf_memory: set[int] = set()
        self._looks: dict[int, weakref.ref[Tensor]] = {}
        self._owners: dict[int, int] = {}
        self._thread = _Thread()
        self._lock = threading.RLock()
        self._pause = pause
        self._memory = memory or ModuleMemory()

    def operation(self, func: Any, args: Sequence[Any], kwargs: Mapping[str, Any], run: Callable[[], Any]) -> Any:
        """Runs an operation and describes it."""
        name = operation_name(func)
        if name == "_set_grad_enabled":
            return self._grad_mode(args, run)
        if name is None or self._thread.inside or (in_transform() and not SEEN):
            return run()
        site = calling_site(2)
        if not self._full and (site, name) not in self._lines:
            return run()
        key = self._key(site, name)
        if not self._full:
            return self._result(key, func, args, kwargs, run)
        if self._thread.function is not None:
            return self._inner(key, func, args, kwargs, run)
        with outside(), self._lock:
            inputs = list(map(physical, tensors_in((args, kwargs))))
            reach_in = [self._reach.of(tensor) for tensor in inputs]
            sources = [self._source(tensor) for tensor in inputs]
        result = self._result(key, func, args, kwargs, run)
        self._thread.inside += 1  # around a custom function the mode is on, and what we do ourselves is not the test's
        try:
            with outside(), self._lock:
                self._describe(key, (args, kwargs), inputs, sources, reach_in, result, func)
        finally:
            self._thread.inside -= 1
        return result

    def _key(self, site: Site, name: str) -> Key:
        counted = site, name, current_strand()
        with self._lock:
            count = self._counts[counted]
            self._counts[counted] += 1
        return site, name, numbered(count)

    def _result(
        self, key: Key, func: Any, args: Sequence[Any], kwargs: Mapping[str, Any], run: Callable[[], Any]
    ) -> Any:
        rewrite, custom = self._rewrites.get(key), isinstance(func, type)
        if rewrite is not None:
            run = functools.partial(rewrite.result, func, args, kwargs, run, key[1])
        # it may call the function as often as it likes, and torch past the function mode: none of that is the body's
        ours = rewrite is not None
        self._thread.inside += ours
        try:
            with self.within(key) if custom else nullcontext():
                result = run()
        finally:
            self._thread.inside -= ours
        if key in self._keep:
            self.tape.values[key] = snapshot(written_tensors(key[1], args, kwargs) or result)
        return result

    @contextmanager
    def within(self, key: Key, *, received: Sequence[Tensor | None] | None = None) -> Iterator[None]:
        """A custom function is one operation: what its forward or backward calls is recorded beside the tape.

        Args:
            key: Of the operation.
            received: The gradients that come in; None for a forward.
        """
        memory = frozenset(storage_of(one) for one in received or () if isinstance(one, Tensor))
        function = _Function(key, received is not None, memory - {0})
        before, self._thread.function = self._thread.function, self._thread.function or function
        try:
            yield
        finally:
            self._thread.function = before

    @contextmanager
    def within_formula(self, made_by: int | None, received: Sequence[Tensor | None]) -> Iterator[None]:
        """The backward of a custom function.

        Args:
            made_by: The operation that the function is; None for one that another calls, or that was there before.
            received: The gradients that come in.
        """
        foreign = self._full and made_by is None and self._thread.function is None
        self._thread.inside += foreign
        try:
            own = None if made_by is None or not self._full else self.tape.operations[made_by].key
            with nullcontext() if own is None else self.within(own, received=received):
                yield
        finally:
            self._thread.inside -= foreign

    def _inner(
        self, key: Key, func: Any, args: Sequence[Any], kwargs: Mapping[str, Any], run: Callable[[], Any]
    ) -> Any:
        result = run()
        function = self._thread.function
        assert function is not None  # noqa: S101 - asked by the caller
        self._thread.inside += 1
        self._pause(True)
        try:
            with outside(), self._lock, torch.no_grad():
                inputs = list(map(physical, tensors_in((args, kwargs))))
                outputs = list(map(physical, tensors_in(result)))
                zero_number = key[1] in PRODUCTS and any(not isinstance(a, Tensor) and a == 0 for a in args)
                inner = self.tape.inside.setdefault(function.key, [])
                one = Inner(
                    key,
                    function.backward,
                    tuple(self._place_inside(tensor) for tensor in inputs),
                    tuple(map(all_zero, inputs)),
                    all_finite(inputs),
                    bool(outputs) and all(map(all_zero, outputs)),
                    all_finite(outputs),
                    zero_number,
                    any(
                        storage_of(physical(one)) in function.received for one in written_tensors(key[1], args, kwargs)
                    ),
                )
                for output in outputs:
                    self._made_inside[id(output)] = weakref.ref(output), len(inner)
                inner.append(one)
                if is_function(func) and not is_made_by_torch(func):
                    self.tape.nested.setdefault(function.key, []).append(custom_call(key, func, args))
        finally:
            self._pause(False)
            self._thread.inside -= 1
        return result

    def _place_inside(self, tensor: Tensor) -> int:
        known = self._made_inside.get(id(tensor))
        return known[1] if known is not None and known[0]() is tensor else UNKNOWN

    def _grad_mode(self, args: Sequence[Any], run: Callable[[], Any]) -> Any:
        before = torch.is_grad_enabled()
        result = run()
        if args:
            self.gradients(bool(args[0]), before=before)
        return result

    def gradients(self, on: bool, *, before: bool) -> None:
        """The recording of gradients was switched: remembers where it went off."""
        if before and not on:
            # at the end of `with enable_grad()` they go off again where they were off before
            ended = self._thread.suspended.pop() if self._thread.suspended and leaves_block() else None
            self._thread.gradless = ended or calling_site(3, decorators=True)
        elif on:
            if not before and not leaves_block():
                self._thread.suspended.append(self._thread.gradless)
            self._thread.gradless = None

    def gradient_call(self, *, frees: bool) -> None:
        """Notes where on the tape a gradient computation comes, and whether it uses up its graph."""
        self.tape.calls.append((len(self.tape.operations), frees))

    def _source(self, tensor: Tensor) -> int:
        if is_leaf(tensor) and self.bit_of(tensor):
            self._leaf_memory.add(storage_of(tensor))
            return LEAF
        known = self._made_by.get(id(tensor))
        if storage_of(tensor) in self._leaf_memory:
            return LEAF
        if known is not None and known[0]() is tensor:
            return known[1]
        return UNKNOWN

    def _foreign(self, inputs: Sequence[Tensor]) -> frozenset[int]:
        return frozenset(
            position
            for position, tensor in enumerate(inputs)
            if node_of(tensor) is not None and self._source(tensor) == UNKNOWN
        )

    def _describe(
        self,
        key: Key,
        arguments: tuple[Sequence[Any], Mapping[str, Any]],
        inputs: list[Tensor],
        sources: list[int],
        reach_in: list[int],
        result: Any,
        func: Any,
    ) -> None:
        outputs = list(map(physical, tensors_in(result)))
        name = key[1]
        written = written_tensor(name, *arguments)
        written = None if written is None else physical(written)
        changed = list(map(physical, written_tensors(name, *arguments)))
        outputs += [tensor for tensor in changed if all(output is not tensor for output in outputs)]
        escape = not outputs and inputs != [] and result is not None and name not in HOOKS
        reach_out = 0
        past = 0
        if written is not None and (not written.requires_grad or not torch.is_grad_enabled()):
            past = self._owners.get(storage_of(written), 0)
        elif written is not None and self._is_look(written):
            past = functools.reduce(operator.or_, reach_in, self._owners.get(storage_of(written), 0))
        for output in outputs:
            reach = self._reach.of(output)
            reach_out |= reach
            if reach:
                self._owners[storage_of(output)] = reach
        self._pause(True)
        try:
            with torch.no_grad():
                digest = tuple(map(digest_of, outputs)) if not escape else (repr_digest(result),)
                zeros_in = frozenset(
                    at
                    for at, (one, source) in enumerate(zip(inputs, sources, strict=True))
                    if source < 0 and all_zero(one)
                )
        finally:
            self._pause(False)
        index = len(self.tape.operations)
        if name in FILLERS:
            sources, reach_in = [], []
        gradless = None if torch.is_grad_enabled() else self._thread.gradless or key[0]
        operation = Operation(
            key,
            sources,
            reach_in,
            reach_out,
            digest,
            escape,
            gradless,
            zeros=bool(outputs) and all(figure == 0.0 for figure in digest),
            custom=custom_call(key, func, arguments[0]) if isinstance(func, type) else None,
            leaf_memory=any(storage_of(output) in self._leaf_memory for output in outputs),
            zero_number=name in PRODUCTS and any(not isinstance(a, Tensor) and a == 0 for a in arguments[0]),
            past=past,
            zeros_in=zeros_in,
            foreign=self._foreign(inputs) if UNKNOWN in sources else frozenset(),
            state=self._state(changed, given=name == "data="),
            meant_slope=meant_slope(func, name, *arguments),
        )
        self.tape.operations.append(operation)
        mark_nodes(outputs, index)
        looks = name in LOOKS or (is_view(name, arguments[0]) and any(map(self._is_look, inputs)))
        for output in outputs:
            self._made_by[id(output)] = weakref.ref(output), index
            if looks:
                self._looks[id(output)] = weakref.ref(output)

    def _is_look(self, tensor: Tensor) -> bool:
        known = self._looks.get(id(tensor))
        return known is not None and known() is tensor

    def maker(self, tensor: Tensor) -> Key | None:
        """The operation that made a tensor; None where it was not seen."""
        known = self._made_by.get(id(tensor))
        return self.tape.operations[known[1]].key if known is not None and known[0]() is tensor else None

    def same(self, tensor: Tensor, other: Tensor) -> None:
        """Another tensor is made of one without an operation: the same operation made it."""
        known = self._made_by.get(id(tensor))
        if known is not None and known[0]() is tensor:
            self._made_by[id(other)] = weakref.ref(other), known[1]

    def _state(self, changed: Sequence[Tensor], *, given: bool) -> Owner:
        if given:  # other memory than before
            self._memory.look_again()
        on = torch.is_grad_enabled() and not given
        gradless = [tensor for tensor in changed if not on or not tensor.requires_grad]
        owners = {self._memory.owner(tensor) for tensor in gradless}
        return next((owner for owner in ("parameter", "buffer") if owner in owners), "")
