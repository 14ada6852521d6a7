"""SARIF validates against the schema of the standard, whatever the troubles hold, and points at the severing line."""

import json
from pathlib import Path

import jsonschema
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gradtriage.model.document import to_json
from gradtriage.report.sarif import sarif_document
from gradtriage.triage.trouble import Trouble
from tests.support.troubles import diagnosis, trouble

SCHEMA = json.loads((Path(__file__).parents[1] / "data" / "sarif" / "sarif-schema-2.1.0.json").read_text("utf-8"))
CHECK = jsonschema.Draft4Validator(SCHEMA)


def faults(*troubles: Trouble) -> list[str]:
    return [error.message for error in CHECK.iter_errors(json.loads(to_json(sarif_document(troubles))))]


def test_nothing_wrong_is_a_log_without_results() -> None:
    assert faults() == []
    assert sarif_document([])["runs"][0]["results"] == []


def test_a_result_lies_on_the_line_where_the_gradient_is_lost() -> None:
    one = trouble(diagnosis=diagnosis(origin=True))
    assert faults(one) == []
    (result,) = sarif_document([one])["runs"][0]["results"]
    (location,) = result["locations"]
    assert location["physicalLocation"] == {
        "artifactLocation": {"uri": "src/a%20model.py", "uriBaseId": "%SRCROOT%"},
        "region": {"startLine": 12},
    }
    assert result["ruleId"] == "gradtriage/detach"
    related = [one["physicalLocation"]["region"]["startLine"] for one in result["relatedLocations"]]
    assert related == [3, 41]


def test_what_has_no_cause_lies_where_the_failure_points_at_or_on_the_test() -> None:
    placed, bare = trouble(where=("src/b.py", 7)), trouble()
    assert faults(placed, bare) == []
    lines = [
        (place["artifactLocation"]["uri"], place["region"]["startLine"])
        for result in sarif_document([placed, bare])["runs"][0]["results"]
        for place in [result["locations"][0]["physicalLocation"]]
    ]
    assert lines == [("src/b.py", 7), ("tests/test_a.py", 1)]


def test_the_same_cause_on_another_line_keeps_its_fingerprint() -> None:
    def fingerprint(**changes: object) -> str:
        result = sarif_document([trouble(diagnosis=diagnosis(**changes))])["runs"][0]["results"][0]
        return result["partialFingerprints"]["gradtriage/v1"]

    assert fingerprint(line=12) == fingerprint(line=99)
    assert fingerprint(kind="detach") != fingerprint(kind="item")


TEXT = st.text(max_size=30)


@settings(max_examples=50)
@given(TEXT, TEXT, TEXT, st.integers(-1, 10**6), TEXT)
def test_whatever_names_and_messages_hold_the_log_is_valid(file, source, message, line, test) -> None:
    found = trouble(tests=(test,), message=message, where=(file, line), diagnosis=None)
    explained = trouble(tests=(test,), diagnosis=diagnosis(file=file or "x", source=source, line=max(1, line)))
    assert faults(found, explained) == []


@pytest.mark.parametrize("field", ["version", "runs"])
def test_the_schema_refuses_what_is_no_log(field: str) -> None:
    document = sarif_document([trouble()])
    del document[field]
    assert not CHECK.is_valid(document)
