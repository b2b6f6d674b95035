"""From Problems to tensors: z-scores, masks, and the minibatches of a stack.

The one place where NaN becomes zero-with-mask. The input of a dropped column (see ``_scaling.py``)
is zero and ``keep`` leaves it out of densities, so that all members of a stack have equal shapes.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
import torch
from torch import Tensor

from datasets.base import Problem, Rows
from methods._nn import rng
from methods._scaling import Scaler, require_complete
from methods.base import Member


@dataclass(frozen=True)
class BatchSizes:
    """Minibatches of one epoch: ``labelled`` + ``unlabelled`` rows in each of ``steps``.

    Any sizes give an unbiased estimate of the objective, whose means over labelled and unlabelled
    rows carry the weights; the sizes change its variance only.
    """

    steps: int
    labelled: int
    unlabelled: int


@dataclass(frozen=True, eq=False)
class Batch:
    """One minibatch of ``t`` members; labelled rows come first.

    ``x`` (t, b, d_v) a view; ``present`` (t, b, V) of 0 and 1; ``onehot`` (t, n_labelled, K) of
    the labelled rows; ``noise`` (t, ...) by name; ``hyper`` (t,) by name; ``keep`` (t, d_v) a view
    or None where no member dropped a column; ``epoch`` counts from 1, 0 outside of training.
    """

    x: tuple[Tensor, ...]
    present: Tensor
    onehot: Tensor
    n_labelled: int
    noise: dict[str, Tensor]
    hyper: dict[str, Tensor]
    keep: tuple[Tensor | None, ...]
    epoch: int = 0


def once_per_draw(batch: Batch) -> Batch:
    """The batch with every row once for each of its S draws: labelled rows of all draws first.

    Noise (t, S, b, .) becomes (t, S b, .), a view (t, b, d) becomes (t, S b, d): whatever is done
    to a batch with one draw a row is then done to all draws, and means over rows are over draws.
    """
    samples, known = next(iter(batch.noise.values())).shape[1], batch.n_labelled

    def unfold(rows: Tensor) -> Tensor:
        return torch.cat([rows[:, :, :known].flatten(1, 2), rows[:, :, known:].flatten(1, 2)], 1)

    def copies(rows: Tensor) -> Tensor:
        return rows[:, None].expand(-1, samples, -1, -1)

    return replace(
        batch,
        x=tuple(unfold(copies(view)) for view in batch.x),
        present=unfold(copies(batch.present)),
        onehot=copies(batch.onehot).flatten(1, 2),
        n_labelled=samples * known,
        noise={name: unfold(drawn) for name, drawn in batch.noise.items()},
    )


@dataclass(frozen=True, eq=False)
class Data:
    """Training rows of a stack on the device, each Problem stored once.

    ``x`` (P n, d_v) a view for P distinct Problems of n rows; ``present`` (P n, V); ``onehot``
    (P n, K); ``labelled`` / ``unlabelled`` (P, .) row positions, on the CPU, as ``owner`` (T,), the
    Problem of each member. ``keep`` (P, d_v) a view.
    """

    x: tuple[Tensor, ...]
    present: Tensor
    onehot: Tensor
    keep: tuple[Tensor, ...]
    labelled: Tensor
    unlabelled: Tensor
    owner: Tensor
    scalers: tuple[Scaler, ...]
    n: int

    @cached_property
    def keeps_all(self) -> tuple[bool, ...]:
        return tuple(bool(k.all()) for k in self.keep)

    def order(self, seed: int, member: int, epoch: int, sizes: BatchSizes) -> Tensor:
        """Rows (steps, labelled + unlabelled) of one member's epoch, as positions in ``x``."""
        problem = int(self.owner[member])
        parts = []
        for name, pool, size in (
            ("labelled", self.labelled[problem], sizes.labelled),
            ("unlabelled", self.unlabelled[problem], sizes.unlabelled),
        ):
            if size:
                drawn = rng.order(seed, (name, epoch), len(pool), sizes.steps, size)
                parts.append(pool[drawn] + problem * self.n)
        return torch.cat(parts, 1)

    def kept(self, members: Tensor) -> tuple[Tensor | None, ...]:
        """``keep`` (t, d_v) of ``members`` (t,) a view, or None where all keep all columns."""
        return tuple(
            None if keeps_all else keep[self.owner[members].to(keep.device)]
            for keep, keeps_all in zip(self.keep, self.keeps_all, strict=True)
        )

    def batch(
        self,
        rows: Tensor,
        n_labelled: int,
        drawn: dict[str, Tensor],
        hyper: dict[str, Tensor],
        keep: tuple[Tensor | None, ...],
        epoch: int = 0,
    ) -> Batch:
        """Gather ``rows`` (t, b) of t members; ``keep`` as :meth:`kept` gives it."""
        t, flat = len(rows), rows.reshape(-1)
        first = rows[:, :n_labelled].reshape(-1)
        return Batch(
            x=tuple(x.index_select(0, flat).view(t, -1, x.shape[1]) for x in self.x),
            present=self.present.index_select(0, flat).view(t, -1, len(self.x)),
            onehot=self.onehot.index_select(0, first).view(t, n_labelled, self.onehot.shape[1]),
            n_labelled=n_labelled,
            noise=drawn,
            hyper=hyper,
            keep=keep,
            epoch=epoch,
        )


def gather(
    members: Sequence[Member], like: Tensor, *, standardise: bool = True, use_labels: bool = True
) -> Data:
    """Put the members' Problems on the device and dtype of ``like``.

    Without ``use_labels`` every row counts as unlabelled.
    """
    problems: list[Problem] = []
    owner = []
    for member in members:
        same = [i for i, p in enumerate(problems) if p is member.problem]
        owner.append(same[0] if same else len(problems))
        if not same:
            problems.append(member.problem)
    scalers = [Scaler.fit(p.rows, standardise=standardise) for p in problems]
    scaled = [s.apply(p.rows) for s, p in zip(scalers, problems, strict=True)]
    n_classes = problems[0].n_classes
    known = [p.labelled & use_labels for p in problems]

    def put(arrays: list[np.ndarray]) -> Tensor:
        return torch.as_tensor(np.concatenate(arrays)).to(like)

    return Data(
        x=tuple(put([views[v] for views in scaled]) for v in range(len(scaled[0]))),
        present=put([p.rows.present for p in problems]),
        onehot=put([p.labels[:, None] == np.arange(n_classes) for p in problems]),
        keep=tuple(put([s.columns[v][2][None] for s in scalers]) for v in range(len(scaled[0]))),
        labelled=torch.as_tensor(np.stack([np.flatnonzero(k) for k in known])),
        unlabelled=torch.as_tensor(np.stack([np.flatnonzero(~k) for k in known])),
        owner=torch.tensor(owner),
        scalers=tuple(scalers[i] for i in owner),
        n=problems[0].rows.n,
    )


def scaled(
    rows: Rows, scaler: Scaler, like: Tensor, *, allow_absent: bool = False
) -> tuple[Tensor, ...]:
    """Rows as scaled tensors (1, n, d_v) like ``like``.

    UnsupportedError where a view is absent, or, with ``allow_absent``, zeros there.
    """
    if not allow_absent:
        require_complete(rows)
    return tuple(torch.as_tensor(view)[None].to(like) for view in scaler.apply(rows))


def tensors_of(
    rows: Rows, scaler: Scaler, like: Tensor, *, allow_absent: bool = True
) -> tuple[tuple[Tensor, ...], Tensor]:
    """:func:`scaled` views, and presence (1, n, V) of 0 and 1."""
    present = torch.tensor(rows.present)[None].to(like)
    return scaled(rows, scaler, like, allow_absent=allow_absent), present


def per_member(members: Sequence[Member], name: str) -> Tensor:
    """The setting ``name`` of every member, (T,)."""
    return torch.tensor([float(getattr(member.config, name)) for member in members])


def kept_columns(scaler: Scaler, like: Tensor) -> tuple[Tensor | None, ...]:
    """Columns (1, d_v) that are not constant, or None where all are kept."""
    masks = [torch.as_tensor(keep)[None].to(like) for _, _, keep in scaler.columns]
    return tuple(None if bool(mask.all()) else mask for mask in masks)
