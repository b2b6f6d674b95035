"""The engine of the transductive SVM: one binary problem, annealed, by Newton steps in the primal.

For signs y (given on labelled rows, guessed on the others) and costs c >= 0 of the rows

    F(w, b) = 1/2 |w|^2 + 1/2 ridge b^2 + sum_i c_i loss(m_i),   m_i = 1 - y_i (w.x_i + b)

``hinge``    loss(m) = max(0, m) with its corner rounded over |m| < knee while Newton runs
             [Chapelle, Neural Computation 2007]; the bias is free (ridge 0). At a minimum the
             slopes a_i = c_i loss'(m_i) are feasible for the dual of the *unrounded* problem, so
             P(w, b) - D(a) bounds what rounding costs: the knee shrinks until that gap is small.
``squared``  loss(m) = max(0, m)^2 / 2 and ridge 1, as SVMlin has it [Sindhwani and Keerthi,
             SIGIR 2006].

Given (w, b), the best signs with a fixed number of pluses put these on the highest scores,
whatever the costs of the two signs, since c+ loss(1 - f) - c- loss(1 + f) falls with f. So
switching every violating pair at once never raises F, nor does training again; that the costs of
unlabelled rows rise slowly is what keeps this descent out of poor local optima.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from scipy.linalg import cho_factor, cho_solve

COSTS = ("svmlight", "joachims1999", "svmlin")
FIRST = 1e-5
"""Where annealing starts, as a share of the last costs: the value of all three sources."""
TIE = 1e-4
"""Scores closer than this are not worth a switch (SVM-light's value)."""
KNEES = (2.0, 0.5, 0.1, 0.02)
"""At 2 every row of a first fit has curvature, the free bias included; annealing keeps the last."""
COARSE, FINE = 1e-4, 1e-8
"""Newton stops once it expects to gain less than this share of F: while annealing, at the end."""
MOST_NEWTON, MOST_PASSES, MOST_KNEES, MOST_TRIES = 200, 500, 10, 100


@dataclass(frozen=True)
class Loss:
    """A piecewise quadratic loss of m = 1 - y f: hinge with a rounded corner, or squared hinge."""

    squared: bool
    knee: float = 0.0

    @property
    def curvature(self) -> float:
        """Second derivative, wherever it is not 0."""
        return 1.0 if self.squared else 0.5 / self.knee

    def curved(self, m: np.ndarray) -> np.ndarray:
        """Where the second derivative is not 0."""
        return m > 0 if self.squared else np.abs(m) < self.knee

    def slope(self, m: np.ndarray) -> np.ndarray:
        """First derivative."""
        if self.squared:
            return np.maximum(m, 0)
        return np.minimum(np.maximum(0.5 + m * (0.5 / self.knee), 0), 1)

    def value(self, m: np.ndarray) -> np.ndarray:
        """The loss itself; a knee of 0 gives the hinge."""
        if self.squared:
            return 0.5 * np.maximum(m, 0) ** 2
        corner = self.knee * self.slope(m) ** 2 if self.knee else 0.0
        return corner + np.maximum(m - self.knee, 0)


@dataclass
class Tally:
    """What a fit did; ``gap`` is relative to the objective, ``trace`` is (stage, F) per training.

    ``limit_hits`` counts trainings and switchings that were cut short while annealing;
    ``converged`` says that the last training met its precision, no switch was left, and the gap
    is as small as asked for.
    """

    levels: int = 0
    switches: int = 0
    newton_steps: int = 0
    limit_hits: int = 0
    objective: float = 0.0
    gap: float = 0.0
    converged: bool = True
    trace: list[tuple[int, float]] = field(default_factory=list)


@dataclass(frozen=True)
class Settings:
    """``C`` is the cost of a labelled row; ``costs`` those of unlabelled rows, see ``levels``."""

    C: float
    costs: str
    squared: bool = False
    gap: float = 1e-3


def levels(settings: Settings, share: float, positives: int, n: tuple[int, int]) -> np.ndarray:
    """Costs of unlabelled rows with sign - and + at every level of annealing, ``(levels, 2)``.

    ``share`` is the wanted share of pluses, ``positives`` their number, ``n`` the numbers of
    labelled and unlabelled rows.

    svmlight      c- rises from 1e-5 C by 1.5 to C, and c+ = c- (1 - share) / share.
    joachims1999  c- rises from 1e-5 C by 2, c+ from 1e-5 C positives / negatives; both end at C.
    svmlin        both rise by 1.5 to C n_l / n_u: unlabelled rows together weigh as labelled ones.
    """
    labelled, unlabelled = n
    first, growth, last = np.full(2, FIRST), 1.5, np.ones(2)
    if settings.costs == "joachims1999":
        first[1] *= max(positives, 1) / max(unlabelled - positives, 1)
        growth = 2.0
    elif settings.costs == "svmlight":
        last[1] = (1 - share) / share
    else:
        last *= labelled / unlabelled
    count = 1 + int(np.ceil(np.log(1 / first.min()) / np.log(growth)))
    rising = np.minimum(first * growth ** np.arange(count)[:, None], 1.0)
    return settings.C * last * rising


def fit(x: np.ndarray, y: np.ndarray, share: float, settings: Settings) -> Machine:
    """Separate rows ``x`` (n, d) by ``y`` (n,) in {-1, 0, +1}, 0 where unlabelled.

    ``share`` is the wanted share of pluses among unlabelled rows, in (0, 1); without unlabelled
    rows this is an SVM. Both signs must be among the labels.
    """
    machine = Machine(x, y, settings)
    for knee in KNEES[:1] if settings.squared else KNEES:
        machine.loss = Loss(settings.squared, knee)
        machine.train(COARSE)
    unknown = machine.unknown
    if len(unknown):
        positives = int(share * len(unknown) + 0.5)
        machine.guess(positives)
        for pair in levels(settings, share, positives, (len(y) - len(unknown), len(unknown))):
            machine.pair = pair
            machine.tally.levels += 1
            machine.descend(COARSE)
    machine.polish()
    return machine


class Machine:
    """A hyperplane in training: ``w`` (d,), ``b``, the signs of all rows and what they cost."""

    def __init__(self, x: np.ndarray, y: np.ndarray, settings: Settings) -> None:
        self.x, self.settings = x, settings
        self.unknown = np.flatnonzero(y == 0)
        self.signs = np.where(y > 0, 1.0, -1.0)
        self.pair = np.zeros(2)  # no unlabelled row counts yet
        self.loss = Loss(settings.squared, KNEES[0])
        self.ridge = 1.0 if settings.squared else 0.0
        self.w, self.b, self.scores = np.zeros(x.shape[1]), 0.0, np.zeros(len(x))
        self.tally = Tally()

    def cost(self) -> np.ndarray:
        """Cost of every row, ``(n,)``."""
        cost = np.full(len(self.x), self.settings.C)
        cost[self.unknown] = np.where(self.signs[self.unknown] > 0, self.pair[1], self.pair[0])
        return cost

    def objective(self, loss: Loss | None = None) -> float:
        """F; by default with the loss that is being trained on."""
        m = 1 - self.signs * self.scores
        penalty = 0.5 * self.w @ self.w + 0.5 * self.ridge * self.b**2
        return float(penalty + self.cost() @ (loss or self.loss).value(m))

    def guess(self, positives: int) -> None:
        """Give plus signs to the unlabelled rows of the ``positives`` highest scores."""
        order = np.argsort(-self.scores[self.unknown], kind="stable")
        self.signs[self.unknown] = -1.0
        self.signs[self.unknown[order[:positives]]] = 1.0

    def descend(self, precision: float) -> bool:
        """Train and switch in turn until nothing is left to switch; False if a limit was hit."""
        stage = self.tally.trace[-1][0] + 1 if self.tally.trace else 0
        for _ in range(MOST_PASSES):
            done = self.train(precision)
            self.tally.trace.append((stage, self.objective()))
            if not self.switch():
                return done
        self.tally.limit_hits += 1
        return False

    def switch(self) -> int:
        """Swap the signs of all pairs of unlabelled rows where the minus scores above the plus."""
        scores, plus = self.scores[self.unknown], self.signs[self.unknown] > 0
        rising = self.unknown[plus][np.argsort(scores[plus], kind="stable")]
        falling = self.unknown[~plus][np.argsort(-scores[~plus], kind="stable")]
        width = min(len(rising), len(falling))
        count = int((self.scores[rising[:width]] < self.scores[falling[:width]] - TIE).sum())
        self.signs[rising[:count]], self.signs[falling[:count]] = -1.0, 1.0
        self.tally.switches += count
        return count

    def polish(self) -> None:
        """Train finely, with an ever smaller knee, until the hinge objective is certain enough."""
        tally, exact = self.tally, Loss(self.settings.squared)
        for _ in range(MOST_KNEES):
            done = self.descend(FINE)
            tally.objective = self.objective(exact)
            if self.settings.squared:
                tally.converged = done
                return
            m = 1 - self.signs * self.scores
            gap = self.cost() @ (exact.value(m) - m * self.loss.slope(m))
            tally.gap = float(gap) / tally.objective
            tally.converged = done and tally.gap <= self.settings.gap
            if tally.converged:
                return
            self.loss = Loss(False, self.loss.knee / 5)

    def train(self, precision: float) -> bool:
        """Newton steps with an exact line search; False (and counted) if they were cut short."""
        cost, x, y = self.cost(), self.x, self.signs
        # Damping gives the free bias a step where no row has curvature; the search sets its length.
        damping = self.ridge + 1e-6 * cost.sum()
        for _ in range(MOST_NEWTON):
            m = 1 - y * self.scores
            push = -cost * y * self.loss.slope(m)
            slope_w, slope_b = self.w + push @ x, self.ridge * self.b + push.sum()
            enough = precision * self.objective()
            # F curves at least as 1/2 |w|^2: all there is to gain while the bias moves by < 2.
            if 0.5 * slope_w @ slope_w + 2 * abs(slope_b) <= enough:
                return True
            used = np.flatnonzero(self.loss.curved(m) & (cost > 0))
            step_w, step_b = _newton(
                x[used], self.loss.curvature * cost[used], damping, slope_w, slope_b
            )
            fall = -float(step_w @ slope_w + step_b * slope_b)
            if 0.5 * fall <= enough:
                return True
            self.tally.newton_steps += 1
            step = x @ step_w + step_b
            length = self._length(step_w, step_b, step, cost, fall)
            self.w = self.w + length * step_w
            self.b = self.b + length * step_b
            self.scores = self.scores + length * step
        self.tally.limit_hits += 1
        return False

    def _length(
        self, step_w: np.ndarray, step_b: float, step: np.ndarray, cost: np.ndarray, fall: float
    ) -> float:
        """Where F is lowest along a step, to a tenth of its first slope: bracketed Newton."""
        m, change = 1 - self.signs * self.scores, self.signs * step
        start = float(self.w @ step_w + self.ridge * self.b * step_b)
        bend = float(step_w @ step_w + self.ridge * step_b**2)
        low, high, t = 0.0, np.inf, 1.0
        pull = cost * change
        for _ in range(MOST_TRIES):
            now = m - t * change
            slope = start + t * bend - pull @ self.loss.slope(now)
            if abs(slope) <= 0.1 * fall:
                break
            low, high = (t, high) if slope < 0 else (low, t)
            curved = pull @ (change * self.loss.curved(now)) * self.loss.curvature
            guess = t - slope / (bend + curved)
            if not low < guess < high:
                guess = 2 * low if high == np.inf else 0.5 * (low + high)
            t = guess
        return float(t)


def _newton(
    x: np.ndarray, weight: np.ndarray, damping: float, slope_w: np.ndarray, slope_b: float
) -> tuple[np.ndarray, float]:
    """Newton's step (w, b) where rows ``x`` (k, d) have curvature ``weight`` (k,).

    Solved in d unknowns or in k, whichever are fewer; the bias is eliminated.
    """
    k, d = x.shape
    if k == 0:
        return -slope_w, -slope_b / damping
    if k > d:
        root = np.sqrt(weight)
        weighted = x * root[:, None]
        hessian = weighted.T @ weighted
        hessian.flat[:: d + 1] += 1
        border = root @ weighted
        factor = cho_factor(hessian, overwrite_a=True, check_finite=False)
        both = np.column_stack([slope_w, border])
        by_slope, by_border = cho_solve(factor, both, check_finite=False).T
        corner = damping + weight.sum() - border @ by_border
        step_b = (border @ by_slope - slope_b) / corner
        return -by_slope - step_b * by_border, float(step_b)
    # With u = weight (x step_w + step_b): (1 / weight + x x') u = step_b - x slope_w.
    gram = x @ x.T
    gram.flat[:: k + 1] += 1 / weight
    factor = cho_factor(gram, overwrite_a=True, check_finite=False)
    both = np.column_stack([x @ slope_w, np.ones(k)])
    by_slope, by_one = cho_solve(factor, both, check_finite=False).T
    step_b = (by_slope.sum() - slope_b) / (damping + by_one.sum())
    return -slope_w - (step_b * by_one - by_slope) @ x, float(step_b)
