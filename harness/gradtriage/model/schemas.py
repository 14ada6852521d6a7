"""JSON Schemas of plans and evidence documents, generated from the models.

`python -m gradtriage.model.schemas docs/schemas` writes them; a test holds the written ones against the models.
"""

import sys
from pathlib import Path
from typing import Any

from pydantic import BaseModel

from gradtriage.model.baseline import BaselineDocument
from gradtriage.model.bisection import BisectDocument
from gradtriage.model.comparison import ComparisonDocument
from gradtriage.model.diagnosis import DiagnosisDocument
from gradtriage.model.document import to_json
from gradtriage.model.documents import Criteria, Ending, Environment, Gradients, Manifest, TaskDocument
from gradtriage.model.nightly import Accepted, NightlyDocument
from gradtriage.model.plan import Plan
from gradtriage.model.scan import ScanDocument
from gradtriage.model.suite import ChunkDocument, ClustersDocument, Known, Registry, SuiteDocument

_DIALECT = "https://json-schema.org/draft/2020-12/schema"
_MODELS: dict[str, type[BaseModel]] = {
    "plan": Plan,
    "manifest": Manifest,
    "environment": Environment,
    "gradients": Gradients,
    "criteria": Criteria,
    "diagnosis": DiagnosisDocument,
    "scan": ScanDocument,
    "baseline": BaselineDocument,
    "suite": SuiteDocument,
    "clusters": ClustersDocument,
    "chunk": ChunkDocument,
    "known": Known,
    "registry": Registry,
    "task": TaskDocument,
    "ending": Ending,
    "comparison": ComparisonDocument,
    "bisect": BisectDocument,
    "nightly": NightlyDocument,
    "accepted": Accepted,
}


def schemas() -> dict[str, dict[str, Any]]:
    """The schema of each document by name; a document without its `schema` field is refused."""
    return {name: {"$schema": _DIALECT, **_schema(model)} for name, model in _MODELS.items()}


def _schema(model: type[BaseModel]) -> dict[str, Any]:
    schema = model.model_json_schema(by_alias=True)
    required = schema.get("required", [])
    return {**schema, "required": ["schema", *(name for name in required if name != "schema")]}


def write_schemas(folder: Path) -> None:
    """Writes each schema to `<name>.json` in a folder."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, schema in schemas().items():
        (folder / f"{name}.json").write_text(to_json(schema), encoding="utf-8")


if __name__ == "__main__":
    write_schemas(Path(sys.argv[1]))
