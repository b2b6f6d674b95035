"""The SVM against a quadratic program and against results of R's e1071, which wraps LIBSVM too."""

from __future__ import annotations

import cvxpy as cp
import numpy as np
import pytest
from sklearn.datasets import load_iris
from sklearn.svm import SVC

from datasets.base import Problem, Rows
from methods.kernel.svm import SVM, Config

METHODS = ("svm",)


def iris() -> tuple[Problem, np.ndarray]:
    """Rows 0-9 of every species are labelled; and all labels."""
    x, labels = load_iris(return_X_y=True)
    known = np.arange(150) % 50 < 10
    rows = Rows((x.astype(np.float32),), np.ones((150, 1), bool), np.arange(150))
    return Problem(rows, np.where(known, labels, -1), known, ("a",), ("s", "c", "v"), rows), labels


def estimator(problem: Problem, **settings: object) -> SVC:
    return SVM(Config(**settings)).estimator(problem, np.random.default_rng(0))


def test_iris_gives_the_errors_and_support_vectors_of_e1071():
    problem, labels = iris()
    fitted = SVM(Config(kernel="linear", C=1.0)).fit(problem, np.random.default_rng(0))
    wrong = fitted.predict(problem.rows) != labels
    assert wrong[~problem.labelled].sum() == 3
    assert fitted.model.n_support_.tolist() == [2, 5, 4]


@pytest.mark.parametrize("kernel", ["linear", "rbf"])
@pytest.mark.parametrize("c", [0.1, 10.0])
def test_the_dual_optimum_is_that_of_a_quadratic_program(kernel, c):
    rng = np.random.default_rng(3)
    y = np.repeat([-1.0, 1.0], 20)
    x = rng.normal(size=(40, 5)) + 0.5 * y[:, None]
    model = estimator(iris()[0], kernel=kernel, C=c).set_params(tol=1e-10).fit(x, y)
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
