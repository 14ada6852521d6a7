"""What torch's functions do with their arguments, told by their names: read, view, write, fill, ask."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from torch import Tensor

# ask about a tensor without reading its values
_QUESTIONS = frozenset(
    {
        "size", "dim", "ndimension", "numel", "nelement", "stride", "storage_offset", "is_floating_point", "is_complex",
        "is_contiguous", "element_size", "get_device", "data_ptr", "untyped_storage", "storage", "__len__",
        "is_same_size",
        "_has_compatible_shallow_copy_type", "is_tensor", "is_signed", "result_type", "can_cast", "__hash__",
        "retain_grad", "names", "has_names", "is_inference", "is_neg", "is_conj", "type",
        "_is_view", "requires_grad_", "backward", "is_set_to", "_version", "get_default_dtype",
    }
)  # fmt: skip
_PROPERTIES = frozenset({"data", "T", "mT", "H", "mH", "real", "imag", "grad"})
# of modules: nothing says which of the tensors on the way they will see
MODULE_HOOKS = frozenset({"register_full_backward_hook", "register_full_backward_pre_hook"})
HOOKS = frozenset({"register_hook", "register_post_accumulate_grad_hook"}) | MODULE_HOOKS
FILLERS = frozenset(
    {
        "zeros_like",
        "ones_like",
        "empty_like",
        "full_like",
        "rand_like",
        "randn_like",
        "randint_like",
        "new_zeros",
        "new_ones",
        "new_empty",
        "new_full",
        "empty",
        "zeros",
        "ones",
    }
)
# round, compare or choose: no slope anywhere
INTEGER = frozenset(
    {
        "round", "floor", "ceil", "trunc", "fix", "sign", "sgn", "argmax", "argmin", "argsort", "long", "int", "short",
        "bool", "byte", "char", "to", "type", "gt", "lt", "ge", "le", "eq", "ne", "__gt__", "__lt__",
        "__ge__", "__le__",
        "__eq__", "__ne__", "bucketize", "searchsorted", "histc", "bincount", "heaviside", "logical_and", "logical_or",
        "logical_not", "isclose", "floor_divide", "__floordiv__", "round_", "floor_", "ceil_", "trunc_",
        "greater", "less",
        "greater_equal", "less_equal", "not_equal", "multinomial", "bernoulli", "one_hot",
    }
)  # fmt: skip
# hold their operand constant somewhere
FLAT = frozenset(
    {
        "clamp", "clip", "clamp_min", "clamp_max", "relu", "relu_", "relu6", "hardtanh", "threshold", "hardsigmoid",
        "hardswish", "hardshrink", "softshrink", "maximum", "minimum", "where", "max", "min", "clamp_", "leaky_relu",
        "sigmoid", "tanh", "softmax", "log_softmax", "softplus", "elu", "gelu", "silu", "erf", "exp", "nan_to_num",
        "amax", "amin", "clip_", "fmod", "hardtanh_", "selu", "celu", "logsigmoid", "masked_fill", "erfc", "normalize",
        "clamp_min_", "clamp_max_", "fmax", "fmin",
    }
)  # fmt: skip
PRODUCTS = frozenset({"mul", "mul_", "multiply", "__mul__", "__rmul__", "__imul__"})


# give another look at the same memory
_VIEWS = frozenset(
    {
        "data", "detach", "view", "view_as", "T", "mT", "t", "transpose", "permute", "unsqueeze", "squeeze", "expand",
        "expand_as", "__getitem__", "select", "narrow", "chunk", "split", "unbind", "real", "imag",
        "diagonal", "swapaxes",
        "swapdims", "movedim", "moveaxis", "alias", "view_as_real", "view_as_complex", "unflatten", "as_strided",
    }
)  # fmt: skip


# the same memory without its graph
LOOKS = frozenset({"detach", "data"})


def is_view(name: str, args: Sequence[Any]) -> bool:
    """Whether an operation only looks at memory in another way; indexing by tensors and lists copies."""
    if name == "__getitem__" and len(args) > 1:
        index = args[1] if isinstance(args[1], tuple) else (args[1],)
        return all(part is None or part is Ellipsis or isinstance(part, (int, slice)) for part in index)
    return name in _VIEWS


def operation_name(func: Any) -> str | None:
    """The name under which an operation is known; None for one that reads no values."""
    name = getattr(func, "__name__", None) or str(func)
    if isinstance(func, type):
        return name.rstrip("_")  # a custom function's name says nothing about writing
    if name == "__new__":
        return "Parameter"
    if name in ("__get__", "__set__"):
        owner = getattr(func, "__self__", None)
        prop = getattr(owner, "__name__", "")
        if name == "__set__":
            return f"{prop}=" if prop in ("data", "grad") else None
        return prop if prop in _PROPERTIES else None
    return None if name in _QUESTIONS else name


def writes(name: str) -> bool:
    """Whether an operation writes into its first operand, by its name."""
    ends = name.endswith("_") and not name.endswith("__")
    return ends or name in _WRITES or (name.startswith("__i") and name not in _NO_WRITES)


def written_tensor(name: str, args: Sequence[Any], kwargs: Mapping[str, Any]) -> Tensor | None:
    """The tensor that an operation writes into, by its name."""
    if not writes(name):
        return None
    # functions of `torch.nn.init` hand their operand over by name
    first = args[0] if args else kwargs.get("tensor")
    return first if isinstance(first, Tensor) else None


def written_tensors(name: str, args: Sequence[Any], kwargs: Mapping[str, Any]) -> list[Tensor]:
    """All tensors that an operation writes into: its operand or operands, `out`, the running statistics of a norm."""
    if name.endswith("_") and args and isinstance(args[0], (list, tuple)):  # a fused optimiser step
        return list(tensors_in(args[0], depth=1))
    written = written_tensor(name, args, kwargs)
    found = [*([] if written is None else [written]), *tensors_in(kwargs.get("out"))]
    if name == "batch_norm":
        named = dict(zip(("input", "running_mean", "running_var", "weight", "bias", "training"), args, strict=False))
        named |= kwargs
        if named.get("training") is True:
            found += tensors_in((named.get("running_mean"), named.get("running_var")))
    return found


_WRITES = frozenset({"__setitem__", "data="})
_NO_WRITES = frozenset({"__int__", "__index__", "__invert__"})


def tensors_in(value: Any, depth: int = 4) -> Iterator[Tensor]:
    """The tensors in nested arguments or results."""
    if isinstance(value, Tensor):
        yield value
    elif depth and isinstance(value, (tuple, list)):
        for item in value:
            yield from tensors_in(item, depth - 1)
    elif depth and isinstance(value, dict):
        for item in value.values():
            yield from tensors_in(item, depth - 1)
