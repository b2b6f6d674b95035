"""Rows and scenarios of the figures with missing views (paper, section 4.3)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from datasets.base import Dataset
from protocols._figures import inductive, label_ends, on_axis
from protocols.base import Budget, Cell, MethodCard, Protocol, Scenario, Stage, TableRow

FRACTIONS, PREVIEW = (0.1, 0.3, 0.5, 0.7, 0.9), (0.1, 0.5, 0.9)
TOGETHER, BEFORE, BOUNDS, ALONE = "end to end", "two stages", "bounds", "imputation alone"
NOT_IN_PAPER = "not in the paper"
"""The block of all rows that the paper lacks; they stand behind its own."""

AXIS = {"name": "missing", "label": "training rows that lack a view (%)", "percent": True}
IMPUTERS = {"soft_impute_als": "SoftImputeALS", "dccae": "DCCAE", "corrnet": "CorrNet"}
"""The paper's imputers, each used before SMVAE."""
GRIDS: dict[str, dict[str, Any]] = {
    "dccae": {
        "config": {"directions": 30},
        "grid": {"reconstruction": (1.0, 0.1, 10.0), "ridge": (0.3, 1.0)},
    }
}
"""Grids of an imputer whose own grid is for its codes; a preview takes the first values."""
FURTHER = (
    *("soft_impute", "knn_impute", "iterative_svd"),
    *("extra_trees_impute", "kernel_ridge_impute", "ridge_impute", "mean_impute"),
)
"""Imputers that are not in the paper, for comparison: a linear regression is the baseline of every
network, and column means are the baseline of every imputer."""
LEARNERS = {"conet": "CoNet", "sdgm_plus": "SDGM+"}
BOUND = {"full_data": {"missing_fraction": 0.0}, "partial_data": {"incomplete": "drop"}}
"""The two bounds of SiMVAE: nothing is missing; incomplete rows are dropped (4.3.1)."""


def imputer(key: str) -> Stage:
    """The stage that imputes missing views, the same in every table row."""
    return Stage(key, imputes=True, **GRIDS.get(key, {}))


def end_to_end(key: str, title: str) -> TableRow:
    """A method that imputes and classifies at once, selected by tuning accuracy."""
    return TableRow(key, title, TOGETHER, "inductive", (Stage(key),), published=title)


def as_imputer(row: TableRow) -> TableRow:
    """The same row selected by NMSE: separate fits, at the epoch with the lowest NMSE."""
    (stage,) = row.recipe
    return replace(row, recipe=(replace(stage, imputes=True),))


SIMVAE = end_to_end("simvae", "SiMVAE")
VARIANTS = (
    TableRow(
        "simvae_single", "SiMVAE (single imputation)", NOT_IN_PAPER, "inductive",
        (Stage("simvae", config={"imputation": "single"}),), optional=True,
    ),
    TableRow(
        "sdgm_plus_clamp_a", "SDGM+ (a clamped)", NOT_IN_PAPER, "inductive",
        (Stage("sdgm_plus", config={"clamp_a": True}),), optional=True,
    ),
    TableRow(
        "incomplete_poe", "PoE-VAE", NOT_IN_PAPER, "inductive", (Stage("incomplete_poe"),),
        optional=True,
    ),
)  # fmt: skip
"""Other readings of the paper's methods, and a rival, that impute and classify at once."""
READERS = (
    TableRow(
        "mean_indicator", "Means + indicator → logistic regression", NOT_IN_PAPER, "inductive",
        (Stage("mean_indicator"),),
    ),
    TableRow(
        "mean_indicator_trees", "Means + indicator → ExtraTrees", NOT_IN_PAPER, "inductive",
        (Stage("mean_indicator", config={"classifier": "extra_trees", "C": 1.0}),),
    ),
    TableRow(
        "hist_gradient_boosting", "Gradient boosting, no imputation", NOT_IN_PAPER, "inductive",
        (Stage("hist_gradient_boosting"),), optional=True,
    ),
    TableRow(
        "tmc", "TMC, no imputation", NOT_IN_PAPER, "inductive", (Stage("tmc"),), optional=True,
    ),
)  # fmt: skip
"""Classifiers that read rows with absent views as they are, on the labelled rows alone."""


def bounds() -> tuple[TableRow, ...]:
    """FullData and PartialData: SiMVAE under other scenarios."""
    return tuple(
        TableRow(key, title, BOUNDS, "inductive", SIMVAE.recipe, published=title)
        for key, title in (("full_data", "FullData"), ("partial_data", "PartialData"))
    )


def before_smvae(key: str, title: str) -> TableRow:
    """An imputer, then inductive SMVAE on the completed views."""
    recipe = (imputer(key), Stage("smvae"))
    return TableRow(
        f"{key}_smvae", f"{title} → SMVAE", BEFORE, "inductive", recipe, published=title
    )


def alone(key: str, title: str) -> TableRow:
    """An imputer without a classifier: the first stage of :func:`before_smvae`, by itself."""
    return TableRow(key, title, ALONE, "inductive", (imputer(key),), published=title)


def lacking(row: TableRow, *, optional: bool = False) -> TableRow:
    """The row as one that the paper lacks."""
    return replace(row, block=NOT_IN_PAPER, published=None, optional=optional)


def imputing(methods: Sequence[MethodCard]) -> tuple[TableRow, ...]:
    """Every table row that imputes, the paper's first; two-stage rows without their SMVAE.

    The last stage always imputes, so that all rows are selected by NMSE.
    """
    titles = {card.key: card.title for card in methods}
    others = [card.key for card in further(methods) if card.key not in FURTHER]
    return (
        as_imputer(SIMVAE),
        *(alone(key, title) for key, title in IMPUTERS.items()),
        *(as_imputer(end_to_end(key, title)) for key, title in LEARNERS.items()),
        *(as_imputer(row) for row in VARIANTS),
        *(lacking(alone(key, titles[key])) for key in FURTHER),
        *(lacking(alone(key, titles[key]), optional=True) for key in others),
    )


def further(methods: Sequence[MethodCard]) -> tuple[MethodCard, ...]:
    """Registered imputers that do not classify and are not in the paper."""
    return tuple(c for c in methods if c.impute and not c.classify and c.key not in IMPUTERS)


def cells(
    protocol: Protocol, data: Dataset, split: str, budget: Budget, methods: Sequence[MethodCard]
) -> tuple[Cell, ...]:
    """The protocol's rows x label fractions x missing fractions."""
    return tuple(
        Cell(
            row,
            replace(scenario(protocol, data, split, fraction, missing), **BOUND.get(row.key, {})),
            fraction,
            {"missing": missing},
        )
        for row in protocol.rows(data.view_names, methods)
        for fraction in label_ends(data, budget)
        for missing in fractions(budget)
    )


def fractions(budget: Budget) -> tuple[float, ...]:
    """Shares of training rows that lack a view."""
    return on_axis(budget, FRACTIONS, PREVIEW)


def scenario(
    protocol: Protocol, data: Dataset, split: str, label_fraction: float, missing: float
) -> Scenario:
    """The scenario in which a share ``missing`` of the training rows lacks a view.

    The views that may be missing are the protocol's, in the data set's order, or all but the
    first: Eye of SEED, PPS of DEAP.
    """
    named = tuple(name for name in data.view_names if name in protocol.may_miss)
    return inductive(
        data,
        split,
        label_fraction,
        missing=named or data.view_names[1:],
        missing_fraction=missing,
        missing_at_test=protocol.missing_at_test,
    )
