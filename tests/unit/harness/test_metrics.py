"""Scores of classifiers, against scikit-learn's own functions."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn import metrics as theirs

from harness.run.metrics import METRICS, Answers, Metric, scores

CASES = st.tuples(st.integers(2, 6), st.integers(1, 40), st.integers(0, 2**32 - 1))


def answers(case: tuple[int, int, int]) -> Answers:
    """Random classes, not all of which need be true or predicted of any row."""
    classes, n, seed = case
    rng = np.random.default_rng(seed)
    truth, predicted = rng.integers(0, classes, (2, n))
    chances = rng.dirichlet(np.full(classes, 0.3), n)
    return Answers(truth, predicted, classes, chances)


@settings(max_examples=60, deadline=None)
@given(CASES)
def test_every_score_is_that_of_scikit_learn(case: tuple[int, int, int]) -> None:
    a = answers(case)
    truth, predicted = a.truth, a.predicted
    found = scores(a)
    recalls = theirs.recall_score(
        truth, predicted, labels=np.unique(truth), average=None, zero_division=0.0
    )
    expected = {
        "test_accuracy": theirs.accuracy_score(truth, predicted),
        "test_balanced_accuracy": np.mean(recalls),
        "test_macro_f1": theirs.f1_score(truth, predicted, average="macro", zero_division=0.0),
        "test_log_loss": theirs.log_loss(truth, a.probabilities, labels=np.arange(a.n_classes)),
    }
    confusion = theirs.confusion_matrix(truth, predicted, labels=np.arange(a.n_classes))
    assert found.pop("test_confusion") == confusion.tolist()
    assert found == pytest.approx(expected, rel=1e-9, abs=1e-12)
    if set(predicted) <= set(truth) and len(set(truth)) > 1:  # scikit-learn warns of nothing
        balanced = theirs.balanced_accuracy_score(truth, predicted)
        assert found["test_balanced_accuracy"] == pytest.approx(balanced)


def test_without_probabilities_what_needs_them_is_left_out() -> None:
    a = answers((3, 20, 0))
    bare = Answers(a.truth, a.predicted, 3)
    assert scores(a).keys() - scores(bare).keys() == {"test_log_loss"}


def test_a_new_metric_is_one_entry(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(METRICS, "errors", Metric("Errors", lambda a: 1.0, higher_is_better=False))
    assert scores(answers((3, 20, 0)))["test_errors"] == 1.0


def test_a_certain_mistake_has_a_finite_loss() -> None:
    sure = Answers(np.array([0]), np.array([1]), 2, np.array([[0.0, 1.0]]))
    assert 30 < METRICS["log_loss"].of(sure) < 40
