"""TMC against Dempster's rule by brute force, libraries' distributions, and a published figure."""

from __future__ import annotations

import itertools
from dataclasses import replace
from functools import reduce

import numpy as np
import pytest
import torch
from scipy.stats import beta
from sklearn.preprocessing import minmax_scale
from torch import Tensor
from torch.distributions import Dirichlet, kl_divergence

from datasets.base import Problem, Rows
from harness.plan.resolve import open_dataset
from methods._nn.classifier import fit as train_classifier
from methods._nn.classifier import train_spec
from methods._nn.data import Batch
from methods.base import Finished, Member, Training
from methods.rival.tmc import TMC, Config, LabelledMinibatches, Model, combined, terms
from tests.helpers import fit, members, scenario, tiny, trial
from tests.oracle.doubles import DOUBLE, normal

METHODS = ("tmc",)
K = 3
Masses = dict[frozenset[int], float]


def opinion(evidence: Tensor) -> Masses:
    """Masses of the classes and of the whole frame, from the evidence (K,) of a view."""
    total = float(evidence.sum()) + K
    frame = {frozenset(range(K)): K / total}
    return frame | {frozenset({k}): float(evidence[k]) / total for k in range(K)}


def dempster(first: Masses, second: Masses) -> Masses:
    """The rule for any masses on any sets: products on intersections, conflict divided out."""
    joint: Masses = {}
    for (a, m), (b, n) in itertools.product(first.items(), second.items()):
        joint[a & b] = joint.get(a & b, 0.0) + m * n
    conflict = joint.pop(frozenset(), 0.0)
    return {where: mass / (1 - conflict) for where, mass in joint.items()}


def evidence_of(views: int, seed: int = 0) -> Tensor:
    return 3 * normal(seed, 1, views, 4, K).exp()


@pytest.mark.parametrize("views", [1, 2, 3, 5])
def test_the_combination_is_dempsters_rule_over_sets_of_classes(views):
    evidence = evidence_of(views)
    found = combined(evidence)
    for row in range(4):
        expected = reduce(dempster, [opinion(evidence[0, v, row]) for v in range(views)])
        ours = opinion(found[0, row])
        assert ours == {where: pytest.approx(mass) for where, mass in expected.items()}
        assert sum(ours.values()) == pytest.approx(1)


def test_the_order_of_views_means_nothing_and_one_without_evidence_changes_nothing():
    evidence = evidence_of(3)
    torch.testing.assert_close(combined(evidence), combined(evidence[:, [2, 0, 1]]))
    more = torch.cat([evidence, torch.zeros_like(evidence[:, :1])], 1)
    torch.testing.assert_close(combined(more), combined(evidence))


def test_terms_are_an_expectation_and_a_divergence_of_dirichlet_distributions():
    alpha = 1 + evidence_of(2)
    onehot = torch.eye(K, dtype=DOUBLE)[torch.tensor([0, 1, 2, 1])]
    error, excess = terms(alpha, onehot[None, None])
    flat = torch.distributions.Dirichlet(torch.ones(K, dtype=DOUBLE))
    for v, row in itertools.product(range(2), range(4)):
        a, y = alpha[0, v, row], int(onehot[row].argmax())
        of_y = beta(float(a[y]), float(a.sum() - a[y]))  # the class's share of a Dirichlet draw
        expected = of_y.expect(lambda p: -np.log(p), lb=1e-300)
        assert error[0, v, row].item() == pytest.approx(expected, rel=1e-5)
        other = torch.where(onehot[row] > 0, 1.0, a)
        divergence = kl_divergence(Dirichlet(other), flat).item()
        assert excess[0, v, row].item() == pytest.approx(divergence, abs=1e-10)


def batch(known: int = 4, unknown: int = 2, epoch: int = 10) -> Batch:
    x = (normal(1, 1, known + unknown, 5), normal(2, 1, known + unknown, 2))
    present = torch.ones(1, known + unknown, 2, dtype=DOUBLE)
    present[0, 1, 1] = 0
    x = (x[0], x[1] * present[..., 1, None])
    onehot = torch.eye(K, dtype=DOUBLE)[torch.tensor([[0, 1, 2, 1]])]
    return Batch(x, present, onehot, known, {}, {}, (None, None), epoch)


@pytest.mark.parametrize(("epoch", "rise"), [(1, 0.02), (25, 0.5), (50, 1.0), (400, 1.0)])
def test_the_loss_is_the_authors_sum_over_views_and_their_combination(epoch, rise):
    made, data = Model((5, 2), K), batch(epoch=epoch)
    p = made.layout.views(made.layout.initial([0], DOUBLE))
    total = torch.zeros((), dtype=DOUBLE)
    for row in range(4):
        y = int(data.onehot[0, row].argmax())
        said = []
        for v, view in enumerate(data.x):
            raw = view[0, row] @ p[f"view{v}.0.x"][0] + p[f"view{v}.0.b"][0, 0]
            said.append(torch.nn.functional.softplus(raw) * data.present[0, row, v])
        joint = (1 + said[0] / K) * (1 + said[1] / K) * K - K
        for evidence in (*said, joint):
            alpha = evidence + 1
            other = alpha.clone()
            other[y] = 1.0
            total = total + torch.digamma(alpha.sum()) - torch.digamma(alpha[y])
            uniform = Dirichlet(torch.ones(K, dtype=DOUBLE))
            total = total + rise * kl_divergence(Dirichlet(other), uniform)
    assert made.loss(p, data)[0].item() == pytest.approx(total.item() / 4, abs=1e-10)


def test_class_probabilities_are_the_mean_of_the_combined_dirichlet():
    made, data = Model((5, 2), K), batch()
    p = made.layout.views(made.layout.initial([0], DOUBLE))
    alpha = combined(made.evidence(p, data.x, data.present)) + 1
    found = made.classify(p, data.x, data.present, None).exp()
    torch.testing.assert_close(found[0], Dirichlet(alpha[0]).mean)


def test_unlabelled_rows_have_no_part_in_a_minibatch():
    sizes = LabelledMinibatches("proportional", 8, 200).sizes(1600, 400)
    assert (sizes.steps, sizes.labelled, sizes.unlabelled) == (8, 200, 0)


def test_weights_and_biases_decay_as_the_authors_do() -> None:
    _, problem, _ = trial(tiny(), scenario("supervised"))
    spec = TMC.spec(Config(), problem)
    trained = train_spec(members([problem], [Config()]), spec)
    assert trained.prior_mask.tolist() == pytest.approx([1e-5] * len(trained.prior_mask))


def test_a_view_that_a_row_lacks_does_not_move_its_answer():
    _, problem, held_out = trial(tiny(), scenario("supervised"))
    fitted = fit("tmc", problem)
    rows = held_out.test
    gone = rows.present.copy()
    gone[:, 1] = False
    answers = [
        fitted.predict_proba(Rows((rows.views[0], view), gone, rows.ids))
        for view in (rows.views[1], rows.views[1] + 9)
    ]
    np.testing.assert_array_equal(*answers)


AUTHORS_TEST_ROWS = (
    "0c03001101000009820b00092802f1021022208d100206c0080a010808002430414040050012903042502604a0"
    "401503180820da004d4062c0080040124643202004008020900108820e00000000590ec420081b068004000092"
    "0bc0154202040041100c1a8000610a0220000081030520842001000000a320ac04d4b200420428200200890682"
    "0840660a028400c010ca00441c1600002a24404000101584085042411804c0400310a540900d08000008048480"
    "8081208013028308e085260344008240012910018000040601282430200000462b80a840042261402404c0088c"
    "068810800690c81050b900000b84009800000490410000130e"
)
"""The authors' 400 test rows among the 2,000 of mfeat, one bit a row: 40 of every class."""


def authors_rows(wanted: np.ndarray) -> Rows:
    """Rows of all six views as the authors' loader has them: scaled to 0..1 among themselves."""
    data, _ = open_dataset("mfeat:fac,fou,kar,mor,pix,zer")
    views = tuple(minmax_scale(view[wanted]).astype(np.float32) for view in data.views)
    return Rows(views, np.ones((len(wanted), 6), bool), wanted)


@pytest.mark.slow
def test_the_authors_split_of_six_views_of_mfeat_reaches_their_accuracy() -> None:
    """98.51 +- 0.15 %: 500 epochs of 8 minibatches of 200 rows, step size 3e-4 [han2021]."""
    held_out = np.unpackbits(np.frombuffer(bytes.fromhex("".join(AUTHORS_TEST_ROWS)), np.uint8))
    labels = np.arange(2000) // 200
    train, test = np.flatnonzero(held_out == 0), np.flatnonzero(held_out)
    assert np.bincount(labels[test]).tolist() == [40] * 10
    rows = authors_rows(train)
    problem = Problem(
        rows, labels[train], np.ones(1600, bool), tuple("abcdef"), tuple("0123456789"), rows
    )
    member = Member(problem, Config(learning_rate=3e-4), 0, lambda _: 0.0)
    spec = replace(TMC.spec(member.config, problem), standardise=False)
    (fitted,) = [
        event.fitted
        for event in train_classifier([member], spec, Training(500, 500, None), None)
        if isinstance(event, Finished)
    ]
    right = np.mean(fitted.predict(authors_rows(test)) == labels[test])
    assert right == pytest.approx(0.985, abs=0.01)
