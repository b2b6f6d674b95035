"""Files of DEAP: both forms are read alike; damaged and hostile ones are refused in a sentence."""

from __future__ import annotations

import os
import pickle
import struct
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy.io import savemat
from scipy.sparse import csc_array

from datasets import deap
from datasets._io.cache import folder as cache_folder
from datasets._simulated import is_simulated
from datasets.deap import files as deap_files
from datasets.deap.files import Form, locate, read_subject
from datasets.deap.simulate import write_dat, write_mat
from tests.helpers import refusal
from tests.unit.datasets.small_deap import FORM, one_subject, small_form

SIGNALS, RATINGS = one_subject()
NAN = np.where(np.arange(FORM.samples) == 9, np.nan, SIGNALS)


@pytest.fixture(autouse=True)
def root(tmp_path: Path) -> Iterator[Path]:
    with small_form(tmp_path):
        yield tmp_path


# ---------------------------------------------------------------- both forms


def test_the_published_form_is_that_of_table_1() -> None:
    assert Form() == Form(videos=40, channels=40, samples=8064, ratings=4)
    assert Form().seconds == 63


@pytest.mark.parametrize("kind", ["mat", "dat"])
def test_what_is_written_is_read_back_bit_for_bit(root: Path, kind: str) -> None:
    path = root / f"s01.{kind}"
    (write_mat if kind == "mat" else write_dat)(path, SIGNALS, RATINGS)
    signals, ratings = read_subject(path)
    np.testing.assert_array_equal(signals, SIGNALS)
    np.testing.assert_array_equal(ratings, RATINGS)
    assert signals.dtype == ratings.dtype == np.float64


def test_a_dat_file_is_a_python_2_pickle_of_byte_strings(root: Path) -> None:
    write_dat(root / "s01.dat", SIGNALS, RATINGS)
    raw = (root / "s01.dat").read_bytes()
    assert raw.startswith(b"\x80\x02")
    assert set(pickle.loads(raw, encoding="bytes")) == {b"data", b"labels", b"note"}
    plain = pickle.loads(raw, encoding="latin1")
    np.testing.assert_array_equal(plain["data"], SIGNALS)
    with pytest.raises(UnicodeDecodeError):
        pickle.loads(raw)


def test_a_compressed_mat_file_is_read_too(root: Path) -> None:
    savemat(root / "s01.mat", {"data": SIGNALS, "labels": RATINGS}, do_compression=True)
    np.testing.assert_array_equal(read_subject(root / "s01.mat")[0], SIGNALS)


def test_single_precision_is_read_as_double(root: Path) -> None:
    savemat(root / "s01.mat", {"data": SIGNALS.astype(np.float32), "labels": RATINGS})
    assert read_subject(root / "s01.mat")[0].dtype == np.float64


# ---------------------------------------------------------------- where files lie


@pytest.mark.parametrize(
    "place",
    ["DEAP/data_preprocessed_matlab", "data_preprocessed_matlab", "DEAP", "."],
)
def test_files_are_found_at_any_level(root: Path, place: str) -> None:
    (root / place).mkdir(parents=True, exist_ok=True)
    (root / place / "s03.mat").touch()
    files = locate(root)
    assert files is not None
    assert files.folder == root / place
    assert list(files.paths) == [3]
    assert files.missing == "s01, s02, s04 and 28 more"
    assert deap.found(root)


def test_mat_is_preferred_unless_dat_is_more_complete(root: Path) -> None:
    for name in ("s01.mat", "s02.mat", "s01.dat", "s02.dat"):
        (root / name).touch()
    assert [files.format for form in ("auto", "dat") if (files := locate(root, form))] == [
        "mat",
        "dat",
    ]
    (root / "s02.mat").unlink()
    assert (files := locate(root)) is not None
    assert files.format == "dat"


@pytest.mark.parametrize("name", ["s00.mat", "s33.mat", "s1.mat", "s01.npz", "1_1.npz"])
def test_other_files_are_not_those_of_deap(root: Path, name: str) -> None:
    (root / name).touch()
    assert not deap.found(root)
    assert str(root) in refusal(lambda: deap.load(root=root))


def test_a_data_root_is_asked_for() -> None:
    assert "--data-root" in refusal(deap.load)


# ---------------------------------------------------------------- hostile files


def mat_of(root: Path, **changes: object) -> Path:
    savemat(root / "s01.mat", {"data": SIGNALS, "labels": RATINGS} | changes)
    return root / "s01.mat"


def dat_of(root: Path, raw: bytes) -> Path:
    (root / "s01.dat").write_bytes(raw)
    return root / "s01.dat"


BAD_ARRAYS: dict[str, tuple[dict[str, object], str]] = {
    "short": ({"data": SIGNALS[..., :-1]}, "20 x 40 x 639, not 20 x 40 x 640"),
    "transposed": ({"data": SIGNALS.T}, "640 x 40 x 20, not"),
    "flat": ({"data": 3.0}, "1 x 1, not"),
    "text": ({"data": "signals"}, "'data'"),
    "complex": ({"data": SIGNALS + 1j}, "'data'"),
    "struct": ({"data": {"a": 1.0}}, "'data'"),
    "sparse": ({"data": csc_array(np.eye(3))}, "'data'"),
    "nan": ({"data": NAN}, " in video 1"),
    "inf": ({"labels": np.where(RATINGS > 8, np.inf, RATINGS)}, "infinite"),
    "one-hot": ({"labels": np.zeros_like(RATINGS)}, " 1 to 9"),
    "two-ratings": ({"labels": RATINGS[:, :2]}, "20 x 2, not 20 x 4"),
}


@pytest.mark.parametrize(("changes", "message"), BAD_ARRAYS.values(), ids=BAD_ARRAYS.keys())
def test_arrays_that_are_not_those_of_deap(
    root: Path, changes: dict[str, object], message: str
) -> None:
    path = mat_of(root, **changes)
    assert message in refusal(lambda: read_subject(path))
    refusal(lambda: deap.load(root=root))
    assert not cache_folder().exists()  # nothing half-cached


class Bomb:
    def __reduce__(self) -> tuple[object, tuple[str]]:
        return print, ("boom",)


@pytest.mark.parametrize(
    ("raw", "message"),
    [
        (pickle.dumps({"data": Bomb(), "labels": RATINGS}, 2), "asks for "),
        (b"\x80\x02cos\nsystem\nU\x09echo boom\x85R.", "asks for "),
        (pickle.dumps([SIGNALS, RATINGS], 2), "'data'"),
        (
            pickle.dumps({"data": SIGNALS.tolist()[0], "labels": RATINGS}, 2),
            "s01.dat",
        ),
        (
            pickle.dumps({"data": np.array([None] * 3), "labels": RATINGS}, 2),
            "'data'",
        ),
        (b"\x80\x02}(U\x04dataT\xff\xff\xff\x7fabc", "damaged"),
        (b"", "damaged"),
        (b"not a pickle", "damaged"),
    ],
    ids=["bomb", "system", "list", "nested-lists", "objects", "huge-string", "empty", "text"],
)
def test_pickles_that_are_not_those_of_deap(
    root: Path, raw: bytes, message: str, capfd: pytest.CaptureFixture[str]
) -> None:
    path = dat_of(root, raw)
    assert message in refusal(lambda: read_subject(path))
    refusal(lambda: deap.load(root=root))
    assert "boom" not in capfd.readouterr().out
    assert not cache_folder().exists()


def test_a_shape_that_promises_more_than_the_file_holds(root: Path) -> None:
    write_dat(root / "s01.dat", SIGNALS, RATINGS)
    raw = (root / "s01.dat").read_bytes()
    size = b"J" + FORM.samples.to_bytes(4, "little")
    assert raw.count(size) == 1
    path = dat_of(root, raw.replace(size, b"J\xff\xff\xff\x7f"))
    assert "s01.dat" in refusal(lambda: read_subject(path))


@pytest.mark.parametrize("kind", ["mat", "dat"])
@pytest.mark.parametrize("share", [0.0, 0.001, 0.5, 0.999])
def test_a_file_that_is_cut_short(root: Path, kind: str, share: float) -> None:
    path = root / f"s01.{kind}"
    (write_mat if kind == "mat" else write_dat)(path, SIGNALS, RATINGS)
    raw = path.read_bytes()
    path.write_bytes(raw[: int(share * len(raw))])
    refusal(lambda: deap.load(root=root))
    assert not cache_folder().exists()


def mat_head() -> bytes:
    return b"MATLAB 5.0 MAT-file".ljust(124) + struct.pack("<H", 0x0100) + b"IM"


def test_a_compressed_variable_that_swells(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    packed = zlib.compress(struct.pack("<II", 14, 8) + bytes(10**7))
    (root / "s01.mat").write_bytes(mat_head() + struct.pack("<II", 15, len(packed)) + packed)
    monkeypatch.setattr(deap_files, "MAX_FILE", 10**6)
    assert "unpack" in refusal(lambda: read_subject(root / "s01.mat"))


def test_a_header_that_promises_gigabytes(root: Path) -> None:
    (root / "s01.mat").write_bytes(mat_head() + struct.pack("<II", 14, 2**32 - 8) + bytes(200))
    assert "s01.mat is not a complete" in refusal(lambda: read_subject(root / "s01.mat"))
    dims = struct.pack("<IIIIIIIiiiIIII", 6, 8, 6, 0, 5, 12, 20, 40, 40, 2**30, 0, 1, 0x64, 9)
    body = struct.pack("<II", 14, len(dims) + 8) + dims + struct.pack("<II", 2**31 - 8, 0)
    (root / "s01.mat").write_bytes(mat_head() + body)
    refusal(lambda: read_subject(root / "s01.mat"))


@pytest.mark.parametrize("kind", ["mat", "dat"])
def test_a_file_far_too_large_is_not_opened(
    root: Path, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with (root / f"s01.{kind}").open("wb") as file:
        file.truncate(2 * 2**20)
    monkeypatch.setattr(deap_files, "MAX_FILE", 2**20)
    assert " 2 MiB" in refusal(lambda: read_subject(root / f"s01.{kind}"))


def test_a_folder_is_no_file(root: Path) -> None:
    (root / "s01.mat").mkdir()
    assert not deap.found(root)
    assert str(root / "s02.mat") in refusal(lambda: read_subject(root / "s02.mat"))


def test_files_in_a_folder_that_may_not_be_read_are_absent(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stat = os.stat

    def forbidden(path: Any, *given: Any, **named: Any) -> os.stat_result:
        if "DEAP" in str(path):
            raise PermissionError(13, "Permission denied", str(path))
        return stat(path, *given, **named)

    monkeypatch.setattr(os, "stat", forbidden)
    assert locate(tmp_path) is None
    assert not is_simulated(tmp_path / "DEAP", tmp_path)
