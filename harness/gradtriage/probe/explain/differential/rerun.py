"""A body run again with everything recorded, as it is or with operations replaced."""

from __future__ import annotations

import functools
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gradtriage.probe.explain.differential.recording import NodeKey, Recording, RunRecorder
from gradtriage.probe.explain.leaves.identity import frozen_alive, leaves_alive
from gradtriage.probe.explain.leaves.watch import LeafWatch
from gradtriage.probe.explain.replay.children import ChildFailedError, Failure, Reply, run_child
from gradtriage.probe.explain.replay.replay import Conditions, conditions_hold
from gradtriage.probe.explain.replay.replays import BodyFailedError

if TYPE_CHECKING:
    from torch import Tensor

    from gradtriage.probe.explain.program import GradientCall, Program
    from gradtriage.probe.explain.tape.rewrites import Rewrite
    from gradtriage.probe.explain.tape.tape import Key

MOST_CALLS = 8


class Reruns:
    """Runs of one program, each in a forked child.

    Args:
        program: The body.
        root: Folder that places are named relative to.
        seconds: Time for one run.
    """

    def __init__(self, program: Program, root: Path, seconds: float = 120.0) -> None:
        self._program, self._root, self._seconds = program, root, seconds
        self._old, self._frozen = leaves_alive(), frozen_alive()
        self.count = 0

    def recording(
        self,
        last: int = MOST_CALLS,
        rewrites: Mapping[Key, Rewrite] | None = None,
        handed_on: Mapping[NodeKey, Sequence[Tensor | None]] | None = None,
    ) -> Recording:
        """The run up to a gradient computation.

        Args:
            last: Its number; where there are fewer, to the end of the body.
            rewrites: What stands in the place of operations.
            handed_on: What nodes of the backward pass hand on in place of their own gradients.

        Raises:
            BodyFailedError: The body raised before any gradient computation.
            ChildFailedError: It ended its process, or took too long.
        """
        self.count += 1
        found = run_child(functools.partial(self._record, last, rewrites or {}, handed_on or {}), self._seconds)
        if isinstance(found, Failure):
            raise BodyFailedError(f"{found.type_name}: {found.message}")
        recording: Recording = found
        return recording

    def _record(
        self,
        last: int,
        rewrites: Mapping[Key, Rewrite],
        handed_on: Mapping[NodeKey, Sequence[Tensor | None]],
        reply: Reply,
    ) -> None:
        leaves = LeafWatch(self._old, self._frozen)
        recorder = RunRecorder(self._root, leaves.identities.key, rewrites, leaves.memory.pause, handed_on)
        observer = _Calls(recorder, last, reply)
        try:
            with conditions_hold(Conditions(leaves, recorder)):
                self._program(observer)
        except BaseException:
            # what a test asserts comes after what it computes
            if not recorder.recording.calls:
                raise
        if not recorder.recording.calls:
            raise ChildFailedError("the body computes no gradient")
        reply.send(recorder.recording)


class _Calls:
    """Has each gradient computation recorded, and ends the run at the last that is wanted."""

    def __init__(self, recorder: RunRecorder, last: int, reply: Reply) -> None:
        self._recorder, self._last, self._reply = recorder, last, reply

    def opened(self, call: GradientCall) -> Any:
        self._recorder.add_call(call)
        if call.number >= self._last:
            self._reply.send(self._recorder.recording)
