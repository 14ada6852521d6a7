"""A recorded run as JSON, and back."""

from __future__ import annotations

import base64
import math
import zlib
from typing import Any

from gradtriage.probe.explain.differential.recording import (
    Operand,
    Place,
    RecordedCall,
    RecordedNode,
    RecordedOperation,
    Recording,
)
from gradtriage.probe.explain.differential.values import Value


def to_data(recording: Recording) -> dict[str, Any]:
    """The run as plain data; each place stands once."""
    places: dict[Place, int] = {}
    operations = [_operation(operation, places) for operation in recording.operations]
    return {
        "leaves": recording.leaves,
        "places": [[p.file, p.line, p.function, p.source] for p in places],
        "values": [_value(value) for value in recording.values],
        "operations": operations,
        "calls": [_call(call) for call in recording.calls],
    }


def from_data(data: dict[str, Any]) -> Recording:
    """The run again; its document was checked before."""
    places = [Place(*place) for place in data["places"]]
    return Recording(
        [_operation_of(entry, places) for entry in data["operations"]],
        [_call_of(entry) for entry in data["calls"]],
        [_value_of(entry) for entry in data["values"]],
        list(data["leaves"]),
    )


def _operation(operation: RecordedOperation, places: dict[Place, int]) -> dict[str, Any]:
    flags = {name: True for name in ("writes", "escape", "custom") if getattr(operation, name)}
    return {
        "place": places.setdefault(operation.place, len(places)),
        "name": operation.name,
        "function": operation.function,
        "arguments": operation.args,
        "keywords": operation.kwargs,
        "operands": [_operand(operand) for operand in operation.operands],
        "outputs": list(operation.outputs),
        **({"draws": operation.draws} if operation.draws is not None else {}),
        **flags,
    }


def _operation_of(entry: dict[str, Any], places: list[Place]) -> RecordedOperation:
    return RecordedOperation(
        places[entry["place"]],
        entry["name"],
        entry["function"],
        entry["arguments"],
        entry["keywords"],
        tuple(Operand(*operand) for operand in entry["operands"]),
        tuple(entry["outputs"]),
        entry.get("draws"),
        bool(entry.get("writes")),
        bool(entry.get("escape")),
        bool(entry.get("custom")),
    )


def _operand(operand: Operand) -> list[int]:
    return [operand.source, operand.output, operand.leaf, operand.value]


def _value(value: Value) -> dict[str, Any]:
    found: dict[str, Any] = {"dtype": value.dtype, "shape": list(value.shape), "digest": value.digest}
    if value.data is not None:
        found["data"] = base64.b64encode(zlib.compress(value.data, 1)).decode("ascii")
    if value.blocks:
        found["blocks"] = [[_number(a), _number(b)] for a, b in value.blocks]
    return found


def _value_of(entry: dict[str, Any]) -> Value:
    data = entry.get("data")
    return Value(
        entry["dtype"],
        tuple(entry["shape"]),
        entry["digest"],
        tuple((_float(a), _float(b)) for a, b in entry.get("blocks") or ()),
        None if data is None else zlib.decompress(base64.b64decode(data)),
    )


def _call(call: RecordedCall) -> dict[str, Any]:
    return {
        "number": call.number,
        "loss": _number(call.loss),
        "operations": call.operations,
        "roots": [_operand(root) for root in call.roots],
        "weights": list(call.weights),
        "gradients": call.gradients,
        "nodes": [[node.name, node.operation, list(node.received), list(node.handed_on)] for node in call.nodes],
    }


def _call_of(entry: dict[str, Any]) -> RecordedCall:
    return RecordedCall(
        entry["number"],
        _float(entry["loss"]),
        entry["operations"],
        tuple(Operand(*root) for root in entry["roots"]),
        tuple(entry["weights"]),
        dict(entry["gradients"]),
        tuple(RecordedNode(n, o, tuple(received), tuple(on)) for n, o, received, on in entry["nodes"]),
    )


def _number(value: float) -> float | None:
    return value if math.isfinite(value) else None


def _float(value: float | None) -> float:
    return math.nan if value is None else float(value)
