"""An independent reader of evidence folders: it knows the contract's schemas and nothing of the package."""

import hashlib
import json
import xml.etree.ElementTree as ET
from pathlib import Path
from typing import Any

import jsonschema

SCHEMAS = Path(__file__).resolve().parents[1] / "harness" / "data" / "contract_schemas"
NEEDED = (
    "command.txt", "pytest.log", "pytest.xml", "exit_code.txt", "gradients.json", "environment.json", "criteria.json",
    "summary.md", "manifest.json",
)  # fmt: skip


def strict(text: str) -> Any:
    def refuse(token: str) -> None:
        raise ValueError(f"{token} is not JSON")

    return json.loads(text, parse_constant=refuse)


def evidence_faults(folder: Path) -> list[str]:
    """What is wrong with a sealed folder, seen from outside."""
    if missing := [f"no {name}" for name in NEEDED if not (folder / name).is_file()]:
        return missing
    documents: dict[str, Any] = {}
    faults = []
    for path in folder.glob("*.json"):
        schema = SCHEMAS / path.name
        try:
            documents[path.stem] = strict(path.read_text(encoding="utf-8"))
            if schema.exists():
                jsonschema.validate(documents[path.stem], json.loads(schema.read_text()))
        except (ValueError, jsonschema.ValidationError) as error:
            faults.append(f"{path.name}: {str(error).splitlines()[0]}")
    if faults:
        return faults
    return [
        *_file_faults(folder, documents["manifest"]),
        *_count_faults(folder, documents["manifest"]),
        *_page_faults(folder, documents),
    ]


def _file_faults(folder: Path, manifest: dict[str, Any]) -> list[str]:
    listed = {entry["path"]: entry for entry in manifest["files"]}
    present = {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()} - {"manifest.json"}
    faults = [f"not in the manifest: {name}" for name in present - set(listed)]
    faults += [f"in the manifest only: {name}" for name in set(listed) - present]
    for name in present & set(listed):
        data = (folder / name).read_bytes()
        if (hashlib.sha256(data).hexdigest(), len(data)) != (listed[name]["sha256"], listed[name]["bytes"]):
            faults.append(f"hash or size of {name}")
    return faults


def _count_faults(folder: Path, manifest: dict[str, Any]) -> list[str]:
    code = int((folder / "exit_code.txt").read_text())
    cases = list(ET.fromstring((folder / "pytest.xml").read_bytes()).iter("testcase"))
    broken = [case for case in cases if case.find("failure") is not None or case.find("error") is not None]
    if manifest["status"] != "complete":
        return []
    faults = [] if cases else ["no test in the JUnit"]
    return faults + ([f"exit code {code} with {len(broken)} failures"] if (code == 0) == bool(broken) else [])


def _page_faults(folder: Path, documents: dict[str, Any]) -> list[str]:
    page = (folder / "summary.md").read_text(encoding="utf-8")
    faults = [] if documents["manifest"]["stamp"] in page else ["the summary does not name its stamp"]
    if documents["manifest"]["status"] == "complete":
        pins = documents["environment"]["pins"].items()
        faults += [f"pin {name} did not hold" for name, pin in pins if pin["wanted"] != pin["at_start"]]
    names = [name for record in documents["gradients"]["records"][:1] for name in record["gradients"]]
    return faults + [f"the summary does not show {name}" for name in names[:20] if name not in page]
