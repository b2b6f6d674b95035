"""The protocols on controls and on open choices: their designs, rows and scenarios."""

from __future__ import annotations

from collections import Counter
from itertools import combinations

import pytest

from harness import registry
from harness.errors import UsageError
from harness.plan.expand import candidates, training_of
from harness.plan.job import canonical
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


@pytest.mark.parametrize("rows", [2400, 13640])
@pytest.mark.parametrize("budget", ["preview", "paper"])
def test_rows_with_fewer_unlabelled_rows_train_as_long_on_like_minibatches(
    budget: str, rows: int
) -> None:
    protocol = registry.load_protocol("controls")
    method = registry.load_method("smvae")
    data, split = open_dataset("synthetic_small:a,b")
    cells = {c.row.key: c for c in protocol.cells(data, split, BUDGETS[budget], ())}
    shares = {key: cell.scenario.unlabelled_fraction for key, cell in cells.items()}
    assert shares == {key: controls.SHARES.get(key, 1.0) for key in cells}

    def trained(key: str) -> tuple[int, int, int, int]:
        """Minibatches of a fit and of its warm-up, labelled and unlabelled rows of each."""
        (stage,) = cells[key].row.recipe
        config = method.Config(**stage.config)
        sizes = config.minibatches().sizes(24, round(shares[key] * rows))
        epochs = training_of(BUDGETS[budget], stage).epochs
        steps = sizes.steps * epochs, sizes.steps * config.warmup_epochs
        return (*steps, sizes.labelled, sizes.unlabelled)

    whole = trained("p2_smvae")
    for key in controls.SHARES:
        part = trained(key)
        for mine, other in zip(part[:2], whole[:2], strict=True):
            assert 0.99 * other <= mine <= 1.3 * other
        assert part[2] == whole[2]
        assert 0.75 * whole[3] <= part[3] <= 1.05 * whole[3]


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
            tried = candidates(registry.load_method(method), stage, BUDGETS["preview"])
            configs[row.key] = (canonical(tried), stage.last_epoch, stage.epochs)
            fixed = {"learning_rate", "profile"} & settings.keys()
            assert len(tried) == (1 if fixed else 2)
    assert len(set(configs.values())) == len(configs)  # no choice is the default by another name


def test_the_last_epoch_is_scored_alone_and_nothing_stops_before_it() -> None:
    for budget in BUDGETS.values():
        training = training_of(budget, Stage("smvae", last_epoch=True))
        assert (training.epochs, training.eval_every) == (budget.epochs, budget.epochs)
        assert training.patience is None
