"""Folders of tables: joined on an id column; where that is not clear, one sentence says so."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from datasets.file import load_file
from tests.helpers import refusal
from tests.unit.datasets.multiview_files import LABELS, V1, V2, N, tables


def folder(path: Path, **changes: str | None) -> Path:
    """Tables ``eeg``, ``ecg`` and ``labels``; a text replaces one of them, None removes it."""
    tables("csv")(path / "t")
    for name, text in changes.items():
        file = path / "t" / f"{name}.csv"
        file.unlink(missing_ok=True)
        if text is not None:
            file.write_text(text)
    return path / "t"


def test_other_separators_marks_and_names_of_the_id(tmp_path: Path) -> None:
    (tmp_path / "t").mkdir()
    for name, view in (("a", V1), ("b", V2)):
        table = pd.DataFrame(view).add_prefix("f")
        table["Trial"] = np.arange(N)
        table.to_csv(tmp_path / "t" / f"{name}.csv", sep=";", index=False, encoding="utf-8-sig")
    table = pd.DataFrame({"Trial": np.arange(N) * 1.0, "mood": LABELS})
    table.to_parquet(tmp_path / "t" / "Labels.PARQUET")
    (tmp_path / "t" / "README.txt").write_text("about")
    data = load_file(tmp_path / "t")
    assert data.view_names == ("a", "b")
    assert np.array_equal(data.views[0], V1.astype(np.float32))
    notes = " ".join(data.provenance.notes)
    assert "'Trial'" in notes
    assert "README.txt" in notes


def test_the_same_tables_make_the_same_data_set_in_either_format(tmp_path: Path) -> None:
    tables("csv")(tmp_path / "one")
    tables("parquet")(tmp_path / "other")
    one, other = load_file(tmp_path / "one"), load_file(tmp_path / "other")
    assert one.fingerprint == other.fingerprint


def test_rows_without_a_label_are_asked_about(tmp_path: Path) -> None:
    some = "\n".join(f"s{row:03d},{LABELS[row]}" for row in range(3, N))
    path = folder(tmp_path, labels=f"id,mood\n{some}\n")
    assert "file.unlabelled=leave_out" in refusal(lambda: load_file(path))
    data = load_file(path, options={"unlabelled": "leave_out"})
    assert np.array_equal(data.views[1], V1[3:].astype(np.float32))


@pytest.mark.parametrize("where", ["labels.csv", "present.csv"])
def test_a_mask_may_be_columns_or_a_table(tmp_path: Path, where: str) -> None:
    path = folder(tmp_path)
    table = pd.read_csv(path / "labels.csv") if where == "labels.csv" else None
    there = np.arange(N) % 5 != 0
    ids = [f"s{row:03d}" for row in range(N)]
    if table is None:
        pd.DataFrame({"id": ids, "eeg": there * 1}).to_csv(path / where, index=False)
    else:
        table.assign(present_eeg=there * 1).to_csv(path / where, index=False)
    data = load_file(path)
    assert data.view_names == ("ecg", "eeg")
    assert np.array_equal(data.present, np.stack([np.ones(N, bool), there], axis=1))
    assert np.array_equal(data.views[1][there], V1[there].astype(np.float32))
    (path / "present.csv").write_text("id,eeg\n" + "".join(f"{name},1\n" for name in ids[1:]))
    assert "'present_eeg'" in refusal(lambda: load_file(path))


def test_two_columns_in_common_are_asked_about(tmp_path: Path) -> None:
    for name, view in (("a", V1), ("labels", LABELS[:, None])):
        table = pd.DataFrame(view).add_prefix(f"{name}_")
        table.insert(0, "trial", np.arange(N))
        table.insert(0, "person", np.arange(N) // 5)
        (tmp_path / "t").mkdir(exist_ok=True)
        table.to_csv(tmp_path / "t" / f"{name}.csv", index=False)
    assert "file.id=person" in refusal(lambda: load_file(tmp_path / "t"))
    options = {"id": "trial", "labels": "labels_0", "groups": "person"}
    data = load_file(tmp_path / "t", options=options)
    assert list(data.groups) == ["person"]
    assert data.dims == (9,)  # a column that every table has is a feature where it is not the id


LINES = "".join(f"s{row:03d},1\n" for row in range(N))
WRONG: dict[str, tuple[dict[str, str | None], str]] = {
    "no-labels": ({"labels": None}, "labels.csv"),
    "no-view": ({"eeg": None, "ecg": None}, "no view"),
    "empty": ({"eeg": None, "ecg": None, "labels": None}, ".parquet"),
    "no-id": ({"eeg": "a,b\n1,2\n"}, "id"),
    "text": ({"eeg": f"id,name\n{LINES.replace(',1', ',x')}"}, "'name' of eeg.csv"),
    "twice": ({"eeg": f"id,a\n{LINES}s000,2\n"}, "'s000'"),
    "no-text": ({"eeg": ""}, "eeg.csv"),
    "binary": ({"eeg": "\0\1\2"}, "eeg.csv"),
    "nameless": ({"eeg": f"id,a\n{LINES},2\n"}, "eeg.csv"),
}


@pytest.mark.parametrize(("changes", "named"), WRONG.values(), ids=WRONG.keys())
def test_a_wrong_table_is_one_sentence(
    tmp_path: Path, changes: dict[str, str | None], named: str
) -> None:
    path = folder(tmp_path, **changes)
    assert named in refusal(lambda: load_file(path))


def parquet_of_objects(path: Path) -> None:
    pd.DataFrame({"id": [f"s{row:03d}" for row in range(N)], "a": [[1, 2]] * N}).to_parquet(path)


def damaged(path: Path) -> None:
    parquet_of_objects(path)
    path.write_bytes(path.read_bytes()[:-20])


@pytest.mark.parametrize("write", [parquet_of_objects, damaged, Path.mkdir])
def test_a_parquet_file_of_no_numbers_or_damaged_is_refused(
    tmp_path: Path, write: Callable[[Path], None]
) -> None:
    path = folder(tmp_path)
    write(path / "more.parquet")
    assert "more.parquet" in refusal(lambda: load_file(path))


def test_a_folder_of_other_files_names_one_of_them(tmp_path: Path) -> None:
    (tmp_path / "x.mat").touch()
    assert "/x.mat" in refusal(lambda: load_file(tmp_path))
