"""Scaling, masks, minibatches and named random numbers."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from datasets.base import Rows
from methods._nn import rng
from methods._nn.classifier import train_spec
from methods._nn.data import gather
from methods._nn.minibatches import Minibatches
from methods._scaling import Scaler
from methods.base import Training, UnsupportedError
from methods.generative import m2, smvae
from tests.unit.methods.conftest import SMALL, ends, member, problem, run, spec, weights


def test_scaling_reads_present_training_rows_only():
    made = problem(0)
    present = made.rows.present.copy()
    present[:10, 0] = False
    views = tuple(v.copy() for v in made.rows.views)
    views[0][:10] = np.nan
    rows = Rows(views, present, made.rows.ids)
    scaler = Scaler.fit(rows)
    scaled = scaler.apply(rows)
    assert (scaled[0][:10] == 0).all()
    np.testing.assert_allclose(scaled[0][10:].mean(0), 0, atol=1e-6)
    np.testing.assert_allclose(scaled[0][10:].std(0), 1, atol=1e-6)
    back = scaler.invert(scaled)
    np.testing.assert_allclose(back[1], views[1], atol=1e-5)


def constant_column(view: int = 0, column: int = 1):
    made = problem(0)
    views = tuple(v.copy() for v in made.rows.views)
    views[view][:, column] = 7.0
    return replace(made, rows=replace(made.rows, views=views))


def test_a_constant_column_leaves_the_model_and_is_counted(steps):
    made = constant_column()
    found = run([member(0, made=made)], steps)[0]
    assert found.fitted.facts()["dropped_columns"] == 1
    noisy = replace(made.tuning, views=(made.tuning.views[0].copy(), made.tuning.views[1]))
    noisy.views[0][:, 1] += 1000
    assert np.array_equal(found.fitted.predict(noisy), found.fitted.predict(made.tuning))


def test_a_column_dropped_by_one_member_stays_with_its_neighbours(steps):
    members = [member(0, made=constant_column()), member(1)]
    both = run(members, steps, members_per_pass=2)
    for index in range(2):
        alone = run([members[index]], steps)[0]
        torch.testing.assert_close(weights(both[index]), weights(alone), atol=1e-10, rtol=0)


def test_training_data_hold_no_hidden_label():
    made = problem(0)
    data = gather([member(0, made=made)], torch.empty(0))
    assert (data.onehot[~torch.as_tensor(made.labelled)] == 0).all()
    assert data.onehot.sum() == made.labelled.sum()


@given(st.integers(1, 50), st.integers(1, 12), st.integers(1, 60))
def test_an_epoch_repeats_no_row_within_a_minibatch(n, steps, size):
    if size > n:
        with pytest.raises(ValueError, match="minibatch"):
            rng.order(0, ("x", 1), n, steps, size)
        return
    drawn = rng.order(0, ("x", 1), n, steps, size)
    assert drawn.shape == (steps, size)
    assert all(len(set(row.tolist())) == size for row in drawn)
    if steps * size <= n:
        assert drawn.unique().numel() == steps * size


@given(
    st.integers(1, 300),
    st.integers(0, 300),
    st.sampled_from(["proportional", "minibatch", "balanced"]),
    st.integers(1, 20),
    st.integers(1, 40),
)
def test_any_plan_gives_minibatches_that_can_be_drawn(known, unknown, batching, parts, least):
    rule = Minibatches(batching, parts, least)
    sizes = rule.sizes(known, unknown)
    assert 1 <= sizes.labelled <= known
    assert 0 <= sizes.unlabelled <= unknown
    assert (sizes.unlabelled == 0) == (unknown == 0)
    assert sum(rule.shares(known, unknown)) == pytest.approx(1)


def test_proportional_minibatches_of_any_size_estimate_the_same_loss():
    """The mean over all minibatches is the loss on all rows, whatever their sizes."""
    found = []
    for rows in (1, 2, 6):
        sizes = {"labelled_rows": rows, "batches_per_epoch": 2}
        members = [member(0, batching="proportional", **sizes)]
        made = spec(members)
        flat = made.layout.initial([0], torch.float64)
        losses = []
        for epoch in range(1, 300):
            order = made.data.order(0, 0, epoch, made.sizes)
            for step in range(made.sizes.steps):
                seen = order[None, step]
                n = seen.shape[1]
                eps = {"eps": torch.zeros(1, 2, 1, n, 3, dtype=torch.float64)}
                hyper = {"c": torch.ones(1, dtype=torch.float64)}
                keep = made.data.kept(torch.tensor([0]))
                one = made.data.batch(seen, made.sizes.labelled, eps, hyper, keep)
                losses.append(made.loss(made.layout.views(flat), one)[0].item())
        found.append((np.mean(losses), np.std(losses) / np.sqrt(len(losses))))
    for mean, error in found[:-1]:
        assert mean == pytest.approx(found[-1][0], abs=4 * (error + found[-1][1]))


def test_named_draws_depend_on_seed_and_name_alone():
    like = torch.empty(0)
    both = rng.normals([1, 2], ("eps", 3), (4,), like)
    assert torch.equal(both[1], rng.normals([2], ("eps", 3), (4,), like)[0])
    assert not torch.equal(both[0], both[1])
    assert not torch.equal(both[0], rng.normals([1], ("eps", 4), (4,), like)[0])


def test_a_rows_draw_does_not_depend_on_the_rows_beside_it():
    whole = rng.normals_by_id(5, "x", np.arange(30), 4)
    assert np.array_equal(rng.normals_by_id(5, "x", np.array([7, 29, 3]), 4), whole[[7, 29, 3]])


def test_absent_views_are_refused():
    made = problem(0)
    present = made.rows.present.copy()
    present[3, 1] = False
    holed = replace(made, rows=replace(made.rows, present=present))
    with pytest.raises(UnsupportedError, match="absent"):
        spec([member(0, made=holed)])


def test_no_unlabelled_rows_at_all(steps):
    made = problem(0, n=12, known=12)
    found = run([member(0, made=made)], steps)[0]
    assert found.fitted.predict(made.tuning).shape == (12,)


def test_m2_reads_all_views_as_one():
    made = problem(0)
    config = m2.Config(**SMALL)
    members = [replace(member(0, made=made), config=config)] * 2
    built = train_spec(members, m2.M2.spec(config, made))
    assert len(built.data.x) == 1
    assert built.data.x[0].shape == (made.rows.n, sum(made.dims))


def test_profiles_and_every_switch_train(steps):
    switches = [
        {"profile": "authors2017_head"},
        {"profile": "authors2017"},
        {"entropy": "bhattacharyya", "weights": "uniform", "mc_samples": 2},
        {"share_eps_over_y": False, "batching": "balanced"},
        {"batch": 7, "activation": "relu"},
        {"c": 1000.0},
    ]
    for changes in switches:
        made = problem(0, dims=(6, 4))
        config = smvae.Config(**{**SMALL, **changes})
        members = [replace(member(0, made=made), config=config)]
        found = ends(smvae.SMVAE.fit_stack(members, Training(epochs=2, eval_every=1)))[0]
        facts = found.fitted.facts()
        assert facts["elbo_tight"] >= facts["elbo"] or "authors" in str(changes)
        assert found.fitted.arrays()["view_weights"].shape == (2, 2)
        twice = [found.fitted.predict(made.tuning) for _ in range(2)]
        assert np.array_equal(*twice)
