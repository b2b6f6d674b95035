"""The views of a simulated control, their rows, and what is known of them exactly."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from datasets.base import DataError, Dataset, Provenance, Split
from datasets.synthetic.model import Joint, View, with_bayes_accuracy

SEED = 2018
BAYES = 0.9
"""Bayes accuracy of views a and b together, and of views o and m."""
STEP = 1024
"""Values are multiples of 1 / STEP, exact in float32: the same on every machine."""
PERMUTED = {"permuted_a": "a", "permuted_b": "b", "shuffled_b": "b"}
"""Views that are another view with its rows in another order."""
ORDERS = {"permuted_a": "permuted", "permuted_b": "permuted", "shuffled_b": "shuffled"}
"""Which order; permuted_a and permuted_b share theirs, so that they still belong together."""
VIEWS = ("a", "b", "noise", "blind_a", "blind_b", *PERMUTED, "o", "m")
DEFAULT = ("a", "b")


@dataclass(frozen=True)
class Control:
    """A control of one size: rows a class, features of a large and of a small view, width of z."""

    key: str
    counts: tuple[int, ...]
    dims: tuple[int, int]
    latent: int

    @cached_property
    def priors(self) -> np.ndarray:
        """Shares of the classes, ``(K,)``."""
        return np.array(self.counts) / sum(self.counts)

    @cached_property
    def models(self) -> dict[str, View]:
        """The law of every view that is not another one in another order."""
        a, b = (self._linear(name, dim) for name, dim in zip("ab", self.dims, strict=True))
        o, m = (self._linear(name, dim) for name, dim in zip("om", self.dims, strict=True))
        # o = own means + own map of z + slope x_m + own noise, written in the sources of x_m
        slope = _normal("slope", *self.dims) / np.sqrt(self.dims[1])
        parts = {name: slope @ part for name, part in m.parts.items()}
        parts = {"noise_o": o.parts["noise_o"], "noise_m": parts["noise_m"]} | {
            "z": o.parts["z"] + parts["z"]
        }
        o = View(o.means + m.means @ slope.T, parts)
        first = with_bayes_accuracy(self.priors, {"a": a, "b": b}, BAYES)
        return {
            **first,
            **with_bayes_accuracy(self.priors, {"o": o, "m": m}, BAYES),
            "noise": View(np.zeros_like(b.means), {"noise": np.eye(b.dim)}),
            **{f"blind_{name}": _blind(view) for name, view in first.items()},
        }

    def _linear(self, name: str, dim: int) -> View:
        """Random class means and loadings of z, noise of unit variance."""
        means = _normal(f"means {name}", len(self.counts), dim) / np.sqrt(dim)
        loadings = _normal(f"loadings {name}", dim, self.latent) / np.sqrt(self.latent)
        return View(means, {"z": loadings, f"noise_{name}": np.eye(dim)})

    def labels(self) -> np.ndarray:
        """Classes ``(n,)``: exactly the stated number of each, in random order."""
        ordered = np.repeat(np.arange(len(self.counts)), self.counts)
        return _rng("labels").permutation(ordered)

    def rows(self, name: str) -> np.ndarray:
        """A view ``(n, d)`` float32. The same numbers whatever other views are drawn."""
        labels = self.labels()
        n, view = len(labels), self.models[PERMUTED.get(name, name)]
        sources = {part: _normal(f"source {part}", n, w.shape[1]) for part, w in view.parts.items()}
        drawn = np.round(view.draw(labels, sources) * STEP) / STEP
        if name in ORDERS:
            drawn = drawn[_rng(f"order {ORDERS[name]}").permutation(n)]
        return drawn.astype(np.float32)

    def joint(self, names: Sequence[str]) -> Joint | None:
        """The law of the views ``names`` that depend on the row's class; None if none does."""
        views = [self.models[name] for name in names if name not in PERMUTED]
        return Joint.of(self.priors, views) if any(view.means.any() for view in views) else None

    def known(self, names: Sequence[str], rows: Mapping[str, np.ndarray]) -> dict[str, float]:
        """What no method can beat, by name, for the views ``names``.

        ``bayes_accuracy``  of the class, from all views; the share of the largest class where no
        view depends on the class.   ``conditional_mean_nmse``  |X - X^| / |X| of m, columns
        z-scored, filled in with E[m|o], over all rows; where o and m are chosen.
        """
        joint = self.joint(names)
        bayes = joint.bayes_accuracy()[0] if joint else float(self.priors.max())
        known = {"bayes_accuracy": bayes}
        if {"o", "m"} <= set(names):
            o, m = (rows[name].astype(float) for name in ("o", "m"))
            both = Joint.of(self.priors, [self.models["o"], self.models["m"]])
            error = (m - both.conditional_mean(o, o.shape[1])) / m.std(axis=0)
            scale = (m - m.mean(axis=0)) / m.std(axis=0)
            known["conditional_mean_nmse"] = float(np.linalg.norm(error) / np.linalg.norm(scale))
        return known

    def load(self, views: Sequence[str] | None) -> Dataset:
        """The data set with ``views`` (default a and b). Raises DataError for an unknown view."""
        names = DEFAULT if views is None else tuple(views)
        for name in names:
            if name not in VIEWS:
                raise DataError(f"{self.key} has no view '{name}'; its views are: {_words(VIEWS)}")
        if len(set(names)) != len(names):
            raise DataError(f"a view of {self.key} is named twice in '{','.join(names)}'")
        rows = {name: self.rows(name) for name in names}
        return Dataset(
            key=f"{self.key}:{','.join(names)}",
            draw_key=self.key,
            title=f"Simulated control: {_words(names)}",
            views=tuple(rows[name] for name in names),
            view_names=names,
            labels=self.labels(),
            class_names=tuple(f"class {k}" for k in range(len(self.counts))),
            splits=(Split("stratified", stratify=True),),
            provenance=Provenance(
                kind="simulated",
                source=f"drawn from a known linear Gaussian model, seed {SEED}",
                licence="none needed: drawn by a random generator",
                notes=("no recording of any person; nothing here was fitted to data",),
                known=self.known(names, rows),
            ),
        )


def _blind(view: View) -> View:
    """A view of the same shape whose sources are its own and which no class moves."""
    return View(np.zeros_like(view.means), {f"blind {name}": w for name, w in view.parts.items()})


def _words(names: Sequence[str]) -> str:
    return ", ".join(names)


def _rng(purpose: str) -> np.random.Generator:
    return np.random.default_rng([SEED, *purpose.encode()])


def _normal(purpose: str, *shape: int) -> np.ndarray:
    return _rng(purpose).standard_normal(shape)
