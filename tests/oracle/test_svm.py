"""The SVM against quadratic programs, LIBSVM alone, and R's e1071, which wraps LIBSVM too."""

from __future__ import annotations

from typing import Any

import cvxpy as cp
import numpy as np
import pytest
from sklearn.datasets import load_iris
from sklearn.svm import SVC

from datasets.base import Problem, Rows
from methods.base import Shape, Training
from methods.kernel import _planes, svm
from methods.kernel._planes import Planes
from methods.kernel.svm import SVM, Config

METHODS = ("svm",)


def iris() -> tuple[Problem, np.ndarray]:
    """Rows 0-9 of every species are labelled; and all labels."""
    x, labels = load_iris(return_X_y=True)
    known = np.arange(150) % 50 < 10
    rows = Rows((x.astype(np.float32),), np.ones((150, 1), bool), np.arange(150))
    return Problem(rows, np.where(known, labels, -1), known, ("a",), ("s", "c", "v"), rows), labels


def estimator(problem: Problem, **settings: Any) -> Any:
    return SVM(Config(**settings)).estimator(problem, np.random.default_rng(0))


def overlapping(n: int, d: int, classes: int = 2) -> tuple[np.ndarray, np.ndarray]:
    """Rows of classes that no plane separates."""
    rng = np.random.default_rng(5)
    labels = np.arange(n) % classes
    return rng.normal(size=(n, d)) + 0.5 * np.eye(classes, d)[labels], labels


def problem_of(x: np.ndarray, labels: np.ndarray) -> Problem:
    rows = Rows((x.astype(np.float32),), np.ones((len(x), 1), bool), np.arange(len(x)))
    names = tuple(map(str, range(labels.max() + 1)))
    return Problem(rows, labels, np.ones(len(x), bool), ("a",), names, rows)


def primal(w: np.ndarray, b: float, x: np.ndarray, y: np.ndarray, c: float) -> float:
    """The objective that the docstring names, of one plane."""
    return float(0.5 * w @ w + c * np.maximum(0, 1 - y * (x @ w + b)).sum())


def test_iris_gives_the_errors_and_support_vectors_of_e1071():
    problem, labels = iris()
    fitted = SVM(Config(kernel="linear", C=1.0)).fit(problem, np.random.default_rng(0))
    wrong = fitted.predict(problem.rows) != labels
    assert wrong[~problem.labelled].sum() == 3
    assert fitted.model.svc.n_support_.tolist() == [2, 5, 4]


@pytest.mark.parametrize("kernel", ["linear", "rbf"])
@pytest.mark.parametrize("c", [0.1, 10.0])
def test_the_dual_optimum_is_that_of_a_quadratic_program(kernel, c):
    rng = np.random.default_rng(3)
    y = np.repeat([-1.0, 1.0], 20)
    x = rng.normal(size=(40, 5)) + 0.5 * y[:, None]
    model = estimator(iris()[0], kernel=kernel, C=c)
    model = model.fit(x, y).svc if kernel == "linear" else model
    model = model.set_params(tol=1e-10).fit(x, y)
    gram = x @ x.T
    if kernel == "rbf":
        distance = np.diag(gram)[:, None] + np.diag(gram) - 2 * gram
        gram = np.exp(-distance / 4)  # gamma is 1 / the problem's four features
    values, vectors = np.linalg.eigh(gram)
    root = vectors * np.sqrt(np.maximum(values, 0))
    a = cp.Variable(40)
    value = cp.sum(a) - 0.5 * cp.sum_squares(root.T @ cp.multiply(y, a))
    task = cp.Problem(cp.Maximize(value), [a >= 0, a <= c, y @ a == 0])
    task.solve(solver="CLARABEL", tol_gap_abs=1e-11, tol_gap_rel=1e-11)
    signed = np.zeros(40)
    signed[model.support_] = model.dual_coef_[0]
    ours = np.abs(signed).sum() - 0.5 * signed @ gram @ signed
    assert ours == pytest.approx(task.value, rel=1e-8)


@pytest.mark.parametrize("c", [0.01, 1.0, 100.0])
@pytest.mark.parametrize("n", [120, 30], ids=["overlapping", "fewer rows than features"])
def test_the_primal_planes_are_those_of_a_quadratic_program(
    n: int, c: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(_planes, "primal_at_once", lambda *_: True)
    x, labels = overlapping(n, 40 if n == 30 else 6, classes=3)
    model = Planes(c).fit(x, labels)
    assert len(model.tallies) == 3
    for (first, second), (w, b) in zip([(0, 1), (0, 2), (1, 2)], model.planes, strict=True):
        used = (labels == first) | (labels == second)
        y = np.where(labels[used] == first, 1.0, -1.0)
        plane, bias = cp.Variable(x.shape[1]), cp.Variable()
        losses = cp.sum(cp.pos(1 - cp.multiply(y, x[used] @ plane + bias)))
        task = cp.Problem(cp.Minimize(0.5 * cp.sum_squares(plane) + c * losses))
        task.solve(solver="CLARABEL", tol_gap_abs=1e-11, tol_gap_rel=1e-11)
        ours = primal(w, b, x[used], y, c)
        assert task.value * (1 - 1e-8) <= ours <= task.value * (1 + model.gap)


def test_the_primal_planes_vote_as_libsvm_does(monkeypatch: pytest.MonkeyPatch) -> None:
    x, labels = overlapping(240, 5, classes=4)
    exact = SVC(kernel="linear", C=1.0, tol=1e-8).fit(x, labels)
    tried = Planes(1.0).fit(x, labels)
    monkeypatch.setattr(_planes, "primal_at_once", lambda *_: True)
    model = Planes(1.0, gap=1e-9).fit(x, labels)
    assert (len(tried.tallies), len(model.tallies)) == (0, 6)
    assert np.allclose(model.decide(x), SVC.decision_function(ovo(exact), x), atol=2e-3)
    assert np.allclose(tried.decide(x), SVC.decision_function(ovo(exact), x), atol=2e-2)
    assert (model.predict(x) == exact.predict(x)).all()
    assert (tried.predict(x) == exact.predict(x)).all()


def ovo(model: SVC) -> SVC:
    return model.set_params(decision_function_shape="ovo")


@pytest.mark.parametrize("classes", [2, 3])
def test_pairs_that_libsvm_does_not_end_are_solved_in_the_primal(
    classes: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    x, labels = overlapping(150, 5, classes)
    usual = SVM(Config(C=1.0)).fit(problem_of(x, labels), np.random.default_rng(0))
    assert usual.facts()["primal_pairs"] == 0
    most = int(usual.model.svc.n_iter_.max())  # the limit takes the slowest pair alone
    monkeypatch.setattr(_planes, "LIMIT_FEW", most)
    fitted = SVM(Config(C=1.0)).fit(problem_of(x, labels), np.random.default_rng(0))
    assert fitted.facts()["primal_pairs"] == 1
    assert fitted.facts()["converged"] is True
    rows = problem_of(x, labels).rows
    assert (fitted.predict(rows) == usual.predict(rows)).all()
    scaled = fitted.scaler.transform(rows.views[0])
    assert np.allclose(fitted.model.decide(scaled), usual.model.decide(scaled), atol=2e-2)


def test_many_rows_end_where_libsvm_does_not() -> None:
    x, labels = overlapping(1100, 8)
    fitted = SVM(Config(C=100.0)).fit(problem_of(x, labels), np.random.default_rng(0))
    facts = fitted.facts()
    assert (facts["iterations"], facts["primal_pairs"], facts["converged"]) == (0, 1, True)
    assert 0 < facts["gap"] <= _planes.GAP
    scaled = fitted.scaler.transform(problem_of(x, labels).rows.views[0])
    y = np.where(labels == 0, 1.0, -1.0)
    with _planes.unwarned():
        cut = SVC(kernel="linear", C=100.0, max_iter=1_000_000).fit(scaled, -y)
    libsvm = primal(-cut.coef_[0], -cut.intercept_[0], scaled, y, 100.0)
    assert primal(*fitted.model.planes[0], scaled, y, 100.0) <= libsvm * (1 + _planes.GAP)


def test_a_fit_that_is_cut_short_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    x, labels = overlapping(200, 5)
    monkeypatch.setattr(svm, "RBF_LIMIT", 20)
    rbf = SVM(Config(kernel="rbf", C=100.0)).fit(problem_of(x, labels), np.random.default_rng(0))
    assert rbf.facts() == {"iterations": 20, "converged": False}
    monkeypatch.setattr(_planes, "LIMIT_FEW", 20)
    monkeypatch.setattr(_planes._tsvm, "MOST_NEWTON", 1)
    linear = SVM(Config(C=100.0)).fit(problem_of(x, labels), np.random.default_rng(0))
    assert linear.facts()["converged"] is False


def test_the_estimate_is_not_that_of_an_endless_fit() -> None:
    seconds = SVM.cost(Shape(2678, 0, (106,), 2), Config(C=100.0), Training())
    assert seconds < 1  # LIBSVM without a limit takes a minute
