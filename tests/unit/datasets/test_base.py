"""The data contract: construction checks, the fingerprint, and the choice of views."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from datasets.base import DataError, Dataset, Provenance, Split


def dataset(**changes: Any) -> Dataset:
    rng = np.random.default_rng(0)
    fields: dict[str, Any] = {
        "key": "toy:a,b",
        "draw_key": "toy",
        "title": "Toy",
        "views": tuple(rng.normal(size=(12, d)).astype(np.float32) for d in (3, 2)),
        "view_names": ("a", "b"),
        "labels": np.tile([0, 1], 6),
        "class_names": ("no", "yes"),
        "splits": (Split("person", by="person"), Split("rows", leaks=("person",))),
        "provenance": Provenance("open", "made here", "none"),
        "groups": {"person": np.repeat(np.arange(6), 2)},
        "official": np.tile([0, 0, 1, 2], 3),
    }
    return Dataset(**(fields | changes))


def bumped(array: np.ndarray) -> np.ndarray:
    """The same values but for the last one."""
    copy = array.copy()
    copy.flat[-1] = 1 - copy.flat[-1]
    return copy


def test_the_fingerprint_follows_the_content() -> None:
    data = dataset()
    changes: list[dict[str, Any]] = [
        {"views": (bumped(data.views[0]), data.views[1])},
        {"views": (data.views[0], bumped(data.views[1]))},
        {"views": data.views[::-1], "view_names": ("b", "a")},
        {"view_names": ("a", "c")},
        {"labels": bumped(data.labels)},
        {"class_names": ("no", "maybe")},
        {"groups": {"person": data.groups["person"][::-1].copy()}},
        {"groups": dict(data.groups) | {"day": np.zeros(12, int)}},
        {"official": np.tile([0, 1, 2, 0], 3)},
        {"official": None},
    ]
    prints = [dataset(**change).fingerprint for change in changes] + [data.fingerprint]
    assert len(set(prints)) == len(prints)
    assert all(len(text) == 16 for text in prints)


def test_the_fingerprint_ignores_names_notes_and_order_of_groups() -> None:
    data = dataset(groups={"person": np.repeat(np.arange(6), 2), "day": np.zeros(12, int)})
    same: list[dict[str, Any]] = [
        {"key": "other:a,b"},
        {"draw_key": "other"},
        {"title": "Other"},
        {"provenance": Provenance("simulated", "elsewhere", "some", notes=("a note",))},
        {"splits": data.splits[::-1]},
        {"groups": {name: data.groups[name] for name in ("day", "person")}},
        {"views": tuple(np.asfortranarray(view) for view in data.views)},
        {"views": tuple(view.astype(">f4").astype(np.float32) for view in data.views)},
    ]
    assert all(replace(data, **change).fingerprint == data.fingerprint for change in same)


def test_choosing_views_keeps_rows_and_draws() -> None:
    data = dataset()
    one = data.choose(["b"])
    assert (one.key, one.draw_key, one.view_names, one.dims) == ("toy:b", "toy", ("b",), (2,))
    assert np.array_equal(one.labels, data.labels)
    assert data.choose(["b", "a"]).choose(["a", "b"]).fingerprint == data.fingerprint
    assert one.fingerprint != data.fingerprint


@pytest.mark.parametrize(
    ("names", "message"),
    [
        (["nose"], "'nose'.* a, b"),
        (["a", "a"], "'a,a'"),
        ([], "has no views"),
    ],
)
def test_a_wrong_choice_of_views(names: list[str], message: str) -> None:
    with pytest.raises(DataError, match=message):
        dataset().choose(names)


def test_splits_by_name() -> None:
    data = dataset()
    assert data.split().name == "person"
    assert data.split("rows").leaks == ("person",)
    with pytest.raises(DataError, match="'fold'.* person, rows"):
        data.split("fold")


def test_a_split_by_too_few_groups_is_refused_with_the_reason_and_one_that_can_be_drawn() -> None:
    plain = dataset()
    few = replace(plain, groups={"person": np.arange(12) % 2})
    assert [split.name for split in few.offered] == ["rows"]
    assert few.split().name == "rows"
    with pytest.raises(DataError, match=r"'person'.*at least 3 .* 2; .*rows.*--dataset toy@rows"):
        few.split("person")
    folds = Split("ten", by="person", shares=(0.8, 0.1, 0.1), folds=10)
    with pytest.raises(DataError, match="at least 10 .* 3; add data"):
        replace(plain, groups={"person": np.arange(12) % 3}, splits=(folds,)).split()


X = np.arange(24, dtype=np.float32).reshape(12, 2)


def lacking(*rows: int) -> np.ndarray:
    view = X.copy()
    view[list(rows)] = np.nan
    return view


def test_a_row_lacks_a_view_where_it_is_nan() -> None:
    data = dataset(views=(lacking(0, 3), lacking(5)))
    absent = [(row, v) for row, v in zip(*np.nonzero(~data.present), strict=True)]
    assert absent == [(0, 0), (3, 0), (5, 1)]
    assert data.absent_views == ("a", "b")
    assert dataset().absent_views == ()
    assert dataset().present.all()
    assert data.choose(["a", "b"]).fingerprint == data.fingerprint
    with pytest.raises(DataError, match="2 of 12 rows"):
        data.choose(["a"])


def test_the_fingerprint_follows_the_mask_and_no_pattern_of_bits() -> None:
    other = lacking(0, 3)
    other[0] = np.float32(-np.nan)
    same, moved = dataset(views=(other, X)), dataset(views=(lacking(0, 4), X))
    assert same.fingerprint == dataset(views=(lacking(0, 3), X)).fingerprint
    assert moved.fingerprint != same.fingerprint


BROKEN: dict[str, tuple[dict[str, Any], str]] = {
    "no-views": ({"views": (), "view_names": ()}, "no views"),
    "names": ({"view_names": ("a",)}, "2 views but 1 name$"),
    "same-name": ({"view_names": ("a", "a")}, "twice"),
    "float-labels": ({"labels": np.zeros(12)}, "integers"),
    "vector-view": ({"views": (X[:, 0], X)}, "matrix"),
    "empty-view": ({"views": (X[:, :0], X)}, "matrix"),
    "rows": ({"views": (X[:5], X)}, "5 rows.* 12"),
    "float64": ({"views": (X.astype(np.float64), X)}, "float32"),
    "nan": ({"views": (np.c_[X[:, :1] + np.float32(np.nan), X[:, 1:]], X)}, "NaN.* 12 rows"),
    "infinite": ({"views": (X + np.float32(np.inf), X)}, "infinite.* 12 rows"),
    "absent-view": ({"views": (X + np.float32(np.nan), X)}, "'a'.* absent from every row"),
    "no-view-in-a-row": ({"views": (lacking(0, 1), lacking(1, 2))}, "1 of 12 rows.* no view"),
    "constant-view": ({"views": (0 * X + 7, dataset().views[1])}, "'a'.*constant.*--dataset toy:b"),
    "one-class": ({"class_names": ("no",)}, "classes"),
    "label-range": ({"labels": np.full(12, 2)}, r"0\.\.1"),
    "hidden-label": ({"labels": np.full(12, -1)}, r"0\.\.1"),
    "float-group": ({"groups": {"person": np.zeros(12)}}, "group 'person'"),
    "short-group": ({"groups": {"person": np.zeros(3, int)}}, "group 'person'"),
    "no-splits": ({"splits": ()}, "no split"),
    "split-group": ({"splits": (Split("x", by="day"),)}, "'x'.*'day'"),
    "leak-group": ({"splits": (Split("x", leaks=("day",)),)}, "'x'.*'day'"),
    "no-official": ({"splits": (Split("x", official=True),), "official": None}, "'x'.*official"),
    "shares": ({"splits": (Split("x", shares=(0.5, 0.2, 0.2)),)}, "shares.*'x'.* 1"),
    "parts": ({"official": np.zeros(12, int)}, "train, tune and test"),
}


@pytest.mark.parametrize(("changes", "message"), BROKEN.values(), ids=BROKEN.keys())
def test_a_broken_contract_is_refused(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(DataError, match=message):
        dataset(**changes)


def test_arrays_cannot_be_changed_afterwards() -> None:
    data = dataset()
    for array in (*data.views, data.labels, *data.groups.values()):
        with pytest.raises(ValueError, match="read-only"):
            array.flat[0] = 1
