"""Models of rows that may lack views: which views may be absent, and what a row counts."""

from __future__ import annotations

from torch import Tensor

from datasets.base import Problem
from methods._nn.data import Batch
from methods.base import ConfigError, SkipError, UnsupportedError


def maybe_absent(problem: Problem) -> tuple[int, ...]:
    """Positions of the views that rows may lack. Raises ConfigError where there is none."""
    views = tuple(v for v, name in enumerate(problem.view_names) if name in problem.may_miss)
    if not views:
        raise ConfigError(
            "this method predicts views that may be absent, and the scenario names none; "
            "name them in Scenario.missing, even if no row lacks one"
        )
    return views


def split_views(problem: Problem) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """Positions of the views that every row has, and of those that it may lack.

    Raises ConfigError where none may be absent, and SkipError where each may.
    """
    maybe = maybe_absent(problem)
    always = tuple(v for v in range(len(problem.view_names)) if v not in maybe)
    if not always:
        raise SkipError("it predicts absent views from one that every row has, and there is none")
    return always, maybe


def require_present(present: Tensor, views: tuple[int, ...]) -> None:
    """Raise UnsupportedError where ``present`` (t, b, V) lacks one of ``views``."""
    if (present[..., list(views)] == 0).any():
        raise UnsupportedError("a view is absent that, as this fit was told, every row has")


def row_weights(batch: Batch, shares: tuple[float, float]) -> Tensor:
    """Weights (b,) of a minibatch's rows that sum to 1.

    With ``shares`` (N_l / N, N_u / N) a sum so weighted estimates the mean over the training set
    without bias, however many rows of the minibatch are labelled.
    """
    weights = row_shares(batch, shares)
    return weights / weights.sum()


def row_shares(batch: Batch, shares: tuple[float, float]) -> Tensor:
    """What every row counts, (b,), in shares[0] mean_l + shares[1] mean_u."""
    known, rows = batch.n_labelled, batch.present.shape[1]
    weights = batch.present.new_empty(rows)
    weights[:known] = shares[0] / max(known, 1)
    weights[known:] = shares[1] / max(rows - known, 1)
    return weights
