"""The simulated controls: their law against their rows, and what is known against other routes."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import integrate, stats
from sklearn.linear_model import LogisticRegression

from datasets.base import DataError
from datasets.synthetic.model import Joint, View, with_bayes_accuracy
from datasets.synthetic.views import PERMUTED, STEP, VIEWS
from datasets.synthetic_small import CONTROL, load

PRIORS = np.array([0.3, 0.7])


def line(distance: float) -> View:
    """One feature of unit variance, two classes ``distance`` apart."""
    return View(np.array([[0.0], [distance]]), {"noise": np.eye(1)})


def law(names: tuple[str, ...]) -> Joint:
    found = CONTROL.joint(names)
    assert found is not None
    return found


def test_the_bayes_accuracy_of_two_gaussians_is_that_of_the_threshold_rule() -> None:
    distance = 1.7
    cut = distance / 2 + np.log(PRIORS[0] / PRIORS[1]) / distance
    exact = PRIORS[0] * stats.norm.cdf(cut) + PRIORS[1] * stats.norm.sf(cut - distance)
    estimate, error = Joint.of(PRIORS, [line(distance)]).bayes_accuracy()
    assert error < 0.001
    assert abs(estimate - exact) < 4 * error


def test_densities_are_scipys_and_the_posterior_is_bayes_rule() -> None:
    joint, rng = law(("o", "m")), np.random.default_rng(0)
    rows = rng.standard_normal((5, joint.means.shape[1]))
    exact = np.column_stack(
        [stats.multivariate_normal(mean, joint.cov).logpdf(rows) for mean in joint.means]
    )
    np.testing.assert_allclose(joint.log_densities(rows), exact, rtol=1e-9)
    weights = joint.priors * np.exp(exact - exact.max(1, keepdims=True))
    np.testing.assert_allclose(
        joint.posterior(rows), weights / weights.sum(1, keepdims=True), rtol=1e-7, atol=1e-12
    )


def test_the_conditional_mean_is_the_integral_of_its_definition() -> None:
    left = View(np.array([[0.0], [1.5]]), {"z": np.array([[0.8]]), "e": np.array([[0.6]])})
    right = View(np.array([[1.0], [-1.0]]), {"z": np.array([[1.2]]), "f": np.array([[0.9]])})
    joint = Joint.of(PRIORS, [left, right])

    def density(m: float, o: float) -> float:
        return float(PRIORS @ np.exp(joint.log_densities(np.array([[o, m]]))[0]))

    for o in (-1.0, 0.4, 2.0):
        mass, _ = integrate.quad(density, -15, 15, args=(o,))
        first, _ = integrate.quad(lambda m, o=o: m * density(m, o), -15, 15)
        found = joint.conditional_mean(np.array([[o]]), 1)[0, 0]
        assert found == pytest.approx(first / mass, abs=1e-6)


def test_the_scale_of_class_means_gives_the_bayes_accuracy_that_is_wanted() -> None:
    views = with_bayes_accuracy(PRIORS, {"x": line(1.0)}, 0.85)
    estimate, error = Joint.of(PRIORS, list(views.values())).bayes_accuracy()
    assert abs(estimate - 0.85) < 0.005 + 4 * error


@pytest.mark.parametrize("names", [("a", "b"), ("o", "m"), ("a", "noise")])
def test_rows_have_the_means_and_the_covariance_of_their_law(names: tuple[str, ...]) -> None:
    data, joint = load(names), law(names)
    rows = np.concatenate(data.views, axis=1).astype(float)
    within = rows - joint.means[data.labels]
    n = len(rows)
    sd = np.sqrt(np.diag(joint.cov))
    for k in range(3):
        own = within[data.labels == k].mean(axis=0) / sd * np.sqrt((data.labels == k).sum())
        assert np.abs(own).max() < 4.5  # standard errors, over 40 features and 3 classes
    gaps = (within.T @ within / n - joint.cov) / np.outer(sd, sd) * np.sqrt(n / 2)
    assert np.abs(gaps).max() < 5.5


def test_the_class_is_as_predictable_from_rows_as_is_stated() -> None:
    data = load(("a", "b"))
    rows = np.concatenate(data.views, axis=1).astype(float)
    right = law(("a", "b")).posterior(rows).argmax(axis=1) == data.labels
    stated = data.provenance.known["bayes_accuracy"]
    assert abs(stated - 0.9) < 0.003
    assert abs(right.mean() - stated) < 4 * np.sqrt(0.09 / data.n)
    singles = [load((name,)).provenance.known["bayes_accuracy"] for name in ("a", "b")]
    assert max(singles) < stated - 0.05  # views complement each other


def test_labels_of_one_percent_reach_bayes_with_unlabelled_rows_and_not_without() -> None:
    """The positive control can be passed: EM of the true family passes it."""
    data = load(("a", "b"))
    rows = np.concatenate(data.views, axis=1).astype(float)
    rows = (rows - rows.mean(0)) / rows.std(0)
    train, test, known = slice(0, 2400), slice(2400, 4000), slice(0, 24)
    plain = LogisticRegression(C=0.1, max_iter=500).fit(rows[known], data.labels[known])
    shares = plain.predict_proba(rows[train])
    shares[known] = np.eye(3)[data.labels[known]]
    for _ in range(60):
        counts = shares.sum(0)
        means = shares.T @ rows[train] / counts[:, None]
        cov = (rows[train].T @ rows[train] - (means.T * counts) @ means) / 2400
        model = Joint(counts / 2400, means, cov)
        shares[24:] = model.posterior(rows[train])[24:]
    reached = (model.posterior(rows[test]).argmax(1) == data.labels[test]).mean()
    assert reached > 0.87
    assert plain.score(rows[test], data.labels[test]) < 0.75


def test_nothing_can_be_known_where_no_view_tells_the_class() -> None:
    for names in (("blind_a", "blind_b"), ("permuted_a", "permuted_b"), ("noise",)):
        data = load(names)
        assert data.provenance.known["bayes_accuracy"] == CONTROL.priors.max()
        rows = np.concatenate(data.views, axis=1).astype(float)
        fitted = LogisticRegression(max_iter=300).fit(rows[:3000], data.labels[:3000])
        assert fitted.score(rows[3000:], data.labels[3000:]) < 0.344 + 4 * 0.015


def test_orders_keep_rows_and_pairs_as_they_say() -> None:
    data = load(VIEWS)
    views = dict(zip(data.view_names, data.views, strict=True))
    for name, of in PERMUTED.items():
        assert not np.array_equal(views[name], views[of])
        np.testing.assert_array_equal(np.sort(views[name][:, 0]), np.sort(views[of][:, 0]))
    together = np.concatenate([views["a"], views["b"]], axis=1)
    permuted = np.concatenate([views["permuted_a"], views["permuted_b"]], axis=1)
    assert {row.tobytes() for row in together} == {row.tobytes() for row in permuted}
    shuffled = np.concatenate([views["a"], views["shuffled_b"]], axis=1)
    assert len({row.tobytes() for row in together} & {row.tobytes() for row in shuffled}) < 20


def test_the_least_nmse_lies_below_regression_and_is_met_by_the_conditional_mean() -> None:
    data = load(("o", "m"))
    o, m = (view.astype(float) for view in data.views)
    o1 = np.column_stack([o, np.ones(len(o))])
    scaled = (m - m.mean(0)) / m.std(0)
    residual = scaled - o1 @ np.linalg.lstsq(o1, scaled, rcond=None)[0]
    linear = np.linalg.norm(residual) / np.linalg.norm(scaled)
    least = data.provenance.known["conditional_mean_nmse"]
    assert least - 0.01 < linear < least + 0.05  # 31 coefficients were fitted to the same rows
    assert "conditional_mean_nmse" not in load(("o",)).provenance.known


def test_a_view_is_the_same_whatever_others_are_chosen_and_exact_in_float32() -> None:
    alone, all_views = load(("m",)), load(VIEWS)
    np.testing.assert_array_equal(alone.views[0], all_views.views[VIEWS.index("m")])
    assert np.array_equal(alone.views[0] * STEP, np.round(alone.views[0] * STEP))


def test_the_data_are_marked_as_simulated_and_views_are_named_once() -> None:
    assert load(None).provenance.kind == "simulated"
    with pytest.raises(DataError, match="twice"):
        load(("a", "a"))
