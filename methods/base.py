"""The method contract: what a method declares, receives and returns.

One method is one file: a docstring for the reader who holds the paper, a frozen ``Config`` and one
final class. That is a :class:`Method` with ``fit(problem, rng) -> Fitted``, or a
:class:`StackedMethod`, whose ``fit_stack`` trains many trials (and settings) along a leading tensor
axis; a member's result depends on its own problem, config and seed, never on the other members.
No method imports another; the harness composes them (``protocols.base.Stage``). No torch here.
"""

from __future__ import annotations

import itertools
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from datasets.base import Problem, Rows
from methods._config import Config as Config
from methods._config import ConfigError as ConfigError
from methods._config import hp as hp


class UnsupportedError(RuntimeError):
    """A fitted method was called for something that it does not declare in ``can``."""


class FitError(RuntimeError):
    """A fit failed for a reason that it can name (not finite, not converged)."""


class SkipError(RuntimeError):
    """A fit declines a Problem for a stated reason: recorded as skipped, not as failed."""


@dataclass(frozen=True)
class Can:
    """Capabilities, declared by every method and held to by the contract suite.

    ``classify`` / ``represent`` / ``impute``  what a fitted method offers.
    ``unlabelled``     unlabelled rows of the Problem change the fit.   ``labels`` its labels do.
    ``missing_views``  rows with absent views are accepted, in the Problem and when predicting. A
                       method without it gets none: an imputer stands before it, or such rows are
                       left out (``harness.plan.absent``).
    ``views``          fewest views that a fit takes.
    ``inductive``      rows outside the Problem can be predicted. If False, the harness selects by a
                       second transduction on labelled + tuning rows.
    """

    classify: bool = False
    represent: bool = False
    impute: bool = False
    unlabelled: bool = False
    missing_views: bool = False
    inductive: bool = True
    labels: bool = True
    views: int = 1


@dataclass(frozen=True)
class Training:
    """How long gradient training may take; it belongs to the run's budget, not to a method.

    ``epochs``      the most epochs.
    ``eval_every``  epochs between two scorings on tuning rows.
    ``patience``    stop after this many epochs without a better score (None: never early); a method
                    with a warm-up counts them from its end.
    ``device``      "cpu" or "cuda"; not part of a job's identity.
    """

    epochs: int = 1001
    eval_every: int = 10
    patience: int | None = 300
    device: str = "cpu"

    def identity(self) -> dict[str, Any]:
        return {"epochs": self.epochs, "eval_every": self.eval_every, "patience": self.patience}


class Fitted:
    """A fitted method. Subclasses override what their method declares in ``can``."""

    def predict(self, rows: Rows) -> np.ndarray:
        """Classes of rows, ``(n,)`` int64 in 0..K-1."""
        raise UnsupportedError(f"{type(self).__name__} does not classify")

    def predict_proba(self, rows: Rows) -> np.ndarray | None:
        """Class probabilities of rows, ``(n, K)``, each row's sum 1; None where there are none.

        Optional for a method that classifies; log-loss is stored where it answers.
        """
        return None

    def transform(self, rows: Rows) -> np.ndarray:
        """Representation of rows, ``(n, k)`` float32."""
        raise UnsupportedError(f"{type(self).__name__} does not represent")

    def impute(self, rows: Rows) -> tuple[tuple[np.ndarray, ...], tuple[np.ndarray, ...] | None]:
        """All views of rows, raw units, absent entries filled with means; variances if it has any.

        A variance is the predictive one, squared raw units, and 0 where the entry is present.
        """
        raise UnsupportedError(f"{type(self).__name__} does not impute")

    def loss(self, rows: Rows) -> float:
        """The method's own unsupervised loss per row (lower is better); selects epochs of codes."""
        raise UnsupportedError(f"{type(self).__name__} has no loss on new rows")

    def facts(self) -> dict[str, float | int | str | bool]:
        """Scalars to store in the record; ``converged`` False is reported under every table.

        NaN and infinities are kept as words; what JSON cannot hold (a set, an object) fails the
        fit.
        """
        return {}

    def arrays(self) -> dict[str, np.ndarray]:
        """Arrays worth keeping: weights per epoch, learning curves."""
        return {}


@dataclass(frozen=True)
class Member:
    """One trial at one setting inside a stack.

    ``seed``   64-bit; every random number of this member derives from it and from nothing else.
    ``score``  score on tuning rows, higher is better; the labels behind it stay with the harness.
    """

    problem: Problem
    config: Any
    seed: int
    score: Callable[[Fitted], float]


@dataclass(frozen=True)
class Progress:
    """Share of the stack's work that is done, 0..1."""

    done: float


@dataclass(frozen=True)
class Finished:
    """Member ``index`` stopped: its best epoch is restored in ``fitted``; ``seconds`` its share."""

    index: int
    fitted: Fitted
    score: float
    epoch: int
    seconds: float


@dataclass(frozen=True)
class Failed:
    """Member ``index`` failed on its own; the others go on."""

    index: int
    reason: str
    trace: str
    seconds: float


@dataclass(frozen=True)
class Checkpoint:
    """State from which training resumes, opaque to the harness; saved every few minutes."""

    state: bytes


Event = Progress | Finished | Failed | Checkpoint


@dataclass(frozen=True)
class Shape:
    """Sizes that set the cost of a fit, for estimates before anything is run."""

    n_labelled: int
    n_unlabelled: int
    dims: tuple[int, ...]
    n_classes: int


class Method(ABC):
    """A method, constructed with its settings. Concrete classes are final."""

    version: ClassVar[int]
    title: ClassVar[str]
    cites: ClassVar[tuple[str, ...]]
    can: ClassVar[Can]
    Config: ClassVar[type[Config]]
    quick: ClassVar[bool] = False
    """A fit takes well under a second, so that even the preview budget tries the whole grid."""

    def __init__(self, config: Any) -> None:
        self.config = config

    @abstractmethod
    def fit(self, problem: Problem, rng: np.random.Generator) -> Fitted:
        """Fit on one Problem. Raises FitError with a reason when no honest result exists."""

    @classmethod
    def cost(cls, shape: Shape, config: Any, training: Training) -> float:
        """Rough core-seconds of one fit on a present-day CPU; used for plans, never for results."""
        return 0.2

    @classmethod
    def warmup(cls, config: Any) -> int:
        """First epochs in which no patience runs out, for estimates before anything is run."""
        return 0

    @classmethod
    def code_width(cls, shape: Shape, config: Any) -> int:
        """Columns of the codes, for the cost estimate of the next stage."""
        return sum(shape.dims)


class StackedMethod(Method):
    """A method that trains many members together.

    ``drops_incomplete``  it trains on those rows of a Problem that have every view.
    """

    drops_incomplete: ClassVar[bool] = False

    @classmethod
    @abstractmethod
    def fit_stack(
        cls, members: Sequence[Member], training: Training, state: bytes | None = None
    ) -> Iterator[Event]:
        """Train all members; yield events as they happen; resume from ``state`` if given.

        Members agree in every setting but those that are ``batchable``, in the shapes of their
        problems and in the number of labelled rows, counted among the rows that are trained on.
        """

    def fit(self, problem: Problem, rng: np.random.Generator) -> Fitted:
        """Fit one member alone, to the last epoch of the default training."""
        # Ties go to the earlier epoch, so a score that rises with every call keeps the last one.
        calls = itertools.count()
        seed = int(rng.integers(2**63))
        member = Member(problem, self.config, seed, lambda _: float(next(calls)))
        for event in self.fit_stack([member], Training(patience=None)):
            if isinstance(event, Failed):
                raise FitError(event.reason)
            if isinstance(event, Finished):
                return event.fitted
        raise FitError(f"{type(self).__name__} ended without a result")
