"""TSVM: transductive support vector machine on the concatenated views [joachims1999].

Minimises, over a hyperplane and the signs y* of the unlabelled rows, num+ of which are positive,

    1/2 |w|^2 + C sum_l h(m_l) + C*_- sum_{y*_u = -1} h(m_u) + C*_+ sum_{y*_u = +1} h(m_u)

with h(m) = max(0, m) and m = 1 - y (w.x + b): section 3, OP 2. The algorithm is the paper's
(section 4): an SVM on the labelled rows; the num+ highest scores of unlabelled rows become
positive; the costs C* rise from 1e-5 C to their end, and at each level pairs of signs are switched
and w is trained again until no pair is out of order. ``_tsvm.py`` says how, and why all pairs may
be switched at once. num+ follows from the class's share of the labelled rows, or, ``ratio`` =
"even", all labelled classes have equal shares; which of the two is tuned, since a share estimated
from a few labels may mislead more than it constrains. Several classes: one against the rest, the
highest score wins; two classes are one problem; a class without a labelled row is never predicted.
Views are standardised on all rows of the Problem; rows with absent views are refused. Without
unlabelled rows this is an SVM. A fitted TSVM is a plane, so rows that it has not seen are predicted
too.

``loss`` = "squared" with ``costs`` = "svmlin" is SVMlin's TSVM [Sindhwani and Keerthi, SIGIR 2006],
where C stands for 1 / (lambda n_l).

Departs from the paper: all pairs out of order are switched before training again, instead of one;
the hinge's corner is rounded, until the certified gap to the unrounded optimum of the last training
is below 0.1 %; C = C* is SVM-light's default, 1 / (mean |x|)^2, times a factor that is tuned;
several classes, on which the paper's listing is silent, as above. The costs are those of the
listing, C*_- and C*_+ both ending at C; the author's program SVM-light 6.02 (``costs`` =
"svmlight") grows them by 1.5 instead of 2 and ends C*_+ at C (1 - p) / p, p the share of positives,
which for ten classes makes a positive row weigh nine times a negative one: tuning accuracy was
higher with the listing's on every open set tried.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, final

import numpy as np
from sklearn.kernel_approximation import Nystroem
from sklearn.pipeline import Pipeline, make_pipeline

from datasets.base import Problem, Rows
from methods import base
from methods._scaling import Standardiser
from methods._sklearn import concatenate
from methods.base import Can, FitError, Fitted, Method, Shape, Training, hp
from methods.kernel import _tsvm
from methods.kernel._tsvm import COSTS, Machine, Settings, Tally


@dataclass(frozen=True)
class Config(base.Config):
    """``gamma`` is in units of 1 / (number of features), on z-scored features; Nystroem only."""

    C: float = hp(
        1.0, "cost of a hinge, times (mean |x|)^2", grid=(2**-6, 2**-3, 1.0, 4.0, 16.0), low=1e-9
    )
    costs: str = hp("joachims1999", "how the unlabelled rows' costs end", choices=COSTS)
    ratio: str = hp(
        "labelled", "shares of classes", grid=("labelled", "even"), choices=("labelled", "even")
    )
    loss: str = hp("hinge", "loss of all rows", choices=("hinge", "squared"))
    features: str = hp("linear", "or an RBF approximated", choices=("linear", "nystroem"))
    components: int = hp(300, "most landmarks of the Nystroem features", low=1)
    gamma: float = hp(1.0, "width of the RBF", low=1e-6)


@final
class TSVM(Method):
    """Row ``TSVM``; also the transductive classifier behind learned codes."""

    version, title, quick = 1, "TSVM", True
    cites = ("Joachims, ICML 1999", "Sindhwani and Keerthi, SIGIR 2006")
    can = Can(classify=True, unlabelled=True)
    Config = Config

    def fit(self, problem: Problem, rng: np.random.Generator) -> Fitted:
        """One plane a class. Raises FitError where a plane is not finite or all rows are alike."""
        raw = concatenate(problem.rows)
        read = feature_map(raw, self.config, rng)
        x, labels = read.transform(raw), problem.labels
        size = float(np.linalg.norm(x, axis=1).mean())
        if size == 0:
            raise FitError("all rows have the same features")
        # A plane is in the span of its rows: with more features than rows, rotate into that span.
        basis = np.eye(x.shape[1])
        if x.shape[1] > len(x):
            basis = np.linalg.qr(x.T)[0]
            x = x @ basis
        config = self.config
        settings = Settings(config.C / size**2, config.costs, config.loss == "squared")
        classes, counts = np.unique(labels[problem.labelled], return_counts=True)
        counts = counts if config.ratio == "labelled" else np.ones(len(classes))
        planes, tallies = [], []
        for k, share in zip(classes, counts / counts.sum(), strict=True):
            if len(classes) == 1 or (len(classes) == 2 and k == classes[0]):
                continue  # nothing to separate; or the other class's plane, turned
            signs = np.where(labels == k, 1, -1) * problem.labelled
            plane = _separate(x, signs, float(share), settings)
            planes.append((basis @ plane.w, plane.b))
            tallies.append(plane.tally)
        return FittedTSVM(read, classes, planes, tallies)

    @classmethod
    def cost(cls, shape: Shape, config: Config, training: Training) -> float:
        """Measured on one core: 0.03 s a plane, and 0.7 us a number in the matrix of features."""
        n = shape.n_labelled + shape.n_unlabelled
        width = config.components if config.features == "nystroem" else sum(shape.dims)
        planes = shape.n_classes if shape.n_classes > 2 else 1
        return planes * (0.03 + 7e-7 * n * min(n, width))


class FittedTSVM(Fitted):
    """Planes of the labelled classes: none for one class, one for two, else one a class."""

    def __init__(
        self,
        read: Pipeline,
        classes: np.ndarray,
        planes: list[tuple[np.ndarray, float]],
        tallies: list[Tally],
    ) -> None:
        self.read, self.classes, self.planes, self.tallies = read, classes, planes, tallies

    def scores(self, rows: Rows) -> np.ndarray:
        """Decision values ``(n, labelled classes)``, higher is likelier; zeros for one class."""
        x = self.read.transform(concatenate(rows))
        columns = [x @ w + b for w, b in self.planes]
        if len(columns) == 1:
            columns = [-columns[0], columns[0]]
        return np.stack(columns or [np.zeros(rows.n)], axis=1)

    def predict(self, rows: Rows) -> np.ndarray:
        """The labelled class of the highest score."""
        return self.classes[self.scores(rows).argmax(1)].astype(np.int64)

    def facts(self) -> dict[str, float | int | str | bool]:
        """Sums over planes, but for ``gap`` and ``levels``: the largest."""
        tallies = self.tallies
        return {
            "planes": len(tallies),
            "levels": max((t.levels for t in tallies), default=0),
            "switches": sum(t.switches for t in tallies),
            "newton_steps": sum(t.newton_steps for t in tallies),
            "objective": sum(t.objective for t in tallies),
            "gap": max((t.gap for t in tallies), default=0.0),
            "limit_hits": sum(t.limit_hits for t in tallies),
            "converged": all(t.converged for t in tallies),
        }


def feature_map(raw: np.ndarray, config: Config, rng: np.random.Generator) -> Pipeline:
    """Standardise rows like ``raw`` (n, d); then, if set, approximate the features of an RBF."""
    steps: list[Any] = [Standardiser()]
    if config.features == "nystroem":
        nystroem = Nystroem(
            gamma=config.gamma / raw.shape[1],
            n_components=min(config.components, len(raw)),
            random_state=int(rng.integers(2**31)),
        )
        steps.append(nystroem)
    return make_pipeline(*steps).fit(raw)


def _separate(x: np.ndarray, signs: np.ndarray, share: float, settings: Settings) -> Machine:
    try:
        machine = _tsvm.fit(x, signs, share, settings)
    except np.linalg.LinAlgError as error:
        raise FitError(f"a Newton step has no solution: {error}") from error
    if not (np.isfinite(machine.w).all() and np.isfinite(machine.b)):
        raise FitError("the plane is not finite")
    return machine
