"""How labelled and unlabelled rows are cut into minibatches, and what each of the two weighs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from datasets.base import Problem
from methods._nn.data import BatchSizes

Batching = Literal["proportional", "minibatch", "balanced"]
BATCHING: tuple[Batching, ...] = ("proportional", "minibatch", "balanced")


@dataclass(frozen=True)
class Minibatches:
    """The rule by which minibatches are cut, and the weights of the two means of an objective.

    ``batching`` says what the mean over labelled and the mean over unlabelled rows weigh:

    ``proportional``  N_l / N and N_u / N of the training set: the sum over the data set.
    ``minibatch``     the shares of the minibatch, in which labelled rows are over-represented: they
                      count as often as they are drawn.
    ``balanced``      1/2 and 1/2, with as many labelled as unlabelled rows (Maaloe et al. 2016).

    ``batches_per_epoch`` is the least number of minibatches, ``labelled_rows`` the least number of
    labelled rows in one, ``rows`` the largest number of unlabelled ones (None: no bound).
    """

    batching: Batching
    batches_per_epoch: int
    labelled_rows: int
    rows: int | None = None

    def sizes(self, n_labelled: int, n_unlabelled: int) -> BatchSizes:
        """Sizes of the minibatches of an epoch.

        An epoch passes once over the unlabelled rows, in ``batches_per_epoch`` equal parts, or in
        more where a part would hold over ``rows`` of them; the remainder is dropped. The labelled
        rows are cut likewise, but a minibatch has no fewer than ``labelled_rows`` of them
        (balanced: than of unlabelled ones), as far as there are; they are used again within the
        epoch when they run out.
        """
        pool = n_unlabelled or n_labelled
        steps = self.batches_per_epoch
        if self.rows is not None:
            steps = max(steps, -(-pool // self.rows))
        steps = max(1, min(steps, pool))
        share = pool // steps
        least = share if self.batching == "balanced" else self.labelled_rows
        known = min(n_labelled, max(least, round(n_labelled / steps)))
        return BatchSizes(steps, known, share if n_unlabelled else 0)

    def shares(self, n_labelled: int, n_unlabelled: int) -> tuple[float, float]:
        """Weights of the mean over labelled rows and of that over unlabelled rows, sum 1."""
        known, unknown = n_labelled, n_unlabelled
        if self.batching == "minibatch":
            sizes = self.sizes(n_labelled, n_unlabelled)
            known, unknown = sizes.labelled, sizes.unlabelled
        if self.batching == "balanced" and min(known, unknown) > 0:
            return 0.5, 0.5
        return proportions(known, unknown)


def proportions(n_labelled: int, n_unlabelled: int) -> tuple[float, float]:
    """(N_l / N, N_u / N)."""
    total = n_labelled + n_unlabelled
    return n_labelled / total, n_unlabelled / total


def counts(problem: Problem) -> tuple[int, int]:
    """(N_l, N_u) of a Problem."""
    known = int(problem.labelled.sum())
    return known, len(problem.labelled) - known
