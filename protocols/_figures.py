"""Shared parts of the figures' protocols: scenarios, values of an axis, columns of a budget."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from datasets.base import Dataset
from protocols.base import (
    Budget,
    Scenario,
    Stage,
    TableRow,
    label_columns,
    labelled,
    scaling_rule,
)

DATASETS = {
    "paper": ("mfeat", "mnist_hog", "watch"),
    "preview": ("mfeat",),
    "smoke": ("digits",),
}
"""Open data by budget."""
SMVAE = TableRow("smvae", "SMVAE", "inductive", "inductive", (Stage("smvae"),), published="SMVAE")
CLASSIFIER = TableRow(
    "classifier",
    "q(y|X) of SMVAE alone",
    "reference",
    "inductive",
    (Stage("smvae", config={"trains": "classifier", "c": 0.5}),),
)
"""SMVAE's q(y|X) trained by cross-entropy on the labelled rows: SMVAE without its bound."""


def inductive(data: Dataset, split: str, label_fraction: float, **changes: Any) -> Scenario:
    """The inductive scenario of section 4.2.1, with ``changes``."""
    return Scenario(
        split=split,
        paradigm="inductive",
        scaling=scaling_rule(data, split),
        **labelled(data, label_fraction),
        **changes,
    )


def label_ends(data: Dataset, budget: Budget) -> tuple[float, ...]:
    """Label fractions, one panel each: as asked, or all, in a preview the lowest and highest."""
    fractions = label_columns(data, budget)
    if budget.shares or budget.per_class or budget.name != "preview":
        return fractions
    return (fractions[0], fractions[-1])


def lowest(data: Dataset, budget: Budget) -> float:
    """The lowest label fraction: as asked, or 1 % on the paper's data, 2 % on open data."""
    return label_columns(data, budget)[0]


def on_axis(budget: Budget, paper: Sequence[float], preview: Sequence[float]) -> tuple[float, ...]:
    """Values of an axis under a budget; a smoke run takes the ends of the preview's."""
    if budget.name == "smoke":
        return (preview[0], preview[-1])
    return tuple(paper if budget.name == "paper" else preview)
