"""Figures 2 to 6: which fits they ask for, and that they share them."""

from __future__ import annotations

from dataclasses import replace

import pytest

from datasets.base import Dataset
from protocols.base import BUDGETS, Cell, MethodCard, Protocol
from protocols.figure2a import Figure2a
from protocols.figure2b import Figure2b
from protocols.figure2c import Figure2c
from protocols.figure3 import Figure3
from protocols.figure4 import Figure4
from protocols.figure5 import Figure5
from protocols.figure6 import Figure6
from tests.helpers import tiny, trial

CLASSIFY = ("simvae", "conet", "sdgm_plus")
IMPUTE = (
    "soft_impute_als", "dccae", "corrnet", "soft_impute", "knn_impute", "iterative_svd",
    "extra_trees_impute", "kernel_ridge_impute", "ridge_impute", "mean_impute", "a_new_imputer",
)  # fmt: skip
CARDS = (
    *(MethodCard(key, key, True, True, True, True) for key in CLASSIFY),
    *(MethodCard(key, key, False, True, True, True) for key in IMPUTE),
    MethodCard("smvae", "SMVAE", True, False, True, True),
)
BY_DEFAULT = {
    "simvae", "full_data", "partial_data", "soft_impute_als_smvae", "dccae_smvae",
    "corrnet_smvae", "conet", "sdgm_plus",
}  # fmt: skip


def cells(protocol: Protocol, budget: str = "paper", data: Dataset | None = None) -> list[Cell]:
    return list(protocol.cells(data or tiny(), "rows", BUDGETS[budget], CARDS))


def fits(found: list[Cell]) -> set[str]:
    """The default fits of cells, each with the stages before it."""
    return {
        repr((cell.scenario, cell.row.recipe[:end]))
        for cell in found
        if not cell.row.optional
        for end in range(1, len(cell.row.recipe) + 1)
    }


def of(found: list[Cell], key: str) -> list[Cell]:
    return [cell for cell in found if cell.row.key == key]


def test_the_papers_eight_rows_of_figure_3_run_by_default_and_the_cheap_ones_it_lacks() -> None:
    rows = Figure3().rows(("a", "b"), CARDS)
    default = {row.key for row in rows if not row.optional}
    assert default == BY_DEFAULT | {"mean_indicator", "mean_indicator_trees"}
    assert {row.key for row in rows if row.optional} == {
        "simvae_single", "sdgm_plus_clamp_a", "incomplete_poe", "tmc",
        "soft_impute_smvae", "knn_impute_smvae",
        "iterative_svd_smvae", "ridge_impute_smvae", "mean_impute_smvae", "a_new_imputer_smvae",
        "hist_gradient_boosting", "extra_trees_impute_smvae", "kernel_ridge_impute_smvae",
    }  # fmt: skip


@pytest.mark.parametrize("protocol", [Figure3, Figure4])
def test_rows_that_the_paper_lacks_stand_behind_its_own_in_a_block_of_theirs(
    protocol: type[Protocol],
) -> None:
    rows = protocol().rows(("a", "b"), CARDS)
    apart = [row.block == "not in the paper" for row in rows]
    assert apart == [row.published is None for row in rows]
    assert apart == sorted(apart)
    assert any(apart)


def test_the_two_bounds_are_simvae_under_other_scenarios() -> None:
    found = cells(Figure3())
    ours, full, partial = (of(found, key) for key in ("simvae", "full_data", "partial_data"))
    assert ours[0].row.recipe == full[0].row.recipe == partial[0].row.recipe
    assert {c.scenario.missing_fraction for c in full} == {0.0}
    assert {c.scenario.missing for c in full} == {("b",)}, "declared though nothing is missing"
    assert len({c.scenario for c in full}) == 3, "one scenario for all missing fractions"
    assert {c.scenario.incomplete for c in partial} == {"drop"}
    for left, right in zip(ours, partial, strict=True):
        assert replace(right.scenario, incomplete="keep") == left.scenario
    drops = [trial(tiny(), replace(c.scenario, label_rule="random"))[1] for c in partial]
    assert all(problem.rows.present.all() for problem in drops)


def test_two_stages_complete_the_views_before_smvae_reads_them() -> None:
    (first, second) = of(cells(Figure3()), "dccae_smvae")[0].row.recipe
    assert (first.key, first.imputes, first.views) == ("dccae", True, None)
    assert (second.key, second.imputes) == ("smvae", False)


def test_figure_4_shares_the_papers_imputers_with_figure_3_and_trains_all_else() -> None:
    known = fits(cells(Figure3()))
    found = [cell for cell in cells(Figure4()) if not cell.row.optional]
    shared = {cell.row.key for cell in found if fits([cell]) <= known}
    assert shared == {"soft_impute_als", "dccae", "corrnet"}
    assert {cell.row.key for cell in found} - shared == {
        "simvae", "conet", "sdgm_plus",
        "soft_impute", "knn_impute", "iterative_svd", "ridge_impute", "mean_impute",
        "extra_trees_impute", "kernel_ridge_impute",
    }  # fmt: skip


def test_figure_4_chooses_imputers_and_figure_3_classifiers() -> None:
    for cell in cells(Figure4()) + cells(Figure5()):
        assert [stage.imputes for stage in cell.row.recipe] == [True], cell.row.key
    for cell in cells(Figure3()) + cells(Figure6()):
        assert not cell.row.recipe[-1].imputes, cell.row.key
    left, right = (
        {c.row.key: c.row.recipe[0] for c in cells(figure)} for figure in (Figure3(), Figure4())
    )
    for key in (*CLASSIFY, "simvae_single", "sdgm_plus_clamp_a", "incomplete_poe"):
        assert replace(right[key], imputes=False) == left[key]


def test_figure_5_shows_fits_of_figure_4_of_one_trial() -> None:
    for budget in BUDGETS:
        found = cells(Figure5(), budget)
        assert {cell.trials for cell in found} == {1}
        assert fits(found) <= fits(cells(Figure4(), budget))
        keys = [cell.row.key for cell in found if not cell.row.optional]
        assert keys == ["simvae", "sdgm_plus", "dccae", "soft_impute_als"]
    assert {cell.label_fraction for cell in cells(Figure5())} == {0.10}


def test_figure_6_pins_both_constants_and_holds_figure_3s_grid() -> None:
    found = cells(Figure6())
    pinned = {tuple(cell.row.recipe[0].config.items()) for cell in found}
    assert len(pinned) == len(found) == 25
    assert {(("c1", a), ("c", b)) for a in (0.1, 0.5, 1.0) for b in (0.1, 0.5, 1.0)} <= pinned
    ours = of(cells(Figure3()), "simvae")[0]
    assert {cell.scenario for cell in found} == {ours.scenario}
    for cell in found:
        pins = cell.row.recipe[0].config
        assert (pins["c1"], pins["c"]) == (cell.at["c1"], cell.at["c2"]), "c is the paper's c2"


def test_figure_2c_pins_c_and_nothing_else() -> None:
    for cell in cells(Figure2c()):
        assert cell.row.recipe[0].config == cell.at


def test_figure_2a_thins_the_unlabelled_rows_alone() -> None:
    data = tiny(n=200)
    both = [cell for cell in cells(Figure2a(), data=data) if cell.label_fraction == 0.05]
    found, beside = ([c for c in both if c.row.key == key] for key in ("smvae", "classifier"))
    assert [c.scenario for c in beside] == [c.scenario for c in found]
    problems = [trial(data, cell.scenario)[1] for cell in found]
    ids = [set(problem.rows.ids) for problem in problems]
    labelled = [set(problem.rows.ids[problem.labelled]) for problem in problems]
    assert [cell.at["unlabelled"] for cell in found] == [0.0, 0.2, 0.4, 0.6, 0.8, 1.0]
    assert all(some == labelled[0] for some in labelled)
    assert ids[0] == labelled[0]
    assert all(less <= more for less, more in zip(ids, ids[1:], strict=False))
    assert len(ids[-1]) == 120


def test_figure_2b_is_table_2s_smvae_at_the_lowest_label_fraction() -> None:
    (cell,) = cells(Figure2b())
    assert cell.row.recipe[0].config == {}
    assert cell.label_fraction == 0.02
    assert not cell.scenario.missing


@pytest.mark.parametrize("protocol", [Figure3, Figure4, Figure5, Figure6])
def test_a_run_may_choose_what_is_missing(protocol: type[Protocol]) -> None:
    data = tiny(dims=(3, 4, 5))
    chosen = protocol()
    assert chosen.takes_missing
    assert {c.scenario.missing for c in cells(chosen, data=data)} == {("b", "c")}
    chosen.may_miss, chosen.missing_at_test = ("b", "a", "c", "b"), 0.25
    found = cells(chosen, data=data)
    assert {cell.scenario.missing for cell in found} == {("a", "b", "c")}
    assert {cell.scenario.missing_at_test for cell in found} == {0.25}
    _, problem, held_out = trial(data, found[-1].scenario)
    assert problem.rows.present.any(1).all()
    assert not held_out.test.present.all()
    assert protocol().may_miss == ()


def test_budgets_thin_the_axes() -> None:
    for budget, columns, places in (
        ("paper", (0.02, 0.05, 0.10), (0.1, 0.3, 0.5, 0.7, 0.9)),
        ("preview", (0.02, 0.10), (0.1, 0.5, 0.9)),
        ("smoke", (0.02,), (0.1, 0.9)),
    ):
        found = of(cells(Figure3(), budget), "simvae")
        assert tuple(dict.fromkeys(cell.label_fraction for cell in found)) == columns
        assert tuple(dict.fromkeys(cell.at["missing"] for cell in found)) == places
