"""Rows of a run: what ``--set`` changes, in title, settings and identity; what it leaves."""

from __future__ import annotations

import pytest

from harness import registry
from harness.errors import UsageError
from harness.plan import resolve
from harness.plan.expand import expand
from harness.plan.rows import check_named, keep_own, with_settings
from protocols.base import BUDGETS, Cell, Stage, TableRow
from tests.helpers import scenario, tiny

PLAIN = TableRow("smvae", "SMVAE", "inductive", "inductive", (Stage("smvae"),))
FIXED = TableRow("fixed", "SMVAE (c 2)", "b", "inductive", (Stage("smvae", config={"c": 2.0}),))
WIDE = TableRow(
    "wide",
    "Wide",
    "b",
    "inductive",
    (Stage("smvae", grid={"c": (10.0, 30.0), "clip": (0.0, 1.0)}),),
)
CHAIN = TableRow("chain", "DCCA+SVM", "b", "supervised", (Stage("dcca"), Stage("svm")))
C = {"smvae": {"c": 10.0}}


def tried(row: TableRow, budget: str = "paper") -> list[dict]:
    """Settings of every candidate of the row's last stage."""
    cell = Cell(row, scenario(row.paradigm), 0.3)
    return [dict(job.config) for job in expand(cell, tiny(), BUDGETS[budget], trial=0, seed=0)]


def test_a_value_is_in_the_title_in_the_settings_and_in_the_identity() -> None:
    row = with_settings(PLAIN, C)
    assert row.title == "SMVAE (c = 10)"
    assert row.key == "smvae"
    # Each at either learning rate.
    assert [config["c"] for config in tried(PLAIN)] == [0.1, 0.1, 0.5, 0.5, 1.0, 1.0]
    assert [config["c"] for config in tried(row)] == [10.0, 10.0]
    cells = [Cell(each, scenario(each.paradigm), 0.3) for each in (row, PLAIN)]
    jobs = [expand(cell, tiny(), BUDGETS["paper"], 0, 0) for cell in cells]
    assert not {job.id for job in jobs[0]} & {job.id for job in jobs[1]}


def test_a_value_that_is_the_default_is_the_same_fit() -> None:
    row = with_settings(PLAIN, {"smvae": {"c": 0.5}})
    assert tried(row, "preview") == tried(PLAIN, "preview")


def test_a_row_keeps_the_value_that_it_fixes_and_takes_the_others() -> None:
    assert with_settings(FIXED, C) is FIXED
    row = with_settings(FIXED, {"smvae": {"c": 10.0, "latent": 5}})
    assert row.title == "SMVAE (c 2) (latent = 5)"
    assert {(config["c"], config["latent"]) for config in tried(row)} == {(2.0, 5)}
    assert keep_own([PLAIN, FIXED], C) == ["row fixed keeps its own smvae.c = 2"]


def test_candidates_of_a_row_give_way() -> None:
    row = with_settings(WIDE, C)
    assert row.title == "Wide (c = 10)"
    expected = 2 * [(10.0, 0.0), (10.0, 1.0)]  # at either learning rate
    assert [(config["c"], config["clip"]) for config in tried(row)] == expected


def test_every_stage_of_a_method_is_set_and_a_chain_names_it() -> None:
    row = with_settings(CHAIN, {"dcca": {"latent": 4}, "svm": {"kernel": "rbf"}})
    assert row.title == "DCCA+SVM (dcca.latent = 4, svm.kernel = rbf)"
    cell = Cell(row, scenario(row.paradigm), 0.3)
    (first, *_) = expand(cell, tiny(), BUDGETS["smoke"], 0, 0)
    assert {stage.config["latent"] for stage in first.upstream[0]} == {4}
    assert {config["kernel"] for config in tried(row)} == {"rbf"}


def test_several_values_are_one_tuple() -> None:
    settings = resolve.method_settings(("smvae.hidden=200,100", "smvae.clip=0"))
    assert settings == {"smvae": {"hidden": (200, 100), "clip": 0.0}}
    assert with_settings(PLAIN, settings).title == "SMVAE (hidden = 200,100, clip = 0)"


@pytest.mark.parametrize(("rows", "why"), [([FIXED], "fixes"), ([CHAIN], "no row"), ([], "no row")])
def test_a_setting_without_effect_is_refused(rows: list[TableRow], why: str) -> None:
    with pytest.raises(UsageError, match=rf"smvae\.c .*{why}"):
        keep_own(rows, C)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("smvae.c", "METHOD.NAME=VALUE"),
        ("smvea.c=1", "'smvea'.*smvae"),
        ("smvae.cc=1", "smvae .*'cc'.*c"),
        ("smvae.c=ten", r"smvae\.c .*'ten'"),
        ("smvae.c=-1", r"smvae\.c .*-1"),
        ("majority.c=1", "majority .*'c'"),
    ],
)
def test_a_setting_that_does_not_exist_is_refused(text: str, words: str) -> None:
    with pytest.raises(UsageError, match=words):
        resolve.method_settings((text,))
    with pytest.raises(UsageError, match="twice"):
        resolve.method_settings(("smvae.c=1", "smvae.c=2"))


@pytest.mark.parametrize("name", ["svm", "mean_impute", "knn_impute"])
def test_a_method_without_a_row_is_told_from_an_unknown_one(name: str) -> None:
    protocols = {"figure2c": registry.load_protocol("figure2c")}
    with pytest.raises(UsageError, match=f"figure2c has no row of {name}; its rows: smvae$"):
        check_named((name,), [], protocols, [("a", "b")])
    with pytest.raises(UsageError, match="unknown method or row 'smvea'; did you mean smvae"):
        check_named(("smvea",), [], protocols, [("a", "b")])


def test_a_kernel_that_is_set_leaves_no_candidates_without_effect() -> None:
    row = TableRow("svm", "SVM", "b", "supervised", (Stage("svm"),))
    kernels = [config["kernel"] for config in tried(row)]
    linear = tried(with_settings(row, {"svm": {"kernel": "linear"}}))
    assert len(linear) == kernels.count("linear") < len(kernels)
    assert len({config["gamma"] for config in linear}) == 1
