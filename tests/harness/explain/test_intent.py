"""What a comment, a name or a setting says about a gradient that is stopped: enough to be believed, and no more."""

import pytest

from gradtriage.probe.explain.source.intent import (
    is_meaning_name,
    said_by_comment,
    said_by_name,
    said_by_settings,
    says_meant,
)
from gradtriage.probe.explain.source.sites import Site


@pytest.mark.parametrize(
    "comment",
    [
        "gradtriage: stop-gradient",
        "stop gradient: the target must not be moved",
        "StopGrad",
        "stop_gradient",
        "no gradient through the target, on purpose",
        "by design: no gradient",
        "intentionally detached",
        "x was detached on purpose",
        "must not be differentiated, deliberately",
        "deliberately held constant",
        "non-differentiable by design",
        "straight-through estimator",
        "the time step of the CFL condition",
    ],
)
def test_a_comment_is_believed(comment):
    assert says_meant(f"# {comment}")


@pytest.mark.parametrize(
    "comment",
    [
        "TODO: why is there no gradient?",
        "no gradient",
        "detach for plotting",
        "do not stop the gradient here",
        "don't stop gradient here",
        "avoid stop-gradient",
        "no longer detached on purpose",
        "should stop gradient?",
        "FIXME stop-gradient is wrong",
        "not straight-through",
        "unintentionally detached",
        "this must not detach",
        "gradient flows here by design",
        "intentionally keep the gradient",
        "the gradient is intentionally large",
        "see CFLAGS",
    ],
)
def test_a_comment_hides_nothing(comment):
    assert not says_meant(f"# {comment}")


@pytest.mark.parametrize(
    "name",
    ["sg", "_sg", "stop_gradient", "StopGradient", "stopgrad", "STE", "StraightThroughEstimator", "ste_round",
     "round_ste", "GradientReversal", "GradientReversalFunction", "GradReverse", "RevGrad"],
)  # fmt: skip
def test_a_name_is_believed(name):
    assert is_meaning_name(name)


@pytest.mark.parametrize(
    "name",
    ["no_stop_gradient", "test_stop_gradient", "check_straight_through", "without_sg", "step", "msg", "estimate",
     "stage", "forward", "round", "reverse"],
)  # fmt: skip
def test_a_name_says_nothing(name):
    assert not is_meaning_name(name)


@pytest.fixture
def site(tmp_path):
    """Makes the site of the first line that reads `here` in a source."""
    made = []

    def make(source: str, function: str = "loss") -> Site:
        file = tmp_path / str(len(made)) / "package" / "physics.py"
        file.parent.mkdir(parents=True)
        file.write_text(source)
        line = next(number for number, text in enumerate(source.splitlines(), 1) if "here" in text)
        made.append(Site(str(file), line, function))
        return made[-1]

    return make


def test_only_comments_count_and_only_those_at_the_line(site, tmp_path):
    assert said_by_comment(site("x = 1\n# the shift takes\n# no gradient, by design\ny = here(x)\n"))
    assert not said_by_comment(site("# stop gradient\nx = 1\ny = here(x)\n"))
    assert not said_by_comment(Site(str(tmp_path / "package/other.py"), 3, ""))


def test_text_in_a_string_is_no_comment(site):
    assert not said_by_comment(site('y = here(x, "# stop gradient")\n'))


def test_a_test_about_stopped_gradients_hides_no_fault_inside_it(site):
    where = site("y = here(x).detach()\n", "test_stop_gradient.<locals>.loss")
    assert not said_by_name(where)
    assert said_by_name(Site(where.file, where.line, "Codebook.stop_gradient")) == "stop_gradient"
    assert said_by_name(Site(where.file, where.line, "StraightThrough.forward")) == "StraightThrough"


def test_a_call_of_a_stopping_function_is_seen_in_its_line(site):
    assert said_by_name(site("y = (z - sg(e)).here()\n")) == "sg"
    assert said_by_name(site("sg = lambda t: t.here()\n", "<lambda>")) == "sg"
    assert not said_by_name(site("y = msg(e).here()  # not sg(e)\n"))


def test_settings_name_a_file_or_a_function_in_it(site):
    where = site("y = here(x)\n", "Wave.step.<locals>.inner")
    for entry in (
        "package/physics.py",
        "physics.py",
        "physics.py::Wave",
        "package/physics.py::Wave.step",
        "physics.py::inner",
    ):
        assert said_by_settings(where, [entry]) == entry
    for entry in (
        "other/physics.py",
        "sics.py",
        "package",
        "physics.py::Other",
        "physics.py::Wave.inner",
        "physics.py::ste",
    ):
        assert not said_by_settings(where, [entry])
