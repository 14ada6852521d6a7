"""The picture of a path: well-formed whatever the code says, with one break, and nothing where there is no path."""

from defusedxml.ElementTree import fromstring
from hypothesis import given
from hypothesis import strategies as st

from gradtriage.model.diagnosis import DiagnosisDocument
from gradtriage.report.picture import path_picture

SVG = "{http://www.w3.org/2000/svg}"
CAUSE = {"id": "K1", "kind": "item", "file": "a.py", "line": 3, "parameters": ["w"], "proof": "proven"}


def diagnosis(path, causes=(CAUSE,)):
    return DiagnosisDocument.model_validate(
        {
            "schema": "gradtriage.diagnosis/1", "nodeid": "a.py::test", "outcome": "failed", "verdict": "severed",
            "loss": 1.0, "parameters": [], "causes": list(causes), "hypotheses": [], "seconds": {}, "path": path,
        }
    )  # fmt: skip


def step(op="mul", *, broken=False, source="y = a * b"):
    return {"op": op, "file": "a.py", "line": 3, "source": source, "broken": broken}


def texts(picture):
    return [element.text or "" for element in fromstring(picture).iter(f"{SVG}text")]


def test_the_break_is_marked_with_its_kind_between_parameter_and_loss():
    shown = texts(path_picture(diagnosis([step("sin"), step("item", broken=True), step("add")])))
    assert shown[0] == "w"
    assert shown[-1] == "loss"
    assert [text for text in shown if "✂" in text] == ["✂ item"]


def test_what_is_far_from_the_break_is_counted():
    path = [step() for _ in range(20)] + [step(broken=True)] + [step() for _ in range(9)]
    assert {"16 more operations", "5 more operations"} <= set(texts(path_picture(diagnosis(path))))


def test_there_is_no_picture_without_a_path_or_a_cause():
    assert path_picture(diagnosis([])) is None
    assert path_picture(diagnosis([step(broken=True)], causes=())) is None


@given(st.text(st.characters(exclude_categories=("Cs",)), max_size=200))
def test_no_source_line_can_break_the_picture(source):
    assert path_picture(diagnosis([step(source=source, broken=True)])) is not None
    assert "loss" in texts(path_picture(diagnosis([step(source=source, broken=True)])))
