"""The receipt of SEED, and the .mat layout of its EEG: what is amiss is said, never a value."""

from __future__ import annotations

import pickle
import re
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy.io import loadmat, savemat
from scipy.sparse import csc_array

from datasets import _twin_seed, seed
from datasets._receipt import Finding, Receipt
from tests.unit.datasets.test_seed_hostile import EYES, NPZ, ONE, put, refused

MAT = "SEED_EEG/ExtractedFeatures_4s"
NINE = 9 * 3


@pytest.fixture(scope="module")
def nine(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("seed")
    _twin_seed.write(folder, 0.75, seed=6)
    return folder


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """One subject in both layouts, to be damaged."""
    _twin_seed.write(tmp_path / "seed", 1 / 12, seed=5, layouts=("npz", "mat"))
    return tmp_path / "seed"


def finding(receipt: Receipt, what: str) -> Finding:
    (only,) = [found for found in receipt.findings if found.what == what]
    return only


def test_nine_subjects_meet_table_1(nine: Path) -> None:
    receipt = seed.check(nine)
    assert receipt.ok
    assert receipt.twin
    assert receipt.key == "seed"
    assert receipt.fingerprint == seed.load(root=nine).fingerprint
    for what, found in (
        *(("files", "27"), ("rows", "22734"), ("training rows", "13473")),
        *(("validation rows", "4725"), ("test rows", "4536"), ("classes", "3")),
        *(("EEG features of a row", "310"), ("eye features of a row", "33")),
        *(("window of the features", "4 s"), ("test rows, negative", str(NINE * 51))),
    ):
        line = finding(receipt, what)
        assert (line.found, line.expected, line.mend) == (found, found, "")


def test_counts_by_class_are_those_of_the_loaded_rows(nine: Path) -> None:
    receipt, data = seed.check(nine), seed.load(root=nine)
    for part, name in enumerate(("training", "validation", "test")):
        for k, mood in enumerate(data.class_names):
            rows = int(((data.official == part) & (data.labels == k)).sum())
            assert finding(receipt, f"{name} rows, {mood}").found == str(rows)


def test_eight_subjects_are_named_as_the_cause(nine: Path) -> None:
    receipt = seed.check(nine, {"subjects": "1-5,8-10"})
    assert not receipt.ok
    assert receipt.fingerprint
    rows = finding(receipt, "rows")
    assert (rows.found, rows.expected) == (str(24 * 842), "22734")
    assert "the option subjects names 8 subjects" in rows.mend


def test_a_missing_file_is_named_and_the_rest_is_counted(copy: Path) -> None:
    (copy / EYES / "1_2").unlink()
    receipt = seed.check(copy, ONE)
    assert finding(receipt, "rows").found == str(2 * 842)
    mends = [found.mend for found in receipt.findings if not found.ok]
    assert any("eye_tracking_feature has no file of subject 1, session 2" in m for m in mends)
    there = finding(receipt, "subjects with both modalities and three sessions")
    assert (there.found, there.ok) == ("none", False)


def test_no_eye_features_at_all(copy: Path) -> None:
    shutil.rmtree((copy / EYES).parent)
    receipt = seed.check(copy, ONE)
    assert finding(receipt, "eye features").found == "none"
    assert any("no eye features" in found.mend for found in receipt.findings)
    mend = finding(receipt, "subjects with both modalities and three sessions").mend
    assert mend.startswith("copy the folder of the eye features, 04-Eye-tracking-feature")


def test_a_small_twin_is_the_cause_of_its_counts_unless_files_are_missing(copy: Path) -> None:
    assert finding(seed.check(copy), "rows").mend.startswith("the twin has 1 subjects")
    (copy / NPZ / "1_1.npz").write_bytes(b"")
    assert finding(seed.check(copy, ONE), "rows").mend.startswith("files are missing or unusable")


def test_eye_features_of_one_second_name_their_own_folder(copy: Path) -> None:
    parts = {"train_data_eye": np.ones((2010, 33)), "test_data_eye": np.ones((1384, 33))}
    (copy / EYES / "1_1").write_bytes(pickle.dumps(parts, 4))
    mend = finding(seed.check(copy, ONE), "window of the features").mend
    assert mend.endswith("folder eye_tracking_feature (eye file 1_1)")


def test_nothing_found_is_said(tmp_path: Path) -> None:
    receipt = seed.check(tmp_path)
    assert not receipt.ok
    assert not receipt.twin
    assert "SEED_Multimodal" in receipt.findings[0].mend


def test_foreign_files_are_told_and_left_alone(copy: Path) -> None:
    for name in ("1_1 (1).npz", "01_1.npz", "16_1.txt", "\x1b[31m.npz"):
        (copy / NPZ / name).touch()
    line = finding(seed.check(copy, ONE), "other files beside them, which are not read")
    assert line.found.startswith("4: ")
    assert line.found.isprintable()
    assert line.ok


def test_a_receipt_holds_no_value_of_the_data(copy: Path) -> None:
    data = seed.load(root=copy, options=ONE)
    text = repr(seed.check(copy, ONE))
    for view in data.views:
        for value in view[:50].ravel():
            assert f"{value:.3f}" not in text


# ---------------------------------------------------------------- mat


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda arrays: arrays.pop("de_LDS7"), "no numbers 'de_LDS7'"),
        (put("de_LDS7", np.ones((62, 59))), "62 channels, windows and 5 bands"),
        (put("de_LDS7", np.ones((5, 59, 62))), "62 channels, windows and 5 bands"),
        (put("de_LDS7", np.ones((62, 58, 5))), "clip 7 of 1_20000102.mat has 58 windows"),
        (put("de_LDS7", np.ones((62, 237, 5))), "1-s windows found"),
        (put("de_LDS7", np.full((62, 59, 5), np.nan)), "NaN or infinite"),
        (put("de_LDS7", np.full((62, 59, 5), 1e300)), "NaN or infinite"),
        (put("de_LDS7", np.ones((62, 59, 5), complex)), "no numbers 'de_LDS7'"),
        (put("de_LDS7", {"a": 1.0}), "no numbers 'de_LDS7'"),
        (put("de_LDS7", "words"), "no numbers 'de_LDS7'"),
        (put("de_LDS7", np.array(["a", 1.0], dtype=object)), "no numbers 'de_LDS7'"),
        (put("de_LDS7", csc_array(np.eye(62))), "no numbers 'de_LDS7'"),
    ],
)
def test_mat_files_of_another_form(
    copy: Path, change: Callable[[dict[str, Any]], None], said: str
) -> None:
    path = copy / MAT / "1_20000102.mat"
    arrays = {key: value for key, value in loadmat(path).items() if not key.startswith("__")}
    change(arrays)
    savemat(path, arrays)
    assert said in refused(copy, "mat")


def test_label_mat_is_needed_and_believed_only_if_right(copy: Path) -> None:
    path = copy / MAT / "label.mat"
    savemat(path, {"label": np.zeros((1, 15))})
    assert "coded 0, 1, 2 or -1, 0, 1" in refused(copy, "mat")
    savemat(path, {"label": np.arange(15)[None] % 3})
    assert "does not give the 15 clips their classes" in refused(copy, "mat")
    for odd in (np.full((1, 15), np.nan), np.array(["a"] * 15), {"a": 1}, csc_array(np.eye(15))):
        savemat(path, {"label": odd})
        assert "label" in refused(copy, "mat")
    path.unlink()
    assert "label.mat is not in the folder" in refused(copy, "mat")


@pytest.mark.parametrize("share", [0.0, 0.01, 0.5, 0.999])
def test_a_truncated_mat(copy: Path, share: float) -> None:
    path = copy / MAT / "1_20000102.mat"
    raw = path.read_bytes()
    path.write_bytes(raw[: int(share * len(raw))])
    assert "1_20000102.mat is not a complete .mat" in refused(copy, "mat")


def test_a_mat_of_version_73_is_named(copy: Path) -> None:
    (copy / MAT / "1_20000102.mat").write_bytes(b"MATLAB 7.3 MAT-file".ljust(600))
    assert "1_20000102.mat is a version 7.3 .mat file" in refused(copy, "mat")


def test_a_fourth_date_leaves_the_sessions_open(copy: Path) -> None:
    shutil.copy(copy / MAT / "1_20000102.mat", copy / MAT / "1_20000109.mat")
    assert "more than three files of subject 1" in refused(copy, "mat")


def test_both_layouts_are_said(copy: Path, nine: Path) -> None:
    npz, mat = "eeg_used_4s, layout npz", "ExtractedFeatures_4s, layout mat"
    for layout, read, other in (("npz", npz, mat), ("mat", mat, npz)):
        line = finding(seed.check(copy, {**ONE, "layout": layout}), "EEG features")
        assert line.found == f"{read}; {other}, is there too, not read"
    assert finding(seed.check(nine), "EEG features").found == "eeg_used_4s, layout npz"


def test_every_mismatch_names_its_cause_in_one_sentence(copy: Path) -> None:
    (copy / NPZ / "1_2.npz").unlink()
    receipt = seed.check(copy, ONE)
    for line in receipt.findings:
        assert bool(line.mend) is not line.ok, line
        assert not re.search(r"[.!?]\s+[A-Z]", line.mend)
