"""Controls: simulated data on which it is known what a method can reach and what it must not.

Positive controls are drawn from the paper's own models with known parameters: SMVAE must come near
the Bayes accuracy with unlabelled rows where methods without them stay away from it (P2), leave a
view of pure noise, and SiMVAE must impute nearly as well as the conditional mean (P3). Negative
controls have nothing to find: views that tell no class, permuted labels, views of different rows
paired at random. docs/controls.md says how to read a result.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from datasets.base import Dataset
from protocols._figures import CLASSIFIER, inductive, lowest
from protocols.base import Budget, Cell, MethodCard, Protocol, Stage, TableRow

NEAR, NEAR_NMSE, GONE, NONE = 0.05, 0.05, 0.1, 0.03
"""How near to the Bayes accuracy and to the least NMSE a method must come; the weight that a view
of noise may keep; how much accuracy may seem to rise where nothing can be gained."""
TRIALS = 10
"""Most trials, under any budget: the data are drawn, so that few show what more would."""
EPOCHS, WARMUP = 200, 40
"""Least epochs of the methods that must reach a known value, and epochs of their warm-up, of those
tried on development draws of these data the best (docs/decisions/0131)."""
FIXED: Mapping[str, Mapping[str, float]] = {
    "smvae": {"c": 0.5},
    "m2": {"c": 0.5},
    "simvae": {"c": 0.5, "c1": 1.0},
}
BAYES, MEAN = "bayes_accuracy", "conditional_mean_nmse"
PANEL = "measured − expected"


def _row(key: str, title: str, *recipe: Stage) -> TableRow:
    return TableRow(key, title, key.partition("_")[0], "inductive", recipe)


def _vae(control: str, key: str, title: str, epochs: int | None = EPOCHS, **how: Any) -> TableRow:
    """A VAE at one c; its learning rate is chosen. Long training has a longer warm-up."""
    config = {**FIXED[key], **({"warmup_epochs": WARMUP} if epochs else {})}
    return _row(f"{control}_{key}", title, Stage(key, config=config, epochs=epochs, **how))


def _alone(row: TableRow) -> TableRow:
    """The row on view a alone."""
    recipe = tuple(replace(stage, views=("a",)) for stage in row.recipe)
    return replace(row, key=f"{row.key}_alone", title=f"{row.title}, view a alone", recipe=recipe)


def _as_many_steps(row: TableRow, budget: Budget) -> TableRow:
    """A row that sees a share of the unlabelled rows, with as many minibatches as one of all rows.

    An epoch is a pass over the unlabelled rows, in ten minibatches at least. With fewer rows, the
    same epochs would be fewer steps, and minibatches of few unlabelled rows: a difference could
    come from either. So epochs and warm-up grow as the share falls, and an epoch has no least
    number of minibatches (docs/decisions/0127).
    """
    if row.key not in SHARES:
        return row
    ((stage,), share) = row.recipe, SHARES[row.key]
    epochs = round(max(stage.epochs or 0, budget.epochs) / share)
    more = {
        "batches_per_epoch": 1,
        "warmup_epochs": math.ceil(stage.config["warmup_epochs"] / share),
    }
    stage = replace(stage, config={**stage.config, **more}, epochs=epochs)
    return replace(row, recipe=(stage,))


def _regression(control: str) -> TableRow:
    stage = Stage("logistic_regression")
    return _row(f"{control}_logistic_regression", "Logistic regression", stage)


SHARES = {"p2_smvae_30": 0.3, "p2_smvae_10": 0.1}
"""Rows that see a share of the unlabelled rows."""
P2 = (
    _vae("p2", "smvae", "SMVAE"),
    *(
        replace(_vae("p2", "smvae", f"SMVAE, {100 * share:g} % of the unlabelled rows"), key=key)
        for key, share in SHARES.items()
    ),
    _vae("p2", "m2", "M2"),
    _row("p2_classifier", CLASSIFIER.title, *CLASSIFIER.recipe),
    _regression("p2"),
    _row("p2_label_spreading", "Label spreading", Stage("label_spreading")),
)
NOISE = (
    _vae("noise", "smvae", "SMVAE", last_epoch=True),
    _alone(_vae("noise", "smvae", "SMVAE", last_epoch=True)),
)
"""At the last epoch: one that tuning accuracy chooses may come before the weights have moved."""
MISSING = (
    _vae("missing", "simvae", "SiMVAE", imputes=True),
    _row("missing_ridge_impute", "Ridge regression", Stage("ridge_impute", imputes=True)),
    _row("missing_mean_impute", "Column means", Stage("mean_impute", imputes=True)),
)
MISSING_FRACTION = 0.5


def _blank(control: str) -> tuple[TableRow, ...]:
    """Rows of a control in which there is nothing to learn."""
    return (
        _vae(control, "smvae", "SMVAE", epochs=None),
        _vae(control, "m2", "M2", epochs=None),
        _regression(control),
        _row(f"{control}_label_spreading", "Label spreading", Stage("label_spreading")),
    )


PAIRED = (
    _vae("paired", "smvae", "SMVAE", epochs=None),
    _alone(_vae("paired", "smvae", "SMVAE", epochs=None)),
    _regression("paired"),
    _alone(_regression("paired")),
)
CONTROLS: Mapping[tuple[str, ...], tuple[TableRow, ...]] = {
    ("a", "b"): P2,
    ("a", "noise"): NOISE,
    ("o", "m"): MISSING,
    ("blind_a", "blind_b"): _blank("blind"),
    ("permuted_a", "permuted_b"): _blank("permuted"),
    ("a", "shuffled_b"): PAIRED,
}
"""Rows by the views of a control's data."""


def _effect(row: TableRow, must: str, within: tuple[float | None, ...], **how: Any) -> dict:
    """A row of which something must hold."""
    return {
        "line": row.title,
        "panel": PANEL,
        "rows": {row.key: 1.0},
        "must": must,
        "within": within,
    } | how


def _positive() -> list[dict]:
    smvae, third, tenth, m2, classifier, regression, spreading = P2
    near = f"at most {NEAR:g} below the Bayes accuracy"
    far = f"more than {NEAR:g} below the Bayes accuracy, without unlabelled rows"
    bayes: dict[str, Any] = {"less": BAYES}
    return [
        *(_effect(row, near, (-NEAR, None), **bayes) for row in (smvae, m2)),
        *(_effect(row, "", (), **bayes) for row in (third, tenth, spreading)),
        *(_effect(row, far, (None, -NEAR), **bayes) for row in (classifier, regression)),
        *(
            _effect(
                smvae,
                "unlabelled rows raise accuracy",
                (0.0, None),
                line=f"SMVAE, all minus {less} unlabelled rows",
                rows={smvae.key: 1.0, other.key: -1.0},
            )
            for other, less in ((tenth, "10 % of the"), (classifier, "no"))
        ),
    ]


def _noise() -> list[dict]:
    both, alone = NOISE
    return [
        _effect(
            both,
            f"the view of noise keeps a weight of at most {GONE:g}",
            (None, GONE),
            line="SMVAE, weight of the view of noise",
            column="weight_1",
        ),
        _effect(
            both,
            f"a view of noise costs at most {NEAR:g} of accuracy",
            (-NEAR, None),
            line="SMVAE, with minus without the view of noise",
            rows={both.key: 1.0, alone.key: -1.0},
        ),
    ]


def _missing() -> list[dict]:
    simvae, ridge, means = MISSING
    near = f"NMSE at most {NEAR_NMSE:g} above that of the conditional mean"
    nmse: dict[str, Any] = {"column": "nmse", "less": MEAN}
    lines = [
        _effect(row, near, (None, NEAR_NMSE), **nmse, line=f"{row.title}, NMSE")
        for row in (simvae, ridge)
    ]
    exact = "NMSE 1, but for the sample"
    mean = _effect(means, exact, (-NONE, NONE), column="nmse", less=1.0, line="Column means, NMSE")
    return [*lines, mean]


def _negative() -> list[dict]:
    chance = f"within {NEAR:g} of the share of the largest class"
    where = {"blind": "views without the class", "permuted": "labels permuted"}
    lines = [
        _effect(row, chance, (-NEAR, NEAR), less=BAYES, line=f"{row.title}, {words}")
        for control, words in where.items()
        for row in _blank(control)
    ]
    for both, alone in (PAIRED[:2], PAIRED[2:]):
        must = f"fusion of views of different rows gains at most {NONE:g}"
        rows = {both.key: 1.0, alone.key: -1.0}
        line = f"{both.title}, pairs at random minus view a alone"
        lines.append(_effect(both, must, (None, NONE), rows=rows, line=line))
    return lines


def _specs(key: str) -> tuple[str, ...]:
    return tuple(f"{key}:{','.join(views)}" for views in CONTROLS)


class Controls(Protocol):
    """What must hold on simulated data, and whether it does."""

    title = "Controls: methods on simulated data whose best possible result is known"
    datasets = {
        "paper": _specs("synthetic"),
        "preview": _specs("synthetic_small"),
        "smoke": _specs("synthetic_small"),
    }
    by_name_only = True
    layout = {
        "kind": "effects",
        "values": (
            {"column": "accuracy", "label": "test accuracy"},
            {"column": "nmse", "label": "NMSE of hidden entries, z-scored"},
        ),
        "effects": (*_positive(), *_noise(), *_missing(), *_negative()),
        "shows": "What was measured on simulated data minus what is known or must be exceeded, a "
        "dot each, with its 95 % interval over trials; the band is where it must lie.",
        "reading": (
            "Passed: the interval lies within the band. Failed: it lies outside, and the method "
            "is named. Undecided: it lies on both sides of an end of the band; more trials narrow "
            "it.",
            "The data are linear Gaussian, so that the Bayes accuracy and the conditional mean are "
            "known (docs/controls.md). A method that fails here cannot be trusted to see the same "
            "on real data; one that passes may still fail there.",
            "One draw of each data set: trials re-draw the split, the labelled rows, the "
            "hidden views and the initial weights.",
        ),
        "warning": "The data are drawn from a model. Accuracies say nothing about real data.",
    }

    def rows(
        self, view_names: Sequence[str], methods: Sequence[MethodCard]
    ) -> tuple[TableRow, ...]:
        """The rows of every control; :meth:`cells` has those of the data's own."""
        return tuple(row for rows in CONTROLS.values() for row in rows)

    def cells(
        self, data: Dataset, split: str, budget: Budget, methods: Sequence[MethodCard]
    ) -> tuple[Cell, ...]:
        """The rows of the data's control, at the lowest share of labels, for a few trials."""
        share, rows = lowest(data, budget), CONTROLS.get(data.view_names, ())
        lacking = {"missing": ("m",), "missing_fraction": MISSING_FRACTION}
        return tuple(
            Cell(
                _as_many_steps(row, budget),
                inductive(
                    data,
                    split,
                    share,
                    unlabelled_fraction=SHARES.get(row.key, 1.0),
                    **(lacking if rows is MISSING else {}),
                ),
                share,
                trials=TRIALS,
            )
            for row in rows
        )

    def unfit(self, data: Dataset) -> str:
        """Why ``data`` is no control; "" if it is one."""
        if data.view_names in CONTROLS and BAYES in data.provenance.known:
            return ""
        pairs = ", ".join(_specs("synthetic_small"))
        return f"{data.key} is not a control: nothing is known of it; use one of {pairs}"
