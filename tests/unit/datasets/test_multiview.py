"""Multi-view files as they are published: every layout read as it should be, or asked about."""

from __future__ import annotations

import shlex
from dataclasses import fields, replace
from pathlib import Path

import numpy as np
import pytest
from scipy.io import savemat

from datasets._multiview import Choices
from datasets.base import TEST, TRAIN, TUNE, DataError, Dataset
from datasets.file import inspect_file, load_file
from harness.plan.resolve import own_file_parts
from tests.helpers import refusal
from tests.unit.datasets import multiview_files as files
from tests.unit.datasets.multiview_files import LAYOUTS, MISSING, V1, V2, N, X, cell

DICT = np.array({"X1": V1, "X2": V2, "gt": files.LABELS}, dtype=object)
READ = {name: layout for name, layout in LAYOUTS.items() if layout.views}
ASKED = {name: layout for name, layout in (LAYOUTS | MISSING).items() if layout.flags}
LACKING = [name for name, layout in MISSING.items() if layout.views]


def written(folder: Path, name: str) -> Path:
    (LAYOUTS | MISSING)[name].write(folder / name)
    return folder / name


def rows_of(data: Dataset) -> list[bytes]:
    """Every row with its label, in an order that does not depend on the file's."""
    whole = np.concatenate([*data.views, data.labels[:, None]], axis=1)
    return sorted(row.tobytes() for row in np.ascontiguousarray(whole))


@pytest.mark.parametrize("name", READ)
def test_a_layout_is_read(tmp_path: Path, name: str) -> None:
    layout = READ[name]
    data = load_file(written(tmp_path, name), options=layout.options)
    assert ",".join(data.view_names) == layout.views
    assert data.class_names == layout.classes
    held = layout.held[: len(data.views)]
    assert [view.dtype for view in data.views] == [np.float32] * len(held)
    codes = files.LABELS.astype(int) - 1
    if data.official is None:
        assert np.array_equal(data.labels, codes)
        for view, expected in zip(data.views, held, strict=True):
            assert np.array_equal(view, expected.astype(np.float32))
    alike = replace(data, views=tuple(v.astype(np.float32) for v in held), labels=codes)
    assert rows_of(data) == rows_of(alike)


@pytest.mark.parametrize("name", ASKED)
def test_what_is_open_or_wrong_is_one_sentence_that_says_how(tmp_path: Path, name: str) -> None:
    path = written(tmp_path, name)
    said = refusal(lambda: load_file(path))
    assert len(said) < 500
    assert "MATLAB" not in said
    for flag in ASKED[name].flags:
        assert flag in said, said


@pytest.mark.parametrize("name", LAYOUTS | MISSING)
def test_inspect_describes_what_it_can_read_and_says_what_it_cannot(
    tmp_path: Path, name: str
) -> None:
    layout, path = (LAYOUTS | MISSING)[name], written(tmp_path, name)
    lines, error = inspect_file(path, layout.options)
    assert (error is None) is bool(layout.views)
    if layout.views:
        text = "\n".join(lines)
        assert f"rows     {N}" in text
        for view, held in zip(layout.views.split(","), layout.held, strict=False):
            assert f"view     {view}: {held.shape[1]} features" in text
        assert ("missing  0 rows" in text) is (name in LAYOUTS)
        assert all(f"{title} (10)" in text for title in layout.classes)


def test_inspect_counts_rows_that_lack_a_view(tmp_path: Path) -> None:
    lines, error = inspect_file(written(tmp_path, "nan_rows.mat"))
    assert error is None
    assert "  view     X2: 5 features, absent in 6 rows" in lines
    assert "  missing  6 rows lack a view, none of them every view" in lines
    lines, error = inspect_file(written(tmp_path, "single_nan.npz"))
    assert isinstance(error, DataError)
    assert "  view     X2: 5 features, with single NaN in 1 row" in lines


@pytest.mark.parametrize("name", LACKING)
def test_rows_that_lack_a_view_are_read(tmp_path: Path, name: str) -> None:
    data = load_file(written(tmp_path, name), options=MISSING[name].options)
    v = data.view_names.index(data.absent_views[0])
    assert len(data.absent_views) == 1
    lacks = ~data.present[:, v]
    assert lacks.sum() == (4 if name == "tables_lost" else 6)
    assert np.isnan(data.views[v][lacks]).all()
    assert np.isfinite(data.views[v][~lacks]).all()
    assert np.isfinite(data.views[1 - v]).all()


def test_what_a_mask_hides_is_the_same_data_set_as_nan(tmp_path: Path) -> None:
    prints = {
        load_file(written(tmp_path, name), options=MISSING[name].options).fingerprint
        for name in ("nan_rows.mat", "mask.mat", "mask_turned.npz", "mask_named.mat")
    }
    assert len(prints) == 1


def test_rows_that_lack_views_are_left_out_where_that_is_asked_for(tmp_path: Path) -> None:
    some, none = written(tmp_path, "nan_rows.mat"), written(tmp_path, "no_view.mat")
    whole = load_file(some, options={"incomplete": "leave_out"})
    assert (whole.n, whole.absent_views) == (N - 6, ())
    assert any("6 of 30" in note for note in whole.provenance.notes)
    assert load_file(some, options={"incomplete": "leave_out_empty"}).n == N
    assert load_file(none, options={"incomplete": "leave_out_empty"}).n == N - 6
    assert "6 of 30 rows" in refusal(lambda: load_file(some, ("X2",)))


def test_views_are_picked_by_name_and_trials_stay_paired(tmp_path: Path) -> None:
    path = written(tmp_path, "cell_data_turned.mat")
    whole, picked = load_file(path), load_file(path, ("data3", "data1"))
    assert picked.view_names == ("data3", "data1")
    assert picked.draw_key == whole.draw_key


def test_one_data_set_has_one_fingerprint_in_every_layout(tmp_path: Path) -> None:
    names = ("cell_column.mat", "cell_row.mat", "numbered.mat", "v73.mat", "labels_twice.mat")
    assert len({load_file(written(tmp_path, name)).fingerprint for name in names}) == 1


def test_a_view_that_cannot_be_used_is_left_out_by_what_its_refusal_says(tmp_path: Path) -> None:
    for number, bad in enumerate((np.ones((N, 2)), V2 * np.nan, V2 * np.inf)):
        path = tmp_path / f"a {number}.npz"
        np.savez(path, view_X1=V1, view_X2=bad, view_X3=files.V3, labels=files.LABELS)
        said = refusal(lambda path=path: load_file(path))
        typed = shlex.split(said[said.index("--dataset") :])[1]
        assert typed == f"{path}:X1,X3"
        file, views, _ = own_file_parts(typed)
        assert load_file(file, views).view_names == ("X1", "X3")


def test_objects_are_listed_and_the_code_that_the_refusal_names_makes_a_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    moods = np.array(["art", "law", "war"], dtype=object)[files.LABELS - 1]
    loose = np.empty(N, object)
    loose[:] = [*V1]
    for held in ({"X": X, "Y": files.LABELS}, {"view_a": loose, "labels": moods}, {"d": DICT}):
        np.savez("objects.npz", **held)
        lines, error = inspect_file(Path("objects.npz"))
        assert lines[0].endswith("1 array" if len(held) == 1 else "2 arrays")
        for key, line in zip(held, lines[1:], strict=True):
            assert key in line
            assert ("object" in line) is (held[key].dtype == object)
        said = str(error)
        assert f"file.ignore={next(iter(held))}" in said
        exec(compile(said[said.index("import numpy") :], "said", "exec"), {})
        lines, error = inspect_file(Path("objects-plain.npz"))
        assert error is None, error
        assert "  rows     30" in lines


def test_objects_beside_the_views_are_left_out_if_asked(tmp_path: Path) -> None:
    notes = np.array([{"by": "me"}], dtype=object)
    np.savez(tmp_path / "a.npz", X=V1, notes=notes, gt=files.LABELS)
    assert "file.ignore=notes" in refusal(lambda: load_file(tmp_path / "a.npz"))
    data = load_file(tmp_path / "a.npz", options={"ignore": "notes"})
    assert data.view_names == ("X",)


def test_a_mask_may_be_a_vector_for_a_view(tmp_path: Path) -> None:
    there = files.PRESENT[:, 1]
    path = tmp_path / "nan_rows.npz"
    np.savez(path, view_X1=V1, view_X2=files.HOLES, labels=files.LABELS)
    wanted = load_file(path).fingerprint
    for name, vector in (("X2", there), ("X2", there[:, None] * 1.0)):
        np.savez(path, view_X1=V1, view_X2=V2, labels=files.LABELS, **{f"present_{name}": vector})
        assert load_file(path).fingerprint == wanted
    for name, vector, named in (("X3", there, "X1, X2"), ("X2", there + 1, "'present_X2'")):
        np.savez(path, view_X1=V1, view_X2=V2, labels=files.LABELS, **{f"present_{name}": vector})
        assert named in refusal(lambda: load_file(path))


def test_inspect_shows_the_chosen_views_and_split(tmp_path: Path) -> None:
    path = tmp_path / "a.npz"
    person = np.arange(N) // 5
    np.savez(
        path, view_a=V1, view_b=V2, view_c=np.ones((N, 1)), labels=files.LABELS,
        group_person=person, group_lab=person > 2,
    )  # fmt: skip
    lines, error = inspect_file(path, None, ("b",), "stratified")
    assert error is None
    text = "\n".join(lines)
    assert "view     b: 5 features" in text
    assert "view     a" not in text
    assert "split    stratified: 60 % training" in text
    assert "splits   person (default), stratified" in text
    assert "split 'lab'" in text
    lines, error = inspect_file(path, None, ("d",))
    assert "a, b, c" in str(error)
    assert "  view     c: 1 feature" in lines
    lines, error = inspect_file(path, None, ("b",), "lab")
    assert f"--dataset {path}:b@person" in str(error)
    assert "  view     c: 1 feature" not in lines


# ---------------------------------------------------------------- parts, groups, notes


@pytest.mark.parametrize("name", ["presplit.mat", "presplit_cells.mat"])
def test_parts_of_the_file_are_its_official_split(tmp_path: Path, name: str) -> None:
    data = load_file(written(tmp_path, name))
    assert data.splits[0].name == "official"
    assert data.official is not None
    assert np.flatnonzero(data.official == TEST).tolist() == list(range(20, N))
    tuned = data.official == TUNE
    for code in range(3):  # a quarter of each class, its first three rows never
        rows = np.flatnonzero(data.labels[:20] == code)
        assert np.array_equal(rows[3::4], np.flatnonzero(tuned & (data.labels == code)))
    assert np.array_equal(data.views[1], V2.astype(np.float32))


def test_a_tuning_part_of_the_file_is_kept(tmp_path: Path) -> None:
    parts = {"train": slice(0, 18), "val": slice(18, 24), "test": slice(24, N)}
    arrays = {f"view{i}_{p}": v[r] for i, v in ((1, V1), (2, V2)) for p, r in parts.items()}
    labels = {f"labels_{p}": files.LABELS[r] for p, r in parts.items()}
    np.savez(tmp_path / "a.npz", **arrays, **labels)
    official = load_file(tmp_path / "a.npz").official
    assert official is not None
    assert official.tolist() == [TRAIN] * 18 + [TUNE] * 6 + [TEST] * 6


def test_a_view_without_one_of_the_parts_is_refused(tmp_path: Path) -> None:
    arrays = {k: v for k, v in (files.PRESPLIT | files.GT).items() if k != "x2_test"}
    savemat(tmp_path / "a.mat", arrays)
    assert "'x2'" in refusal(lambda: load_file(tmp_path / "a.mat"))


def test_an_array_may_be_named_as_a_group(tmp_path: Path) -> None:
    path = written(tmp_path, "column_beside.mat")
    data = load_file(path, options={"groups": "subject"})
    assert [split.name for split in data.splits] == ["subject", "stratified"]
    assert np.array_equal(data.groups["subject"], np.arange(N) // 5)


def test_columns_of_the_table_of_labels_are_groups_and_parts(tmp_path: Path) -> None:
    split = np.array(["train", "tune", "test"])[np.arange(N) % 3]
    write = files.tables("csv", label=files.LABELS, group_person=np.arange(N) // 5, split=split)
    write(tmp_path / "t")
    data = load_file(tmp_path / "t")
    assert [s.name for s in data.splits] == ["official", "person", "stratified"]
    assert data.class_names == ("1", "2", "3")


def test_scalars_texts_and_structs_are_passed_over_with_a_note(tmp_path: Path) -> None:
    data = load_file(written(tmp_path, "scalars_beside.mat"))
    (note,) = data.provenance.notes
    assert all(key in note for key in ("n_views", "name", "options", "dims"))


@pytest.mark.parametrize("turned", [False, True])
def test_one_axis_as_long_as_the_labels_tells_the_orientation(tmp_path: Path, turned: bool) -> None:
    views = [v.T if turned else v for v in (V1, files.SQUARE)]  # the square one follows the other
    savemat(tmp_path / "a.mat", {"X": cell(*views), "Y": files.ROW})
    data = load_file(tmp_path / "a.mat")
    assert np.array_equal(data.views[1], files.SQUARE.astype(np.float32))
    assert any("columns" in note for note in data.provenance.notes) is turned


def test_a_wrong_orientation_is_refused(tmp_path: Path) -> None:
    path = written(tmp_path, "cell_row.mat")
    said = refusal(lambda: load_file(path, options={"orientation": "columns"}))
    assert "'X1'" in said
    assert "30 x 8" in said


def test_a_symmetric_view_has_no_orientation_to_ask_about(tmp_path: Path) -> None:
    alike = files.SQUARE + files.SQUARE.T
    savemat(tmp_path / "a.mat", {"X": cell(alike), "Y": files.ROW})
    assert np.array_equal(load_file(tmp_path / "a.mat").views[0], alike.astype(np.float32))


# ---------------------------------------------------------------- rows without a label


def minus_one(folder: Path, values: np.ndarray) -> Path:
    savemat(folder / "a.mat", {"X": X, "Y": values})
    return folder / "a.mat"


@pytest.mark.parametrize("first", [0, 1])
def test_minus_one_beside_other_codes_is_no_class_unless_told(tmp_path: Path, first: int) -> None:
    codes = files.LABELS.astype(int) - 1 + first
    lost = np.arange(N) % 6 == 0
    path = minus_one(tmp_path, np.where(lost, -1, codes))
    said = refusal(lambda: load_file(path))
    assert "file.unlabelled=leave_out" in said
    assert "5 of 30" in said
    data = load_file(path, options={"unlabelled": "leave_out"})
    assert data.class_names == tuple(str(first + k) for k in range(3))
    assert np.array_equal(data.views[0], V1[~lost].astype(np.float32))
    assert np.array_equal(data.labels, codes[~lost] - first)
    assert load_file(path, options={"unlabelled": "none"}).class_names[0] == "-1"


@pytest.mark.parametrize("values", [[-1, 1], [-1, 0], [-2, -1, 0]])
def test_minus_one_in_a_coding_of_its_own_is_a_class(tmp_path: Path, values: list[int]) -> None:
    path = minus_one(tmp_path, np.array(values)[np.arange(N) % len(values)])
    assert load_file(path).n_classes == len(values)


@pytest.mark.parametrize("values", [[-1, 0, 1], [-1, 1, 3], ["-1", "0", "2"], [-1.0, 1.0, 2.0]])
def test_minus_one_beside_other_classes_is_never_a_class_unasked(
    tmp_path: Path, values: list[int] | list[str] | list[float]
) -> None:
    labels = np.array(values)[np.arange(N) % 3]
    np.savez(tmp_path / "a.npz", view_a=V1, labels=labels)
    said = refusal(lambda: load_file(tmp_path / "a.npz"))
    assert "-1 in 10 of 30" in said
    assert "file.unlabelled=none" in said
    left = load_file(tmp_path / "a.npz", options={"unlabelled": "leave_out"})
    assert (left.n, left.n_classes) == (20, 2)
    assert load_file(tmp_path / "a.npz", options={"unlabelled": "none"}).n_classes == 3


@pytest.mark.parametrize(("nothing", "kind"), [(np.nan, float), ("", str)])
def test_rows_with_an_empty_label_are_left_out_when_told(
    tmp_path: Path, nothing: float | str, kind: type
) -> None:
    labels = files.LABELS.astype(kind)
    labels[:4] = nothing
    np.savez(tmp_path / "a.npz", view_a=V1, labels=labels, group_g=np.arange(N) // 3)
    assert "4 of 30" in refusal(lambda: load_file(tmp_path / "a.npz"))
    data = load_file(tmp_path / "a.npz", options={"unlabelled": "leave_out"})
    assert data.n == len(data.groups["g"]) == N - 4
    assert any("4 of 30" in note for note in data.provenance.notes)


# ---------------------------------------------------------------- options


@pytest.mark.parametrize(
    ("options", "named"),
    [
        ({"lables": "gt"}, "lables"),
        ({"labels": "gt"}, "gt"),
        ({"views": "X,W"}, "W"),
        ({"ignore": "W"}, "W"),
        ({"groups": "W"}, "W"),
        ({"orientation": "down"}, "down"),
        ({"axes": "vnn"}, "vnn"),
    ],
)
def test_an_option_that_fits_nothing_is_refused(
    tmp_path: Path, options: dict[str, str], named: str
) -> None:
    path = written(tmp_path, "cell_row.mat")
    assert f"'{named}'" in refusal(lambda: load_file(path, options=options))


def test_the_guide_lists_every_option() -> None:
    guide = (Path(__file__).resolve().parents[3] / "docs/data.md").read_text("utf-8")
    assert [item.name for item in fields(Choices) if f"`file.{item.name}=" not in guide] == []


def test_a_cell_of_texts_is_no_set_of_views(tmp_path: Path) -> None:
    savemat(
        tmp_path / "a.mat", {"X1": V1, "X2": V2, "data": cell("image", "text"), "gt": files.ROW}
    )
    assert load_file(tmp_path / "a.mat").view_names == ("X1", "X2")


def test_names_in_a_file_cannot_break_a_message(tmp_path: Path) -> None:
    np.savez(tmp_path / "a.npz", **{"view_a": V1, "label\n": files.LABELS / 2, "\x1b[2J": V1})
    refusal(lambda: load_file(tmp_path / "a.npz"))
    lines, error = inspect_file(tmp_path / "a.npz")
    assert all(line.isprintable() for line in [*lines, str(error)])


def test_a_sparse_view_too_large_when_dense_is_refused(tmp_path: Path) -> None:
    wide = files.csc_array(([1.0], ([0], [0])), shape=(2**30, N))
    savemat(tmp_path / "a.mat", {"X": cell(V1.T, wide), "Y": files.ROW})
    assert "GiB" in refusal(lambda: load_file(tmp_path / "a.mat"))


def test_a_sparse_number_beyond_float32_is_refused(tmp_path: Path) -> None:
    savemat(tmp_path / "a.mat", {"X1": files.csc_array(V1 * 1e300), "X2": V2, "Y": files.ROW})
    assert "'X1'" in refusal(lambda: load_file(tmp_path / "a.mat"))
