"""MATLAB files, complete and hostile: headers are checked before scipy reads them."""

from __future__ import annotations

import contextlib
import re
import resource
import struct
import time
import warnings
import zlib
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
import scipy.io
from scipy.io import loadmat, savemat
from scipy.sparse import csc_array

from datasets._io import mat
from datasets._io.mat import read_mat
from datasets.base import DataError
from tests.helpers import refusal


def test_too_large_a_mat_is_refused_before_it_is_unpacked(tmp_path: Path) -> None:
    savemat(tmp_path / "x.mat", {"view_a": np.zeros((1000, 1000))}, do_compression=True)
    assert (tmp_path / "x.mat").stat().st_size < 20_000
    assert "unpack" in refusal(lambda: read_mat(tmp_path / "x.mat", "x.mat", 10**6))
    assert read_mat(tmp_path / "x.mat", "x.mat")["view_a"].shape == (1000, 1000)


def test_a_compressed_variable_is_measured_by_its_bytes_not_its_word(tmp_path: Path) -> None:
    packed = zlib.compress(struct.pack("<II", 14, 8) + bytes(10**7))  # says 8 bytes, holds 10 MB
    head = b"MATLAB 5.0 MAT-file".ljust(124) + struct.pack("<H", 0x0100) + b"IM"
    (tmp_path / "x.mat").write_bytes(head + struct.pack("<II", 15, len(packed)) + packed)
    assert "unpack" in refusal(lambda: read_mat(tmp_path / "x.mat", "x.mat", 10**6))


@pytest.mark.parametrize(
    "head",
    [b"MATLAB 7.3 MAT-file, Platform: GLNXA64".ljust(512), b"\x89HDF\r\n\x1a\n" + bytes(504)],
)
def test_version_73_is_recognised(tmp_path: Path, head: bytes) -> None:
    (tmp_path / "x.mat").write_bytes(head)
    assert "version 7.3" in refusal(lambda: read_mat(tmp_path / "x.mat", "x.mat"))


@pytest.mark.parametrize("compressed", [False, True])
@pytest.mark.parametrize("share", [0.0, 0.2, 0.6, 0.95])
def test_a_truncated_mat_is_refused(tmp_path: Path, share: float, compressed: bool) -> None:
    content = {"view_a": np.arange(1000.0).reshape(100, 10)}
    savemat(tmp_path / "x.mat", content, do_compression=compressed)
    raw = (tmp_path / "x.mat").read_bytes()
    (tmp_path / "x.mat").write_bytes(raw[: int(share * len(raw))])
    assert "x.mat is not a complete" in refusal(lambda: read_mat(tmp_path / "x.mat", "x.mat"))


# ---------------------------------------------------------------- headers that lie


def element(kind: int, content: bytes) -> bytes:
    return struct.pack("<II", kind, len(content)) + content + bytes(-len(content) % 8)


def matrix(kind: int, dims: tuple[int, ...], *parts: bytes, name: bytes = b"x") -> bytes:
    """A variable, or a cell, of a class and with dimensions that need not be true."""
    flags = element(6, struct.pack("<II", kind, 0))
    shape = element(5, struct.pack(f"<{len(dims)}i", *dims))
    return element(14, flags + shape + element(1, name) + b"".join(parts))


HEAD = b"MATLAB 5.0 MAT-file".ljust(124) + struct.pack("<H", 0x0100) + b"IM"
NUMBER = matrix(6, (1, 1), element(9, struct.pack("<d", 2.5)), name=b"")
CELL, STRUCT, CHAR, SPARSE, DOUBLE, OPAQUE = 1, 2, 4, 5, 6, 17


def nest(depth: int) -> bytes:
    inner = NUMBER
    for _ in range(depth):
        inner = matrix(CELL, (1, 1), inner)
    return inner


@pytest.mark.parametrize("packed", [False, True])
@pytest.mark.parametrize(
    "raw",
    [
        matrix(STRUCT, (2**30, 1), element(5, struct.pack("<i", 8)), element(1, b"field\0\0\0")),
        matrix(CHAR, (40_000, 40_000), element(4, b"")),
        matrix(CHAR, (2**31 - 1, 0), element(4, b"")),
        matrix(CELL, (1, 1), matrix(CHAR, (40_000, 40_000), element(4, b""))),
        matrix(CELL, (1, 1), matrix(CELL, (2**30, 1))),
        matrix(CELL, (2**30, 1), NUMBER),
        nest(20_000),
        element(14, element(6, struct.pack("<II", OPAQUE, 0)) + element(1, b"x") + bytes(64)),
    ],
    ids=["struct", "blanks", "no-letters", "cell-of-blanks", "cells", "cell", "deep", "object"],
)
def test_what_a_header_promises_is_not_made(tmp_path: Path, raw: bytes, packed: bool) -> None:
    path = tmp_path / "x.mat"
    path.write_bytes(HEAD + (element(15, zlib.compress(raw)) if packed else raw))
    if packed and len(raw) % 8 == 0:  # no padding after what is packed
        stream = zlib.compress(raw)
        path.write_bytes(HEAD + struct.pack("<II", 15, len(stream)) + stream)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    found = read_mat(path, "x.mat")
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 200_000  # KiB
    assert found["x"].dtype == object
    assert found["x"].shape == ()


def test_cells_that_overlap_are_refused(tmp_path: Path) -> None:
    hidden = matrix(STRUCT, (2**30, 1))
    lying = bytearray(NUMBER + hidden)
    lying[4:8] = struct.pack("<I", len(lying) - 8)  # the first cell says that it is all of it
    (tmp_path / "x.mat").write_bytes(HEAD + matrix(CELL, (2, 1), bytes(lying), NUMBER))
    assert "x.mat is not a complete" in refusal(lambda: read_mat(tmp_path / "x.mat", "x.mat"))


@pytest.mark.parametrize("order", [b"XX", b"\0\0", b"II"])
def test_an_order_of_bytes_that_is_none_hides_no_bomb(tmp_path: Path, order: bytes) -> None:
    packed = zlib.compress(bytes(10**7))
    head = b"MATLAB 5.0 MAT-file".ljust(124) + b"\1\1" + order
    (tmp_path / "x.mat").write_bytes(head + struct.pack(">II", 15, len(packed)) + packed)
    assert "x.mat is not a complete" in refusal(
        lambda: read_mat(tmp_path / "x.mat", "x.mat", 10**6)
    )


def test_a_pointer_to_objects_elsewhere_is_refused(tmp_path: Path) -> None:
    head = HEAD[:116] + struct.pack("<Q", 128) + HEAD[124:]
    (tmp_path / "x.mat").write_bytes(head + NUMBER)
    said = refusal(lambda: read_mat(tmp_path / "x.mat", "x.mat"))
    assert "objects or functions" in said


def test_a_variable_stored_twice_is_refused(tmp_path: Path) -> None:
    twice = matrix(DOUBLE, (1, 1), element(9, bytes(8)))
    (tmp_path / "x.mat").write_bytes(HEAD + twice + twice)
    assert "'x' twice" in refusal(lambda: read_mat(tmp_path / "x.mat", "x.mat"))


def test_complex_numbers_count_as_what_they_become(tmp_path: Path) -> None:
    savemat(tmp_path / "x.mat", {"x": np.zeros(1000) + 1j})
    assert "unpack" in refusal(lambda: read_mat(tmp_path / "x.mat", "x.mat", 10**5))
    assert read_mat(tmp_path / "x.mat", "x.mat")["x"].dtype.kind == "c"


@pytest.mark.parametrize("packed", [False, True])
def test_all_that_scipy_writes_comes_back_in_the_order_of_the_file(
    tmp_path: Path, packed: bool
) -> None:
    content = {
        "z": np.arange(6.0).reshape(2, 3),
        "text": np.array(["ab", "cd", ""]),
        "cells": np.array(["a", "bcdef", 1.5], dtype=object),
        "struct": {"a": 1},
        "whole": np.arange(5, dtype=np.int16),
        "none": np.zeros((0, 3)),
        "a_name_that_is_rather_long": np.array([True, False]),
    }
    savemat(tmp_path / "x.mat", content, do_compression=packed)
    found = read_mat(tmp_path / "x.mat", "x.mat")
    assert list(found) == list(content)
    np.testing.assert_array_equal(found["z"], content["z"])
    assert found["cells"].shape == (1, 3)
    assert found["struct"].shape == ()
    assert found["none"].shape == (0, 3)


WRITTEN_BY_MATLAB = sorted(
    path
    for path in (Path(scipy.io.__file__).parent / "matlab/tests/data").glob("test*_[4567]*.mat")
    if not re.search("bad|func|hdf5|object|nest|struct|sparse", path.name)
)


@pytest.mark.skipif(not WRITTEN_BY_MATLAB, reason="this scipy came without its own test files")
def test_files_that_matlab_wrote_are_read_as_scipy_reads_them() -> None:
    assert len(WRITTEN_BY_MATLAB) > 20
    for path in WRITTEN_BY_MATLAB:
        plain = {k: v for k, v in loadmat(path).items() if not k.startswith("__")}
        found = read_mat(path, path.name)
        assert list(found) == list(plain), path.name
        for key, array in plain.items():
            assert found[key].dtype == array.dtype, path.name
            assert repr(found[key].tolist()) == repr(array.tolist()), path.name


def test_version_4_is_read(tmp_path: Path) -> None:
    savemat(tmp_path / "x.mat", {"x": np.eye(3)}, format="4")
    np.testing.assert_array_equal(read_mat(tmp_path / "x.mat", "x.mat")["x"], np.eye(3))


def test_any_change_of_a_byte_is_read_or_refused_never_a_crash(tmp_path: Path) -> None:
    path, rng = tmp_path / "x.mat", np.random.default_rng(0)
    content = {"x": np.eye(3), "names": np.array(["a", "bc"], dtype=object), "t": "word"}
    savemat(path, content | {"sparse": csc_array(np.eye(3))})
    whole = path.read_bytes()
    for _ in range(400):
        raw = bytearray(whole)
        raw[rng.integers(124, len(raw))] = rng.integers(0, 256)
        path.write_bytes(raw)
        with contextlib.suppress(DataError):
            read_mat(path, "x.mat")


def test_a_type_of_element_that_is_none_is_refused_before_scipy_looks_it_up(tmp_path: Path) -> None:
    for kind in (0, 8, 14, 200, 2**16 - 1):
        (tmp_path / "x.mat").write_bytes(HEAD + matrix(DOUBLE, (1, 1), element(kind, bytes(8))))
        assert "x.mat is not a complete" in refusal(lambda: read_mat(tmp_path / "x.mat", "x.mat"))


@pytest.mark.parametrize("packed", [False, True])
@pytest.mark.parametrize("kind", [float, bool, complex])
def test_sparse_matrices_are_read_alone_and_in_cells(
    tmp_path: Path, kind: type, packed: bool
) -> None:
    thin = csc_array(np.eye(3, 5, dtype=kind))
    cells = np.empty((1, 2), object)
    cells[0, 0], cells[0, 1] = thin, np.ones((2, 2))
    savemat(tmp_path / "x.mat", {"x": thin, "c": cells, "y": 1.0}, do_compression=packed)
    found = read_mat(tmp_path / "x.mat", "x.mat")
    for matrix in (found["x"], found["c"][0, 0]):
        np.testing.assert_array_equal(matrix.toarray(), thin.toarray())


@pytest.mark.parametrize("in_a_cell", [False, True])
@pytest.mark.parametrize(
    ("rows", "ends"),
    [((0, 9), (0, 1, 2)), ((0, -1), (0, 1, 2)), ((0, 1), (0, 2**30, 2)), ((0, 1), (1, 1, 2))],
    ids=["row-too-large", "row-negative", "column-beyond", "column-late"],
)
def test_a_sparse_matrix_that_points_outside_itself_is_refused(
    tmp_path: Path, rows: tuple[int, int], ends: tuple[int, int, int], in_a_cell: bool
) -> None:
    parts = (
        element(5, struct.pack("<2i", *rows)),
        element(5, struct.pack("<3i", *ends)),
        element(9, struct.pack("<2d", 1.0, 2.0)),
    )
    raw = matrix(SPARSE, (3, 2), *parts, name=b"" if in_a_cell else b"x")
    if in_a_cell:
        raw = matrix(CELL, (1, 1), raw)
    (tmp_path / "x.mat").write_bytes(HEAD + raw)
    assert "not a complete .mat" in refusal(lambda: read_mat(tmp_path / "x.mat", "x.mat"))


def test_a_cell_of_large_matrices_counts_as_what_it_holds(tmp_path: Path) -> None:
    cells = np.empty((1, 2), object)
    cells[0, 0] = cells[0, 1] = np.zeros((1000, 50))
    savemat(tmp_path / "x.mat", {"x": cells}, do_compression=True)
    assert read_mat(tmp_path / "x.mat", "x.mat", 10**6)["x"].shape == (1, 2)
    assert "would unpack to" in refusal(lambda: read_mat(tmp_path / "x.mat", "x.mat", 800_000))


# ---------------------------------------------------------------- cells and warnings


@pytest.mark.parametrize("packed", [False, True])
def test_many_empty_cells_are_surveyed_in_little_time(tmp_path: Path, packed: bool) -> None:
    raw = matrix(CELL, (2**18, 1), struct.pack("<II", 14, 0) * 2**18)
    stream = zlib.compress(raw)
    whole = struct.pack("<II", 15, len(stream)) + stream if packed else raw
    start = time.process_time()
    with BytesIO(HEAD + whole) as file:
        assert list(mat._survey(file, "x.mat", 2**28) or ()) == ["x"]
    assert time.process_time() - start < 1


def test_cells_of_all_variables_count_together(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(mat, "MAX_CELLS", 5)
    cells = [
        matrix(CELL, (3, 1), *[struct.pack("<II", 14, 0)] * 3, name=b"first"),
        matrix(CELL, (2, 1), NUMBER, matrix(STRUCT, (1, 1)), name=b"refused"),
        matrix(CELL, (1, 1), NUMBER, name=b"last"),
    ]
    (tmp_path / "x.mat").write_bytes(HEAD + b"".join(cells))
    found = read_mat(tmp_path / "x.mat", "x.mat")
    assert {name: array.shape for name, array in found.items()} == {
        "first": (3, 1),
        "refused": (),
        "last": (),
    }


def test_a_warning_of_another_scipy_damages_no_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def warned(category: type[Warning]) -> object:
        def load(*given: object, **named: object) -> object:
            warnings.warn("of later", category, stacklevel=2)
            return loadmat(*given, **named)

        return load

    savemat(tmp_path / "x.mat", {"x": 1.0})
    monkeypatch.setattr(scipy.io, "loadmat", warned(DeprecationWarning))
    assert read_mat(tmp_path / "x.mat", "x.mat") == {"x": 1.0}
    monkeypatch.setattr(scipy.io, "loadmat", warned(scipy.io.matlab.MatReadWarning))
    assert "x.mat is not a complete" in refusal(lambda: read_mat(tmp_path / "x.mat", "x.mat"))
