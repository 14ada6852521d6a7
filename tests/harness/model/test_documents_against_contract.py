"""Each model accepts and refuses the same documents as the contract's schema: valid ones, mutated step by step."""

import copy
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from gradtriage.errors import DocumentError
from gradtriage.model.document import Document
from gradtriage.model.documents import Criteria, Environment, Gradients, Manifest
from gradtriage.model.schemas import schemas
from gradtriage.model.suite import ClustersDocument, SuiteDocument
from tests.support.capture import entry, record, zero

SCHEMAS = Path(__file__).resolve().parents[1] / "data" / "contract_schemas"
PIN = {"wanted": "1", "at_start": "1", "at_end": None}
COUNTS = {"passed": 1, "failed": 1, "error": 0, "skipped": 0, "xfailed": 0, "xpassed": 0}
CHUNK = {"id": "1.2", "status": "crashed", "nodeids": ["t.py::test_a"], "seconds": 1.5, "exit_code": -9}
CLUSTER = {
    "id": "C4", "fingerprint": "v1:0f", "kind": "gradient", "count": 1, "tests": ["t.py::test_b"], "message": "m",
    "where": None, "status": "new", "ledger": None,
}  # fmt: skip
FILE = {"path": "pytest.log", "bytes": 12, "sha256": "0" * 64}
DOCUMENTS: dict[str, tuple[type[Document], dict[str, Any]]] = {
    "manifest": (
        Manifest,
        {
            "schema": "gradtriage.manifest/1", "initiative": "X-1", "phase": None, "stamp": "20260102T120000Z-2",
            "start": "2026-01-02T12:00:00+00:00", "end": "2026-01-02T12:00:01+00:00", "status": "complete",
            "tool_version": "0.1.0", "files": [FILE],
        },
    ),
    "environment": (
        Environment,
        {
            "schema": "gradtriage.environment/1", "python": "3.11.7", "platform": "Linux", "torch": None, "cuda": {},
            "cpu": {"count": 2}, "threads": {"torch": 2}, "commit": "abc", "dirty": False, "packages": {"pytest": "9"},
            "pins": {"A": PIN},
        },
    ),
    "gradients": (
        Gradients,
        {
            "schema": "gradtriage.gradients/1",
            "records": [
                record({"w": entry(), "b": zero(numeric=0.0, vacuous=True, shape=[1, 2])}),
                record({}, raised="RuntimeError", loss=None, kind="gradcheck"),
            ],
            "loss": 1.5,
            "gradients": {"w": 0.5, "b": None},
        },
    ),
    "suite": (
        SuiteDocument,
        {
            "schema": "gradtriage.suite/1", "complete": False, "collected": 3, "ran": 2, "missing": [],
            "duplicates": [], "in_flight": ["t.py::test_c"], "counts": COUNTS, "chunks": [CHUNK], "clusters": [CLUSTER],
        },
    ),
    "clusters": (ClustersDocument, {"schema": "gradtriage.clusters/1", "clusters": [CLUSTER]}),
    "criteria": (
        Criteria,
        {
            "schema": "gradtriage.criteria/1",
            "criteria": [{"id": "A1", "text": "t", "check": "c", "measured": {"exit_code": 1}, "met": True}],
        },
    ),
}  # fmt: skip
VALUES: list[Any] = [
    None, True, False, 0, 1, -1, 3, 3.0, -0.0, 1.5, 1e308, 10**20, "", "x", "1", "true", [], [1], {}, {"a": 1},
    {"a": "1"}, {"a": None}, [None], [{}], "complete", "ok", "backward", "20260102T120000Z", "0" * 64, "G" * 64,
]  # fmt: skip
NEW_KEYS = ("zzz", "schema_", "model_config", "self", "copy", "json", "__class__", "")


def places(document: Any, path: tuple = ()) -> Iterator[tuple]:
    """The path of every value within a document."""
    children = (
        document.items() if isinstance(document, dict) else enumerate(document) if isinstance(document, list) else ()
    )
    for key, child in children:
        yield (*path, key)
        yield from places(child, (*path, key))


def at(document: Any, path: tuple) -> Any:
    for key in path:
        document = document[key]
    return document


def mutations(document: dict[str, Any]) -> Iterator[tuple[str, Any]]:
    """Each value dropped, replaced by one of every kind, and each object with a key that nobody knows."""
    yield "as it is", document
    for value in VALUES:
        yield f"whole document = {value!r}", value
    for path in places(document):
        shown = ".".join(map(str, path))
        dropped = copy.deepcopy(document)
        parent = at(dropped, path[:-1])
        del parent[path[-1]]
        yield f"{shown} dropped", dropped
        for value in VALUES:
            replaced = copy.deepcopy(document)
            at(replaced, path[:-1])[path[-1]] = value
            yield f"{shown} = {value!r}", replaced
        if isinstance(at(document, path), dict):
            for key in NEW_KEYS:
                for value in (None, 1, "x", {}):
                    added = copy.deepcopy(document)
                    at(added, path)[key] = value
                    yield f"{shown}.{key} = {value!r} added", added
    for key in NEW_KEYS:
        yield f"{key} added", {**document, key: 1}


def holds(whole: Any, part: Any) -> bool:
    """Whether everything in `part` stands in `whole`."""
    if isinstance(part, dict):
        return isinstance(whole, dict) and all(key in whole and holds(whole[key], part[key]) for key in part)
    if isinstance(part, list):
        return len(whole) == len(part) and all(map(holds, whole, part))
    return whole == part


def accepts(model: type[Document], text: str) -> bool:
    try:
        model.parse(text, "document")
    except DocumentError:
        return False
    return True


@pytest.mark.parametrize("name", DOCUMENTS)
def test_a_model_and_the_contract_agree_on_every_mutation(name: str) -> None:
    model, document = DOCUMENTS[name]
    contract = jsonschema.Draft202012Validator(json.loads((SCHEMAS / f"{name}.json").read_text()))
    exported = jsonschema.Draft202012Validator(schemas()[name])
    verdicts = [
        (what, contract.is_valid(mutant), accepts(model, json.dumps(mutant)), exported.is_valid(mutant))
        for what, mutant in mutations(document)
    ]
    assert verdicts[0] == ("as it is", True, True, True)
    assert any(not verdict[1] for verdict in verdicts)
    differing = [verdict for verdict in verdicts if len(set(verdict[1:])) > 1]
    assert not differing, f"{len(differing)} of {len(verdicts)} (contract, model, exported): {differing[:12]}"


@pytest.mark.parametrize("name", DOCUMENTS)
def test_what_a_model_has_read_it_writes_again(name: str) -> None:
    model, document = DOCUMENTS[name]
    document = {**document, "a_field_of_a_later_version": [1, {"b": None}]}
    written = json.loads(model.parse(json.dumps(document), "document").to_json())
    assert holds(written, document)  # defaults may be added, nothing is lost


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('{"schema": "gradtriage.criteria/1", "criteria": [], "x": NaN}', "NaN"),
        ('{"schema": "gradtriage.criteria/1", "criteria": [], "x": -Infinity}', "-Infinity"),
        ('{"schema": "gradtriage.criteria/1", "criteria": [], "x": 1e999}', "1e999"),
        ('{"schema": "gradtriage.criteria/1", "criteria": [], "criteria": []}', "twice"),
        ('{"schema": "gradtriage.criteria/2", "criteria": []}', "gradtriage.criteria/2"),
        ('{"criteria": []}', "the schema is None"),
        ("[" * 100_000, "not strict JSON"),
        ('{"a": 1} trailing', "not strict JSON"),
        ("", "not strict JSON"),
        (b"\xff\xfe\x00", "not strict JSON"),
    ],
    ids=["nan", "infinity", "too-large", "key-twice", "major", "no-schema", "deep", "trailing", "empty", "binary"],
)
def test_a_document_that_is_not_strict_is_refused(text: str | bytes, said: str) -> None:
    with pytest.raises(DocumentError, match=said) as refused:
        Criteria.parse(text, "criteria.json")
    assert str(refused.value).startswith("criteria.json: ")


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(DocumentError, match=r"criteria\.json: No such file"):
        Criteria.read(tmp_path / "criteria.json")
