"""Numbers of a figure's places: means over all planned trials, or none."""

from __future__ import annotations

import numpy as np
import pytest

from harness.analysis.aggregate import points
from harness.analysis.statistics import check, paired
from tests.unit.harness.fake_figures import missing_trials
from tests.unit.harness.fake_trials import trials_of


def at(place: float, values: list[float], key: str = "ours"):
    return trials_of({key: values}).assign(at_missing=place)


def test_a_place_has_mean_and_sample_sd_of_each_value() -> None:
    (line,) = points(at(0.5, [0.5, 0.6, 0.7]).assign(nmse=[1.0, 2.0, 3.0]), ["accuracy", "nmse"])[
        ["at_missing", "accuracy_mean", "accuracy_sd", "nmse_mean", "nmse_sd", "nmse_trials"]
    ].to_dict("records")
    assert list(line.values()) == pytest.approx([0.5, 0.6, 0.1, 2.0, 1.0, 3])


def test_places_are_apart_and_in_rising_order() -> None:
    table = missing_trials(places=(0.9, 0.1), rows=("simvae", "conet"))
    found = points(table.sample(frac=1, random_state=0), ["accuracy"])
    assert found["at_missing"].tolist() == [0.1, 0.9] * 4
    assert found["row"].tolist() == ["SiMVAE"] * 4 + ["CoNet"] * 4


@pytest.mark.parametrize("status", ["failed", "missing", "skipped"])
def test_a_place_that_lacks_a_trial_has_no_mean(status: str) -> None:
    table = at(0.5, [0.5, 0.6])
    table.loc[1, ["status", "accuracy"]] = [status, np.nan]
    line = points(table, ["accuracy"]).iloc[0]
    assert np.isnan(line["accuracy_mean"])
    assert (line["accuracy_trials"], line["trials_expected"], line[status]) == (1, 2, 1)


def test_a_value_that_no_trial_has_is_no_number_and_no_failure() -> None:
    line = points(at(0.5, [0.5, 0.6]), ["accuracy", "nll"]).iloc[0]
    assert line["nll_trials"] == line["failed"] == 0
    assert np.isnan(line["nll_mean"])


def test_labels_and_classes_kept_are_a_span() -> None:
    table = at(0.5, [0.5, 0.6]).assign(n_labelled=[3, 7], n_classes_labelled=[2, 2])
    line = points(table, ["accuracy"]).iloc[0]
    assert (line["n_labelled"], line["n_classes_labelled"]) == ("3-7", "2")


def test_an_imputer_alone_needs_no_accuracy_but_an_nmse() -> None:
    table = at(0.5, [np.nan, np.nan]).assign(nmse=[0.5, 0.6])
    assert len(check(table)) == 2
    with pytest.raises(ValueError, match="needs an accuracy"):
        check(table.assign(nmse=[0.5, np.nan]))


def test_the_same_trial_may_stand_at_many_places_but_once_at_each() -> None:
    import pandas as pd

    one, two = at(0.1, [0.5]), at(0.3, [0.5])
    assert len(check(pd.concat([one, two]))) == 2
    with pytest.raises(ValueError, match="in the table twice"):
        check(pd.concat([one, one]))


def test_rows_are_compared_within_a_place_and_in_any_value() -> None:
    table = missing_trials(rows=("simvae", "conet"), places=(0.1, 0.9), percents=(2.0,))
    found = paired(table, "simvae", "nmse")
    assert found["at_missing"].tolist() == [0.1, 0.9]
    for line in found.to_dict("records"):
        here = table[table["at_missing"] == line["at_missing"]]
        ours, other = (here[here["row_key"] == key]["nmse"].to_numpy() for key in
                       ("simvae", "conet"))  # fmt: skip
        assert line["mean_difference"] == pytest.approx((ours - other).mean())
        assert line["pairs"] == 3
