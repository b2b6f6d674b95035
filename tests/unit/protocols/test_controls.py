"""The protocols on controls and on open choices: their designs, rows and scenarios."""

from __future__ import annotations

from collections import Counter
from itertools import combinations

import pytest

from harness import registry
from harness.errors import UsageError
from harness.plan.expand import training_of
from harness.plan.resolve import left_out, open_dataset
from protocols import ambiguity, controls
from protocols.base import BUDGETS, Stage
from tests.helpers import tiny


def test_every_effect_names_rows_of_one_control() -> None:
    by_control = [{row.key for row in rows} for rows in controls.CONTROLS.values()]
    for effect in controls.Controls.layout["effects"]:
        assert sum(set(effect["rows"]) <= keys for keys in by_control) == 1, effect["line"]


def test_only_data_of_which_something_is_known_are_controls() -> None:
    protocol = registry.load_protocol("controls")
    with pytest.raises(UsageError, match="synthetic_small:a,b"):
        left_out(protocol, tiny(), wanted=True)
    for spec in protocol.datasets["paper"]:
        assert not protocol.unfit(open_dataset(spec.replace("synthetic", "synthetic_small"))[0])


def test_rows_of_one_control_differ_in_the_share_of_unlabelled_rows_alone() -> None:
    protocol = registry.load_protocol("controls")
    data, split = open_dataset("synthetic_small:a,b")
    cells = {c.row.key: c for c in protocol.cells(data, split, BUDGETS["preview"], ())}
    assert cells["p2_smvae_10"].row.recipe == cells["p2_smvae"].row.recipe
    shares = {key: cell.scenario.unlabelled_fraction for key, cell in cells.items()}
    assert shares == {key: controls.SHARES.get(key, 1.0) for key in cells}


def test_the_factorial_is_balanced_and_free_of_pairs() -> None:
    """Every factor at both levels four times, every pair of levels twice: resolution IV."""
    runs = [(), *ambiguity.RUNS]
    assert len(set(runs)) == 8
    for factor in ambiguity.FACTORS:
        assert sum(factor in run for run in runs) == 4
    for pair in combinations(ambiguity.FACTORS, 2):
        levels = Counter(tuple(factor in run for factor in pair) for run in runs)
        assert set(levels.values()) == {2}
        for factor in set(ambiguity.FACTORS) - set(pair):  # main effect against interaction
            signs = [(-1) ** sum(f in run for f in (*pair, factor)) for run in runs]
            assert sum(signs) == 0


def test_a_main_effect_weighs_every_run_of_a_method_alike() -> None:
    effect = ambiguity._main_effect("m2", "init")
    assert sum(effect.values()) == 0
    assert {abs(weight) for weight in effect.values()} == {0.25}
    assert effect["m2"] == -0.25


def test_every_choice_changes_what_it_says_and_nothing_else() -> None:
    configs = {}
    for choice in ambiguity.CHOICES:
        for method, settings in (("smvae", choice.smvae), ("m2", choice.m2)):
            if settings is None:
                continue
            row = ambiguity._row(method, choice)
            assert row is not None
            (stage,) = row.recipe
            assert stage.config == {"c": 0.5, **settings}
            config = registry.load_method(method).Config(**stage.config)
            configs[row.key] = (config, stage.last_epoch, stage.epochs)
    assert len(set(configs.values())) == len(configs)  # no choice is the default by another name


def test_the_last_epoch_is_scored_alone_and_nothing_stops_before_it() -> None:
    for budget in BUDGETS.values():
        training = training_of(budget, Stage("smvae", last_epoch=True))
        assert (training.epochs, training.eval_every) == (budget.epochs, budget.epochs)
        assert training.patience is None
