"""The body of a test as a program: run under the probe, its gradient calls told to an observer."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gradtriage.probe import sinks
from gradtriage.probe.calls import BackwardCall
from gradtriage.probe.explain.leaves.transforms import outside
from gradtriage.probe.explain.replay.asserted import tensor_without_graph
from gradtriage.probe.explain.replay.opening import gradient_call

if TYPE_CHECKING:
    from gradtriage.probe.calls import WatchedCall
    from gradtriage.probe.explain.program import Observer, Program


def program_of(body: Callable[[], Any], root: Path) -> Program:
    """A test's body as a program that can be examined.

    Args:
        body: Runs the test; called in forked children only.
        root: Folder that places are named relative to.
    """

    def run(observer: Observer) -> None:
        sink = _Teller(root, observer)
        sinks.push(sink)
        try:
            body()
        except AssertionError as error:
            sink.asserted(error)
            raise
        finally:
            sinks.remove(sink)

    return run


class _Teller:
    """Turns watched calls into questions for the observer."""

    def __init__(self, root: Path, observer: Observer) -> None:
        self.root = root
        self._observer = observer
        self._number = 0

    def opened(self, call: WatchedCall, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        """Counts the call, and tells of it where it can be examined."""
        self._number += 1
        question = gradient_call(self._number, call, args, kwargs)
        if question is not None:
            with outside():
                self._observer.opened(question)

    def asserted(self, error: AssertionError) -> None:
        """A test that asks for no gradient asks whether there could be one, if that is what it fails about."""
        found = tensor_without_graph(error) if self._number == 0 else None
        if found is not None:
            tensor, frame = found
            call = BackwardCall(self, [tensor], None)
            call.before(frame)
            self.opened(call, (tensor,), {})

    def returned(self, call: WatchedCall, result: Any) -> Any:  # noqa: ARG002
        """Hands on what the call returned."""
        return result

    def gradient(self, record: dict[str, Any]) -> None:
        """Nothing is recorded in a replay."""

    def error(self, place: str, error: BaseException) -> None:
        """Nor are the probe's own errors."""
