"""YAML text to plain data, safely, with the line of every key for error messages."""

from collections.abc import Hashable
from typing import Any

import yaml

from gradtriage.errors import PlanError

MAX_BYTES = 1_000_000
MAX_NODES = 20_000

_TEXT_KEYS = ("tag:yaml.org,2002:str", "tag:yaml.org,2002:merge")
type_error_hint = "a plan is a mapping of keys to values"


def load_yaml(text: bytes, origin: str) -> tuple[dict[str, Any], dict[tuple[str | int, ...], int]]:
    """Parses one YAML mapping.

    Args:
        text: The file's bytes.
        origin: The file's name, for errors.

    Returns:
        The data, and for each path of keys and indexes the line (from 1) on which it stands.

    Raises:
        PlanError: Not YAML, not a mapping, a key given twice, or more nodes than a plan can need
            (aliases that multiply are counted as often as they are used).
    """
    if len(text) > MAX_BYTES:
        raise PlanError(f"{origin}: {len(text)} bytes are too many for a plan (at most {MAX_BYTES})")
    try:
        node = yaml.compose(text.decode("utf-8-sig"), Loader=yaml.SafeLoader)
        if not isinstance(node, yaml.MappingNode):
            raise PlanError(f"{origin}: {type_error_hint}, beginning with 'schema: gradtriage.plan/1'")
        lines: dict[tuple[str | int, ...], int] = {}
        _Walk(origin, lines).visit(node, ())
        data = yaml.SafeLoader(b"").construct_document(node)
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 1
        raise PlanError(f"{origin}:{line}: not YAML: {error.problem or error.context}") from error
    except (yaml.YAMLError, UnicodeDecodeError, ValueError) as error:
        raise PlanError(f"{origin}: not YAML: {str(error).splitlines()[0]}") from error
    except RecursionError:
        raise PlanError(f"{origin}: nested too deeply for a plan") from None
    return data, lines


class _Walk:
    """Visits a node tree as it will be expanded, noting lines and refusing what a plan cannot need."""

    def __init__(self, origin: str, lines: dict[tuple[str | int, ...], int]) -> None:
        self.origin, self.lines, self.count = origin, lines, 0

    def visit(self, node: yaml.Node, path: tuple[str | int, ...]) -> None:
        self.count += 1
        line = node.start_mark.line + 1
        if self.count > MAX_NODES:
            raise PlanError(f"{self.origin}:{line}: more than {MAX_NODES} values; aliases that multiply are refused")
        self.lines.setdefault(path, line)
        if isinstance(node, yaml.SequenceNode):
            for index, child in enumerate(node.value):
                self.visit(child, (*path, index))
        elif isinstance(node, yaml.MappingNode):
            seen: set[Hashable] = set()
            for key, child in node.value:
                where = f"{self.origin}:{key.start_mark.line + 1}"
                if not isinstance(key, yaml.ScalarNode) or key.tag not in _TEXT_KEYS:
                    shown = repr(key.value) if isinstance(key, yaml.ScalarNode) else "of several values"
                    raise PlanError(f"{where}: key {shown} is no text; put it in quotes")
                if key.value in seen:
                    raise PlanError(f"{where}: key {key.value!r} stands twice")
                seen.add(key.value)
                self.lines[(*path, key.value)] = key.start_mark.line + 1
                self.visit(child, (*path, key.value))
