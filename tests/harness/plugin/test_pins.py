"""Pinned variables: seen from inside the test process, and whoever changes one is named."""

from .conftest import of


def test_pins_are_recorded_at_start_and_at_the_end(project):
    project.pin(PIN_HOLDS="1", PIN_DIFFERS="1", PIN_MISSING="1", PIN_UNSET=None)
    project.write(test_it="import os\ndef test_it(): os.environ['PIN_HOLDS'] = '2'\n")
    events = project.capture(PIN_HOLDS="1", PIN_DIFFERS="2")
    assert of(events, "session_start")[0]["snapshot"]["pins"] == {
        "PIN_HOLDS": {"wanted": "1", "value": "1", "holds": True},
        "PIN_DIFFERS": {"wanted": "1", "value": "2", "holds": False},
        "PIN_MISSING": {"wanted": "1", "value": None, "holds": False},
        "PIN_UNSET": {"wanted": None, "value": None, "holds": True},
    }
    assert of(events, "session_finish")[0]["snapshot"]["pins"]["PIN_HOLDS"]["value"] == "2"


def test_whoever_changes_a_pin_is_named(project):
    project.pin(PIN="1")
    project.write(
        conftest="import os\nos.environ['PIN'] = 'by conftest'\n",
        test_a="import os\nos.environ['PIN'] = 'by import'\ndef test_quiet(): pass\n",
        test_b="""
import os, pytest

@pytest.fixture
def changing():
    os.environ["PIN"] = "by setup"
    yield
    os.environ["PIN"] = "by teardown"

def test_call(): os.environ.pop("PIN")
def test_fixture(changing): pass
def test_puts_it_back(): os.environ["PIN"] = "1"
def test_monkeypatch(monkeypatch): monkeypatch.setenv("PIN", "for a while")
""",
    )
    events = project.capture(PIN="1")
    changed = [(event["nodeid"], event["when"], event["value"]) for event in of(events, "pin_changed")]
    assert changed == [
        ("", "conftest", "by conftest"),
        ("test_a.py", "collection", "by import"),
        ("test_b.py::test_call", "call", None),
        ("test_b.py::test_fixture", "setup", "by setup"),
        ("test_b.py::test_fixture", "teardown", "by teardown"),
        ("test_b.py::test_monkeypatch", "call", "for a while"),
    ]
    assert all(event["restored"] is False for event in of(events, "pin_changed"))
    restored = [event["nodeid"] for event in of(events, "pin_restored")]
    assert restored == ["test_b.py::test_puts_it_back", "test_b.py::test_monkeypatch"]


def test_with_workers_the_change_is_seen_too(project):
    project.pin(PIN="1")
    project.write(test_it="import os\ndef test_it(): os.environ['PIN'] = '2'\n")
    events = project.capture("-n1", PIN="1")
    assert [event["nodeid"] for event in of(events, "pin_changed")] == ["test_it.py::test_it"]


def test_a_secret_is_never_written(project):
    secrets = ["API_TOKEN", "MY_SECRET", "DB_PASSWORD", "AWS_ACCESS_KEY_ID", "SESSION_ID", "COOKIE", "OAUTH_PRIVATE"]
    pins = dict.fromkeys(secrets, "wanted-value-7f3a")
    project.pin(**pins)
    project.write(
        test_it=f"""
import os
def test_it():
    for name in {secrets}:
        os.environ[name] = 'other-value-7f3a'
"""
    )
    events = project.capture(**pins)
    start, finish = (of(events, kind)[0]["snapshot"]["pins"] for kind in ("session_start", "session_finish"))
    for name in secrets:
        assert start[name] == {"wanted": "<redacted>", "value": "<redacted>", "holds": True}
        assert finish[name] == {"wanted": "<redacted>", "value": "<redacted, differs>", "holds": False}
    assert {event["value"] for event in of(events, "pin_changed")} == {"<redacted, differs>"}
    assert "7f3a" not in "".join(path.read_text() for path in project.out.glob("events*.jsonl"))


def test_a_request_that_cannot_be_read_is_reported_and_stops_nothing(project):
    (project.out / "request.json").write_text("{")
    project.write(test_it="def test_it(): pass\n")
    events = project.capture()
    assert project.result.returncode == 0
    assert of(events, "probe_error")[0]["place"] == "request"
