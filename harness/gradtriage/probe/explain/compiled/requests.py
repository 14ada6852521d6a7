"""`torch.compile` under explanation: what it is asked for is noted, run eagerly, and compiled in one replay."""

from __future__ import annotations

import functools
import os
import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import torch

from gradtriage.probe.explain.source.sites import Site, calling_site
from gradtriage.probe.frames import MACHINERY, kind_of

_VARIABLE = "TORCHDYNAMO_DISABLE"


@dataclass
class _State:
    """What is known in this process.

    Attributes:
        original: `torch.compile` itself, once its uses are noted.
        on: Functions that were given to it run compiled.
        ran: Where it was called for those of them that have run.
    """

    original: Callable[..., Any] | None = None
    on: bool = False
    ran: list[Site] = field(default_factory=list)


_state = _State()


def watch() -> None:
    """From now on every use of `torch.compile` is noted.

    The pins switch compilation off in the moment in which a function is decorated. So what is given back here asks
    anew at each call: it is the function itself until `compile_now` was called.
    """
    if _state.original is None:
        _state.original = torch.compile
        torch.compile = _watched


def _watched(model: Any = None, **options: Any) -> Any:
    assert _state.original is not None  # noqa: S101 - it is set before this function takes its place
    if model is None:
        return functools.partial(_watched, **options)
    site, given = calling_site(2), _state.original(model, **options)
    if _state.on:
        _state.ran.append(site)
    if os.environ.get(_VARIABLE) != "1" or not callable(model):
        return given
    if isinstance(model, torch.nn.Module):
        # where a module itself looks for its compiled form; no copy and no pickle takes it along
        model._compiled_call_impl = _either(model._call_impl, model._call_impl, options, site)
        return given
    return _either(model, given, options, site)


def _either(model: Callable[..., Any], eager: Any, options: Mapping[str, Any], site: Site) -> Callable[..., Any]:
    """The function, compiled or not as the moment asks; compiled once a process."""
    compiled: list[Any] = []

    @functools.wraps(model)
    def called(*args: Any, **kwargs: Any) -> Any:
        _state.ran.append(site)
        if not _state.on:
            return eager(*args, **kwargs)
        if not compiled:
            assert _state.original is not None  # noqa: S101 - as above
            compiled.append(_state.original(model, **options))
        return compiled[0](*args, **kwargs)

    return called


def ran() -> bool:
    """Whether a function that was given to `torch.compile` has run in this process."""
    return bool(_state.ran)


def compile_now() -> None:
    """For the rest of this process, a forked child, compilation is on.

    Without a pool of workers, which belongs to the parent; random numbers as eager code draws them; and so that a
    backward pass can be made twice.
    """
    import torch._dynamo as dynamo
    import torch._functorch.config as functorch
    import torch._inductor.config as inductor

    # what torch imports for it warns of torch itself, which is no reason to fail for a test that takes warnings badly
    warnings.filterwarnings("ignore", category=DeprecationWarning, module=r"torch\.")
    os.environ.pop(_VARIABLE, None)
    dynamo.config.disable = False
    inductor.compile_threads = 1
    inductor.fallback_random = True
    functorch.donated_buffer = False
    _state.on = True


def compiled_sites() -> list[Site]:
    """The functions that were compiled in this process, each once, in order.

    What is compiled of a module is torch's own code: then it is the lines that asked for it.
    """
    from torch._dynamo.utils import get_compilation_metrics

    metrics = [metric for metric in get_compilation_metrics() if metric.co_filename and metric.co_name]
    found = [Site(str(m.co_filename), int(m.co_firstlineno or 1), str(m.co_name)) for m in metrics]
    own = [site for site in found if kind_of(site.file) != MACHINERY]
    return list(dict.fromkeys(own or (_state.ran if found else ()) or found))
