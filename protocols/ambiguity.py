"""Ambiguity: how much each choice that the paper leaves open moves SMVAE, M2, and its main claim.

Every open choice is changed alone, the others kept at their defaults; four strong ones (initial
values, activation, warm-up, weights of minibatches) are also crossed in half of a 2^4 factorial, in
which main effects are free of those of pairs. Rows differ from their default in named settings
only, share all draws with it, and c is .5 throughout unless it is the choice. The claim, SMVAE
above M2 and above the best baseline, is judged at every setting.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import product
from typing import Any

from datasets.base import Dataset
from protocols._figures import inductive, lowest
from protocols.base import Budget, Cell, MethodCard, Protocol, Stage, TableRow
from protocols.table2 import PAPER_RATE

Settings = Mapping[str, Any]
DEFAULT = "default"
"""Name of the setting in which nothing is changed; the figure compares verdicts with its."""


@dataclass(frozen=True)
class Choice:
    """One reading of something that the paper leaves open.

    ``smvae``, ``m2``  settings that it changes, None where the method has no such choice.
    ``stage``  what it changes in the stage instead.
    """

    key: str
    title: str
    smvae: Settings | None
    m2: Settings | None
    stage: Settings = field(default_factory=dict)


def _both(key: str, title: str, **settings: Any) -> Choice:
    return Choice(key, title, settings, settings)


def _smvae(key: str, title: str, **settings: Any) -> Choice:
    return Choice(key, title, settings, None)


FACTORS = {
    "init": ("glorot", "Glorot"),
    "activation": ("softplus", "softplus"),
    "warmup_epochs": (0, "no warm-up"),
    "batching": ("proportional", "proportional"),
}
"""Factors of the factorial: the setting's other value, and its name."""
HEAD_OF_2017: Settings = {
    "hidden": (50,),
    "activation": "softplus",
    "init": "glorot",
    "warmup_epochs": 0,
    "learning_rate": 3e-4,
    "logvar_floor": -6.0,
    "labelled_rows": 1,
    "batching": "proportional",
    "batch": None,
    "c": 10.0,
}
"""SMVAE's profile of 2017 as far as M2 has its switches; alpha = 5 N is a c of about 10 here."""
ONE_BY_ONE = (
    _both("init", "initial values: Glorot", init="glorot"),
    _both("activation", "activation: softplus", activation="softplus"),
    _both("no_warmup", "warm-up: none", warmup_epochs=0),
    _both("warmup_40", "warm-up: 40 epochs", warmup_epochs=40),
    _both("rate_low", "learning rate: .002", learning_rate=2e-3),
    _both("rate_high", "learning rate: .008", learning_rate=8e-3),
    _both(
        "rate_paper", "learning rate: .0003, the paper's", learning_rate=PAPER_RATE["learning_rate"]
    ),
    _both("rate_paper_warmup_40", "learning rate .0003, warm-up 40 epochs", **PAPER_RATE),
    _both("floor_6", "least log-variance: −6", logvar_floor=-6.0),
    _both("floor_0", "least log-variance: 0", logvar_floor=0.0),
    _both("proportional", "weights of L and U: by the whole set", batching="proportional"),
    _both("balanced", "weights of L and U: one half each", batching="balanced"),
    _both("few_labelled", "labelled rows a minibatch: from 1", labelled_rows=1),
    _both("c_low", "c: .1", c=0.1),
    _both("c_one", "c: 1", c=1.0),
    _both("c_high", "c: 10", c=10.0),
    _both("no_prior", "weight prior: none", weight_prior=False),
    _both("draws_5", "draws of z: 5", mc_samples=5),
    _smvae("own_draws", "draws of z: anew for each class", share_eps_over_y=False),
    _smvae("entropy_per_dim", "entropy bound: per dimension", entropy="per_dim"),
    _smvae("entropy_bhattacharyya", "entropy bound: Bhattacharyya", entropy="bhattacharyya"),
    Choice("last_epoch", "epoch: the last", {}, {}, {"last_epoch": True}),
    Choice(
        "authors2017",
        "profile of 2017, 300 epochs",
        {"profile": "authors2017_head"},
        HEAD_OF_2017,
        {"epochs": 300},
    ),
)
"""Each choice alone."""


def _half() -> tuple[tuple[str, ...], ...]:
    """Factors that each run of the factorial changes: an even number of them, none left out."""
    signs = product((False, True), repeat=len(FACTORS))
    runs = [tuple(f for f, on in zip(FACTORS, s, strict=True) if on) for s in signs]
    return tuple(run for run in runs if run and len(run) % 2 == 0)


RUNS = _half()
"""Seven runs; the eighth is the default."""


def _crossed(factors: tuple[str, ...]) -> Choice:
    values = {factor: FACTORS[factor][0] for factor in factors}
    names = " + ".join(FACTORS[factor][1] for factor in factors)
    return _both("_".join(("crossed", *factors)), f"crossed: {names}", **values)


CROSSED = tuple(_crossed(run) for run in RUNS)
CHOICES = (Choice(DEFAULT, DEFAULT, {}, {}), *ONE_BY_ONE, *CROSSED)
BASELINES = (
    TableRow("sdgm", "SDGM", "baselines", "inductive", (Stage("sdgm"),)),
    TableRow("mae_svm", "MAE+SVM", "baselines", "supervised", (Stage("mae"), Stage("svm"))),
    TableRow("mae_svm_train", "MAE+SVM, codes of all training rows", "baselines", "supervised",
             (Stage("mae", rows="train"), Stage("svm"))),
)  # fmt: skip
"""Baselines at their defaults; the third is the other reading of which rows codes are learned on.
"""
SEEN = "rows that codes are learned on: all of training"
ALONE = {"smvae": "SMVAE", "m2": "M2"}
OWN = {method: f"{title} minus default" for method, title in ALONE.items()}
AGAINST_M2, AGAINST_BEST = "claim: SMVAE minus M2", "claim: SMVAE minus best baseline"
PANELS = (*OWN.values(), AGAINST_M2, AGAINST_BEST)


def _key(method: str, choice: Choice) -> str:
    return method if choice.key == DEFAULT else f"{method}_{choice.key}"


def _row(method: str, choice: Choice) -> TableRow | None:
    """The method under a choice; None where it has no such choice."""
    settings = choice.smvae if method == "smvae" else choice.m2
    if settings is None:
        return None
    stage = Stage(method, config={"c": 0.5, **settings}, **choice.stage)
    what = "" if choice.key == DEFAULT else f", {choice.title}"
    return TableRow(_key(method, choice), ALONE[method] + what, method, "inductive", (stage,))


def _rows() -> tuple[TableRow, ...]:
    made = [_row(method, choice) for method in ALONE for choice in CHOICES]
    return (*(row for row in made if row is not None), *BASELINES)


def _claims(line: str, smvae: str, m2: str, codes: str = "mae_svm") -> list[dict]:
    """The paper's claim at one setting: above M2, and above the best of M2, SDGM and MAE+SVM."""
    claim = {"line": line, "within": (0.0, None), "must": "SMVAE is above"}
    return [
        claim | {"panel": AGAINST_M2, "rows": {smvae: 1.0, m2: -1.0}},
        claim | {"panel": AGAINST_BEST, "rows": {smvae: 1.0}, "best_of": (m2, "sdgm", codes)},
    ]


def _effects() -> tuple[dict, ...]:
    """Every effect, panel by panel."""
    lines: list[dict] = []
    for choice in CHOICES:
        keys = {method: _key(method, choice) for method in ALONE}
        if choice.m2 is None:
            keys["m2"] = "m2"
        for method, panel in OWN.items():
            if keys[method] != method:
                rows = {keys[method]: 1.0, method: -1.0}
                lines.append({"line": choice.title, "panel": panel, "rows": rows})
        lines += _claims(choice.title, keys["smvae"], keys["m2"])
    for factor, (_, name) in FACTORS.items():
        for method, panel in OWN.items():
            line = {"line": f"mean over crossed: {name}", "panel": panel}
            lines.append(line | {"rows": _main_effect(method, factor)})
    lines += _claims(SEEN, "smvae", "m2", "mae_svm_train")
    return tuple(sorted(lines, key=lambda line: PANELS.index(line["panel"])))


def _main_effect(method: str, factor: str) -> dict[str, float]:
    """Mean over the runs with a factor's other value minus that over those with its default."""
    keys = {(): method} | {run: _key(method, _crossed(run)) for run in RUNS}
    half = len(keys) / 2
    return {key: (1 if factor in run else -1) / half for run, key in keys.items()}


class Ambiguity(Protocol):
    """Effects of the open choices."""

    title = "Ambiguity: effects of what the paper leaves open"
    datasets = {
        "paper": ("digits", "mfeat", "watch"),
        "preview": ("digits",),
        "smoke": ("digits",),
    }
    by_name_only = True
    layout = {
        "kind": "effects",
        "values": ({"column": "accuracy", "label": "test accuracy"},),
        "effects": _effects(),
        "shows": "Test accuracy under each reading of what the paper leaves open, minus that under "
        "the defaults of this harness, for SMVAE and M2; then the paper’s claim at that reading: "
        "SMVAE minus M2 under the same reading, and minus the best of M2 under it, SDGM and "
        "MAE+SVM.",
        "reading": (
            "Passed: the interval of the claim lies above zero. Failed: it lies below zero. "
            "Undecided: it contains zero.",
            "The best baseline is the one with the highest mean tuning accuracy; test rows do not "
            "choose it.",
            "“Crossed” settings change two or four choices together. “Mean over crossed” is a main "
            "effect: the four runs with that choice minus the four without it.",
            "c is .5 in every row of SMVAE and M2 that does not name it.",
        ),
    }

    def rows(
        self, view_names: Sequence[str], methods: Sequence[MethodCard]
    ) -> tuple[TableRow, ...]:
        """SMVAE and M2 under every choice, then baselines."""
        return _rows()

    def cells(
        self, data: Dataset, split: str, budget: Budget, methods: Sequence[MethodCard]
    ) -> tuple[Cell, ...]:
        """All rows at the lowest share of labels."""
        share = lowest(data, budget)
        scenario = inductive(data, split, share)
        return tuple(Cell(row, replace(scenario, paradigm=row.paradigm), share) for row in _rows())
