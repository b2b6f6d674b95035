"""TabICL: a transformer pretrained on synthetic tables, which reads the labelled rows as context.

Nothing is fitted to the data: one forward pass maps labelled rows and a new row to its class
probabilities [qu2025, qu2026], here averaged over ``estimators`` copies with columns and classes
in other orders. The package ``tabicl`` (BSD-3) and a checkpoint of it are the user's to bring,
named by ``model_path``; it is called with ``allow_auto_download=False``, and a fit is skipped
with its reason where one of them is absent. Columns: the concatenated, z-scored views. Unlabelled
rows are not used; rows with absent views are refused.

Departs from the paper: the paper has no such row, and no other row here was trained on other
data.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, final

from methods._pretrained import Checkpoint, PretrainedMethod
from methods.base import Shape, Training


@dataclass(frozen=True)
class Config(Checkpoint):
    """The package's defaults."""


@final
class TabICL(PretrainedMethod):
    """The package's ``TabICLClassifier``."""

    version, title = 1, "TabICL (your checkpoint)"
    cites = ("Qu, Holzmueller, Varoquaux and Le Morvan, ICML 2025", "Qu et al., ICML 2026")
    Config = Config
    package, kind = "tabicl", "TabICLClassifier"

    def arguments(self, seed: int) -> Mapping[str, Any]:
        return {
            "model_path": self.config.model_path,
            "allow_auto_download": False,
            "n_estimators": self.config.estimators,
            "device": "cpu",
            "n_jobs": 1,
            "random_state": seed,
        }

    @classmethod
    def cost(cls, shape: Shape, config: Config, training: Training) -> float:
        """Not measured here: a guess for a plan, a forward pass of tuning and of test rows."""
        return 1 + 0.002 * config.estimators * sum(shape.dims)
