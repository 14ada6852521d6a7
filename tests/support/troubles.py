"""Troubles and diagnoses made by hand."""

from typing import Any

from gradtriage.model.diagnosis import DiagnosisDocument
from gradtriage.triage.trouble import Trouble


def trouble(**changes: Any) -> Trouble:
    """A failing test."""
    given = {"tests": ("tests/test_a.py::test_a",), "kind": "assertion", "message": "assert 0 == 1"}
    return Trouble(**{**given, **changes})


def diagnosis(origin: bool = False, **changes: Any) -> DiagnosisDocument:
    """A proven cut of one parameter."""
    evidence = {"origin": {"file": "src/c.py", "line": 3, "source": "x = 0"}} if origin else {}
    cause = {
        "id": "K1", "kind": "detach", "file": "src/a model.py", "line": 12, "function": "f", "source": "y = x.detach()",
        "op": "detach", "parameters": ["w"], "proof": "proven", "evidence": evidence, "fix": "Leave it attached.",
    }  # fmt: skip
    return DiagnosisDocument.model_validate(
        {
            "schema": "gradtriage.diagnosis/1", "nodeid": "tests/test_a.py::test_a", "outcome": "failed", "call": 1,
            "verdict": "severed", "loss": 1.0, "parameters": [], "causes": [{**cause, **changes}], "hypotheses": [],
            "seconds": {}, "where": {"file": "tests/test_a.py", "line": 41},
        }
    )  # fmt: skip
