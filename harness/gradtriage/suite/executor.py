"""The executor that runs chunks one after the other, here and now."""

from collections.abc import Callable
from concurrent.futures import Executor, Future
from typing import Any, ParamSpec, TypeVar

P = ParamSpec("P")
T = TypeVar("T")


class SerialExecutor(Executor):
    """Runs what is submitted before `submit` comes back, in the thread of the caller.

    Signals go to that thread, so an interrupt reaches the chunk that runs. Any other executor whose workers see the
    same file system can take its place: a chunk is a function of this package with arguments that can be pickled.
    """

    def submit(self, fn: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> Future[T]:
        """Runs a function and gives back its result as a future that is done."""
        future: Future[Any] = Future()
        try:
            future.set_result(fn(*args, **kwargs))
        except BaseException as error:
            future.set_exception(error)
            raise
        return future
