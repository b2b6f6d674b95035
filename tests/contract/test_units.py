"""No answer depends on the unit of a view: every method, with views 2^40 times larger or smaller.

Powers of two change the exponent of a float and not its digits, so that answers must be equal to
the last bit, but for what goes back into the unit of the data. Each view has a column that is
constant in training and not in the test rows.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from functools import cache
from typing import Any

import numpy as np
import pytest

from datasets.base import TEST, Dataset
from harness import registry
from harness.run import imputation
from tests.contract.suite import every_method
from tests.helpers import fit, home, outputs, scenario, tiny, trial

UNITS = ((40, -40), (-40, 40))
"""Powers of two for both views: opposite ones, so that a mix of views in raw units shows."""
OTHER = {
    "svm": {"kernel": "rbf"},
    "tsvm": {"features": "nystroem"},
    "label_spreading": {"graph": "concatenation"},
    "label_propagation": {"graph": "concatenation", "scaling": "zscore"},
    "poisson_learning": {"graph": "concatenation"},
    "amgl": {"scaling": "zscore"},
    "mean_indicator": {"classifier": "extra_trees"},
}
"""Further settings of methods whose default ones leave part of their code out."""
QUICK = {"pseudo_label_mlp": {"steps": 60}}
"""Settings in place of the default ones where these take seconds."""


@cache
def world(powers: tuple[int, int] = (0, 0)) -> Dataset:
    data = tiny(90)
    parts = trial(data, scenario())[0].part
    views = [view.copy() for view in data.views]
    for view, value, other in zip(views, (7.3, 0.1), (9.5, -3.25), strict=True):
        view[:, 1] = value
        view[np.flatnonzero(parts == TEST)[:5], 1] = other
    return replace(
        data,
        views=tuple(v * np.float32(2.0**p) for v, p in zip(views, powers, strict=True)),
    )


def answers(key: str, powers: tuple[int, int], settings: Mapping[str, Any]) -> dict[str, Any]:
    """What a fit says of all rows, imputed views and their spreads in the unit of ``world()``."""
    method = registry.load_method(key)
    _, problem, held_out = trial(world(powers), home(method))
    fitted = fit(key, problem, method.Config(**settings))
    inside = method.can.impute and not method.can.inductive
    said = outputs(key, fitted, problem.rows if inside else held_out.test)
    for v, power in enumerate(powers):
        for name, unit in ((f"view {v}", -power), (f"spread {v}", -2 * power)):
            if name in said:
                said[name] = said[name].astype(np.float64) * 2.0**unit
    return said


@every_method
def test_answers_are_equal_in_every_unit(key: str) -> None:
    for settings in (QUICK.get(key, {}), OTHER.get(key)):
        if settings is None:
            continue
        plain = answers(key, (0, 0), settings)
        for powers in UNITS:
            other = answers(key, powers, settings)
            for name, value in plain.items():
                np.testing.assert_array_equal(other[name], value, err_msg=f"{key} {name} {powers}")


@pytest.mark.parametrize("powers", UNITS)
def test_scores_of_completed_views_are_equal_in_every_unit(powers: tuple[int, int]) -> None:
    wanted = scenario(missing=("b",), missing_fraction=0.4)
    found = []
    for units in ((0, 0), powers):
        _, problem, held_out = trial(world(units), wanted)
        views, spreads = fit("mean_impute", problem).impute(problem.rows)
        found.append(imputation.measures(problem, held_out, views, spreads))
    assert found[0]["nmse"] == pytest.approx(1, abs=1e-6)
    assert found[0]["nmse"] == found[1]["nmse"]
    assert found[0]["nmse_all"] == found[1]["nmse_all"]


@every_method
def test_one_view_is_fitted_by_a_method_that_says_it_takes_one(key: str) -> None:
    method = registry.load_method(key)
    if method.can.views > 1 or (method.can.impute and not method.can.classify):
        return
    _, problem, held_out = trial(
        tiny(60, dims=(6,)), replace(home(method), missing=(), missing_fraction=0.0)
    )
    fitted = fit(key, problem, method.Config(**QUICK.get(key, {})))
    said = outputs(key, fitted, held_out.test)
    assert all(len(said[name]) == held_out.test.n for name in said.keys() & {"classes", "codes"})
