"""One small file for every layout in which multi-view data are published, and what it should give.

Every file holds the same 30 rows of three classes, in views of 8, 5 and 4 features: random numbers
only. ``python -m tests.unit.datasets.multiview_files DIR`` writes them all, to look at.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pandas as pd
from scipy.io import savemat
from scipy.sparse import csc_array

N = 30
RNG = np.random.default_rng(14)
LABELS = np.repeat([1, 2, 3], N // 3)[RNG.permutation(N)].astype(np.uint8)
# whole numbers: float32, uint16 and sparse storage keep them as they are
V1, V2, V3 = (RNG.integers(1, 90, (N, d)) + 10.0 * LABELS[:, None] for d in (8, 5, 4))
VIEWS = (V1, V2, V3)
SQUARE = (RNG.random((N, N)) < 0.1).astype(float)
COLUMN, ROW = LABELS[:, None], LABELS[None]
TURNED = tuple(view.T for view in VIEWS)


@dataclass(frozen=True)
class Layout:
    """How to write a file, and the reading of it.

    ``views``    the names that the views get, "" for a file that is refused as it is.
    ``flags``    what the refusal names, each of which must stand in it.
    ``options``  with these it is read, as ``views`` says; with none it is refused for good.
    ``held``     the views that come out, if they are not V1, V2, ...
    """

    write: Callable[[Path], Any]
    views: str = ""
    flags: tuple[str, ...] = ()
    options: dict[str, str] = field(default_factory=dict)
    held: tuple[np.ndarray, ...] = VIEWS
    classes: tuple[str, ...] = ("1", "2", "3")


def cell(*parts: Any, column: bool = False) -> np.ndarray:
    made = np.empty((len(parts), 1) if column else (1, len(parts)), object)
    for i, part in enumerate(parts):
        made.flat[i] = part
    return made


def mat(**arrays: Any) -> Callable[[Path], None]:
    return lambda path: savemat(path, arrays, do_compression=True)


def npz(**arrays: Any) -> Callable[[Path], None]:
    return lambda path: np.savez(path, **arrays)


def hdf5(labels: np.ndarray, *views: Any, name: str = "X") -> Callable[[Path], None]:
    """A file as MATLAB writes version 7.3: a cell of views, and labels."""

    def write(path: Path) -> None:
        with h5py.File(path, "w", userblock_size=512) as file:
            inside = file.create_group("#refs#")
            cells = file.create_dataset(name, (len(views), 1), dtype=h5py.ref_dtype)
            cells.attrs["MATLAB_class"] = np.bytes_("cell")
            for i, view in enumerate(views):
                cells[i, 0] = inside[put(inside, str(i), view)].ref
            put(file, "Y", labels)
            put(file, "data_name", "made up")
        with path.open("r+b") as raw:
            raw.write(b"MATLAB 7.3 MAT-file".ljust(124) + b"\x00\x02IM")

    return write


def put(group: Any, key: str, value: Any) -> str:
    """One variable, with its axes in reverse."""
    if isinstance(value, csc_array):
        made = group.create_group(key)
        made.attrs["MATLAB_sparse"] = np.uint64(value.shape[0])
        for part, array in (("data", value.data), ("ir", value.indices), ("jc", value.indptr)):
            made.create_dataset(part, data=array)
        kind = "double"
    elif isinstance(value, str):
        codes = np.frombuffer(value.encode("utf-16-le"), "<u2")
        made, kind = group.create_dataset(key, data=codes[:, None]), "char"
    else:
        made = group.create_dataset(key, data=value.T, compression="gzip")
        kind = {"f": "double", "u": "uint8"}[value.dtype.kind]
    made.attrs["MATLAB_class"] = np.bytes_(kind)
    return key


def tables(suffix: str, lost: int = 0, **columns: np.ndarray) -> Callable[[Path], None]:
    """A folder: a table a view, rows in another order, and labels; ``lost`` rows of eeg."""

    def write(folder: Path) -> None:
        folder.mkdir()
        ids = [f"s{row:03d}" for row in range(N)]
        for name, view in (("ecg", V2), ("eeg", V1)):
            table = pd.DataFrame(view, columns=[f"f{i}" for i in range(view.shape[1])])
            table.insert(0, "id", ids)
            table = table.sample(frac=1, random_state=3)
            save(table.iloc[lost if name == "eeg" else 0 :], folder / f"{name}.{suffix}")
        told = columns or {"mood": LABELS}
        save(pd.DataFrame({"id": ids, **told}), folder / f"labels.{suffix}")

    return write


def save(table: pd.DataFrame, path: Path) -> None:
    if path.suffix == ".csv":
        table.to_csv(path, index=False)
    else:
        table.to_parquet(path, index=False)


X = cell(*VIEWS)
MINUS_ONE = np.where(np.arange(N) % 5 == 0, -1, LABELS.astype(int))[:, None]
ONE_HOT = np.eye(3)[LABELS - 1]
PARTS = {"train": slice(0, 20), "test": slice(20, N)}
PRESPLIT = {
    f"x{i + 1}_{part}": v[rows] for i, v in enumerate(VIEWS) for part, rows in PARTS.items()
}
GT = {f"gt_{part}": COLUMN[rows] for part, rows in PARTS.items()}
HOLES = np.where((np.arange(N) % 5 == 0)[:, None], np.nan, V2)
X123, DATA123 = "X1,X2,X3", "data1,data2,data3"
TWO = (V1, V2)

LAYOUTS: dict[str, Layout] = {
    # cells of matrices
    "cell_column.mat": Layout(mat(X=cell(*VIEWS, column=True), y=COLUMN), X123),
    "cell_row.mat": Layout(mat(X=X, Y=ROW), X123),
    "cell_data_turned.mat": Layout(mat(data=cell(*TURNED), truth=COLUMN), DATA123),
    "cell_fea.mat": Layout(mat(fea=X, gt=COLUMN), "fea1,fea2,fea3"),
    "cell_z.mat": Layout(mat(Z=cell(*TURNED), gnd=ROW), "Z1,Z2,Z3"),
    "cell_other_name.mat": Layout(mat(kinds=X, Labels=ROW), "kinds1,kinds2,kinds3"),
    "cell_sparse_turned.mat": Layout(
        mat(data=cell(*map(csc_array, TURNED[:2])), truelabel=cell(ROW, ROW)),
        "data1,data2",
        held=TWO,
    ),
    "cell_mixed_types.mat": Layout(
        mat(X=cell(V1.astype(np.uint16), V2.astype(np.float32), V3 > 45), Y=COLUMN),
        X123,
        held=(V1, V2, V3 > 45),
    ),
    "labels_repeated.mat": Layout(mat(data=cell(*TURNED), truelabel=cell(*[COLUMN] * 3)), DATA123),
    "square_view.mat": Layout(mat(X=cell(V1, SQUARE), Y=COLUMN), "X1,X2", held=(V1, SQUARE)),
    "with_meanings.mat": Layout(
        mat(
            X=cell(V1, V2),
            y=COLUMN,
            class_meaning=cell("art", "law", "war"),
            view_meaning=cell("image", "plain text", column=True),
        ),
        "image,plain_text",
        held=TWO,
        classes=("art", "law", "war"),
    ),
    "scalars_beside.mat": Layout(
        mat(X=X, Y=COLUMN, n_views=3.0, name="made up", options={"a": 1.0}, dims=[[8, 5, 4]]), X123
    ),
    # one array a view
    "numbered.mat": Layout(mat(X1=V1.astype(np.uint16), X2=V2, X3=csc_array(V3), Y=ROW), X123),
    "numbered_msr.mat": Layout(
        mat(msr2=V2, msr1=V1, msr3=V3.astype(np.int32), truth=COLUMN), "msr1,msr2,msr3"
    ),
    "numbered_turned.mat": Layout(
        mat(dataV1=V1.T, dataV2=V2.T, classLabel=COLUMN), "dataV1,dataV2", held=TWO
    ),
    "numbered_images.mat": Layout(mat(X1=V1.reshape(N, 2, 4), X2=V2, Y=ROW), "X1,X2", held=TWO),
    "own_names.mat": Layout(mat(bbc=V1.T, guardian=V2.T, truth=ROW), "bbc,guardian", held=TWO),
    "two_ways_round.mat": Layout(mat(X1=V1, X2=V2.T, Y=ROW), "X1,X2", held=TWO),
    "single.mat": Layout(mat(fea=V1, gnd=COLUMN), "fea", held=(V1,)),
    "presplit.mat": Layout(mat(**PRESPLIT, **GT), "x1,x2,x3"),
    "presplit_cells.mat": Layout(
        mat(
            X_train=cell(*(v[:20].T for v in VIEWS)),
            X_test=cell(*(v[20:].T for v in VIEWS)),
            Y_train=ROW[:, :20],
            Y_test=ROW[:, 20:],
        ),
        X123,
    ),
    "view_numbers.npz": Layout(
        npz(view_0=V1, view_1=V2, labels=LABELS, n_views=2), "0,1", held=TWO
    ),
    "view_names.npz": Layout(npz(view_eeg=V1.T, view_eye=V2.T, LABEL=LABELS), "eeg,eye", held=TWO),
    # one array for all views
    "stacked.npz": Layout(
        npz(views=np.stack([V1[:, :4], V3]), labels=LABELS), "views1,views2", held=(V1[:, :4], V3)
    ),
    "stacked_last.npz": Layout(
        npz(views=np.stack([V1[:, :4], V3], axis=2), labels=LABELS),
        "views1,views2",
        ("file.axes=",),
        {"axes": "ndv"},
        held=(V1[:, :4], V3),
    ),
    # version 7.3
    "v73.mat": Layout(hdf5(COLUMN, *VIEWS), X123),
    "v73_turned.mat": Layout(hdf5(ROW, *TURNED, name="data"), DATA123),
    "v73_sparse.mat": Layout(hdf5(COLUMN, csc_array(V1), V2), "X1,X2", held=TWO),
    # labels in other forms
    "labels_from_0.mat": Layout(mat(X=X, label=(COLUMN - 1.0)), X123, classes=("0", "1", "2")),
    "labels_one_hot.mat": Layout(mat(X=X, Y=ONE_HOT), X123, classes=("0", "1", "2")),
    "labels_one_hot_turned.npz": Layout(
        npz(x1=V1, x2=V2, y=ONE_HOT.T.astype(int)), "x1,x2", held=TWO, classes=("0", "1", "2")
    ),
    "labels_texts.mat": Layout(
        mat(X=X, gt=cell(*np.array(["art", "law", "war"])[LABELS - 1])),
        X123,
        classes=("art", "law", "war"),
    ),
    "labels_twice.mat": Layout(mat(X=X, gt=COLUMN, Y=ONE_HOT), X123),
    # what leaves a question open
    "square_views.mat": Layout(
        mat(X=cell(SQUARE, SQUARE.T), Y=ROW),
        "X1,X2",
        ("file.orientation=rows", "file.orientation=columns"),
        {"orientation": "columns"},
        held=(SQUARE.T, SQUARE),
    ),
    "labels_disagree.mat": Layout(
        mat(X=X, gt=COLUMN, Y=np.roll(COLUMN, 1)),
        X123,
        ("file.labels=gt", "Y"),
        {"labels": "gt"},
    ),
    "labels_other_name.mat": Layout(
        mat(X=X, cluster=COLUMN), X123, ("file.labels=cluster",), {"labels": "cluster"}
    ),
    "two_sets_of_views.mat": Layout(
        mat(raw=X, pca=cell(V1, V2), Y=ROW),
        "raw1,raw2,raw3",
        ("file.views=raw", "pca"),
        {"views": "raw", "ignore": "pca"},
    ),
    "x_and_z.mat": Layout(
        mat(X=V1, Z=V2, gt=ROW), "X,Z", ("file.views=X",), {"views": "X,Z"}, held=TWO
    ),
    "column_beside.mat": Layout(
        mat(X=X, Y=ROW, subject=np.arange(N) // 5),
        X123,
        ("file.ignore=subject", "file.groups=subject"),
        {"ignore": "subject"},
    ),
    "view_beside.mat": Layout(
        mat(X=V1, Y=V2, labels=ROW), "X,Y", ("file.views=X,Y", "file.ignore=Y"), {"views": "X,Y"}
    ),
    "presplit_other_name.mat": Layout(
        mat(I_tr=V1[:20], I_te=V1[20:], L_tr=COLUMN[:20], L_te=COLUMN[20:]),
        "I",
        ("file.labels=L_tr",),
        {"labels": "L_tr"},
    ),
    "one_image_a_row.npz": Layout(
        npz(eeg=V1.reshape(N, 2, 4), label=LABELS),
        "eeg",
        ("file.views=eeg", "file.axes="),
        {"views": "eeg"},
    ),
    # folders of tables
    "tables_csv": Layout(tables("csv"), "ecg,eeg", held=(V2, V1)),
    "tables_parquet": Layout(tables("parquet"), "ecg,eeg", held=(V2, V1)),
    "tables_two_labels": Layout(
        tables("csv", mood=LABELS, level=np.roll(LABELS, 1)),
        "ecg,eeg",
        ("file.labels=mood",),
        {"labels": "mood", "ignore": "level"},
        held=(V2, V1),
    ),
    # refused
    "no_labels.mat": Layout(mat(X=X), flags=("gt", "truelabel", "classLabel")),
    "nested.mat": Layout(mat(X=cell(X), Y=ROW), flags=("'X'", "loadmat", "savez")),
    "structs.mat": Layout(mat(data={"X": V1, "Y": COLUMN}), flags=("struct", "loadmat", "savez")),
    "objects.npz": Layout(npz(X=X, Y=LABELS), flags=("'X'", "allow_pickle", "numpy.savez")),
    "views_differ.mat": Layout(mat(X=cell(V1, V2[1:]), Y=ROW), flags=("X2", "29 x 5", "30 labels")),
    "labels_several.mat": Layout(mat(X=X, Y=np.ones((N, 2))), flags=("Y", "one class a row")),
}
"""By file name. ``minus_one.mat`` and files whose rows lack views have tests of their own."""

PRESENT = np.stack([np.arange(N) >= 0, ~np.isnan(HOLES).all(axis=1)], axis=1)
NO_VIEW = cell(HOLES[:, :2], HOLES)
MISSING: dict[str, Layout] = {
    "nan_rows.mat": Layout(mat(X=cell(V1, HOLES), Y=COLUMN), "X1,X2"),
    "mask.mat": Layout(mat(X=cell(V1, V2), Y=COLUMN, present=PRESENT * 1.0), "X1,X2"),
    "mask_turned.npz": Layout(npz(view_X1=V1, view_X2=V2, y=LABELS, present=PRESENT.T), "X1,X2"),
    "mask_named.mat": Layout(
        mat(X=cell(V1, V2), Y=COLUMN, W=PRESENT * 1), "X1,X2", (), {"present": "W"}
    ),
    "tables_lost": Layout(tables("csv", lost=4), "ecg,eeg", held=(V2, V1)),
    "mask_short.mat": Layout(
        mat(X=X, Y=COLUMN, present=PRESENT * 1), flags=("'present'", "30 x 2", "3 views")
    ),
    "mask_denied.mat": Layout(
        mat(X=cell(V1, HOLES), Y=COLUMN, present=np.ones((N, 2))), flags=("'X2'", "6 rows")
    ),
    "no_view.mat": Layout(
        mat(X=NO_VIEW, Y=COLUMN), flags=("6 of 30", "file.incomplete=leave_out_empty")
    ),
    "single_nan.npz": Layout(
        npz(X1=V1, X2=np.where(np.arange(N * 5).reshape(N, 5) == 7, np.nan, V2), y=LABELS),
        flags=("'X2'", "1 row ", "single_nan.npz:X1"),
    ),
    "absent_everywhere.mat": Layout(mat(X=cell(V1, V2 * np.nan), Y=COLUMN), flags=("'X2'",)),
}
"""Rows lack a view: by NaN, by a mask that says so of numbers, or by an id that a table lacks."""


if __name__ == "__main__":
    FOLDER = Path(sys.argv[1])
    FOLDER.mkdir(parents=True, exist_ok=True)
    for NAME, LAYOUT in (LAYOUTS | MISSING).items():
        LAYOUT.write(FOLDER / NAME)
