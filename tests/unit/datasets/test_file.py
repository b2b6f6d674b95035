"""The user's own file: what is read, what is refused and how, and which splits are offered."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy.io import savemat
from scipy.sparse import csc_array

from datasets.base import TEST, TRAIN, TUNE
from datasets.file import _key, load_file
from tests.helpers import refusal

ROOT = Path(__file__).resolve().parents[3]
N = 30


def content() -> dict[str, Any]:
    """Two views, three classes of ten rows, six subjects of five rows."""
    rng = np.random.default_rng(0)
    return {
        "view_eeg": rng.normal(size=(N, 4)),
        "view_eye": rng.normal(size=(N, 2)),
        "labels": np.repeat([1, 2, 3], 10),
        "group_subject": np.tile(np.arange(6), 5),
        "split": np.tile([0, 0, 0, 1, 2], 6),
    }


def npz(folder: Path, **changes: Any) -> Path:
    arrays = content() | changes
    np.savez(folder / "mine.npz", **{k: v for k, v in arrays.items() if v is not None})
    return folder / "mine.npz"


def mat(folder: Path, **changes: Any) -> Path:
    arrays = content() | changes
    savemat(folder / "mine.mat", {k: v for k, v in arrays.items() if v is not None})
    return folder / "mine.mat"


def test_a_whole_file(tmp_path: Path) -> None:
    data = load_file(npz(tmp_path))
    assert data.key == "mine:eeg,eye"
    assert re.fullmatch("file-[0-9a-f]{12}", data.draw_key)
    assert data.view_names == ("eeg", "eye")
    assert data.dims == (4, 2)
    assert data.class_names == ("1", "2", "3")
    assert np.array_equal(data.labels, np.repeat([0, 1, 2], 10))
    assert data.official is not None
    assert data.official[:5].tolist() == [TRAIN, TRAIN, TRAIN, TUNE, TEST]
    assert data.provenance.kind == "open"
    assert data.provenance.source == "user's own file"
    assert data.views[0].dtype == np.float32


def test_npz_and_mat_are_the_same_data_set(tmp_path: Path) -> None:
    one, other = load_file(npz(tmp_path)), load_file(mat(tmp_path))
    assert one.fingerprint == other.fingerprint
    assert one.draw_key == other.draw_key
    assert one.splits == other.splits


@pytest.mark.parametrize("names", [("calm", "so so", "x"), ("été", "b", "ccc")])
def test_string_labels_survive_npz_and_mat(tmp_path: Path, names: tuple[str, ...]) -> None:
    labels = np.array(names)[np.repeat([0, 1, 2], 10)]
    cells = np.array([str(label) for label in labels], dtype=object)[:, None]
    one = load_file(npz(tmp_path, labels=labels))
    assert one.class_names == tuple(sorted(names))
    assert load_file(mat(tmp_path, labels=labels)).fingerprint == one.fingerprint
    assert load_file(mat(tmp_path, labels=cells)).fingerprint == one.fingerprint


STEMS = (
    *("mine", "my_data", "my-data", "my data", "my  data", "my.data", "my:data", "my@data"),
    *("данные", "数据", "Äther", "...", "__", "a,b", "a+b", "a=b", "a#b", "\udcff", "\udcfe"),
)


def test_other_names_are_other_keys_without_what_a_key_is_cut_at() -> None:
    keys = [_key(stem) for stem in STEMS]
    assert len(set(keys)) == len(STEMS)
    assert not [key for key in keys if set(key) & set(" :@,+=#\udcff\udcfe")]
    assert {"mine", "my_data", "my-data", "my.data", "данные", "数据", "Äther"} <= set(keys)


def test_draws_depend_on_labels_and_groups_not_on_name_or_views(tmp_path: Path) -> None:
    path = npz(tmp_path)
    data = load_file(path)
    renamed = path.rename(tmp_path / "other name:1@2.npz")
    again = load_file(renamed, views=("eye",))
    assert re.fullmatch(r"other_name_1_2-[0-9a-f]{6}:eye", again.key)
    assert again.draw_key == data.draw_key
    arrays = content()
    turned = {key: arrays[key] for key in sorted(arrays, reverse=True)}
    np.savez(tmp_path / "turned.npz", **turned)
    order = load_file(tmp_path / "turned.npz")
    assert order.view_names == ("eye", "eeg")
    assert order.draw_key == data.draw_key
    other_unit = load_file(npz(tmp_path, view_eye=arrays["view_eye"] * 2.0**40))
    assert other_unit.fingerprint != data.fingerprint
    assert other_unit.draw_key == data.draw_key
    changed = load_file(npz(tmp_path, labels=arrays["labels"][::-1]))
    assert changed.draw_key != data.draw_key


@pytest.mark.parametrize(
    ("labels", "names"),
    [
        (np.repeat([-1, 1], 15), ("-1", "1")),
        (np.repeat([2.0, 10.0], 15), ("2", "10")),
        (np.repeat([False, True], 15), ("0", "1")),
        (np.repeat(np.array([0, 2**64 - 1], np.uint64), 15), ("0", str(2**64 - 1))),
        (np.repeat([b"left", b"right"], 15), ("left", "right")),
        (np.repeat([7, 8], 15)[:, None], ("7", "8")),
        (np.repeat([7, 8], 15)[None], ("7", "8")),
    ],
    ids=["minus-one", "floats", "bools", "uint64", "bytes", "column", "row"],
)
def test_labels_of_any_coding(tmp_path: Path, labels: np.ndarray, names: tuple[str, ...]) -> None:
    data = load_file(npz(tmp_path, labels=labels))
    assert data.class_names == names
    assert np.array_equal(data.labels, np.repeat([0, 1], 15))


def test_a_vector_is_a_view_of_one_feature(tmp_path: Path) -> None:
    assert load_file(npz(tmp_path, view_eye=np.arange(N))).dims == (4, 1)


# ---------------------------------------------------------------- splits


def splits(path: Path) -> list[tuple[str, bool, tuple[str, ...]]]:
    return [(split.name, split.stratify, split.leaks) for split in load_file(path).splits]


def test_splits_start_with_the_owners_own(tmp_path: Path) -> None:
    assert splits(npz(tmp_path)) == [
        ("official", False, ("subject",)),
        ("subject", False, ()),
        ("stratified", True, ("subject",)),
    ]
    assert splits(npz(tmp_path, split=None))[0][0] == "subject"
    assert splits(npz(tmp_path, split=None, group_subject=None)) == [("stratified", True, ())]


def test_an_official_split_by_subject_does_not_leak(tmp_path: Path) -> None:
    split = np.array([0, 0, 0, 0, 1, 2])[np.tile(np.arange(6), 5)]
    assert splits(npz(tmp_path, split=split))[0] == ("official", False, ())


def test_nested_groups_leak_one_way(tmp_path: Path) -> None:
    trial = np.repeat(np.arange(10), 3)  # two trials of one subject, one class each or not
    path = npz(tmp_path, split=None, group_subject=trial // 2, group_trial=trial)
    assert splits(path) == [
        ("subject", False, ()),
        ("trial", False, ("subject",)),
        ("stratified", True, ("subject", "trial")),
    ]


def test_groups_of_one_class_each_keep_class_shares(tmp_path: Path) -> None:
    path = npz(tmp_path, split=None, group_subject=None, group_clip=np.repeat(np.arange(15), 2))
    assert splits(path)[0] == ("clip", True, ())


def test_too_few_groups_offer_no_split_and_say_so(tmp_path: Path) -> None:
    data = load_file(npz(tmp_path, split=None, group_subject=np.tile([0, 1], 15)))
    assert [split.name for split in data.offered] == ["stratified"]
    assert data.split().leaks == ("subject",)
    assert data.provenance.notes == ("no split by 'subject': it has fewer than three values",)


@pytest.mark.parametrize(
    "split", [np.tile(["train", "train", "train", "tune", "test"], 6), np.tile([0.0, 1, 2], 10)]
)
def test_parts_by_name_or_number(tmp_path: Path, split: np.ndarray) -> None:
    official = load_file(npz(tmp_path, split=split)).official
    assert official is not None
    assert set(official.tolist()) == {TRAIN, TUNE, TEST}


# ---------------------------------------------------------------- refusals

EYE = content()["view_eye"]
LABELS = content()["labels"]
NAN = np.where(np.arange(N)[:, None] == 7, np.nan, EYE)
HOLE = np.where(EYE[7, 1] == EYE, np.nan, EYE)
BAD: dict[str, tuple[dict[str, Any], str]] = {
    "no-labels": ({"labels": None}, "has no 'labels'"),
    "no-views": ({"view_eeg": None, "view_eye": None}, "has no view"),
    "unknown-name": ({"lables": LABELS}, "'lables'"),
    "bare-view": ({"view_": EYE}, "'view_'"),
    "odd-name": ({"view_a:b": EYE}, "'view_a:b'"),
    "reserved-group": ({"group_official": LABELS}, "'group_official'"),
    "nan": ({"view_eye": HOLE}, "NaN .* 1 row .*mine.npz:eeg"),
    "no-view-in-a-row": ({"view_eye": NAN, "view_eeg": NAN}, "1 of 30 rows .*leave_out_empty"),
    "no-mask": ({"present": LABELS}, "'present'"),
    "too-large-a-number": ({"view_eye": EYE * 1e300}, r"float32 ends at 3\.4e38"),
    "short-view": ({"view_eye": EYE[:-1]}, "29 x 2.* 30 labels"),
    "three-axes": ({"view_eye": EYE[None]}, "3 axes"),
    "no-features": ({"view_eye": EYE[:, :0]}, "view 'eye'"),
    "complex": ({"view_eye": EYE + 1j}, "view 'eye' .* real numbers"),
    "text-view": ({"view_eye": EYE.astype(str)}, "view 'eye' .* real numbers"),
    "one-hot": ({"labels": np.eye(3)[LABELS - 1] + np.eye(3)[0]}, "one-hot"),
    "no-hot": ({"labels": np.eye(3)[LABELS - 1] * 0}, "no class or several"),
    "half-labels": ({"labels": LABELS / 2}, r"row 0 .* 0\.5"),
    "nan-labels": ({"labels": np.where(LABELS == 3, np.nan, LABELS)}, "NaN in 10 of 30 rows"),
    "complex-labels": ({"labels": LABELS + 0j}, "'labels'"),
    "empty-label": ({"labels": np.array(["a", "b", ""])[LABELS - 1]}, "row 20"),
    "escape-label": ({"labels": np.array(["a", "\x1b[2J", "b"])[LABELS - 1]}, "control characters"),
    "no-character": ({"labels": np.full(N, 2**31, np.uint32).view("U1")}, "control characters"),
    "half-character": ({"labels": np.array(["a", "\ud800"])[LABELS % 2]}, "control characters"),
    "structured-view": (
        {"view_eye": np.zeros(N, [("x" * 500, "<f8")])},
        "view 'eye' .* real numbers",
    ),
    "dates": ({"labels": np.zeros(N, "M8[D]")}, "'labels'"),
    "one-class": ({"labels": np.ones(N, int)}, "two classes"),
    "no-rows": ({"labels": np.zeros(0)}, "'labels'"),
    "rare-class": ({"labels": np.r_[LABELS[:-2], 9, 9]}, "class '9' of mine.npz .* 2 rows"),
    "regression": ({"labels": np.arange(N)}, "1 row .* 5"),
    "short-group": ({"group_subject": LABELS[1:]}, "'group_subject' .* 29 rows"),
    "half-group": ({"group_subject": LABELS / 2}, r"'group_subject' .* 0\.5"),
    "short-split": ({"split": np.tile([0, 1, 2], 9)}, "'split' .* 27 rows"),
    "odd-part": ({"split": np.tile(["train", "val", "test"], 10)}, "'split' .* 'val'"),
    "no-tune": ({"split": np.tile([0, 2], 15)}, "'split' .* train, tune and test"),
    "untrained-class": (
        {"split": np.r_[np.tile([0, 1, 2], 9)[:20], [1, 2] * 5]},
        "class '3'",
    ),
    "objects": ({"view_eye": np.array([{}] * N, dtype=object)}, "never unpickled"),
}


def short_refusal(call: Callable[[], object]) -> str:
    message = refusal(call)
    assert len(message) < 500
    return message


@pytest.mark.parametrize(("changes", "message"), BAD.values(), ids=BAD.keys())
def test_a_bad_file_is_refused_in_one_sentence(
    tmp_path: Path, changes: dict[str, Any], message: str
) -> None:
    assert re.search(message, short_refusal(lambda: load_file(npz(tmp_path, **changes))))


@pytest.mark.parametrize("key", ["view_eye", "labels", "group_subject"])
def test_sparse_matlab_variables_are_read(tmp_path: Path, key: str) -> None:
    plain = np.asarray(content()[key])
    path = mat(tmp_path, **{key: csc_array(plain if plain.ndim == 2 else plain[:, None])})
    assert load_file(path).fingerprint == load_file(npz(tmp_path)).fingerprint


@pytest.mark.parametrize(
    "cells", [np.array([1, "a"] * 15, dtype=object), np.array([["a", "b"], "a"] * 15, dtype=object)]
)
def test_cells_that_are_no_strings_are_refused(tmp_path: Path, cells: np.ndarray) -> None:
    assert "'labels'" in short_refusal(lambda: load_file(mat(tmp_path, labels=cells)))


def test_a_matlab_struct_is_no_view(tmp_path: Path) -> None:
    path = mat(tmp_path, view_eye={"a": 1.0})
    assert "view 'eye'" in short_refusal(lambda: load_file(path))


@pytest.mark.parametrize(
    ("name", "raw", "message"),
    [
        ("absent.npz", None, "absent.npz"),
        ("mine.csv", b"1,2", ".npz or .mat"),
        ("mine", b"1,2", ".npz or .mat"),
        ("mine.npz", b"", "mine.npz is not a complete"),
        ("mine.npz", b"1,2\n3,4\n", "mine.npz is not a complete"),
        ("mine.npz", b"PK\x03\x04" + bytes(50), "mine.npz is not a complete"),
        ("mine.mat", b"", "mine.mat is not a complete"),
        ("mine.mat", b"1,2\n3,4\n", "mine.mat is not a complete"),
        ("mine.mat", b"MATLAB 7.3 MAT-file".ljust(600), "mine.mat is not a complete"),
    ],
)
def test_what_is_not_such_a_file(
    tmp_path: Path, name: str, raw: bytes | None, message: str
) -> None:
    if raw is not None:
        (tmp_path / name).write_bytes(raw)
    assert message in short_refusal(lambda: load_file(tmp_path / name))


def test_a_folder_is_not_a_file(tmp_path: Path) -> None:
    (tmp_path / "mine.npz").mkdir()
    assert "mine.npz" in short_refusal(lambda: load_file(tmp_path / "mine.npz"))


def test_an_unknown_view_is_refused(tmp_path: Path) -> None:
    path = npz(tmp_path)
    assert "eeg, eye" in short_refusal(lambda: load_file(path, ("nose",)))


# ---------------------------------------------------------------- the guide


def test_the_example_of_the_guide_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    guide = (ROOT / "docs/data.md").read_text("utf-8")
    (example,) = re.findall(r"```python\n(.*?)```", guide, flags=re.DOTALL)
    monkeypatch.chdir(tmp_path)
    exec(compile(example, "docs/data.md", "exec"), {})
    data = load_file(tmp_path / "moods.npz")
    assert data.dims == (32, 8)
    assert data.class_names == ("calm", "tense")
    offered = [(split.name, split.leaks) for split in data.splits]
    assert offered == [("subject", ()), ("stratified", ("subject",))]
