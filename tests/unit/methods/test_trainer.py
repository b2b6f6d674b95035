"""The trainer: no result depends on the stack, members end alone, checkpoints change nothing."""

from __future__ import annotations

import pickle
from dataclasses import replace

import numpy as np
import pytest
import torch

from methods._nn import trainer
from methods._nn.trainer import train
from methods.base import Checkpoint, Failed, Finished, Progress, Training
from tests.unit.methods.conftest import ends, member, problem, run, spec, weights

TIGHT = {"atol": 1e-10, "rtol": 0}


@pytest.mark.parametrize("per_pass", [1, 3, 20])
def test_stacked_equals_looped(steps, per_pass):
    members = [member(seed % 4, c=0.1 * (1 + seed % 3)) for seed in range(20)]
    stacked = run(members, steps, members_per_pass=per_pass)
    for index in (0, 7, 19):
        alone = run([members[index]], steps)[0]
        torch.testing.assert_close(weights(stacked[index]), weights(alone), **TIGHT)
    three = run([members[k] for k in (19, 7, 3)], steps, members_per_pass=per_pass)
    torch.testing.assert_close(weights(three[0]), weights(stacked[19]), **TIGHT)
    assert not torch.equal(weights(stacked[0]), weights(stacked[1]))


def test_members_of_one_problem_share_its_rows_and_differ_in_their_settings(steps):
    made = problem(1)
    members = [member(1, made=made, c=c) for c in (0.1, 10.0)]
    assert len(spec(members).data.x[0]) == made.rows.n
    both = run(members, steps)
    assert not torch.allclose(weights(both[0]), weights(both[1]))
    alone = run([members[1]], steps)[0]
    torch.testing.assert_close(weights(both[1]), weights(alone), **TIGHT)


def test_resuming_equals_never_stopping(monkeypatch, steps):
    # Member 0 stops early, so that the checkpoint holds both an ended and a living member.
    scores = {0: iter([1.0] + [0.0] * 99), 1: iter(range(99))}
    members = [member(k, lambda _, k=k: float(next(scores[k]))) for k in range(2)]
    training = Training(epochs=steps, eval_every=1, patience=2)
    monkeypatch.setattr(trainer, "CHECKPOINT_SECONDS", -1.0)
    events = list(train(spec(members), members, training))
    states = [e.state for e in events if isinstance(e, Checkpoint)]
    whole = ends(events)
    for at in (0, 4):
        scores = {0: iter([1.0] * (at == -1) + [0.0] * 99), 1: iter(range(at + 1, 99))}
        resumed = ends(train(spec(members), members, training, states[at]))
        for index in range(2):
            assert resumed[index].score == whole[index].score
            assert resumed[index].epoch == whole[index].epoch
            torch.testing.assert_close(weights(resumed[index]), weights(whole[index]), **TIGHT)
            for name, curve in whole[index].fitted.arrays().items():
                np.testing.assert_allclose(resumed[index].fitted.arrays()[name], curve, atol=1e-10)


def test_a_checkpoint_of_another_stack_is_refused(monkeypatch):
    monkeypatch.setattr(trainer, "CHECKPOINT_SECONDS", -1.0)
    training, one, two = Training(epochs=2), [member(0)], [member(0), member(1)]
    events = list(train(spec(one), one, training))
    state = next(e.state for e in events if isinstance(e, Checkpoint))
    with pytest.raises(ValueError, match="another stack"):
        list(train(spec(two), two, training, state))


def test_a_member_that_is_not_finite_fails_alone(steps):
    members = [member(0), member(1), member(2)]
    made = spec(members)
    made.data.x[0][problem(1).rows.n + 3, 0] = float("nan")  # a row of member 1
    found = ends(train(made, members, Training(epochs=steps, eval_every=2)))
    assert isinstance(found[1], Failed)
    assert found[1].reason == "not finite"
    for index in (0, 2):
        alone = run([members[index]], steps)[0]
        torch.testing.assert_close(weights(found[index]), weights(alone), **TIGHT)


def test_progress_and_shares_of_time(monkeypatch):
    monkeypatch.setattr(trainer, "PROGRESS_SECONDS", -1.0)
    members = [member(0), member(1)]
    events = list(train(spec(members), members, Training(epochs=4)))
    done = [e.done for e in events if isinstance(e, Progress)]
    assert done == sorted(done)
    assert done[-1] == 1.0
    assert len(done) >= 4
    assert all(e.seconds > 0 for e in ends(events).values())


def test_early_stopping_keeps_the_best_epoch_and_ties_go_to_the_earlier():
    def scripted(values):
        left = iter(values)
        return lambda _: float(next(left))

    plans = [[3, 1, 1, 1, 1, 1], [1, 2, 2, 2, 2, 2], [1, 2, 3, 4, 5, 6]]
    members = [member(k, scripted(plan)) for k, plan in enumerate(plans)]
    found = run(members, epochs=12, patience=6)
    assert [(found[k].epoch, found[k].score) for k in range(3)] == [(2, 3.0), (4, 2.0), (12, 6.0)]
    for k, epoch in enumerate((2, 4)):
        fixed = run([replace(members[k], score=lambda _: 0.0)], epochs=epoch, every=epoch)[0]
        torch.testing.assert_close(weights(found[k]), weights(fixed), **TIGHT)
    # Member 0 stopped at epoch 8, its neighbours went on in a smaller state.
    assert len(found[0].fitted.arrays()["loss"]) == 8
    alone = run([member(2)], epochs=12, every=12)[0]
    torch.testing.assert_close(weights(found[2]), weights(alone), **TIGHT)


def test_a_score_that_is_not_a_number_never_wins():
    values = iter([float("nan"), 0.5, float("nan")])
    found = run([member(0, lambda _: next(values))], epochs=6)[0]
    assert (found.epoch, found.score) == (4, 0.5)


def test_an_error_in_one_score_fails_that_member_alone(steps):
    def broken(_):
        raise RuntimeError("no score today")

    found = run([member(0), member(1, broken), member(2)], steps)
    assert isinstance(found[1], Failed)
    assert "no score today" in found[1].trace
    alone = run([member(2)], steps)[0]
    torch.testing.assert_close(weights(found[2]), weights(alone), **TIGHT)


def test_scores_only_choose_the_epoch(steps):
    other = replace(problem(0), tuning=problem(5).tuning)
    first = run([member(0)], steps, every=steps)[0]
    second = run([member(0, made=other)], steps, every=steps)[0]
    assert torch.equal(weights(first), weights(second))


def test_weight_prior_pulls_weights_and_leaves_the_mixture_logits():
    made = spec([member(0)])
    zero = replace(made, loss=lambda p, _: (0 * p["logits"].sum(-1), {"loss": p["logits"][:, 0]}))
    state = trainer.begin(zero, [member(0)], Training())
    place = list(made.layout.parameters).index("logits")
    start = sum(made.layout.sizes[:place])
    logits = slice(start, start + made.layout.sizes[place])
    state.flat[:, logits] = torch.tensor([1.0, -1.0])
    before = state.flat.clone()
    update = next(trainer.updates(zero, state, [member(0)], slice(0, 1)))
    trainer.step(zero, state, update, slice(0, 1))
    assert torch.equal(state.flat[:, logits], before[:, logits])
    moved = before.abs() > 4e-3  # by more than a step
    moved[:, logits] = False
    assert (state.flat.abs() < before.abs())[moved].all()


def test_adam_is_that_of_torch():
    made, members = spec([member(0)], prior=0.0, clip=trainer.CLIP), [member(0)]
    state = trainer.begin(made, members, Training())
    theirs = state.flat.clone().requires_grad_()
    optimiser = torch.optim.Adam([theirs], lr=3e-3)
    for update in trainer.updates(made, state, members, slice(0, 1)):
        optimiser.zero_grad()
        loss, _ = made.loss(made.layout.views(theirs), update.batch)
        loss.sum().backward()
        torch.nn.utils.clip_grad_norm_([theirs], trainer.CLIP)
        optimiser.step()
        trainer.step(made, state, update, slice(0, 1))
    torch.testing.assert_close(state.flat, theirs.detach(), atol=1e-8, rtol=0)


def test_fitted_pickles_and_predicts_the_same(steps):
    found = run([member(0)], steps)[0]
    assert isinstance(found, Finished)
    copy = pickle.loads(pickle.dumps(found.fitted))
    rows = problem(0).tuning
    assert np.array_equal(copy.predict(rows), found.fitted.predict(rows))


def test_the_clip_binds_each_member_by_its_own_norm_or_not_at_all(steps):
    tight, loose = run([member(0)], steps, clip=1e-3)[0], run([member(0)], steps, clip=1e9)[0]
    none = run([member(0)], steps, clip=float("inf"))[0]
    torch.testing.assert_close(weights(loose), weights(none), **TIGHT)
    assert not torch.allclose(weights(tight), weights(none))
    both = run([member(0), member(1, c=500.0)], steps, clip=trainer.CLIP)
    alone = run([member(0)], steps, clip=trainer.CLIP)
    torch.testing.assert_close(weights(both[0]), weights(alone[0]), **TIGHT)
