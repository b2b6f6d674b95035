"""How many rows lack which views: realised shares, part by part, and digests of masks."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence

import numpy as np

from datasets.base import TEST, TRAIN, TUNE, Dataset
from harness.store.manifest import LackingView, Share
from protocols.base import Draw


def lacking(data: Dataset, draws: Sequence[Draw]) -> tuple[LackingView, ...]:
    """Shares of the rows of every part that lack a view, one entry for each view that some lack.

    What a draw hides counts as well as what the data set lacks.
    """
    return tuple(
        LackingView(
            name,
            labelled=_span(drawn.present[drawn.labelled, v] for drawn in draws),
            unlabelled=_span(
                drawn.present[(drawn.part == TRAIN) & ~drawn.labelled, v] for drawn in draws
            ),
            tuning=_span(drawn.present[drawn.part == TUNE, v] for drawn in draws),
            test=_span(drawn.present[drawn.part == TEST, v] for drawn in draws),
        )
        for v, name in enumerate(data.view_names)
        if not all(drawn.present[:, v].all() for drawn in draws)
    )


def digest(data: Dataset, masks: Iterable[np.ndarray]) -> str:
    """16 hex digits of ``masks`` (n, V) of the data set's views, in their order."""
    made = hashlib.sha256("|".join(data.view_names).encode())
    for mask in masks:
        made.update(f"{mask.shape}".encode() + np.packbits(mask).tobytes())
    return made.hexdigest()[:16]


def sentence(data: Dataset) -> str:
    """How many rows of the data set lack views, with the digest of its mask; "" for none."""
    if not data.absent_views:
        return ""
    present = data.present
    rows = int((~present.all(axis=1)).sum())
    counts = zip(data.view_names, (~present).sum(axis=0).tolist(), strict=True)
    by_view = ", ".join(f"{name} {count}" for name, count in counts if count)
    mask = digest(data, [present])
    return f"Rows that lack a view: {rows} of {data.n} ({by_view}); mask {mask}"


def _span(parts: Iterable[np.ndarray]) -> Share:
    """Least and greatest percentage of False in those of the ``parts`` that have rows; else 0."""
    shares = [100 * float(np.mean(~there)) for there in parts if len(there)] or [0.0]
    return round(min(shares), 4), round(max(shares), 4)
