"""The event stream: nothing that was written is lost, nothing that could not be written is hidden."""

import json
import os
import resource
import signal
import subprocess
import sys
import textwrap

import jsonschema
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gradtriage.evidence.events import EventWriter, in_flight, merge_gradients, read_events

ENTRY = {
    "status": "ok",
    "norm": 2.0,
    "max_abs": 2.0,
    "numel": 1,
    "zeros": 0,
    "nans": 0,
    "infs": 0,
    "shape": [],
    "dtype": "float64",
    "device": "cpu",
}


def gradient(nodeid, call, **entries):
    return {
        "nodeid": nodeid,
        "call": call,
        "kind": "backward",
        "raised": None,
        "where": {"file": "test_x.py", "line": 3},
        "loss": 9.0,
        "gradients": entries,
    }


def test_events_come_back_in_order(tmp_path):
    main, worker = EventWriter(tmp_path), EventWriter(tmp_path, "gw0")
    for number in range(5):
        main.write("main", number=number)
        worker.write("worker", number=number)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["events-gw0.jsonl", "events.jsonl"]
    found = [(event["event"], event["number"]) for event in read_events(tmp_path)]
    assert found == [(kind, number) for number in range(5) for kind in ("main", "worker")]


def test_a_clock_that_is_set_back_does_not_change_the_order_within_a_file(tmp_path):
    lines = [{"event": "a", "time": 10}, {"event": "b", "time": 4}, {"event": "c", "time": 11}]
    (tmp_path / "events.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    assert [event["event"] for event in read_events(tmp_path)] == ["a", "b", "c"]


def test_a_file_that_is_there_is_never_overwritten(tmp_path):
    for number in range(3):
        EventWriter(tmp_path, "gw0").write("start", number=number)
    assert [event["number"] for event in read_events(tmp_path)] == [0, 1, 2]
    assert len(list(tmp_path.glob("events-gw0*.jsonl"))) == 3


def test_a_half_written_line_and_garbage_are_counted_and_skipped(tmp_path):
    EventWriter(tmp_path).write("whole")
    with (tmp_path / "events.jsonl").open("ab") as stream:
        stream.write(b'\xff\xfe nonsense\n[1, 2]\n{"event": 3, "time": 1}\n{"event": "x"}\n\n{"event": "hal')
    whole, damaged = read_events(tmp_path)
    assert whole["event"] == "whole"
    assert (damaged["event"], damaged["file"], damaged["lines"]) == ("damaged", "events.jsonl", 5)


@settings(max_examples=25, deadline=None, database=None)
@given(st.dictionaries(st.text(), st.recursive(st.none() | st.floats() | st.text() | st.integers(), st.lists)))
def test_every_line_is_strict_json(tmp_path_factory, fields):
    folder = tmp_path_factory.mktemp("events")
    assert EventWriter(folder).write("any", fields=fields)
    (line,) = (folder / "events.jsonl").read_text().splitlines()

    def refuse(constant):
        raise AssertionError(constant)

    json.loads(line, parse_constant=refuse)
    assert len(read_events(folder)) == 1


def test_objects_that_are_not_json_are_named_by_type(tmp_path):
    class Hostile:
        def __str__(self):
            raise RuntimeError

    writer = EventWriter(tmp_path)
    cyclic = []
    cyclic.append(cyclic)
    assert writer.write("odd", value=Hostile())
    assert writer.write("cyclic", value=cyclic)
    first, second = read_events(tmp_path)
    assert (first["value"], second["event"]) == ("<Hostile>", "probe_error")


def test_a_folder_that_is_not_there_costs_events_and_nothing_else(tmp_path):
    writer = EventWriter(tmp_path / "later")
    assert not writer.write("early")
    assert not writer.write("early")
    (tmp_path / "later").mkdir()
    assert writer.write("late")
    lost, late = read_events(tmp_path / "later")
    assert (lost["event"], lost["count"], late["event"]) == ("lost", 2, "late")


def test_a_full_disk_loses_whole_events_and_says_how_many(tmp_path):
    script = textwrap.dedent(
        """
        import resource, sys
        from pathlib import Path
        from gradtriage.evidence.events import EventWriter
        writer = EventWriter(Path(sys.argv[1]))
        for number in range(5):
            assert writer.write("before", number=number)
        size = writer.path.stat().st_size
        resource.setrlimit(resource.RLIMIT_FSIZE, (size + 20, resource.RLIM_INFINITY))
        for number in range(7):
            assert not writer.write("during", number=number)
        assert writer.path.stat().st_size == size, "a half-written line stayed"
        resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
        assert writer.write("after")
        """
    )
    subprocess.run([sys.executable, "-c", script, str(tmp_path)], check=True, timeout=60)
    events = read_events(tmp_path)
    assert [event["event"] for event in events] == ["before"] * 5 + ["lost", "after"]
    assert events[5]["count"] == 7


def test_a_forked_child_does_not_write(tmp_path):
    writer = EventWriter(tmp_path)
    writer.write("parent")
    script = textwrap.dedent(
        """
        import os, sys
        from pathlib import Path
        from gradtriage.evidence.events import EventWriter
        writer = EventWriter(Path(sys.argv[1]), "gw0")
        writer.write("parent")
        pid = os.fork()
        if pid == 0:
            writer.write("child"); writer.close()
            os._exit(0)
        os.waitpid(pid, 0)
        writer.write("parent")
        """
    )
    subprocess.run([sys.executable, "-c", script, str(tmp_path)], check=True, timeout=60)
    assert [event["event"] for event in read_events(tmp_path)] == ["parent"] * 3


def test_a_process_that_is_killed_loses_nothing_that_it_wrote(tmp_path):
    script = textwrap.dedent(
        """
        import os, signal, sys
        from pathlib import Path
        from gradtriage.evidence.events import EventWriter
        writer = EventWriter(Path(sys.argv[1]))
        for number in range(100):
            writer.write("numbered", number=number)
        os.kill(os.getpid(), signal.SIGKILL)
        """
    )
    result = subprocess.run([sys.executable, "-c", script, str(tmp_path)], check=False, timeout=60)
    assert result.returncode == -signal.SIGKILL
    assert [event["number"] for event in read_events(tmp_path)] == list(range(100))


def test_the_merged_document_is_valid_and_has_the_short_form_for_one_record_only(tmp_path):
    schema = json.loads(
        (pytest.importorskip("pathlib").Path(__file__).parents[3] / "docs/schemas/gradients.json").read_text()
    )
    writer = EventWriter(tmp_path)
    assert merge_gradients([]) == {"schema": "gradtriage.gradients/1", "records": []}
    writer.write("gradient", **gradient("a", 1, x={**ENTRY, "value": -2.0}, m=ENTRY))
    document = merge_gradients(read_events(tmp_path))
    assert (document["loss"], document["gradients"]) == (9.0, {"x": -2.0, "m": 2.0})
    jsonschema.validate(document, schema)
    writer.write("gradient", **gradient("b", 1, x=ENTRY))
    document = merge_gradients(read_events(tmp_path))
    assert "loss" not in document
    assert "gradients" not in document
    assert [record["nodeid"] for record in document["records"]] == ["a", "b"]
    jsonschema.validate(document, schema)


def test_a_test_without_an_end_is_in_flight(tmp_path):
    writer = EventWriter(tmp_path)
    for kind, nodeid in [("test_start", "a"), ("test_end", "a"), ("test_start", "b"), ("test_start", "c")]:
        writer.write(kind, nodeid=nodeid)
    writer.write("test_end", nodeid="c")
    assert in_flight(read_events(tmp_path)) == ["b"]


def test_the_limit_of_this_process_is_untouched():
    assert resource.getrlimit(resource.RLIMIT_FSIZE)[0] == resource.RLIM_INFINITY
    assert os.getpid() > 0
