"""Scaling rules: what a scale is fitted on, which rows it is used for, and what none leaves."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, cast

import numpy as np
import pytest

from datasets.base import TEST, TRAIN, TUNE, DataError, Dataset, Split
from harness.plan.expand import expand
from protocols._scaling import keeps_files_whole, scaled
from protocols.base import BUDGETS, PARADIGMS, Cell, Stage, TableRow, build, draw, scaling_note
from protocols.base import scaling_rule as rule_of
from tests.contract.canaries import ALTERATIONS, canary
from tests.helpers import digest, scenario, tiny, trial

RULES = ("global", "per_file")
every_rule = pytest.mark.parametrize("rule", RULES)
FILES = 4


def filed(n: int = 120, **changes: Any) -> Dataset:
    """Rows of four files, each with an offset and a spread of its own; a constant column."""
    data = tiny(n)
    tape = np.arange(n) % FILES
    views = [view * (1 + tape[:, None]) + 10 * tape[:, None] for view in data.views]
    views[0][:, -1] = 7.0
    return replace(
        data,
        views=tuple(view.astype(np.float32) for view in views),
        groups={**data.groups, "tape": tape, "room": np.minimum(tape, 2)},
        splits=(
            Split("rows", leaks=("person", "day", "tape", "room")),
            Split("tape", by="tape", leaks=("person", "day", "room"), shares=(0.5, 0.25, 0.25)),
            Split("room", by="room", leaks=("person", "day")),
            Split("person", by="person", leaks=("tape", "room")),
        ),
        file_group="tape",
        **changes,
    )


def columns(data: Dataset, rule: str) -> tuple[np.ndarray, np.ndarray]:
    """All rows of the first view in float64 and their parts, in one trial."""
    drawn = draw(data, scenario(scaling=rule), 0)
    return scaled(data, rule, drawn.part, drawn.present)[0].astype(np.float64), drawn.part


def test_global_gives_all_training_rows_mean_zero_and_sd_one() -> None:
    found, part = columns(filed(), "global")
    train = found[part == TRAIN]
    np.testing.assert_allclose(train.mean(axis=0), 0, atol=1e-6)
    np.testing.assert_allclose(train[:, :-1].std(axis=0), 1, atol=1e-6)


def test_per_file_gives_the_training_rows_of_each_file_mean_zero_and_sd_one() -> None:
    data = filed()
    found, part = columns(data, "per_file")
    for tape in range(FILES):
        train = found[(part == TRAIN) & (data.groups["tape"] == tape)]
        np.testing.assert_allclose(train.mean(axis=0), 0, atol=1e-6)
        np.testing.assert_allclose(train[:, :-1].std(axis=0), 1, atol=1e-6)


def test_every_row_of_a_file_is_scaled_as_its_training_rows_are() -> None:
    data = filed()
    found, part = columns(data, "per_file")
    for side in (TUNE, TEST):
        rows = np.flatnonzero((part == side) & (data.groups["tape"] == 3))
        train = data.views[0][(part == TRAIN) & (data.groups["tape"] == 3)].astype(np.float64)
        spread = np.where(np.arange(6) < 5, train.std(axis=0), 1)
        by_hand = (data.views[0][rows] - train.mean(axis=0)) / spread
        np.testing.assert_allclose(found[rows], by_hand, atol=1e-6)


@every_rule
def test_a_column_that_is_constant_in_training_is_zero_in_all_rows(rule: str) -> None:
    data = filed()
    drawn = draw(data, scenario(), 0)
    views = [view.copy() for view in data.views]
    views[0][np.flatnonzero(drawn.part == TEST)[0], -1] = 9.5
    other = replace(data, views=tuple(views))
    found = scaled(other, rule, drawn.part, drawn.present)[0][:, -1]
    assert set(found.tolist()) == {0.0}


@every_rule
def test_problem_and_answers_are_scaled_alike_and_in_float32(rule: str) -> None:
    data = filed()
    wanted = scenario(scaling=rule, missing=("b",), missing_fraction=0.3)
    drawn, problem, held_out = trial(data, wanted)
    whole = scaled(data, rule, drawn.part, drawn.present)
    for rows in (problem.rows, problem.tuning, held_out.test, held_out.complete):
        for v, view in enumerate(rows.views):
            there = rows.present[:, v]
            assert view.dtype == np.float32
            np.testing.assert_array_equal(view[there], whole[v][drawn.order[rows.ids]][there])
            assert np.isnan(view[~there]).all()


@every_rule
@pytest.mark.parametrize("paradigm", PARADIGMS)
def test_hidden_entries_tuning_and_test_rows_and_labels_never_enter_the_scale(
    rule: str, paradigm: Any
) -> None:
    data = filed()
    wanted = scenario(paradigm, scaling=rule, missing=("b",), missing_fraction=0.5)
    drawn = draw(data, wanted, 0)
    unseen = ~drawn.present | (drawn.part != TRAIN)[:, None]
    assert (~drawn.present & (drawn.part == TRAIN)[:, None]).any()
    views = tuple(
        np.where(unseen[:, v, None], 1000 - 3 * view, view).astype(np.float32)
        for v, view in enumerate(data.views)
    )
    other = replace(data, views=views, labels=(data.labels + 1) % data.n_classes)
    scales = (scaled(d, rule, drawn.part, drawn.present) for d in (data, other))
    for v, (before, after) in enumerate(zip(*scales, strict=True)):
        np.testing.assert_array_equal(before[~unseen[:, v]], after[~unseen[:, v]])
        assert (before[unseen[:, v]] != after[unseen[:, v]]).any()


@every_rule
@pytest.mark.parametrize("paradigm", ["supervised", "inductive"])
@pytest.mark.parametrize("name", sorted(ALTERATIONS))
def test_no_canary_sings_in_a_scaled_problem(name: str, paradigm: Any, rule: str) -> None:
    wanted = scenario(paradigm, scaling=rule, missing=("b",), missing_fraction=0.5)
    canary(ALTERATIONS[name], filed(), wanted)


@every_rule
def test_all_training_rows_count_whatever_the_paradigm_and_the_share_of_labels(rule: str) -> None:
    data = filed()
    found = []
    for paradigm, fraction in (("supervised", 0.1), ("inductive", 0.5), ("transductive", 0.5)):
        problem = trial(data, scenario(paradigm, label_fraction=fraction, scaling=rule))[1]
        found.append(dict(zip(problem.tuning.ids.tolist(), problem.tuning.views[0], strict=True)))
    for other in found[1:]:
        np.testing.assert_array_equal(np.stack(list(found[0].values())), [*other.values()])


def test_none_leaves_ids_and_bytes_as_they_were() -> None:
    # The bytes are those of the code before there was a scaling; the id that of decision 0063.
    data, wanted = tiny(), scenario()
    row = TableRow("row", "Row", "block", "inductive", (Stage("majority"),))
    job = expand(Cell(row, wanted, 0.3), data, BUDGETS["smoke"], 3, 0)[0]
    assert "scaling" not in job.scenario.identity()
    assert job.id == "097b32ed3716c67ee6a1"
    assert digest(trial(data, wanted, 3)[1])[:16] == "9bfff70cc98884b5"
    assert digest(trial(filed(scaling="per_file"), wanted)[1]) == digest(trial(filed(), wanted)[1])


def test_another_scaling_is_another_job() -> None:
    row = TableRow("row", "Row", "block", "inductive", (Stage("majority"),))
    cells = [Cell(row, scenario(scaling=rule), 0.3) for rule in ("none", *RULES)]
    ids = {expand(cell, filed(), BUDGETS["smoke"], 0, 0)[0].id for cell in cells}
    assert len(ids) == 3


# ---------------------------------------------------------------- which rule, and what is said


def test_a_data_set_is_scaled_as_it_asks() -> None:
    for rule in ("none", *RULES):
        data = filed(scaling=rule)
        assert rule_of(data, "rows") == rule
    assert scaling_note(data, "rows", "none") == ""
    assert scaling_note(filed(scaling="global"), "rows", "global").startswith("scaling: global, ")
    said = scaling_note(filed(scaling="per_file"), "rows", "per_file")
    assert said == "scaling: per tape, fitted on training rows"


@pytest.mark.parametrize("split", ["tape", "room"])
def test_a_split_that_keeps_files_whole_is_scaled_globally_and_says_so(split: str) -> None:
    data = filed(scaling="per_file")
    assert rule_of(data, split) == "global"
    said = scaling_note(data, split, "global")
    assert said.startswith("scaling: global, fitted on training rows, not per tape")
    assert f"'{split}'" in said


def test_a_split_that_cuts_files_keeps_the_rule() -> None:
    data = filed(scaling="per_file")
    assert rule_of(data, "person") == "per_file"
    official = Split("official", official=True)
    parts = np.tile([TRAIN, TRAIN, TRAIN, TUNE, TEST], 24)  # five and four share no divisor
    cut = replace(data, splits=(official,), official=parts)
    assert not keeps_files_whole(cut, official)
    whole = replace(cut, official=np.array([TRAIN, TRAIN, TUNE, TEST])[data.groups["tape"]])
    assert keeps_files_whole(whole, official)


def test_a_file_without_two_training_rows_is_refused_with_the_fix() -> None:
    data = filed(scaling="per_file")
    lone = np.where(np.arange(data.n) == 5, FILES, data.groups["tape"])
    thin = replace(data, groups={**data.groups, "tape": lone})
    with pytest.raises(DataError, match=r"tape 4 of tiny has \d training rows with view 'a', too"):
        draw(thin, scenario(scaling="per_file"), 0)
    with pytest.raises(DataError, match=r"; add --data-option tiny\.scaling=global"):
        draw(thin, scenario(scaling="per_file"), 0)
    draw(thin, scenario(scaling="global"), 0)
    hidden = scenario(scaling="global", missing=("b",), missing_fraction=1.0)
    with pytest.raises(DataError, match=r"has 0 training rows with view 'b'.*scaling=none"):
        draw(data, hidden, 0)


def test_a_data_set_that_asks_for_what_it_lacks_is_refused() -> None:
    with pytest.raises(DataError, match="group of files"):
        replace(tiny(), scaling="per_file")
    with pytest.raises(DataError, match="no group 'reel'"):
        replace(tiny(), file_group="reel")
    with pytest.raises(DataError, match="it can be: none, per_file, global"):
        replace(tiny(), scaling=cast(Any, "minmax"))


@every_rule
def test_a_scaled_problem_is_a_function_of_its_draw(rule: str) -> None:
    data, wanted = filed(), scenario(scaling=rule)
    drawn = draw(data, wanted, 0)
    left, right = (digest(build(data, wanted, drawn)[0]) for _ in range(2))
    assert left == right


@every_rule
def test_a_column_that_varies_by_rounding_alone_is_zero(rule: str) -> None:
    data = filed()
    drawn = draw(data, scenario(), 0)
    column = np.full(data.n, 1000, np.float32)
    column[np.flatnonzero(drawn.part == TRAIN)[::2]] = np.nextafter(np.float32(1000), np.float32(2))
    column[np.flatnonzero(drawn.part == TEST)[0]] = 1300
    views = (np.column_stack([data.views[0], column]), *data.views[1:])
    found = scaled(replace(data, views=views), rule, drawn.part, drawn.present)[0][:, -1]
    assert set(found.tolist()) == {0.0}


@every_rule
@pytest.mark.parametrize("power", [-40, 40])
def test_scaled_rows_are_the_same_in_every_unit(rule: str, power: int) -> None:
    data = filed()
    drawn = draw(data, scenario(), 0)
    views = tuple(view * np.float32(2.0**power) for view in data.views)
    scales = (
        scaled(d, rule, drawn.part, drawn.present) for d in (data, replace(data, views=views))
    )
    for one, other in zip(*scales, strict=True):
        np.testing.assert_array_equal(one, other)
