"""The method contract: what a method declares, what it is given, what it hands back.

One method is one file: a docstring for the reader who holds the paper, a frozen ``Config`` and one
final class. That is a :class:`Method` with ``fit(problem, rng) -> Fitted``, or a
:class:`StackedMethod`, whose ``fit_stack`` trains many trials (and settings) along a leading tensor
axis; a member's result depends on its own problem, config and seed, never on the other members.
No method imports another; the harness composes them (``protocols.base.Stage``). No torch here.
"""

from __future__ import annotations

import dataclasses
import itertools
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar, Literal

import numpy as np

from datasets.base import Problem, Rows


class ConfigError(ValueError):
    """A setting is out of its range; the message names the setting, the range and the value."""


class UnsupportedError(RuntimeError):
    """A fitted method was asked for something that it does not declare in ``can``."""


class FitError(RuntimeError):
    """A fit failed for a reason that it can name (not finite, not converged)."""


class SkipError(RuntimeError):
    """A fit declines a Problem for a stated reason: recorded as skipped, not as failed."""


@dataclass(frozen=True)
class Can:
    """Capabilities, declared by every method and held to by the contract suite.

    ``classify`` / ``represent`` / ``impute``  what a fitted method offers.
    ``unlabelled``     unlabelled rows of the Problem change the fit.   ``labels`` its labels do.
    ``missing_views``  rows with absent views are accepted.
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


def hp(
    default: Any,
    doc: str,
    *,
    grid: Sequence[Any] = (),
    low: float | None = None,
    high: float | None = None,
    choices: Sequence[Any] = (),
    stacks: bool | Literal["untrained"] = False,
) -> Any:
    """One hyper-parameter on one line: default, meaning, the paper's grid and the legal range.

    ``grid``    values the ``paper`` budget tries (empty: the default only).
    ``low`` / ``high``  inclusive bounds of a number; ``choices`` the legal values of a name.
    ``stacks``  members with different values may share a stack (the value becomes a tensor);
                "untrained": those that differ in nothing else share one training.
    """
    legal = {"grid": tuple(grid), "low": low, "high": high, "choices": tuple(choices)}
    marks = {"stacks": bool(stacks), "untrained": stacks == "untrained"}
    return field(default=default, metadata={**legal, **marks, "doc": doc})


@dataclass(frozen=True)
class Config:
    """Base of every method's settings: range checks on construction, and the candidate grid."""

    def __post_init__(self) -> None:
        for item in dataclasses.fields(self):
            _check(type(self).__name__, item, getattr(self, item.name))

    @classmethod
    def grid(cls, points: int | None = None) -> tuple[dict[str, Any], ...]:
        """Candidate overrides: the product of all declared grids, ``points`` values an axis.

        ``points`` = None gives the whole grid, 1 the default alone, 2 two values an axis (the
        default among them where the grid holds it). An override may drop an axis without effect.
        """
        axes = {f.name: f for f in dataclasses.fields(cls) if f.metadata.get("grid")}
        if not axes or points == 1:
            return ({},)
        values = [_thin(f.metadata["grid"], f.default, points) for f in axes.values()]
        return tuple(dict(zip(axes, combo, strict=True)) for combo in itertools.product(*values))

    def settings(self) -> dict[str, Any]:
        """JSON-able mapping of every setting; part of a job's identity."""
        return dataclasses.asdict(self)

    @classmethod
    def marked(cls, mark: str) -> tuple[str, ...]:
        """Names of the settings that ``hp`` marks as ``stacks`` or as ``untrained``."""
        return tuple(f.name for f in dataclasses.fields(cls) if f.metadata.get(mark))


@dataclass(frozen=True)
class Training:
    """How long gradient training may take; it belongs to the run's budget, not to a method.

    ``epochs``      the most epochs.
    ``eval_every``  epochs between two scorings on tuning rows.
    ``patience``    stop after this many epochs without a better score (None: never early).
    ``device``      "cpu" or "cuda"; not part of a job's identity.
    """

    epochs: int = 1001
    eval_every: int = 10
    patience: int | None = 100
    device: str = "cpu"

    def identity(self) -> dict[str, Any]:
        return {"epochs": self.epochs, "eval_every": self.eval_every, "patience": self.patience}


class Fitted:
    """A fitted method. Subclasses override what their method declares in ``can``."""

    def predict(self, rows: Rows) -> np.ndarray:
        """Classes of rows, ``(n,)`` int64 in 0..K-1."""
        raise UnsupportedError(f"{type(self).__name__} does not classify")

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
        """Scalars worth a place in the record; ``converged`` False is said under every table."""
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
    """Everything needed to go on from here, opaque to the harness; asked for every few minutes."""

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
    def code_width(cls, shape: Shape, config: Any) -> int:
        """Columns of the codes, so that the cost of the next stage can be told; for plans only."""
        return sum(shape.dims)


class StackedMethod(Method):
    """A method that trains many members together."""

    @classmethod
    @abstractmethod
    def fit_stack(
        cls, members: Sequence[Member], training: Training, state: bytes | None = None
    ) -> Iterator[Event]:
        """Train all members; yield events as they happen; resume from ``state`` if given.

        Members agree in every setting but those that stack, in the shapes of their problems and in
        the number of labelled rows.
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


def _check(owner: str, item: dataclasses.Field[Any], value: Any) -> None:
    legal: Mapping[str, Any] = item.metadata
    choices, low, high = legal.get("choices"), legal.get("low"), legal.get("high")
    if choices and value not in choices:
        raise ConfigError(f"{owner}.{item.name} must be one of {choices}, not {value!r}")
    if low is None and high is None:
        return
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    if value is None and "None" in str(item.type):
        return
    if not is_number or not (low is None or value >= low) or not (high is None or value <= high):
        bounds = f"[{'-inf' if low is None else low}, {'inf' if high is None else high}]"
        raise ConfigError(f"{owner}.{item.name} must lie in {bounds}, not {value!r}")


def _thin(grid: tuple[Any, ...], default: Any, points: int | None) -> tuple[Any, ...]:
    if points is None or points >= len(grid):
        return grid
    kept = [default] if default in grid else []
    kept += [value for value in grid if value not in kept]
    return tuple(kept[:points])
