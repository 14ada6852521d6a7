"""A flaky test is told from a changed one, and a numeric flake from any other."""

from typing import Any

import pytest

from gradtriage.triage.flakiness import flake_reason, flips, variations
from gradtriage.triage.margin import tolerance_margin


def row(commit: str, outcome: str = "passed", **more: Any) -> dict[str, Any]:
    return {"commit": commit, "dirty": False, "environment": "e", "outcome": outcome, "margin": None, **more}


def gradient(commit: str, value: float, dtype: str = "float64") -> dict[str, Any]:
    return {**row(commit), "call": 1, "parameter": "w", "value": value, "dtype": dtype}


def test_only_what_differs_on_one_commit_in_one_environment_with_a_clean_tree_is_flaky() -> None:
    rows = [row("a"), row("a", "failed"), row("a", "failed"), row("b"), row("c", "failed")]
    assert [(flip.commit, flip.passed, flip.failed) for flip in flips(rows)] == [("a", 1, 2)]
    assert flips([row("a"), row("a", "failed", dirty=True)]) == []
    assert flips([row("a"), row("a", "failed", environment="f")]) == []


@pytest.mark.parametrize(
    ("values", "verdict"),
    [
        ([("a", 1.0), ("a", 1.0), ("b", 1.0)], "same"),
        ([("a", 1.0), ("a", 1.0 + 1e-15), ("b", 1.0)], "rounding"),
        ([("a", 1.0), ("a", 1.02), ("b", 1.01), ("b", 0.99)], "noisy"),
        ([("a", 1.0), ("a", 1.0), ("b", 1.1), ("b", 1.1)], "changed"),
        ([("a", 1.0), ("a", 1.01), ("b", 2.0), ("b", 2.01)], "changed"),  # noisy, and changed by far more
        ([("a", 1.0), ("b", -1.0)], "changed"),
        ([("a", 0.0), ("b", 0.0)], "same"),
    ],
)
def test_noise_on_one_commit_is_told_from_a_change_between_commits(values: list, verdict: str) -> None:
    (found,) = variations([gradient(commit, value) for commit, value in values])
    assert found.verdict == verdict


def test_single_precision_may_round_more() -> None:
    values = [("a", 1.0), ("b", 1.00005)]
    assert variations([gradient(c, v, "float32") for c, v in values])[0].verdict == "rounding"
    assert variations([gradient(c, v, "float64") for c, v in values])[0].verdict == "changed"


def test_a_flake_is_put_down_to_tolerance_or_seed_or_neither() -> None:
    flipping = [row("a"), row("a", "failed")]
    assert "tolerance" in str(flake_reason([row("a"), row("a", "failed", margin=1.2)], []))
    assert "seed" in str(flake_reason(flipping, variations([gradient("a", 1.0), gradient("a", 1.5)])))
    assert "not numeric" in str(flake_reason(flipping, variations([gradient("a", 1.0), gradient("a", 1.0)])))
    assert flake_reason([row("a"), row("b", "failed")], []) is None


TORCH = "Tensor-likes are not close!\n\nMismatched elements: 1 / 2\nGreatest absolute difference: 0.02 at index (1,) (up to 0.01 allowed)\nGreatest relative difference: 0.5 at index (1,) (up to 0.1 allowed)"  # noqa: E501
NUMPY = "\nNot equal to tolerance rtol=0.01, atol=0\n\nMismatched elements: 1 / 2\nMax absolute difference among violations: 0.2\nMax relative difference among violations: 0.05"  # noqa: E501


@pytest.mark.parametrize(
    ("message", "margin"),
    [(TORCH, 2.0), (NUMPY, 5.0), ("assert 0.33 == 0.3 ± 3.0e-02", 1.0), ("assert 1 == 2", None), ("", None)],
    ids=["torch", "numpy", "approx", "plain", "empty"],
)
def test_the_margin_is_read_from_the_messages_of_the_usual_comparisons(message: str, margin: float | None) -> None:
    assert tolerance_margin(message) == (None if margin is None else pytest.approx(margin))
