"""What kind of cause a failure has, as far as its own words tell."""

import re

from gradtriage.model.suite import ClusterKind
from gradtriage.triage.failures import Failure

_TIMEOUT = re.compile(r"^(Failed: )?Timeout\b.*\d|timed? ?out after", re.IGNORECASE)
_TIMEOUT_TYPES = ("Timeout", "TimeoutExpired", "TestTimeout")
_ENVIRONMENT_TYPES = ("ModuleNotFoundError", "ImportError", "FixtureLookupError", "ConnectionRefusedError")
# what says that the machine or the installation is at fault, whichever test runs into it
_ENVIRONMENT = re.compile(
    r"fixture '.*' not found|No module named|cannot open shared object file|undefined symbol"
    r"|not compiled with (CUDA|ROCm|MPS|XPU|cuDNN)|No CUDA GPUs|no NVIDIA driver|CUDA driver|invalid device ordinal"
    r"|No space left on device|Too many open files|Cannot allocate memory|Read-only file system"
    r"|Connection refused|Name or service not known|Temporary failure in name resolution|Network is unreachable"
    r"|Address already in use|Permission denied"
    r"|module '(numpy|scipy|torch|jax|pandas|pytest|collections|asyncio|inspect|typing)[\w.]*' has no attribute"
)
# a call of pytest that the installed pytest does not know
_MISFIT = re.compile(r"unexpected keyword argument|positional arguments? but|has no attribute")
_OF_PYTEST = re.compile(r"\bpytest\.(skip|fail|xfail|importorskip|exit|mark|fixture|param)\b")
_GRADIENT_TYPES = ("GradcheckError",)
_GRADIENT = re.compile(
    r"gradcheck|Jacobian mismatch|\bgrads?\b|\bgradients?\b|requires_grad|backward|autograd|grad_fn", re.IGNORECASE
)
_NUMERIC = re.compile(
    r"not close|not equal to tolerance|allclose|assert_close|isclose|\bapprox\b|toleran|not almost equal"
    r"|±|(maximum|greatest|max) (absolute|relative) (difference|error)|mismatched elements",
    re.IGNORECASE,
)


def is_environment(failure: Failure) -> bool:
    """Whether the cause lies in the machine or the installation, so that the place in the code does not matter."""
    if failure.exception in _ENVIRONMENT_TYPES or _ENVIRONMENT.search(failure.line):
        return True
    statement = str((failure.frame or {}).get("statement") or "")
    return bool(_MISFIT.search(failure.line) and _OF_PYTEST.search(statement))


def kind_of(failure: Failure) -> ClusterKind:
    """The kind of a failure's cause."""
    statement = str((failure.frame or {}).get("statement") or "")
    if failure.stage in ("timeout", "crash"):
        return "timeout" if failure.stage == "timeout" else "crash"
    if failure.exception in _TIMEOUT_TYPES or _TIMEOUT.search(failure.line):
        return "timeout"
    if is_environment(failure):
        return "infrastructure"
    if failure.exception in _GRADIENT_TYPES or _GRADIENT.search(failure.line):
        return "gradient"
    if _NUMERIC.search(failure.message) or _NUMERIC.search(statement):
        return "gradient" if _GRADIENT.search(statement) else "numeric"
    if failure.exception == "AssertionError":
        return "gradient" if _GRADIENT.search(statement) else "assertion"
    return "other"
