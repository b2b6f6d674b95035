"""Labels spread over several graphs: one solve, and solving and reweighting in turn.

The energy of an assignment F (n, c) on a graph S is t = tr(F' (I - S) F), small where rows that are
joined agree. The graph methods seek an F that agrees with the labels, and a weight for each view,
so that weighted energies are small; only the rule from energies to weights is a method's own.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from scipy.sparse import csr_array, diags_array
from scipy.sparse.csgraph import connected_components
from scipy.special import logsumexp

from datasets.base import Problem, Rows
from methods.base import FitError, Fitted, Shape, UnsupportedError
from methods.graph._graphs import Graph

STOP = 1e-8  # relative decrease of the objective that ends them
RTOL = 1e-10  # residual of a solve, relative to its right side
CG_STEPS = 5000
NEGLIGIBLE = 1e-12  # energies and weights below this share are rounding

Rule = Callable[[np.ndarray], tuple[np.ndarray, float]]
"""Energies (V,) to log weights (V,) of the views' graphs, and the log of the objective's minimum
over weights. Logarithms, since high powers of weights leave the range of floating point."""


@dataclass(frozen=True)
class Solution:
    """Where the rounds ended.

    ``assigned``   F (n, c); 0 in rows that no path joins to a label, listed by ``label_free`` (n,).
    ``energies``   (V,) of F. ``log_objectives`` one a round.
    ``converged``  whether the objective settled, to STOP of itself. ``cg_steps`` over all rounds.
    """

    assigned: np.ndarray
    label_free: np.ndarray
    energies: np.ndarray
    log_objectives: np.ndarray
    converged: bool
    cg_steps: int


def alternate(
    graphs: Sequence[csr_array],
    targets: np.ndarray,
    labelled: np.ndarray,
    rule: Rule,
    *,
    step: float = 1.0,
    fit: float = np.inf,
    rounds: int = 100,
) -> Solution:
    """Solve for F and reweight the views by ``rule``, from equal weights, until F settles.

    Ends from the third round on, when the objective rises or falls by less than STOP of itself, or
    after ``rounds``. It can rise only where ``step`` is not 1; only a settled end counts as
    converged. ``step`` scales the unlabelled part of every solution; ``fit`` is that of
    :func:`propagate`, in units of the weighted graphs; ``targets`` and ``labelled`` as there.
    """
    log_weights, _ = rule(np.ones(len(graphs)))
    change, values, cg_steps = np.zeros(targets.shape), [], 0
    while True:
        graph, scale = combine(graphs, log_weights), np.exp(-logsumexp(log_weights))
        change, taken = propagate(graph, targets, labelled, change, fit * scale)
        assigned = targets + step * change
        energy = energies(graphs, assigned)
        log_weights, value = rule(energy)
        if np.isfinite(fit):
            misfit = fit * (change[labelled] ** 2).sum()
            value = np.logaddexp(value, np.log(max(misfit, np.finfo(float).tiny)))
        values.append(value)
        cg_steps += taken
        fall = -np.expm1(values[-1] - values[-2]) if len(values) > 2 else np.inf
        if fall < STOP or len(values) == rounds:
            free, settled = ~reached(graph, labelled), bool(abs(fall) < STOP)
            return Solution(assigned, free, energy, np.array(values), settled, cg_steps)


def propagate(
    graph: csr_array,
    targets: np.ndarray,
    labelled: np.ndarray,
    start: np.ndarray,
    fit: float = np.inf,
) -> tuple[np.ndarray, int]:
    """H such that F = Y + H minimises tr(F' (I - S) F) + fit |F_l - Y_l|^2, and the CG steps taken.

    ``targets`` Y (n, c) is one-hot, zero where not ``labelled``; ``fit`` = inf clamps F_l = Y_l.
    Rows joined to no label stay at zero, where they cost nothing. ``start`` (n, c) is a first
    guess. Raises FitError if conjugate gradients do not converge.
    """
    moves = reached(graph, labelled)
    if np.isinf(fit):
        moves &= ~labelled
    rows = np.flatnonzero(moves)
    pull = np.where(labelled[rows], fit, 0.0)  # never infinite: clamped rows do not move
    system = diags_array(1 + pull) - graph[rows][:, rows]
    # Solving for H and not for F keeps the right side, hence the accuracy, the same for every fit.
    right = (graph @ targets - targets)[rows]
    change = np.zeros(targets.shape)
    change[rows], steps = conjugate_gradients(csr_array(system), right, start[rows])
    return change, steps


def reached(graph: csr_array, labelled: np.ndarray) -> np.ndarray:
    """Rows (n,) that a path joins to a labelled row."""
    component = connected_components(graph, directed=False)[1]
    return np.isin(component, component[labelled])


def conjugate_gradients(
    matrix: csr_array, right: np.ndarray, start: np.ndarray
) -> tuple[np.ndarray, int]:
    """Solve A X = B for all columns at once, preconditioned by A's diagonal; and the steps taken.

    ``right`` B and ``start`` are (n, c), A symmetric positive definite. A column ends when its
    residual is below RTOL of its right side. Raises FitError after CG_STEPS.
    """
    x, inverse = start.copy(), 1 / matrix.diagonal()[:, None]
    residual = right - matrix @ x
    limit = (RTOL * np.linalg.norm(right, axis=0)) ** 2
    direction = z = inverse * residual
    power = _dot(residual, z)
    for step in range(CG_STEPS):
        active = _dot(residual, residual) > limit
        if not active.any():
            return x, step
        image = matrix @ direction
        length = _ratio(power, _dot(direction, image), active)
        x += length * direction
        residual -= length * image
        z = inverse * residual
        before, power = power, _dot(residual, z)
        direction = z + _ratio(power, before, active) * direction
    raise FitError(f"conjugate gradients did not converge in {CG_STEPS} steps")


def _dot(left: np.ndarray, right: np.ndarray) -> np.ndarray:
    """Inner products of columns, (c,)."""
    return np.einsum("nc,nc->c", left, right)


def _ratio(over: np.ndarray, under: np.ndarray, active: np.ndarray) -> np.ndarray:
    """``over / under`` in active columns, 0 elsewhere."""
    return np.divide(over, under, out=np.zeros_like(over), where=active & (under > 0))


def energies(graphs: Sequence[csr_array], assigned: np.ndarray) -> np.ndarray:
    """tr(F' (I - S_v) F) of every view, (V,); at least NEGLIGIBLE of |F|^2, less being rounding."""
    size = (assigned**2).sum()
    values = [size - (assigned * (graph @ assigned)).sum() for graph in graphs]
    return np.maximum(values, NEGLIGIBLE * size)


def combine(graphs: Sequence[csr_array], log_weights: np.ndarray) -> csr_array:
    """The weighted mean of S_v; views below NEGLIGIBLE of the heaviest are left out."""
    share = np.exp(log_weights - log_weights.max())
    share[share < NEGLIGIBLE] = 0
    total = csr_array(graphs[0].shape)
    for graph, weight in zip(graphs, share / share.sum(), strict=True):
        if weight:
            total = total + weight * graph
    return total


# ---------------------------------------------------------------- the fitted method


def one_hot(problem: Problem) -> np.ndarray:
    """Y (n, c): a one at each labelled row's class, else zero. FitError if no row is labelled."""
    if not problem.labelled.any():
        raise FitError("labels cannot spread: no row is labelled")
    targets = np.zeros((problem.rows.n, problem.n_classes))
    targets[problem.labelled, problem.labels[problem.labelled]] = 1
    return targets


class Transduced(Fitted):
    """Classes of the Problem's own rows, found by id.

    A row's class is the largest entry of its F; a row that no path joins to a label gets the
    commonest labelled class.
    """

    def __init__(
        self, problem: Problem, graphs: Sequence[Graph], solved: Solution, weights: np.ndarray
    ) -> None:
        prior = one_hot(problem).mean(0)
        scores = np.where(solved.label_free[:, None], prior, solved.assigned)
        self.classes = dict(zip(problem.rows.ids.tolist(), scores.argmax(1), strict=True))
        self.weights, self.solved = weights, solved
        self.tied = sum(graph.tied for graph in graphs)

    def predict(self, rows: Rows) -> np.ndarray:
        """Classes (n,) by id. UnsupportedError for a row that the Problem did not hold."""
        unknown = [row for row in rows.ids.tolist() if row not in self.classes]
        if unknown:
            raise UnsupportedError(
                f"row {unknown[0]} was not among the rows of the fit, "
                "and a transductive method answers no others"
            )
        return np.array([self.classes[row] for row in rows.ids.tolist()], np.int64)

    def facts(self) -> dict[str, float | int | str | bool]:
        solved = self.solved
        return {f"weight_{v}": float(weight) for v, weight in enumerate(self.weights)} | {
            "rounds": len(solved.log_objectives),
            "converged": bool(solved.converged),
            "log_objective": float(solved.log_objectives[-1]),
            "cg_steps": solved.cg_steps,
            "label_free_rows": int(solved.label_free.sum()),
            "rows_with_tied_neighbours": self.tied,
        }

    def arrays(self) -> dict[str, np.ndarray]:
        return {"log_objectives": self.solved.log_objectives}


def cost_of(shape: Shape, sharing: int = 1) -> float:
    """Core-seconds of one fit, ``sharing`` fits building the graphs once."""
    n = shape.n_labelled + shape.n_unlabelled
    graphs = 6e-10 * n**2 * (sum(shape.dims) / 10 + 10)
    return 0.01 + graphs / sharing + 1e-5 * n * shape.n_classes
