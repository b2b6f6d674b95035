"""Settings that SDGM and SDGM+ share, and what their ``normalisation`` makes of them."""

from __future__ import annotations

from dataclasses import dataclass

from datasets.base import Problem
from methods._nn.minibatches import BATCHING, counts
from methods._ssvae.method import SemisupConfig
from methods.base import hp


@dataclass(frozen=True)
class SkipConfig(SemisupConfig):
    """Settings of skip deep generative models."""

    c: float = hp(
        0.5,
        "weight of CE, the authors' beta",
        grid=(0.1, 0.5, 1.0),
        low=0,
        high=1000,
        batchable=True,
    )
    normalisation: str = hp("authors", "weights of L, U and CE", choices=("authors", "paper"))
    batching: str = hp("balanced", "sizes of minibatches, see Minibatches", choices=BATCHING)

    def weights(self, problem: Problem) -> tuple[tuple[float, float], float]:
        """Weights of mean L and mean U, and that of c times the mean cross-entropy."""
        known, unknown = counts(problem)
        if self.normalisation == "authors":
            return (1.0, 1.0), (known + unknown) / max(known, 1)
        return self.shares(problem), 1.0
