"""JUnit files: read without trust, rebuilt from events so that they read back as what happened."""

import contextlib
import xml.etree.ElementTree as ET
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gradtriage.errors import DocumentError
from gradtriage.evidence.junit import junit_address, read_junit
from gradtriage.evidence.junit_write import rebuild_junit

SUITE = '<testsuites><testsuite time="{time}">{cases}</testsuite></testsuites>'


def written(folder: Path, text: str | bytes) -> Path:
    path = folder / "pytest.xml"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


def test_counts_come_from_the_cases_and_not_from_the_attributes(tmp_path: Path) -> None:
    text = (
        '<testsuites><testsuite tests="99" failures="99" errors="0" skipped="7" time="2.5">'
        '<testcase classname="a" name="p" time="0.5"/>'
        '<testcase classname="a" name="f" time="1"><failure message="m">text</failure></testcase>'
        '<testcase classname="a" name="e"><error message="n"/></testcase>'
        '<testcase classname="a" name="s"><skipped/></testcase>'
        '<testcase classname="a" name="fe"><skipped/><failure message="f"/><system-out>x</system-out></testcase>'
        "</testsuite></testsuites>"
    )
    junit = read_junit(written(tmp_path, text))
    assert (junit.tests, junit.failures, junit.errors, junit.skipped, junit.seconds) == (5, 2, 1, 1, 2.5)
    assert [(case.name, case.outcome, case.message) for case in junit.broken] == [
        ("f", "failed", "m"),
        ("e", "error", "n"),
        ("fe", "failed", "f"),
    ]


@pytest.mark.parametrize("time", ["nan", "inf", "-1", "soon", "", "1e400"])
def test_a_time_that_is_none_counts_as_zero(tmp_path: Path, time: str) -> None:
    text = SUITE.format(time=time, cases=f'<testcase classname="a" name="b" time="{time}"/>')
    junit = read_junit(written(tmp_path, text))
    assert (junit.seconds, junit.cases[0].seconds) == (0, 0)


BILLION = '<!DOCTYPE x [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;">]>'
REFUSED = {
    "entities": (BILLION + SUITE.format(time=1, cases="&b;"), "refused"),
    "external": ('<!DOCTYPE x [<!ENTITY a SYSTEM "file:///etc/passwd">]><x>&a;</x>', "refused"),
    "dtd": ('<!DOCTYPE x SYSTEM "http://example.invalid/x.dtd"><x/>', "refused"),
    "cut-off": (SUITE.format(time=1, cases="<testcase")[:-30], "not whole XML"),
    "empty": ("", "not whole XML"),
    "no-xml": ("{}", "not whole XML"),
    "unknown-encoding": ('<?xml version="1.0" encoding="klingon"?><x/>', "not whole XML"),
    "wrong-encoding": (b'<?xml version="1.0" encoding="utf-8"?><x a="\xff"/>', "not whole XML"),
    "null": (b"<x>\0</x>", "not whole XML"),
    "two-roots": ("<x/><x/>", "not whole XML"),
}


@pytest.mark.parametrize(("text", "said"), REFUSED.values(), ids=list(REFUSED))
def test_what_a_junit_file_never_needs_is_refused(tmp_path: Path, text: str | bytes, said: str) -> None:
    with pytest.raises(DocumentError, match=rf"pytest\.xml: {said}"):
        read_junit(written(tmp_path, text))


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(DocumentError, match=r"pytest\.xml: is missing"):
        read_junit(tmp_path / "pytest.xml")


def test_a_link_is_not_followed(tmp_path: Path) -> None:
    (tmp_path / "other.xml").write_text(SUITE.format(time=1, cases=""))
    (tmp_path / "pytest.xml").symlink_to(tmp_path / "other.xml")
    with pytest.raises(DocumentError, match="no regular file"):
        read_junit(tmp_path / "pytest.xml")


@given(st.one_of(st.binary(max_size=200), st.text(max_size=100).map(lambda s: SUITE.format(time=1, cases=s).encode())))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_no_file_makes_reading_raise_anything_but_a_document_error(tmp_path: Path, data: bytes) -> None:
    with contextlib.suppress(DocumentError):
        read_junit(written(tmp_path, data))


@pytest.mark.parametrize(
    ("nodeid", "address"),
    [
        ("tests/test_x.py::test_y", ("tests.test_x", "test_y")),
        ("test_x.py::TestA::TestB::test_y", ("test_x.TestA.TestB", "test_y")),
        ("test_x.py::test_y[a::b/c.py]", ("test_x", "test_y[a::b/c.py]")),
        ("test_x.py::test_y[[]]", ("test_x", "test_y[[]]")),
        ("test_x.py", ("", "test_x")),
        ("docs/a.rst::a.rst", ("docs.a.rst", "a.rst")),
    ],
)
def test_a_node_id_has_the_address_that_pytest_gives_it(nodeid: str, address: tuple[str, str]) -> None:
    assert junit_address(nodeid) == address


def test_addresses_are_those_in_a_file_of_pytests_own(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(
        test_it="import pytest\n@pytest.mark.parametrize('a', ['x::y', '[z]', 'é', ''])\ndef test_p(a): pass\n"
        "class TestA:\n    class TestB:\n        def test_c(self): pass\n"
    )
    done = pytester.runpytest_inprocess("--junitxml=o.xml", "--collect-only", "-q", "-p", "no:cacheprovider")
    nodeids = [line for line in done.outlines if "::" in line]
    pytester.runpytest_inprocess("--junitxml=o.xml", "-p", "no:cacheprovider")
    cases = read_junit(pytester.path / "o.xml").cases
    assert [(case.classname, case.name) for case in cases] == [junit_address(nodeid) for nodeid in nodeids]


TEXT = st.text(max_size=30)
NODEIDS = st.builds("tests/{}.py::{}[{}]".format, st.sampled_from("abc"), st.sampled_from(["t", "T::t"]), TEXT)
OUTCOMES = st.sampled_from(
    ["passed", "failed", "skipped", "setup-error", "teardown-error", "in-flight", "collect-error"]
)
EXPECTED = {"passed": "passed", "failed": "failed", "skipped": "skipped"}


def events_of(nodeid: str, outcome: str, message: str, start: float) -> list[dict]:
    if outcome == "collect-error":
        return [{"event": "collect_error", "time": start, "nodeid": nodeid, "message": message}]

    def phase(when: str, result: str) -> dict:
        said = message if result != "passed" else None
        return {"event": "phase", "nodeid": nodeid, "when": when, "outcome": result, "seconds": 0.25, "message": said}

    phases = {
        "passed": [phase("setup", "passed"), phase("call", "passed"), phase("teardown", "passed")],
        "failed": [phase("setup", "passed"), phase("call", "failed"), phase("teardown", "passed")],
        "skipped": [phase("setup", "skipped"), phase("teardown", "passed")],
        "setup-error": [phase("setup", "failed"), phase("teardown", "passed")],
        "teardown-error": [phase("setup", "passed"), phase("call", "passed"), phase("teardown", "failed")],
        "in-flight": [phase("setup", "passed")],
    }[outcome]
    end = [] if outcome == "in-flight" else [{"event": "test_end", "nodeid": nodeid}]
    return [{"time": start, **event} for event in [{"event": "test_start", "nodeid": nodeid}, *phases, *end]]


@given(st.dictionaries(NODEIDS, st.tuples(OUTCOMES, TEXT), max_size=6), TEXT)
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_a_rebuilt_file_reads_back_as_what_the_events_say(tmp_path: Path, tests: dict, reason: str) -> None:
    events = [
        event
        for n, (nodeid, (outcome, message)) in enumerate(tests.items())
        for event in events_of(nodeid, outcome, message, 100.0 + n)
    ]
    junit = read_junit(written(tmp_path, rebuild_junit(events, reason or "why")))
    assert junit.tests == len(tests)
    outcomes = [EXPECTED.get(outcome, "error") for outcome, _ in tests.values()]
    assert [case.outcome for case in junit.cases] == outcomes
    assert junit.rebuilt is not None
    for case, (nodeid, (outcome, _)) in zip(junit.cases, tests.items(), strict=True):
        if nodeid.isprintable():
            assert (case.classname, case.name) == junit_address(nodeid)
        assert ("in flight" in case.message) is (outcome == "in-flight") or outcome != "in-flight"


def test_a_rebuilt_file_is_utf8_in_any_locale(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("locale.getpreferredencoding", lambda *_: "latin-1")
    monkeypatch.setattr("locale.getencoding", lambda: "latin-1")
    path = written(tmp_path, rebuild_junit(events_of("t.py::test_é[日本]", "failed", "ü", 1.0), "é"))
    assert read_junit(path).cases[0].name == "test_é[日本]"
    assert ET.parse(path).getroot().tag == "testsuites"
