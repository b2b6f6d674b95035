"""MATLAB files of version 7.3: read within their bounds, never beyond the file."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

from datasets._multiview import hdf5
from datasets._multiview.arrays import Cell, Unread
from datasets._multiview.hdf5 import read_hdf5
from datasets.base import DataError
from tests.helpers import refusal
from tests.unit.datasets.multiview_files import COLUMN, V1, V2, csc_array
from tests.unit.datasets.multiview_files import hdf5 as written


def read(path: Path, limit: int = 2**30) -> dict[str, Any]:
    return read_hdf5(path, path.name, limit)


def test_all_kinds_of_variable_come_back_as_matlab_had_them(tmp_path: Path) -> None:
    written(COLUMN, V1, csc_array(V2))(tmp_path / "x.mat")
    found = read(tmp_path / "x.mat")
    assert list(found) == ["X", "Y", "data_name"]  # what references point to is no variable
    assert isinstance(found["X"], Cell)
    assert found["X"].shape == (1, 2)
    np.testing.assert_array_equal(found["X"].items[0], V1)
    np.testing.assert_array_equal(found["X"].items[1].toarray(), V2)
    assert found["Y"].shape == COLUMN.shape
    assert found["data_name"].tolist() == ["made up"]


def test_structs_and_nested_cells_are_not_read(tmp_path: Path) -> None:
    with h5py.File(tmp_path / "x.mat", "w") as file:
        file.create_group("s").create_dataset("a", data=V1)
        inner = file.create_dataset("inner", (1, 1), dtype=h5py.ref_dtype)
        inner.attrs["MATLAB_class"] = np.bytes_("cell")
        inner[0, 0] = file["s"]["a"].ref
        outer = file.create_dataset("outer", (1, 1), dtype=h5py.ref_dtype)
        outer.attrs["MATLAB_class"] = np.bytes_("cell")
        outer[0, 0] = inner.ref
        file.create_dataset("text", data="of another writer")
    found = read(tmp_path / "x.mat")
    assert isinstance(found["s"], Unread)
    assert isinstance(found["outer"].items[0], Unread)
    assert isinstance(found["text"], Unread)


def test_an_empty_array_has_the_shape_that_it_says(tmp_path: Path) -> None:
    with h5py.File(tmp_path / "x.mat", "w") as file:
        empty = file.create_dataset("e", data=np.array([0, 3], np.uint64))
        empty.attrs["MATLAB_empty"] = 1
        lying = file.create_dataset("full", data=np.array([2**40, 3], np.uint64))
        lying.attrs["MATLAB_empty"] = 1
    found = read(tmp_path / "x.mat")
    assert found["e"].shape == (0, 3)
    assert isinstance(found["full"], Unread)


def external_link(file: h5py.File, secret: Path) -> None:
    file["X"] = h5py.ExternalLink(str(secret), "/secret")


def soft_link(file: h5py.File, secret: Path) -> None:
    file["X"] = h5py.SoftLink("/Y")


def external_bytes(file: h5py.File, secret: Path) -> None:
    file.create_dataset("X", (8,), "u1", external=[(str(secret), 0, 8)])


def virtual(file: h5py.File, secret: Path) -> None:
    layout = h5py.VirtualLayout((8,), "u1")
    layout[:] = h5py.VirtualSource(str(secret), "secret", (8,))
    file.create_virtual_dataset("X", layout)


@pytest.mark.parametrize("point", [external_link, soft_link, external_bytes, virtual])
def test_data_outside_the_file_are_never_opened(
    tmp_path: Path, point: Callable[[h5py.File, Path], None]
) -> None:
    secret = tmp_path / "secret.h5"
    with h5py.File(secret, "w") as file:
        file["secret"] = np.zeros(8, np.uint8)
    with h5py.File(tmp_path / "x.mat", "w") as file:
        point(file, secret)
    assert "'X' of x.mat" in refusal(lambda: read(tmp_path / "x.mat"))


def test_more_than_the_limit_is_refused_before_it_is_read(tmp_path: Path) -> None:
    with h5py.File(tmp_path / "x.mat", "w") as file:
        file.create_dataset("X", data=np.zeros((1000, 1000)), compression="gzip")
    assert (tmp_path / "x.mat").stat().st_size < 100_000
    assert "would unpack to" in refusal(lambda: read(tmp_path / "x.mat", 10**6))


def test_a_dataset_that_holds_less_than_it_says_is_refused(tmp_path: Path) -> None:
    with h5py.File(tmp_path / "x.mat", "w") as file:
        file.create_dataset("X", (2**24,), "f8", chunks=(2**10,))  # nothing is stored
    assert "not a complete .mat" in refusal(lambda: read(tmp_path / "x.mat"))


@pytest.mark.parametrize(("rows", "ends"), [([9], [0, 1, 1]), ([-1], [0, 1, 1]), ([0], [0, 9, 1])])
def test_a_sparse_matrix_that_points_outside_itself_is_refused(
    tmp_path: Path, rows: list[int], ends: list[int]
) -> None:
    with h5py.File(tmp_path / "x.mat", "w") as file:
        group = file.create_group("X")
        group.attrs["MATLAB_sparse"] = np.uint64(3)
        for key, array in (("data", np.ones(1)), ("ir", rows), ("jc", ends)):
            group.create_dataset(key, data=np.asarray(array))
    assert "not a complete .mat" in refusal(lambda: read(tmp_path / "x.mat"))


def test_cells_of_all_variables_count_together(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(hdf5, "MAX_CELLS", 1)
    written(COLUMN, V1, V2)(tmp_path / "x.mat")
    assert "cells" in refusal(lambda: read(tmp_path / "x.mat"))


def test_any_change_of_a_byte_is_read_or_refused(tmp_path: Path) -> None:
    path, rng = tmp_path / "x.mat", np.random.default_rng(0)
    written(COLUMN, V1, csc_array(V2))(path)
    whole = path.read_bytes()
    for _ in range(100):
        raw = bytearray(whole)
        for place in rng.integers(512, len(raw), 3):
            raw[place] = rng.integers(0, 256)
        path.write_bytes(raw[: rng.integers(600, len(raw) + 1)] if rng.random() < 0.2 else raw)
        with contextlib.suppress(DataError):
            read(path)
