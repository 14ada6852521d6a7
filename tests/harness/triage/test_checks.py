"""Checks: what is accepted, what is refused, what comes out, and that nothing in them is ever executed."""

import contextlib
import re
import string
from types import SimpleNamespace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gradtriage.model.document import to_json
from gradtriage.model.documents import GradientEntry
from gradtriage.triage.checks import MAX_LENGTH, compile_check, evaluate
from gradtriage.triage.figures import VOCABULARY, GradientFigure, TestFigures
from tests.support.capture import entry, zero


def figure(made: dict) -> GradientFigure:
    return GradientFigure(GradientEntry.model_validate(made))


NAMES = {
    "a": figure(zero()),
    "module.w": figure(entry(value=-3.0)),
    "bad": figure(entry("nan")),
    "gone": figure(entry("none")),
}
SOME = SimpleNamespace(
    count=4, records=1, max_abs=3.0, min_abs=None, none=1, zero=1, nan=1, inf=0, loss=2.5, names=NAMES, tests={}
)
FIGURES = {
    "exit_code": 1,
    "junit": SimpleNamespace(tests=3, failures=1, errors=0, skipped=0, seconds=1.5),
    "gradients": SimpleNamespace(
        **{**vars(SOME), "tests": TestFigures({"t.py::test_x[1]": SOME, "t.py::test_y[1]": SOME})}
    ),
    "environment": SimpleNamespace(pins_hold=True, dirty=None),
    "diagnosis": None,
    "scan": None,
    "suite": None,
    "summary": SimpleNamespace(sections=13),
    "files": ["pytest.log", "summary.md"],
}


@pytest.mark.parametrize(
    ("check", "met", "values"),
    [
        ("exit_code == 1", True, {"exit_code": 1}),
        ("exit_code == 0 or junit.failures == 1", True, {"exit_code": 1, "junit.failures": 1}),
        ("0 <= junit.seconds < 2", True, {"junit.seconds": 1.5}),
        ("not environment.pins_hold", False, {"environment.pins_hold": True}),
        ("gradients.names['a'] == 0", True, {"gradients.names['a']": 0.0}),
        ("gradients.names['module.w'].status == 'ok'", True, {"gradients.names['module.w'].status": "ok"}),
        ("abs(gradients.names['module.w']) > 2", True, {"gradients.names['module.w']": -3.0}),
        ("gradients.names['bad'] == gradients.names['bad']", False, {"gradients.names['bad']": None}),
        ("gradients.names['gone'].status == 'none'", True, {"gradients.names['gone'].status": "none"}),
        ("gradients.names['nowhere'] == 0", False, {"gradients.names['nowhere']": None}),
        ("gradients.min_abs > 0", False, {"gradients.min_abs": None}),
        ("gradients.tests['test_x'].count == 4", True, {"gradients.tests['test_x'].count": 4}),
        ("gradients.tests['[1]'].count == 4", False, {"gradients.tests['[1]'].count": None}),
        ("'summary.md' in files", True, {"files": ["pytest.log", "summary.md"]}),
        ("files[9] == 'x'", False, {"files[9]": None}),
        ("len(files) == 2", True, {"files": ["pytest.log", "summary.md"]}),
        ("summary.sections >= 12", True, {"summary.sections": 13}),
        ("diagnosis.causes[0].proof == 'proven'", False, {"diagnosis.causes[0].proof": None}),
        ("suite.counts.failed == 0", False, {"suite.counts.failed": None}),
        ("environment.dirty is None", True, {"environment.dirty": None}),
        ("exit_code / 0 == 1", False, {"exit_code": 1}),
        ("junit.seconds in [1.5, 2]", True, {"junit.seconds": 1.5}),
        ("'a' + 1 == 2", False, {}),
        ("exit_code < 'a'", False, {"exit_code": 1}),
        (" exit_code\n== 1 ", True, {"exit_code": 1}),
    ],
)  # fmt: skip
def test_a_check_is_measured(check: str, met: bool, values: dict) -> None:
    compile_check(check)
    measured = evaluate(check, FIGURES)
    assert (measured.met, measured.values) == (met, values)
    to_json(measured.values)


@pytest.mark.parametrize(
    ("check", "said"),
    [
        ("exit_cod == 1", "did you mean exit_code?"),
        ("junit.failed == 1", "unknown name junit.failed"),
        ("gradients.names['a'].statis == 'ok'", "did you mean gradients.names['a'].status?"),
        ("__import__('os').system('x')", "no function"),
        ("().__class__.__bases__[0]", "has no field"),
        ("exit_code.__class__", "has no field"),
        ("files.append(1)", "no function"),
        ("[x for x in files]", "ListComp"),
        ("lambda: 1", "Lambda"),
        ("exit_code := 1", "is no expression"),
        ("exit_code = 1", "is no expression"),
        ("exit_code == 1; 2", "is no expression"),
        ("9 ** 9 ** 9", "Pow"),
        ("'%s' % exit_code", "Mod"),
        ("1 << 1000", "LShift"),
        ("f'{exit_code}'", "JoinedStr"),
        ("b'x' == 1", "not a value"),
        ("1j == 1", "not a value"),
        ("... == 1", "not a value"),
        ("{1: 2}", "Dict"),
        ("exit_code if 1 else 2", "IfExp"),
        ("max(key=1)", "keyword"),
        ("max(*files)", "Starred"),
        ("files[0:1] == 1", "Slice"),
        ("exit_code[0]", "is no list"),
        ("junit['tests']", "is no list"),
        ("await exit_code", "Await"),
        ("junit", "name one of its figures"),
        ("junit and exit_code", "name one of its figures"),
        ("gradients == 3", "name one of its figures"),
        ("", "is no expression"),
        ("x" * (MAX_LENGTH + 1), "characters"),
        ("-" * 90 + "1", "nested too deeply"),
        ("-" * 990 + "1", ""),
        ("(" * 400 + "1" + ")" * 400, ""),
        ("not " * 240 + "exit_code", "nested too deeply"),
        ("\0", "is no expression"),
    ],
    ids=lambda value: value[:24],
)  # fmt: skip
def test_a_check_that_is_more_or_less_than_one_is_refused(check: str, said: str) -> None:
    with pytest.raises(ValueError, match=re.escape(said) or ".") as refused:
        compile_check(check)
    assert len(str(refused.value).splitlines()) == 1


TOKENS = [
    *VOCABULARY, *"()[]{}.,:+-*/<>=!&|^~@%'\"0123456789", "tests", "names", "causes", "count", " and ", " or ", " not ",
    " in ", " is ", " if ", " else ", " for ", "lambda ", "None", "True", "1e999", "99999999999", "'a'", "abs", "max",
    "len", "round", "sum", "==", "<=", "**", "//", "__class__", "import ", "\n", "\\", "é", "\0",
]  # fmt: skip
OPERATORS = ["+", "-", "*", "/", "==", "<", "in", "is", "and", "or"]
TEXTS = st.one_of(
    st.lists(st.sampled_from(TOKENS), max_size=14).map("".join),
    st.text(max_size=60),
    st.text(string.printable, max_size=60),
)


@given(TEXTS)
def test_no_text_makes_compiling_raise_anything_but_a_value_error_or_evaluating_anything_at_all(text: str) -> None:
    with contextlib.suppress(ValueError):
        compile_check(text)
    measured = evaluate(text, FIGURES)
    assert measured.met in (True, False)
    to_json(measured.values)


@given(
    st.recursive(
        st.sampled_from(["exit_code", "junit.tests", "files", "gradients.loss", "'x'", "0", "2.5", "1e308", "None"]),
        lambda inner: st.one_of(
            st.tuples(inner, st.sampled_from(OPERATORS), inner).map(lambda t: f"({' '.join(t)})"),
            st.tuples(st.sampled_from(["abs", "len", "max", "min", "round", "sum"]), inner, inner).map(
                lambda t: f"{t[0]}({t[1]}, {t[2]})"
            ),
            inner.map(lambda one: f"[{one}]"),
        ),
        max_leaves=12,
    )
)  # fmt: skip
def test_every_expression_over_figures_comes_to_an_end(text: str) -> None:
    measured = evaluate(text, FIGURES)
    assert measured.met in (True, False)
    to_json(measured.values)


def test_a_check_that_no_longer_compiles_is_unmet_and_says_so() -> None:
    measured = evaluate("no_such_name == 1", FIGURES)
    assert not measured.met
    assert "no_such_name" in measured.problem
