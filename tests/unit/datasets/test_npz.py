"""Damaged and hostile files: each is refused with one sentence, and nothing in it runs."""

from __future__ import annotations

import contextlib
import io
import shutil
import struct
import time
import zipfile
from pathlib import Path

import numpy as np
import pytest

from datasets._io import read_npz, vendor, vendored, write_npz
from datasets.base import DataError
from tests.helpers import refusal

# ---------------------------------------------------------------- vendored files


@pytest.fixture
def vendor_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    shutil.copy(vendor.VENDOR / "watch.npz", tmp_path)
    shutil.copy(vendor.VENDOR / "SHA256SUMS", tmp_path)
    monkeypatch.setattr(vendor, "VENDOR", tmp_path)
    return tmp_path


def test_a_whole_vendored_file_loads(vendor_folder: Path) -> None:
    assert vendored("watch")["acc"].shape == (2369, 36)


def test_a_missing_vendored_file_is_named(vendor_folder: Path) -> None:
    (vendor_folder / "watch.npz").unlink()
    assert "git checkout -- datasets/vendor/watch.npz" in refusal(lambda: vendored("watch"))


def test_missing_checksums_are_named(vendor_folder: Path) -> None:
    (vendor_folder / "SHA256SUMS").unlink()
    assert "datasets/vendor/SHA256SUMS" in refusal(lambda: vendored("watch"))


def test_one_changed_byte_is_seen(vendor_folder: Path) -> None:
    raw = bytearray((vendor_folder / "watch.npz").read_bytes())
    raw[len(raw) // 2] ^= 1
    (vendor_folder / "watch.npz").write_bytes(raw)
    assert "checksum" in refusal(lambda: vendored("watch"))


def test_a_git_lfs_pointer_is_recognised(vendor_folder: Path) -> None:
    pointer = b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 9\n"
    (vendor_folder / "watch.npz").write_bytes(pointer)
    assert "git lfs pull" in refusal(lambda: vendored("watch"))


# ---------------------------------------------------------------- writing


def test_equal_content_gives_equal_bytes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    arrays = {"a": np.arange(6.0).reshape(2, 3), "b": np.array(["x", "yy"])}
    write_npz(tmp_path / "once.npz", arrays)
    monkeypatch.setattr(time, "time", lambda: 2e9)
    write_npz(tmp_path / "twice.npz", arrays)
    assert (tmp_path / "once.npz").read_bytes() == (tmp_path / "twice.npz").read_bytes()
    again = read_npz(tmp_path / "once.npz", "once.npz")
    assert list(again) == ["a", "b"]
    assert all(np.array_equal(again[key], arrays[key]) for key in arrays)


# ---------------------------------------------------------------- npz


def npy(array: np.ndarray) -> bytes:
    buffer = io.BytesIO()
    np.lib.format.write_array(buffer, array)
    return buffer.getvalue()


def archive(path: Path, members: dict[str, bytes]) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as file:
        for name, raw in members.items():
            file.writestr(name, raw)
    return path


def test_too_large_an_npz_is_refused_before_it_is_unpacked(tmp_path: Path) -> None:
    path = archive(tmp_path / "bomb.npz", {"view_a.npy": npy(np.zeros(10**6))})
    assert path.stat().st_size < 20_000
    assert "unpack" in refusal(lambda: read_npz(path, "bomb.npz", limit=10**6))


def test_a_header_that_promises_more_than_the_file_holds(tmp_path: Path) -> None:
    raw = npy(np.zeros(10)).replace(b"'shape': (10,)", b"'shape': (9999999999999,)")
    path = archive(tmp_path / "x.npz", {"view_a.npy": raw})
    assert "cut short" in refusal(lambda: read_npz(path, "x.npz"))


class Bomb:
    def __reduce__(self) -> tuple[object, tuple[str]]:
        return print, ("boom",)


def test_objects_in_an_npz_never_run(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    np.savez(tmp_path / "x.npz", view_a=np.array([Bomb()], dtype=object))
    message = refusal(lambda: read_npz(tmp_path / "x.npz", "x.npz"))
    assert "'view_a'" in message
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize(
    "members",
    [
        {"view_a.npy": b"not an array"},
        {"view_a.npy": b""},
        {"view_a.npy": npy(np.zeros(3))[:40]},
        {"view_a.npy": b"\x93NUMPY\x09\x00" + bytes(200)},
    ],
    ids=["text", "empty", "half-a-header", "unknown-version"],
)
def test_members_that_are_no_arrays(tmp_path: Path, members: dict[str, bytes]) -> None:
    path = archive(tmp_path / "x.npz", members)
    assert "x.npz is not a complete" in refusal(lambda: read_npz(path, "x.npz"))


@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_a_name_stored_twice_is_refused(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "x.npz", "w") as file:
        file.writestr("labels.npy", npy(np.zeros(3)))
        file.writestr("labels.npy", npy(np.ones(3)))
    assert "twice" in refusal(lambda: read_npz(tmp_path / "x.npz", "x.npz"))


@pytest.mark.parametrize("share", [0.0, 0.1, 0.5, 0.9, 0.99])
def test_a_truncated_npz_is_refused(tmp_path: Path, share: float) -> None:
    np.savez_compressed(tmp_path / "x.npz", view_a=np.arange(1000.0))
    raw = (tmp_path / "x.npz").read_bytes()
    (tmp_path / "x.npz").write_bytes(raw[: int(share * len(raw))])
    assert "x.npz is not a complete" in refusal(lambda: read_npz(tmp_path / "x.npz", "x.npz"))


# ---------------------------------------------------------------- members


@pytest.mark.parametrize("packing", [zipfile.ZIP_LZMA, zipfile.ZIP_BZIP2])
def test_a_packing_that_numpy_does_not_write_is_refused(tmp_path: Path, packing: int) -> None:
    with zipfile.ZipFile(tmp_path / "x.npz", "w", packing) as file:
        file.writestr("labels.npy", npy(np.zeros(3)))
    message = refusal(lambda: read_npz(tmp_path / "x.npz", "x.npz"))
    assert "'labels' of x.npz" in message


@pytest.mark.parametrize("shape", ["(999999999999,)", "(99999999,99)"])
@pytest.mark.parametrize("code", ["S0", "U0", "V0"])
def test_values_of_no_bytes_are_not_believed_to_be_many(
    tmp_path: Path, code: str, shape: str
) -> None:
    header = f"{{'descr': '{code}', 'fortran_order': False, 'shape': {shape}, }}\n".encode()
    raw = b"\x93NUMPY\1\0" + struct.pack("<H", len(header)) + header
    path = archive(tmp_path / "x.npz", {"labels.npy": raw})
    assert "cut short" in refusal(lambda: read_npz(path, "x.npz"))


@pytest.mark.parametrize("shape", [b"(-1,)", b"(-2,-5)", b"(1e3,)", b"('a',)", b"(9**99,)", b"7"])
def test_shapes_that_cannot_be_are_refused(tmp_path: Path, shape: bytes) -> None:
    header = b"{'descr': '<f8', 'fortran_order': False, 'shape': " + shape + b", }\n"
    raw = b"\x93NUMPY\1\0" + struct.pack("<H", len(header)) + header + bytes(80)
    path = archive(tmp_path / "x.npz", {"view_a.npy": raw})
    refusal(lambda: read_npz(path, "x.npz"))


def test_names_of_members_are_shown_in_one_line(tmp_path: Path) -> None:
    name = "../a\x1b[31m\nb" + "c" * 500 + ".npy"
    path = archive(tmp_path / "x.npz", {name: npy(np.zeros(3))[:-1]})
    message = refusal(lambda: read_npz(path, "x.npz"))
    assert message.isprintable()
    assert len(message) < 250
    assert [each.name for each in tmp_path.iterdir()] == ["x.npz"]


def test_any_change_of_a_byte_is_read_or_refused_never_a_crash(tmp_path: Path) -> None:
    path, rng = tmp_path / "x.npz", np.random.default_rng(0)
    np.savez(path, a=np.arange(4.0), b=np.array(["x", "yy"]))
    original = path.read_bytes()
    for _ in range(400):
        raw = bytearray(original)
        raw[rng.integers(len(raw))] = rng.integers(256)
        path.write_bytes(raw)
        with contextlib.suppress(DataError):
            read_npz(path, "x.npz")
