"""Selection: the best score, the earlier epoch, the first of the grid; what is said of a row."""

from __future__ import annotations

from typing import Any

import pytest

from harness import registry
from harness.analysis.selection import NAMES, best, key_of, words_of
from harness.plan.cards import method_cards
from harness.plan.expand import expand
from harness.plan.job import Job
from harness.plan.rules import rule_of, rules
from harness.store.record import Record
from protocols.base import BUDGETS
from tests.helpers import tiny

DATA = tiny()
FIT, ONCE = "epoch:accuracy candidate:accuracy", "epoch:accuracy"
IMPUTER = "epoch:nmse candidate:nmse"
CODES = "epoch:loss candidate:probe"


def record(name: str, score: float | None, **changes: Any) -> Record:
    plain: dict[str, Any] = {"id": name, "job": {}, "data_key": "d", "status": "ok", "score": score}
    return Record(**(plain | changes))


def chosen(*found: Record) -> str | None:
    winner = best(found)
    return winner.id if winner else None


def test_the_highest_tuning_score_wins() -> None:
    assert chosen(record("a", 0.1), record("b", 0.9), record("c", 0.5)) == "b"
    assert chosen(record("a", -3.0), record("b", -1.0)) == "b"  # minus an error


def test_ties_go_to_the_earlier_epoch_then_to_the_first_of_the_grid() -> None:
    assert chosen(record("a", 0.5, epoch=20), record("b", 0.5, epoch=10)) == "b"
    assert chosen(record("a", 0.5, epoch=10), record("b", 0.5, epoch=10)) == "a"


def test_test_results_are_not_looked_at() -> None:
    low, high = {"test_accuracy": 0.0}, {"test_accuracy": 1.0}
    assert chosen(record("a", 0.6, metrics=low), record("b", 0.5, metrics=high)) == "a"
    assert chosen(record("a", 0.5, metrics=low), record("b", 0.5, metrics=high)) == "a"


def test_failures_do_not_count() -> None:
    assert chosen(record("a", None, status="failed"), record("b", 0.0)) == "b"
    assert chosen(record("a", 0.9, status="skipped")) is None
    assert chosen(record("a", None)) is None
    assert chosen() is None


# ---------------------------------------------------------------- what is said of a row


def candidates(protocol: str, row: str, budget: str = "paper") -> tuple[Job, ...]:
    """The candidates of a row's first cell, in its first trial."""
    found = registry.load_protocol(protocol).cells(DATA, "rows", BUDGETS[budget], method_cards())
    cell = next(cell for cell in found if cell.row.key == row)
    return expand(cell, DATA, BUDGETS[budget], 0, 0)


@pytest.mark.parametrize(
    ("protocol", "row", "key"),
    [
        ("table2", "smvae", FIT),
        ("table2", "m2_concat", FIT),
        ("table2", "mae_svm", f"{CODES} > candidate:accuracy"),
        ("table2", "dcca_tsvm", f"{CODES} > candidate:accuracy"),
        ("table2", "mvae_svm_train", "epoch:loss > candidate:accuracy"),
        ("table2", "svm", "candidate:accuracy"),
        ("table2", "majority", "fixed"),
        ("table2", "amgl", "fixed"),
        ("table2", "ammss", "candidate:accuracy second"),
        ("figure3", "simvae", FIT),
        ("figure3", "full_data", FIT),
        ("figure3", "soft_impute_als_smvae", f"candidate:nmse > {FIT}"),
        ("figure3", "dccae_smvae", f"{IMPUTER} > {FIT}"),
        ("figure3", "ridge_impute_smvae", f"candidate:nmse > {FIT}"),
        ("figure4", "simvae", IMPUTER),
        ("figure4", "conet", IMPUTER),
        ("figure4", "sdgm_plus_clamp_a", IMPUTER),
        ("figure4", "soft_impute_als", "candidate:nmse"),
        ("figure4", "ridge_impute", "candidate:nmse"),
        ("figure4", "soft_impute", "fixed"),
        ("figure4", "mean_impute", "fixed"),
        ("figure5", "simvae", IMPUTER),
        ("figure6", "simvae", FIT),
    ],
)
def test_what_chooses_the_fits_of_a_row(protocol: str, row: str, key: str) -> None:
    found = rules(candidates(protocol, row))
    assert key_of(found) == key
    assert words_of(found)


def test_a_budget_of_one_setting_chooses_epochs_alone() -> None:
    assert key_of(rules(candidates("table2", "smvae_paper_rate", "preview"))) == ONCE
    assert key_of(rules(candidates("table2", "smvae", "preview"))) == FIT
    assert key_of(rules(candidates("figure4", "simvae", "preview"))) == IMPUTER
    assert key_of(rules(candidates("figure4", "conet", "preview"))) == "epoch:nmse"


def test_different_rules_are_said_in_different_words() -> None:
    rows = ("mae_svm", "svm", "smvae", "majority", "ammss", "mvae_svm_train")
    found = [rules(candidates("table2", row)) for row in rows]
    found += [rules(candidates("figure4", row)) for row in ("simvae", "soft_impute_als")]
    assert len({key_of(one) for one in found}) == len({words_of(one) for one in found}) == 8


@pytest.mark.parametrize(
    ("protocol", "row", "measures"),
    [
        ("figure3", "simvae", ("accuracy",)),
        ("figure4", "simvae", ("nmse",)),
        ("figure4", "mean_impute", ("nmse",)),
        ("table2", "svm", ("accuracy",)),
    ],
)
def test_a_record_names_its_measure(protocol: str, row: str, measures: tuple[Any, ...]) -> None:
    told = rule_of(candidates(protocol, row)[0]).measures
    assert told == ", then ".join(NAMES[one] for one in measures)


def test_a_record_of_a_representation_names_both_measures() -> None:
    ((code, *_), *_) = candidates("table2", "mae_svm")[0].upstream
    assert rule_of(code).measures == f"{NAMES['loss']}, then {NAMES['probe']}"
