"""From a cell to jobs: candidates by budget, stages before the last one, one job an input."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from itertools import product

import numpy as np
import pytest

from harness import registry
from harness.errors import UsageError
from harness.plan.expand import candidates, expand, expand_all, training_of
from harness.plan.job import canonical, stages_of
from protocols.base import BUDGETS, Cell, Stage, TableRow
from tests.helpers import scenario, tiny

PAPER, PREVIEW, SMOKE = BUDGETS["paper"], BUDGETS["preview"], BUDGETS["smoke"]


def cell(*recipe: Stage) -> Cell:
    return Cell(TableRow("row", "Row", "block", "inductive", recipe), scenario(), 0.3)


def settings(key: str, budget: object = PAPER, **config: object) -> list[dict]:
    return list(candidates(registry.load_method(key), Stage(key, config=config), budget))


def test_a_budget_thins_the_grid_of_slow_methods_first() -> None:
    rates = (2e-3, 8e-3)  # tried under every budget
    for budget, values in ((PAPER, (0.1, 0.5, 1.0)), (PREVIEW, (0.5,))):
        tried = [(s["c"], s["learning_rate"]) for s in settings("smvae", budget)]
        assert tried == list(product(values, rates))
    assert len(settings("smvae", SMOKE)) == 4
    assert len(settings("logistic_regression", PREVIEW)) == 6
    assert len(settings("logistic_regression", SMOKE)) == 2


def test_a_linear_kernel_has_no_width() -> None:
    found = settings("svm")
    assert len(found) == 5 + 3 * 3
    assert len([s for s in found if s["kernel"] == "linear"]) == 5


def test_what_a_stage_pins_is_no_candidate() -> None:
    assert [s["C"] for s in settings("logistic_regression", C=3.0)] == [3.0]
    assert {s["kernel"] for s in settings("svm", kernel="rbf")} == {"rbf"}
    assert len({(s["C"], s["gamma"]) for s in settings("svm", kernel="rbf")}) == len(
        settings("svm", kernel="rbf")
    )


@pytest.mark.parametrize(
    ("config", "said"), [({"width": 3}, "width"), ({"C": -1.0}, "must lie in")]
)
def test_a_setting_that_does_not_exist_is_refused(config: dict, said: str) -> None:
    with pytest.raises(UsageError, match=rf"stage 'svm': .*{said}"):
        expand(cell(Stage("svm", config=config)), tiny(), SMOKE, 0, 0)


def test_a_chain_rests_on_every_candidate_of_each_input() -> None:
    data = tiny()
    chain = cell(Stage("logistic_regression", "each"), Stage("svm"))
    top = expand(chain, data, SMOKE, 3, 1)
    assert {job.method for job in top} == {"svm"}
    for job in top:
        assert [[u.views for u in group] for group in job.upstream] == [[("a",)] * 2, [("b",)] * 2]
        assert {u.trial for group in job.upstream for u in group} == {3}
        assert {u.seed for group in job.upstream for u in group} == {1}
        assert [s.method for s in job.stages()] == ["logistic_regression"] * 4 + ["svm"]
        assert job.methods == {"logistic_regression", "svm"}
    assert len({u.id for job in top for group in job.upstream for u in group}) == 4


def test_jobs_of_all_trials_are_those_of_each() -> None:
    data, chain = tiny(), cell(Stage("logistic_regression", "each"), Stage("m2"))
    together = expand_all(chain, data, SMOKE, 3, 1)
    for trial, jobs in enumerate(together):
        alone = expand(chain, data, SMOKE, trial, 1)
        assert jobs == alone
        for job, same in zip(stages_of(jobs).values(), stages_of(alone).values(), strict=True):
            digest = hashlib.sha256(canonical(job.identity()).encode()).hexdigest()
            assert job.id == same.id == digest[:20]
            assert job.training_key == same.training_key
            assert (job.depth, job.trained, job.methods) == (same.depth, same.trained, same.methods)
    assert (
        len({job.training_key for jobs in together for job in stages_of(jobs).values()}) == 24
    )  # 4 + 4 a trial


def test_a_stage_is_the_same_job_wherever_it_recurs() -> None:
    data, first = tiny(), Stage("logistic_regression", "each")
    left, right = (
        expand(cell(first, Stage(key)), data, SMOKE, 0, 0)[0] for key in ("svm", "majority")
    )
    assert left.upstream == right.upstream
    assert left.id != right.id


def test_a_stage_may_be_fitted_on_other_rows_than_the_next() -> None:
    first = Stage("logistic_regression", rows="train")
    row = TableRow("row", "Row", "block", "supervised", (first, Stage("svm")))
    (top, *_) = expand(Cell(row, scenario("supervised"), 0.3), tiny(), SMOKE, 0, 0)
    assert top.scenario.paradigm == "supervised"
    assert top.upstream[0][0].scenario == scenario("inductive")


def test_a_stage_without_codes_for_the_rows_of_the_next_is_refused() -> None:
    chain = cell(Stage("logistic_regression", rows="labelled"), Stage("svm"))
    with pytest.raises(UsageError, match=r"leaves no codes; give that stage rows=\"train\""):
        expand(chain, tiny(), SMOKE, 0, 0)


def test_a_recipe_must_end_in_one_fit() -> None:
    with pytest.raises(UsageError, match="ends in one fit per view"):
        expand(cell(Stage("svm", "each")), tiny(), SMOKE, 0, 0)


def test_only_trained_methods_have_a_length_of_training() -> None:
    (quick, *_), (trained, *_) = (
        expand(cell(Stage(key)), tiny(), SMOKE, 0, 0) for key in ("svm", "m2")
    )
    assert quick.training is None
    assert trained.training == training_of(SMOKE, Stage("m2")).identity()
    assert "device" not in trained.training
    assert training_of(replace(SMOKE, epochs=7), Stage("m2")).epochs == 7


def test_a_stage_may_ask_for_more_epochs_than_a_budget_has() -> None:
    stage = Stage("smvae", epochs=300)
    paper, preview = (training_of(BUDGETS[name], stage) for name in ("paper", "preview"))
    assert (paper.epochs, paper.patience) == (1001, BUDGETS["paper"].patience)
    assert (preview.epochs, preview.patience) == (300, None)
    assert training_of(SMOKE, stage).epochs == SMOKE.epochs
    named = replace(BUDGETS["preview"], epochs=7, fixed_epochs=True)  # --epochs 7
    assert training_of(named, stage).epochs == 7


def test_a_stage_may_bring_a_grid_of_its_own() -> None:
    stage = Stage("smvae", grid={"c": (10.0, 30.0, 100.0)})
    method = registry.load_method("smvae")
    values = {
        name: [config["c"] for config in candidates(method, stage, BUDGETS[name])]
        for name in ("paper", "smoke", "preview")
    }
    # Twice, at either learning rate.
    tried = {"paper": [10.0, 30.0, 100.0], "smoke": [10.0, 30.0], "preview": [10.0]}
    assert values == {name: 2 * own for name, own in tried.items()}


def test_settings_of_numpy_are_numbers_and_what_json_cannot_hold_is_refused() -> None:
    stage = Stage("svm", config={"C": np.float64(3)})
    (job, *_) = expand(cell(stage), tiny(), SMOKE, 0, 0)
    assert type(job.config["C"]) is float
    for value in (float("inf"), {1.0}):
        with pytest.raises(UsageError, match="stage 'svm'"):
            expand(cell(Stage("svm", config={"C": value})), tiny(), SMOKE, 0, 0)
