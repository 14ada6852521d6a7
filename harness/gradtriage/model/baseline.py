"""`gradtriage.baseline/1`: recorded runs of tests at a known-good state, for later runs to be held against."""

import base64
import binascii
import math
import re
import zlib
from typing import Annotated, Any, ClassVar, Literal, Self

from pydantic import Field, model_validator

from gradtriage.model.document import Document, Flag, Integer, Number, Ordinal, Part, Text

# The operation that made it (-1: none seen), which of its results, which parameter it is (-1: none), its value.
Operand = Annotated[list[Integer], Field(min_length=4, max_length=4)]
Place = tuple[Text, Integer, Text, Text]
Node = tuple[Text, Integer, list[Integer], list[Integer]]
_BYTES = {"bool": 1, "bfloat16": 2, "complex32": 4, "complex64": 8, "complex128": 16}


class StoredValue(Part):
    """The value of a tensor at one moment; `data` are its bytes, compressed by zlib, in base64."""

    dtype: Text
    shape: list[Integer]
    digest: Text
    data: Text | None = None
    blocks: list[tuple[Number | None, Number | None]] | None = None

    @model_validator(mode="after")
    def _is_whole(self) -> Self:
        if self.data is not None and self.dtype != "text":
            try:
                size = len(zlib.decompress(base64.b64decode(self.data, validate=True)))
            except (binascii.Error, zlib.error) as error:
                raise ValueError(f"the data cannot be unpacked: {error}") from error
            if size != math.prod(self.shape) * _width(self.dtype):
                raise ValueError(f"{size} bytes of data do not make a {self.dtype} tensor of shape {self.shape}")
        return self


def _width(dtype: str) -> int:
    """Bytes of a number."""
    if dtype in _BYTES:
        return _BYTES[dtype]
    digits = re.fullmatch(r"(?:u?int|float)(8|16|32|64)", dtype)
    if digits is None:
        raise ValueError(f"{dtype!r} is no type of numbers")
    return int(digits[1]) // 8


class StoredOperation(Part):
    """One operation: the line, torch's function, what went in and what came out."""

    place: Integer
    name: Text
    function: Text | None
    arguments: Any
    keywords: Any
    operands: list[Operand]
    outputs: list[Integer]
    draws: Text | None = None
    writes: Flag = False
    escape: Flag = False
    custom: Flag = False


class StoredCall(Part):
    """One gradient computation: how many operations came before it, its gradients, its backward pass."""

    number: Ordinal
    loss: Number | None
    operations: Integer
    roots: list[Operand]
    weights: list[Integer]
    gradients: dict[str, Integer]
    nodes: list[Node]


class StoredRun(Part):
    """The run of one test up to its last gradient computation that is recorded."""

    nodeid: Text
    problem: Text | None = None
    leaves: list[Text] = Field(default_factory=list)
    places: list[Place] = Field(default_factory=list)
    values: list[StoredValue] = Field(default_factory=list)
    operations: list[StoredOperation] = Field(default_factory=list)
    calls: list[StoredCall] = Field(default_factory=list)

    @model_validator(mode="after")
    def _is_consistent(self) -> Self:
        """Every number that names a place, a value, an operation or a parameter names one that is there."""
        counts = len(self.places), len(self.values), len(self.operations), len(self.leaves)
        places, values, operations, leaves = (range(-1, count) for count in counts)
        for operation in self.operations:
            _within("operations.place", places, [operation.place])
            _within("operations.outputs", values, operation.outputs)
            _check_operands("operations.operands", operation.operands, operations, leaves, values)
        for call in self.calls:
            _within("calls.operations", range(counts[2] + 1), [call.operations])
            _within("calls.gradients", values, list(call.gradients.values()))
            _within("calls.weights", values, call.weights)
            _check_operands("calls.roots", call.roots, operations, leaves, values)
            for _, operation_index, received, handed_on in call.nodes:
                _within("calls.nodes", operations, [operation_index])
                _within("calls.nodes", values, [*received, *handed_on])
        return self


def _check_operands(where: str, operands: list[list[int]], operations: range, leaves: range, values: range) -> None:
    for source, _, leaf, value in operands:
        _within(where, operations, [source])
        _within(where, leaves, [leaf])
        _within(where, values, [value])


def _within(where: str, allowed: range, numbers: list[int]) -> None:
    for number in numbers:
        if number not in allowed:
            raise ValueError(f"{where}: {number} names nothing; the file was cut or edited")


class BaselineDocument(Document):
    """Recorded runs, with the texts of the code that they ran."""

    SCHEMA: ClassVar[str] = "gradtriage.baseline/1"
    schema_: Literal["gradtriage.baseline/1"] = Field(default="gradtriage.baseline/1", alias="schema")
    tool_version: Text
    torch: Text
    commit: Text | None = None
    dirty: Flag | None = None
    files: dict[str, Text]
    elsewhere: list[Text] = Field(default_factory=list)
    tests: list[StoredRun]
