"""Strict JSON documents that carry `"schema": "gradtriage.<name>/<major>"`."""

import json
import math
from pathlib import Path
from typing import Annotated, Any, ClassVar, NoReturn, Self

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

from gradtriage.errors import DocumentError


def _whole(value: object) -> object:
    """JSON knows one kind of number: 3.0 is an integer there, and `true` is none."""
    if isinstance(value, bool):
        raise ValueError("a boolean is not an integer")
    if isinstance(value, float) and value.is_integer():
        return int(value)
    return value


Integer = Annotated[int, Field(strict=True), BeforeValidator(_whole)]
Ordinal = Annotated[int, Field(strict=True, ge=1), BeforeValidator(_whole)]
Number = Annotated[float, Field(strict=True, allow_inf_nan=False)]
Text = Annotated[str, Field(strict=True)]
Flag = Annotated[bool, Field(strict=True)]


class Part(BaseModel):
    """A part of a document: unknown fields are kept and ignored, so that newer writers can add some."""

    # what checks a document is made when the first one comes: most commands see few kinds of them
    model_config = ConfigDict(extra="allow", frozen=True, defer_build=True)


class Document(Part):
    """A whole document; a subclass fixes the schema it carries with `SCHEMA` and a literal field."""

    SCHEMA: ClassVar[str]

    @classmethod
    def parse(cls, text: str | bytes, origin: str) -> Self:
        """Reads a document from JSON text.

        Args:
            text: The JSON text.
            origin: The file's name, for the error.

        Raises:
            DocumentError: The text is not strict JSON, has another schema or misses a field.
        """
        try:
            data = strict_json(text)
        except ValueError as error:
            raise DocumentError(f"{origin}: not strict JSON: {error}") from error
        found = data.get("schema") if isinstance(data, dict) else None
        if found != cls.SCHEMA:
            raise DocumentError(f"{origin}: the schema is {found!r}, this version reads {cls.SCHEMA!r}")
        try:
            return cls.model_validate(data)
        except ValidationError as error:
            first = error.errors()[0]
            where = ".".join(str(part) for part in first["loc"])
            raise DocumentError(f"{origin}: {where}: {first['msg']}") from error

    @classmethod
    def read(cls, path: Path) -> Self:
        """Reads a document from a file; errors as `parse`."""
        try:
            return cls.parse(path.read_bytes(), str(path))
        except OSError as error:
            raise DocumentError(f"{path}: {error.strerror or error}") from error

    def to_json(self) -> str:
        """The document as strict JSON text, one line break at the end."""
        return to_json(self.model_dump(mode="json", by_alias=True))


def strict_json(text: str | bytes) -> Any:  # noqa: ANN401 - JSON is any value
    """Parses JSON.

    Refused are `NaN`, `Infinity`, numbers too large for a float (`1e999`), repeated keys and nesting that would exhaust
    the stack.

    Raises:
        ValueError: The text is not strict JSON.
    """

    def refuse(token: str) -> NoReturn:
        raise ValueError(f"{token} is not JSON")

    def finite(token: str) -> float:
        number = float(token)
        return number if math.isfinite(number) else refuse(token)

    def unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        keys = dict(pairs)
        if len(keys) != len(pairs):
            raise ValueError("a key stands twice in one object")
        return keys

    try:
        return json.loads(text, parse_constant=refuse, parse_float=finite, object_pairs_hook=unique)
    except RecursionError:
        raise ValueError("nested too deeply") from None


def to_json(data: object) -> str:
    """Strict JSON text with two spaces of indentation.

    Raises:
        ValueError: A number is not finite (the caller writes null beside a status that says which).
    """
    return json.dumps(data, indent=2, ensure_ascii=False, allow_nan=False) + "\n"
