"""The data check of SEED, and the .mat layout of its EEG: faults are reported, never a value."""

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

from datasets import seed
from datasets._check import DataCheck, Finding
from datasets.seed import simulate
from tests.unit.datasets.test_seed_hostile import EYES, NPZ, ONE, put, refused

MAT = "SEED_EEG/ExtractedFeatures_4s"
NINE = 9 * 3


@pytest.fixture(scope="module")
def nine(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("seed")
    simulate.write(folder, 0.75, seed=6)
    return folder


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """One subject in both layouts, to be damaged."""
    simulate.write(tmp_path / "seed", 1 / 12, seed=5, layouts=("npz", "mat"))
    return tmp_path / "seed"


def finding(checked: DataCheck, what: str) -> Finding:
    (only,) = [found for found in checked.findings if found.what == what]
    return only


def test_nine_subjects_meet_table_1(nine: Path) -> None:
    checked = seed.check(nine)
    assert checked.ok
    assert checked.simulated
    assert checked.key == "seed"
    assert checked.fingerprint == seed.load(root=nine).fingerprint
    for what, found in (
        *(("files", "27"), ("rows", "22734"), ("training rows", "13473")),
        *(("validation rows", "4725"), ("test rows", "4536"), ("classes", "3")),
        *(("EEG features of a row", "310"), ("eye features of a row", "33")),
        *(("window of the features", "4 s"), ("test rows, negative", str(NINE * 51))),
    ):
        line = finding(checked, what)
        assert (line.found, line.expected, line.fix) == (found, found, "")


def test_counts_by_class_are_those_of_the_loaded_rows(nine: Path) -> None:
    checked, data = seed.check(nine), seed.load(root=nine)
    for part, name in enumerate(("training", "validation", "test")):
        for k, mood in enumerate(data.class_names):
            rows = int(((data.official == part) & (data.labels == k)).sum())
            assert finding(checked, f"{name} rows, {mood}").found == str(rows)


def test_eight_subjects_are_named_as_the_cause(nine: Path) -> None:
    checked = seed.check(nine, {"subjects": "1-5,8-10"})
    assert not checked.ok
    assert checked.fingerprint
    rows = finding(checked, "rows")
    assert (rows.found, rows.expected) == (str(24 * 842), "22734")
    assert "option subjects names 8 " in rows.fix


def test_a_missing_file_is_named_and_the_rest_is_counted(copy: Path) -> None:
    (copy / EYES / "1_2").unlink()
    checked = seed.check(copy, ONE)
    assert finding(checked, "rows").found == str(2 * 842)
    fixes = [found.fix for found in checked.findings if not found.ok]
    assert any("eye_tracking_feature" in m and "subject 1, session 2" in m for m in fixes)
    there = finding(checked, "subjects with both modalities and three sessions")
    assert (there.found, there.ok) == ("none", False)


def test_no_eye_features_at_all(copy: Path) -> None:
    shutil.rmtree((copy / EYES).parent)
    checked = seed.check(copy, ONE)
    assert finding(checked, "eye features").found == "none"
    line = finding(checked, "subjects with both modalities and three sessions")
    assert (line.found, line.ok) == ("none", False)
    assert "04-Eye-tracking-feature" in line.fix


def test_a_small_copy_is_the_cause_of_its_counts_unless_files_are_missing(copy: Path) -> None:
    assert "--scale 0.75" in finding(seed.check(copy), "rows").fix
    (copy / NPZ / "1_1.npz").write_bytes(b"")
    assert "option subjects" not in finding(seed.check(copy, ONE), "rows").fix


def test_eye_features_of_one_second_name_their_own_folder(copy: Path) -> None:
    parts = {"train_data_eye": np.ones((2010, 33)), "test_data_eye": np.ones((1384, 33))}
    (copy / EYES / "1_1").write_bytes(pickle.dumps(parts, 4))
    fix = finding(seed.check(copy, ONE), "window of the features").fix
    assert "eye_tracking_feature" in fix
    assert "1_1" in fix


def test_a_folder_without_seed_is_one_finding(tmp_path: Path) -> None:
    checked = seed.check(tmp_path)
    assert not checked.ok
    assert not checked.simulated
    assert "SEED_Multimodal" in checked.findings[0].fix


def test_unread_files_are_counted_and_are_no_fault(copy: Path) -> None:
    for name in ("1_1 (1).npz", "01_1.npz", "16_1.txt", "\x1b[31m.npz"):
        (copy / NPZ / name).touch()
    line = finding(seed.check(copy, ONE), "other files, not read")
    assert line.found.startswith("4: ")
    assert line.found.isprintable()
    assert line.ok


def test_a_data_check_holds_no_value_of_the_data(copy: Path) -> None:
    data = seed.load(root=copy, options=ONE)
    text = repr(seed.check(copy, ONE))
    for view in data.views:
        for value in view[:50].ravel():
            assert f"{value:.3f}" not in text


# ---------------------------------------------------------------- mat


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda arrays: arrays.pop("de_LDS7"), "'de_LDS7'"),
        (put("de_LDS7", np.ones((62, 59))), "62 channels, windows and 5 bands"),
        (put("de_LDS7", np.ones((5, 59, 62))), "62 channels, windows and 5 bands"),
        (put("de_LDS7", np.ones((62, 58, 5))), "clip 7 of 1_20000102.mat has 58 windows"),
        (put("de_LDS7", np.ones((62, 237, 5))), "1-s windows found"),
        (put("de_LDS7", np.full((62, 59, 5), np.nan)), "NaN or infinite"),
        (put("de_LDS7", np.full((62, 59, 5), 1e300)), "NaN or infinite"),
        (put("de_LDS7", np.ones((62, 59, 5), complex)), "'de_LDS7'"),
        (put("de_LDS7", {"a": 1.0}), "'de_LDS7'"),
        (put("de_LDS7", "words"), "'de_LDS7'"),
        (put("de_LDS7", np.array(["a", 1.0], dtype=object)), "'de_LDS7'"),
        (put("de_LDS7", csc_array(np.eye(62))), "'de_LDS7'"),
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
    assert "subject 1" in refused(copy, "mat")


def test_both_layouts_are_reported(copy: Path, nine: Path) -> None:
    npz, mat = "eeg_used_4s, layout npz", "ExtractedFeatures_4s, layout mat"
    for layout, read, other in (("npz", npz, mat), ("mat", mat, npz)):
        line = finding(seed.check(copy, {**ONE, "layout": layout}), "EEG features")
        assert line.found.startswith(f"{read}; {other}")
    assert finding(seed.check(nine), "EEG features").found == "eeg_used_4s, layout npz"


def test_every_mismatch_names_its_cause_in_one_sentence(copy: Path) -> None:
    (copy / NPZ / "1_2.npz").unlink()
    checked = seed.check(copy, ONE)
    for line in checked.findings:
        assert bool(line.fix) is not line.ok, line
        assert not re.search(r"[.!?]\s+[A-Z]", line.fix)
