"""The transductive SVM against LIBSVM, LIBLINEAR, a convex solver and all labellings."""

from __future__ import annotations

import itertools

import cvxpy as cp
import numpy as np
import pytest
from sklearn.svm import SVC, LinearSVC

from datasets.base import Problem, Rows
from methods.kernel import _tsvm
from methods.kernel._tsvm import Loss, Machine, Settings, fit
from methods.kernel.tsvm import TSVM, Config

METHODS = ("tsvm",)
HINGE, SQUARED = Loss(False), Loss(True)


def standard(x: np.ndarray) -> np.ndarray:
    spread = x.std(0)
    return (x - x.mean(0)) / np.where(spread > 0, spread, 1)


def clouds(seed: int, n: int = 60, d: int = 4, gap: float = 2.0) -> tuple[np.ndarray, np.ndarray]:
    """Two Gaussian clouds; signs of +1 and -1 in turn."""
    rng = np.random.default_rng(seed)
    y = np.where(np.arange(n) % 2, 1, -1)
    x = rng.normal(size=(n, d))
    x[:, 0] += 0.5 * gap * y
    return x, y


def hidden(y: np.ndarray, labelled: int) -> np.ndarray:
    return np.where(np.arange(len(y)) < labelled, y, 0)


def convex_optimum(x: np.ndarray, y: np.ndarray, cost: np.ndarray, squared: bool) -> float:
    w, b = cp.Variable(x.shape[1]), cp.Variable()
    slack = cp.pos(1 - cp.multiply(y, x @ w + b))
    if squared:
        value = 0.5 * (cp.sum_squares(w) + cp.square(b)) + 0.5 * cost @ cp.square(slack)
    else:
        value = 0.5 * cp.sum_squares(w) + cost @ slack
    return float(cp.Problem(cp.Minimize(value)).solve(solver="CLARABEL"))


def problem_of(x: np.ndarray, labels: np.ndarray, known: np.ndarray, classes: int) -> Problem:
    names = tuple(str(k) for k in range(classes))
    rows = rows_of(x)
    return Problem(rows, np.where(known, labels, -1), known, ("a",), names, rows)


def rows_of(x: np.ndarray) -> Rows:
    return Rows((x.astype(np.float32),), np.ones((len(x), 1), bool), np.arange(len(x)))


def solve(problem: Problem, **settings: object):
    return TSVM(Config(**settings)).fit(problem, np.random.default_rng(0))


# ---------------------------------------------------------------- the convex part


@pytest.mark.parametrize("c", [0.01, 1.0, 100.0])
@pytest.mark.parametrize("shape", [(40, 3), (30, 60)])
def test_without_unlabelled_rows_it_is_libsvms_plane(c, shape):
    x, y = clouds(0, *shape)
    ours = fit(x, y, 0.5, Settings(c, "svmlight", gap=1e-6))
    theirs = SVC(kernel="linear", C=c, tol=1e-10).fit(x, y)
    assert ours.tally.converged
    w, b = theirs.coef_[0], theirs.intercept_[0]
    primal = 0.5 * w @ w + c * HINGE.value(1 - y * (x @ w + b)).sum()
    dual = np.abs(theirs.dual_coef_).sum() - 0.5 * w @ w
    assert dual * (1 - 2e-6) <= ours.tally.objective <= primal * (1 + 2e-6)
    np.testing.assert_allclose(ours.w, w, atol=2e-3 * np.abs(w).max())


@pytest.mark.parametrize("c", [0.01, 1.0, 100.0])
def test_without_unlabelled_rows_the_squared_loss_is_liblinears(c):
    x, y = clouds(1)
    ours = fit(x, y, 0.5, Settings(2 * c, "svmlight", squared=True))
    theirs = LinearSVC(C=c, dual=False, tol=1e-12, max_iter=100_000).fit(x, y)
    np.testing.assert_allclose(ours.w, theirs.coef_[0], atol=1e-6)
    assert ours.b == pytest.approx(theirs.intercept_[0], abs=1e-6)


@pytest.mark.parametrize("costs", _tsvm.COSTS)
@pytest.mark.parametrize("squared", [False, True])
@pytest.mark.parametrize("seed", range(3))
def test_the_last_plane_is_optimal_for_the_last_signs(costs, squared, seed):
    x, y = clouds(seed, n=50)
    share = 0.3
    ours = fit(x, hidden(y, 12), share, Settings(0.5, costs, squared))
    best = convex_optimum(x, ours.signs, ours.cost(), squared)
    found, gap = ours.tally.objective, ours.tally.gap
    assert ours.tally.converged
    assert gap <= 1e-3
    assert best * (1 - 1e-6) <= found <= best + gap * found + 1e-6 * best


def test_newton_steps_agree_in_few_and_in_many_rows():
    rng = np.random.default_rng(0)
    x, weight, slope = rng.normal(size=(9, 6)), rng.uniform(1, 2, size=9), rng.normal(size=6)
    for rows in (4, 9):  # in the rows' unknowns, in the features'
        z = np.column_stack([x[:rows], np.ones(rows)])
        hessian = z.T @ (weight[:rows, None] * z) + np.diag([1.0] * 6 + [0.01])
        expected = np.linalg.solve(hessian, -np.append(slope, 0.7))
        step_w, step_b = _tsvm._newton(x[:rows], weight[:rows], 0.01, slope, 0.7)
        np.testing.assert_allclose(np.append(step_w, step_b), expected, atol=1e-10)


@pytest.mark.parametrize("loss", [SQUARED, Loss(False, 0.5)])
def test_slope_and_curvature_are_the_derivatives_of_the_loss(loss):
    m, h = np.linspace(-2, 2, 401) + 1e-3, 1e-5
    slope = (loss.value(m + h) - loss.value(m - h)) / (2 * h)
    bend = (loss.slope(m + h) - loss.slope(m - h)) / (2 * h)
    np.testing.assert_allclose(loss.slope(m), slope, atol=1e-8)
    np.testing.assert_allclose(np.where(loss.curved(m), loss.curvature, 0), bend, atol=1e-8)


# ---------------------------------------------------------------- the search over signs


def rises(ours: Machine) -> list[float]:
    steps = itertools.pairwise(ours.tally.trace)
    return [b - a for (stage, a), (same, b) in steps if stage == same]


@pytest.mark.parametrize("costs", _tsvm.COSTS)
@pytest.mark.parametrize("squared", [False, True])
def test_the_objective_never_rises_within_a_level(costs, squared):
    seen = []
    for seed in range(5):
        x, y = clouds(seed, n=120, gap=1.0)
        seen += rises(fit(x, hidden(y, 10), 0.4, Settings(1.0, costs, squared)))
    assert len(seen) >= 5
    assert max(seen) <= 1e-9


@pytest.mark.parametrize("share", [0.1, 0.25, 0.5, 0.9])
@pytest.mark.parametrize("costs", _tsvm.COSTS)
def test_the_wanted_share_of_unlabelled_rows_is_positive(share, costs):
    x, y = clouds(2, n=110)
    ours = fit(x, hidden(y, 10), share, Settings(1.0, costs))
    given = ours.signs[ours.unknown] > 0
    assert given.sum() == int(100 * share + 0.5)
    lowest, highest = ours.scores[ours.unknown][given].min(), ours.scores[ours.unknown][~given]
    assert lowest >= highest.max() - _tsvm.TIE


def test_costs_end_as_their_sources_say():
    n, share = (10, 40), 0.2
    for costs, last, growth in (
        ("svmlight", (1.0, 4.0), 1.5),
        ("joachims1999", (1.0, 1.0), 2.0),
        ("svmlin", (0.25, 0.25), 1.5),
    ):
        pairs = _tsvm.levels(Settings(3.0, costs), share, 8, n)
        np.testing.assert_allclose(pairs[-1], 3 * np.array(last))
        np.testing.assert_allclose(pairs[2] / pairs[1], growth)
        assert pairs[0, 0] == pytest.approx(3e-5 * last[0])
        assert (pairs[-2] < pairs[-1]).any()  # no idle level at the end
    assert _tsvm.levels(Settings(1.0, "joachims1999"), 0.2, 8, n)[0, 1] == pytest.approx(1e-5 / 4)


@pytest.mark.slow
@pytest.mark.parametrize("costs", ["svmlight", "joachims1999"])
def test_exhaustive_search_is_never_beaten_and_often_met(costs):
    gaps = []
    for seed in range(20):
        rng = np.random.default_rng(seed)
        x, y = rng.normal(size=(14, 3)), hidden(np.where(np.arange(14) % 2, 1, -1), 4)
        x[:, 0] += 0.7 * np.where(np.arange(14) % 2, 1, -1)
        ours = fit(x, y, 0.5, Settings(1.0, costs, gap=1e-6))
        best = min(
            _svm_objective(x, _signs(y, plus)) for plus in itertools.combinations(range(4, 14), 5)
        )
        gaps.append(ours.tally.objective / best - 1)
    gaps = np.array(gaps)
    assert gaps.min() >= -1e-5
    assert (gaps < 1e-4).mean() >= 0.5
    assert gaps.mean() <= 0.15


def _signs(y: np.ndarray, plus: tuple[int, ...]) -> np.ndarray:
    signs = np.where(y > 0, 1, -1)
    signs[list(plus)] = 1
    return signs


def _svm_objective(x: np.ndarray, signs: np.ndarray) -> float:
    model = SVC(kernel="linear", C=1.0, tol=1e-7).fit(x, signs)
    w, b = model.coef_[0], model.intercept_[0]
    return float(0.5 * w @ w + HINGE.value(1 - signs * (x @ w + b)).sum())


@pytest.mark.parametrize("squared", [False, True])
@pytest.mark.parametrize("costs", ["svmlight", "joachims1999"])
def test_turning_all_signs_turns_the_plane(costs, squared):
    x, y = clouds(4, n=80)
    one, other = (
        fit(x, hidden(s, 10), 0.5, Settings(0.3, costs, squared, gap=1e-6)) for s in (y, -y)
    )
    np.testing.assert_allclose(one.scores, -other.scores, atol=1e-3)
    np.testing.assert_array_equal(one.signs, -other.signs)


def test_turning_all_signs_and_the_share_keeps_the_optimum_where_costs_end_equal():
    x, y = clouds(5, n=90, gap=6.0)
    keep = np.r_[:12, 12 + np.flatnonzero((y[12:] > 0) | (np.arange(78) < 30))]
    x, y = x[keep], y[keep]
    share = float((y[12:] > 0).mean())
    assert abs(share - 0.5) > 0.1
    settings = Settings(0.3, "joachims1999", gap=1e-6)
    one, other = (fit(x, hidden(s, 12), p, settings) for s, p in ((y, share), (-y, 1 - share)))
    assert one.tally.objective == pytest.approx(other.tally.objective, rel=1e-5)
    np.testing.assert_array_equal(one.signs, -other.signs)


def test_training_that_is_cut_short_is_counted(monkeypatch):
    monkeypatch.setattr(_tsvm, "MOST_NEWTON", 1)
    x, y = clouds(0)
    facts = solve(problem_of(x, (y + 1) // 2, np.arange(60) < 10, 2)).facts()
    assert facts["converged"] is False
    assert facts["limit_hits"] > 0


# ---------------------------------------------------------------- the method


def three(seed: int) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    labels = np.arange(90) % 3
    return (rng.normal(size=(90, 5)) + 3 * np.eye(5)[labels]), labels


def test_the_scale_of_features_means_nothing():
    x, labels = three(0)
    known, probe = np.arange(90) < 12, three(1)[0]
    scale, shift = 10.0 ** np.arange(-2, 3), np.arange(5) - 2.0
    plain = solve(problem_of(x, labels, known, 3)).scores(rows_of(probe))
    scaled = solve(problem_of(x * scale + shift, labels, known, 3))
    np.testing.assert_allclose(scaled.scores(rows_of(probe * scale + shift)), plain, atol=2e-3)


def test_a_class_without_a_labelled_row_is_never_predicted():
    x, labels = three(0)
    for present in ((0, 1), (2,)):
        known = (np.arange(90) < 30) & np.isin(labels, present)
        fitted = solve(problem_of(x, labels, known, 3))
        assert set(fitted.predict(rows_of(x))) == set(present)


def test_even_shares_make_up_for_an_uneven_draw_of_balanced_classes():
    x, labels = three(2)
    known = np.isin(np.arange(90), np.r_[0:24:3, 1:6:3, 2:6:3])  # eight, two and two rows
    right = {
        ratio: (solve(problem_of(x, labels, known, 3), ratio=ratio).predict(rows_of(x)) == labels)
        for ratio in ("labelled", "even")
    }
    assert right["even"][~known].mean() > right["labelled"][~known].mean()
    assert right["even"][~known].mean() > 0.9


def test_two_classes_are_one_plane_and_three_are_three():
    x, labels = three(0)
    known = np.arange(90) < 12
    assert solve(problem_of(x, labels, known, 3)).facts()["planes"] == 3
    two = labels < 2
    assert solve(problem_of(x[two], labels[two], known[two], 2)).facts()["planes"] == 1


def test_more_features_than_rows_change_nothing_but_the_time():
    x, y = clouds(6, n=40, d=70, gap=6.0)
    known = np.arange(40) < 10
    fitted = solve(problem_of(x, (y + 1) // 2, known, 2))
    z = standard(x.astype(np.float32).astype(float))
    direct = fit(
        z, hidden(y, 10), 0.5, Settings(1 / np.linalg.norm(z, axis=1).mean() ** 2, "joachims1999")
    )
    np.testing.assert_allclose(fitted.scores(rows_of(x))[:, 1], direct.scores, atol=1e-3)


def test_nystroem_features_of_all_rows_give_the_kernels_svm():
    x, y = clouds(7)
    labels = (y + 1) // 2
    problem = problem_of(x, labels, np.ones(60, bool), 2)
    ours = solve(problem, features="nystroem", gamma=0.8, C=10.0).scores(problem.rows)[:, 1]
    theirs = SVC(kernel="rbf", gamma=0.8 / 4, C=10.0).fit(standard(x), labels)
    np.testing.assert_allclose(ours, theirs.decision_function(standard(x)), atol=0.02)
