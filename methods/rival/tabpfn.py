"""TabPFN: a transformer pretrained on synthetic tables, which reads the labelled rows as context.

Nothing is fitted to the data: one forward pass maps labelled rows and a new row to its class
probabilities [hollmann2025], here averaged over ``estimators`` transformed copies. The package
``tabpfn`` and a checkpoint of it are the user's to bring, named by ``model_path``, under the
licence that comes with the weights (newer ones are for non-commercial use); a fit is skipped with
its reason where one of them is absent, so that the package has nothing to download. Whether it
may report its use to its makers is the user's to say (``TABPFN_DISABLE_TELEMETRY``). Columns: the
concatenated, z-scored views. Unlabelled rows are not used; rows with absent views are refused.

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
class TabPFN(PretrainedMethod):
    """The package's ``TabPFNClassifier``."""

    version, title = 1, "TabPFN (your checkpoint)"
    cites = ("Hollmann et al., Nature 2025",)
    Config = Config
    package, kind = "tabpfn", "TabPFNClassifier"

    def arguments(self, seed: int) -> Mapping[str, Any]:
        return {
            "model_path": self.config.model_path,
            "n_estimators": self.config.estimators,
            "device": "cpu",
            "ignore_pretraining_limits": True,  # more rows than it takes on a CPU by itself
            "random_state": seed,
        }

    @classmethod
    def cost(cls, shape: Shape, config: Config, training: Training) -> float:
        """Not measured here: a guess for a plan, a forward pass of tuning and of test rows."""
        return 1 + 0.002 * config.estimators * sum(shape.dims)
