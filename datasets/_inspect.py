"""What ``--inspect`` prints of the rows, views, classes, groups and splits of a data set."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from datasets._wording import count
from datasets.base import Dataset, Split

LONGEST = 40  # classes listed


def describe(data: Dataset, split: Split) -> list[str]:
    """Lines for people on a data set that is run under ``split``."""
    counts = np.bincount(data.labels, minlength=data.n_classes)
    views = dict(zip(data.view_names, data.views, strict=True))
    return [
        f"{data.key}: {data.title}, {data.provenance.source}",
        *(f"  {line}" for line in rows_and_views(views)),
        f"  {classes(data.class_names, counts.tolist())}",
        *(f"  {line}" for line in groups(data.groups)),
        *(f"  note     {note}" for note in data.provenance.notes),
        *(f"  {line}" for line in splits(data, split)),
    ]


def rows_and_views(views: Mapping[str, np.ndarray]) -> list[str]:
    """How many rows there are, which of them lack which view, and how wide the views are."""
    lacks = {name: np.isnan(view).all(axis=1) for name, view in views.items()}
    lines = [f"rows     {len(next(iter(views.values())))}"]
    for name, view in views.items():
        absent, holes = int(lacks[name].sum()), np.isnan(view).any(axis=1) & ~lacks[name]
        lines.append(
            f"view     {name}: {count(view.shape[1], 'feature')}"
            + (f", absent in {count(absent, 'row')}" if absent else "")
            + (f", with single NaN in {count(int(holes.sum()), 'row')}" if holes.any() else "")
        )
    some = int(np.any([*lacks.values()], axis=0).sum())
    every = int(np.all([*lacks.values()], axis=0).sum())
    more = f", {every or 'none'} of them every view" if some else ""
    verb = "lacks" if some == 1 else "lack"
    return [*lines, f"missing  {count(some, 'row')} {verb} a view{more}"]


def classes(names: Sequence[str], counts: Sequence[int], origin: str = "") -> str:
    """The classes with their numbers of rows; ``origin`` the array that holds them."""
    tally = [f"{name} ({rows})" for name, rows in zip(names, counts, strict=True)]
    more = f" and {len(tally) - LONGEST} more" if len(tally) > LONGEST else ""
    source = f", from '{origin}'" if origin else ""
    return f"classes  {len(tally)}{source}: {', '.join(tally[:LONGEST])}{more}"


def groups(columns: Mapping[str, np.ndarray]) -> list[str]:
    """Every group with its number of values."""
    return [
        f"group    {name}: {count(len(np.unique(column)), 'value')}"
        for name, column in columns.items()
    ]


def splits(data: Dataset, chosen: Split) -> list[str]:
    """The splits that can be drawn, the chosen one in words, and why others cannot be drawn."""
    first, *others = (split.name for split in data.offered)
    names = ", ".join((f"{first} (default)", *others))
    whole = [f"each {chosen.by} in one part"] if chosen.by else []
    shared = [f"in several parts: {', '.join(chosen.leaks)}"] if chosen.leaks else []
    shares = "its own parts" if chosen.official else _shares(chosen)
    told = "; ".join([shares, *whole, *shared])
    reasons = filter(None, map(data.too_few_groups, data.splits))
    return [
        f"splits   {names}",
        f"split    {chosen.name}: {told}",
        *(f"note     {reason}" for reason in reasons),
    ]


def _shares(split: Split) -> str:
    train, tune, test = (f"{100 * share:.3g} %" for share in split.shares)
    return f"{train} training, {tune} tuning, {test} test rows"
