"""Matrices with absent entries, Problems made of them, and completion by plain dense algebra."""

from __future__ import annotations

import numpy as np

from datasets.base import Problem, Rows
from methods.completion._als import Moments, Solution, follow, ridge_maps

N = np.nan

# softImpute's vignette (cran/softImpute, inst/doc/softImpute.html)
VIGNETTE = np.array(
    [
        [0.8654889, 0.01565179, N, N, 0.7868103],
        [-0.6004172, -0.39411039, N, 0.11949527, N],
        [N, N, -1.0545575, N, N],
        [0.6965558, -0.50331812, N, 1.54375663, 0.4265161],
        [1.2311610, -0.34232368, -0.8102688, N, -0.1325694],
        [0.2664415, 0.14486388, 0.6051380, 0.03406604, -2.2408786],
    ]
)


def formula() -> np.ndarray:
    """sin(ij) + i/2 - j/5 (8, 5), absent where 3i + 2j is a multiple of 7."""
    i, j = np.arange(1, 9)[:, None], np.arange(1, 6)
    return np.where((3 * i + 2 * j) % 7 == 0, np.nan, np.sin(i * j) + 0.5 * i - 0.2 * j)


def scattered(n: int, p: int, seed: int = 0) -> np.ndarray:
    """A noisy matrix of low rank that lacks a fifth of its entries, no row or column all of it."""
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(n, 3)) @ rng.normal(size=(3, p)) + 0.3 * rng.normal(size=(n, p))
    absent = rng.uniform(size=x.shape) < 0.2
    absent[np.arange(n), np.arange(n) % p] = False
    absent[np.arange(p) % n, np.arange(p)] = False
    return np.where(absent, np.nan, x)


def views(n: int, dims: tuple[int, ...], seed: int = 0) -> tuple[np.ndarray, ...]:
    """Views that share three factors, float32, in units of their own."""
    rng = np.random.default_rng(seed)
    factors = rng.normal(size=(n, 3))
    made = []
    for width in dims:
        view = factors @ rng.normal(size=(3, width)) + 0.5 * rng.normal(size=(n, width))
        made.append((rng.uniform(1, 9, width) * view + rng.normal(size=width)).astype(np.float32))
    return tuple(made)


def blocks(n: int, dims: tuple[int, ...], seed: int = 0) -> Problem:
    """A Problem without labels; a quarter of its rows lacks each view, no row all of them."""
    rng = np.random.default_rng([seed, 1])
    present = np.ones((n, len(dims)), bool)
    gone = rng.permutation(n)[: len(dims) * (n // 4)].reshape(len(dims), -1)
    for v, rows in enumerate(gone):
        present[rows, v] = False
    made = (np.where(present[:, v, None], x, np.nan) for v, x in enumerate(views(n, dims, seed)))
    return problem_of(Rows(tuple(made), present, 10 + rng.permutation(n)))


def problem_of(rows: Rows) -> Problem:
    names = tuple("abcdef"[: len(rows.views)])
    none = np.zeros(rows.n, bool)
    return Problem(rows, np.full(rows.n, -1), none, names, ("x", "y"), rows, may_miss=names)


def z_scores(rows: Rows) -> np.ndarray:
    """All views side by side, standardised by their present entries."""
    x = np.concatenate(rows.views, axis=1).astype(np.float64)
    return (x - np.nanmean(x, 0)) / np.nanstd(x, 0)


def imputed(fitted, rows: Rows) -> np.ndarray:
    """What a fitted imputer says of all views, on the scale of :func:`z_scores`."""
    x = np.concatenate(rows.views, axis=1).astype(np.float64)
    filled = np.concatenate(fitted.impute(rows)[0], axis=1).astype(np.float64)
    return (filled - np.nanmean(x, 0)) / np.nanstd(x, 0)


def top(x: np.ndarray) -> float:
    return float(np.linalg.norm(np.nan_to_num(x), 2))


def solve(x: np.ndarray, lam: float, rank: int = 99, stop: float = 1e-11) -> Solution:
    """The production solver along a path from lambda_0 / 2, or at ``lam`` alone."""
    share = lam / top(x)
    path = [*(s for s in 0.5 * 0.6 ** np.arange(11) if s > share), share]
    return follow(Moments.of(x), path, rank, stop, 20_000)


def fit_of(x: np.ndarray, solved: Solution) -> np.ndarray:
    """M = A B' row by row."""
    f = solved.factors
    maps = ridge_maps(f.b, ~np.isnan(x), f.lam)
    return np.einsum("np,npk,qk->nq", np.nan_to_num(x), maps, f.b)


def objective(x: np.ndarray, m: np.ndarray, lam: float) -> float:
    """1/2 |P_O(X - M)|^2 + lambda |M|_*."""
    return 0.5 * np.nansum((x - m) ** 2) + lam * np.linalg.svd(m, compute_uv=False).sum()


def soft_impute(
    x: np.ndarray, lam: float, rank: int, stop: float
) -> tuple[np.ndarray, np.ndarray, int]:
    """M, its singular values and the rounds: SVDs, thresholded, of the filled matrix [2010]."""

    def step(fill: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        u, d, v = np.linalg.svd(np.where(np.isnan(x), fill, x), full_matrices=False)
        d = np.maximum(d - lam, 0)[:rank]
        return (u[:, :rank] * d) @ v[:rank], d

    old, rounds = step(np.zeros_like(x))[0], 0
    while True:
        new, d = step(old)
        rounds += 1
        if np.sum((new - old) ** 2) <= stop * np.sum(old**2):
            return new, d, rounds
        old = new


def soft_impute_als(
    x: np.ndarray, lam: float, rank: int, stop: float, seed: int
) -> tuple[np.ndarray, np.ndarray]:
    """M and its singular values by softImpute-ALS as published: ridge regressions on a filled X."""
    rng = np.random.default_rng(seed)
    u = np.linalg.qr(rng.normal(size=(len(x), rank)))[0]
    d, v, old = np.ones(rank), np.zeros((x.shape[1], rank)), np.zeros_like(x)
    while True:
        fill = np.where(np.isnan(x), (u * d) @ v.T, x)
        v, d, turn = np.linalg.svd(fill.T @ u * (d / (d + lam)), full_matrices=False)
        u = u @ turn.T
        fill = np.where(np.isnan(x), (u * d) @ v.T, x)
        u, d, turn = np.linalg.svd(fill @ v * (d / (d + lam)), full_matrices=False)
        v = v @ turn.T
        new = (u * d) @ v.T
        if np.sum((new - old) ** 2) <= stop * np.sum(old**2):
            return new, d
        old = new
