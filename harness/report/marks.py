"""The mark of a row in figures: its colour, marker and dashes depend on its key alone.

``KNOWN`` is the one registry. A name is appended, never moved, so that no row changes its mark; a
row that is not in it has a mark by a checksum of its key, which another such row may share.
"""

from __future__ import annotations

import zlib
from dataclasses import dataclass, replace
from typing import Any

from harness.report.colours import ACCENT, HUES, PAPER

COLOURS = (ACCENT, *HUES)
MARKERS = ("o", "s", "^", "D", "v", "P", "X", "<", ">", "p", "*")
DASHES = ((0, ()), (0, (5, 2)), (0, (1.2, 1.4)), (0, (6, 2, 1.2, 2)), (0, (3, 1.2)))
PATHS = (
    "M1 5a4 4 0 1 0 8 0a4 4 0 1 0-8 0z", "M1.5 1.5h7v7h-7z", "M5 1l4.2 7.6H.8z",
    "M5 .6L9.4 5 5 9.4.6 5z", "M5 9L.8 1.4h8.4z", "M3.5 1h3v2.5H9v3H6.5V9h-3V6.5H1v-3h2.5z",
    "M2.6.8L5 3.2 7.4.8 9.2 2.6 6.8 5l2.4 2.4-1.8 1.8L5 6.8 2.6 9.2.8 7.4 3.2 5 .8 2.6z",
    "M1 5l7.6-4.2v8.4z", "M9 5L1.4.8v8.4z", "M5 .8l4.2 3.1-1.6 5H2.4l-1.6-5z",
    "M5 .4l1.2 3.1 3.4.2L7 5.8l.9 3.3L5 7.3 2.1 9.1 3 5.8.4 3.7l3.4-.2z",
)  # fmt: skip
"""The markers as SVG paths in a square of 10, for the page."""
OURS = (
    "simvae", "smvae", "smvae_gated", "smvae_poe", "smvae_mopoe", "smvae_uniform",
    "simvae_single", "wide_smvae",
)  # fmt: skip
"""Rows in the accent colour."""
KNOWN = (
    "full_data", "partial_data", "soft_impute_als", "dccae", "corrnet", "conet", "sdgm_plus",
    "classifier", "m2_concat", "sdgm_concat", "mae_svm", "dcca_svm", "dccae_svm", "ammss", "amgl",
    "mae_tsvm", "dcca_tsvm", "dccae_tsvm", "svm", "logistic_regression", "tsvm", "mae_svm_train",
    "dcca_svm_train", "dccae_svm_train", "mvae_svm_train", "majority", "svm_all_labels",
    "label_spreading", "label_spreading_concat", "label_propagation", "label_propagation_concat",
    "poisson_learning", "poisson_learning_concat", "extra_trees", "hist_gradient_boosting",
    "self_training", "co_training", "pseudo_label_mlp", "tmc", "tabicl", "tabpfn",
    "incomplete_poe", "mean_indicator", "mean_indicator_trees", "sdgm_plus_clamp_a", "soft_impute",
    "knn_impute", "iterative_svd", "extra_trees_impute", "kernel_ridge_impute", "ridge_impute",
    "mean_impute", "miwae", "wide_m2", "sdgm_paper", "sdgm_2016", "amgl_exact",
)  # fmt: skip
TRANSDUCTIVE = "_transductive"
WITH_SMVAE = "_smvae"
"""Ending of an imputer's key where SMVAE is trained on what it completes: the imputer's mark."""


@dataclass(frozen=True)
class Mark:
    """``hue`` of ``COLOURS``, ``shape`` of ``MARKERS``, ``dash`` of ``DASHES``.

    ``hollow``  for the transductive row of a method that also has an inductive one.
    """

    hue: int
    shape: int
    dash: int
    hollow: bool = False

    @property
    def colour(self) -> str:
        """As ``#rrggbb``."""
        return COLOURS[self.hue]

    @property
    def marker(self) -> str:
        """As matplotlib spells it."""
        return MARKERS[self.shape]

    @property
    def path(self) -> str:
        """The marker as an SVG path."""
        return PATHS[self.shape]

    def plain(self) -> dict[str, Any]:
        """As the page's plots read it."""
        return {"hue": self.hue, "shape": self.shape, "hollow": self.hollow}

    def line(self, *, heavy: bool = False) -> dict[str, Any]:
        """How matplotlib draws its line; ``heavy`` for the row that others are compared with."""
        return {
            "color": self.colour,
            "marker": self.marker,
            "linestyle": "-" if heavy else DASHES[self.dash],
            "lw": 2.0 if heavy else 1.2,
            "ms": 5.2 if heavy else 4.4,
            "mfc": PAPER if self.hollow else self.colour,
        }


def mark_of(key: str) -> Mark:
    """The mark of the row ``key``."""
    base = key.removesuffix(TRANSDUCTIVE)
    hollow = base != key
    if base in OURS:
        number = OURS.index(base)
        return Mark(0, number % len(MARKERS), number % len(DASHES), hollow)
    if base not in KNOWN and base.removesuffix(WITH_SMVAE) in KNOWN:
        base = base.removesuffix(WITH_SMVAE)
    number = KNOWN.index(base) if base in KNOWN else zlib.crc32(base.encode())
    return replace(numbered(number), hollow=hollow)


def numbered(number: int) -> Mark:
    """The mark of a line that is no row, such as a share of labels; 88 in a row differ."""
    turn, hue = divmod(number, len(HUES))  # eight hues and eleven markers share no factor
    return Mark(1 + hue, (hue + 9 * turn + 1) % len(MARKERS), (hue + turn + 1) % len(DASHES))
