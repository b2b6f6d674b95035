"""Damaged and hostile files: each is refused with one sentence, and nothing in it runs."""

from __future__ import annotations

import io
import pickle
import re
import shutil
import struct
import time
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from scipy.io import savemat

from datasets import _io
from datasets._io import read_npz, vendored, write_npz
from datasets._mat import read_mat
from datasets._pickle import restricted_load
from datasets.base import DataError


def refusal(call: Callable[[], object]) -> str:
    """The message of the DataError that ``call`` raises, after a check that it is one sentence."""
    with pytest.raises(DataError) as caught:
        call()
    message = str(caught.value)
    assert "\n" not in message
    assert not re.search(r"[.!?]\s+[A-Z]", message), message
    assert not message.endswith(".")
    assert "Traceback" not in message
    return message


# ---------------------------------------------------------------- vendored files


@pytest.fixture
def vendor(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    shutil.copy(_io.VENDOR / "watch.npz", tmp_path)
    shutil.copy(_io.VENDOR / "SHA256SUMS", tmp_path)
    monkeypatch.setattr(_io, "VENDOR", tmp_path)
    return tmp_path


def test_a_whole_vendored_file_loads(vendor: Path) -> None:
    assert vendored("watch")["acc"].shape == (2369, 36)


def test_a_missing_vendored_file_is_named(vendor: Path) -> None:
    (vendor / "watch.npz").unlink()
    assert "git checkout -- datasets/vendor/watch.npz" in refusal(lambda: vendored("watch"))


def test_missing_checksums_are_named(vendor: Path) -> None:
    (vendor / "SHA256SUMS").unlink()
    assert "vendor/SHA256SUMS cannot be read" in refusal(lambda: vendored("watch"))


def test_one_changed_byte_is_seen(vendor: Path) -> None:
    raw = bytearray((vendor / "watch.npz").read_bytes())
    raw[len(raw) // 2] ^= 1
    (vendor / "watch.npz").write_bytes(raw)
    assert "does not match its checksum" in refusal(lambda: vendored("watch"))


def test_a_git_lfs_pointer_is_recognised(vendor: Path) -> None:
    pointer = b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 9\n"
    (vendor / "watch.npz").write_bytes(pointer)
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
    assert "would unpack to" in refusal(lambda: read_npz(path, "bomb.npz", limit=10**6))


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
    assert "never unpickled" in message
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
    assert "not a complete .npz" in refusal(lambda: read_npz(path, "x.npz"))


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
    assert "not a complete .npz" in refusal(lambda: read_npz(tmp_path / "x.npz", "x.npz"))


# ---------------------------------------------------------------- mat


def test_too_large_a_mat_is_refused_before_it_is_unpacked(tmp_path: Path) -> None:
    savemat(tmp_path / "x.mat", {"view_a": np.zeros((1000, 1000))}, do_compression=True)
    assert (tmp_path / "x.mat").stat().st_size < 20_000
    assert "would unpack to" in refusal(lambda: read_mat(tmp_path / "x.mat", "x.mat", 10**6))
    assert read_mat(tmp_path / "x.mat", "x.mat")["view_a"].shape == (1000, 1000)


def test_a_compressed_variable_is_measured_by_its_bytes_not_its_word(tmp_path: Path) -> None:
    packed = zlib.compress(struct.pack("<II", 14, 8) + bytes(10**7))  # says 8 bytes, holds 10 MB
    head = b"MATLAB 5.0 MAT-file".ljust(124) + struct.pack("<H", 0x0100) + b"IM"
    (tmp_path / "x.mat").write_bytes(head + struct.pack("<II", 15, len(packed)) + packed)
    assert "would unpack to" in refusal(lambda: read_mat(tmp_path / "x.mat", "x.mat", 10**6))


@pytest.mark.parametrize(
    "head",
    [b"MATLAB 7.3 MAT-file, Platform: GLNXA64".ljust(512), b"\x89HDF\r\n\x1a\n" + bytes(504)],
)
def test_version_73_is_recognised(tmp_path: Path, head: bytes) -> None:
    (tmp_path / "x.mat").write_bytes(head)
    assert "'-v7'" in refusal(lambda: read_mat(tmp_path / "x.mat", "x.mat"))


@pytest.mark.parametrize("compressed", [False, True])
@pytest.mark.parametrize("share", [0.0, 0.2, 0.6, 0.95])
def test_a_truncated_mat_is_refused(tmp_path: Path, share: float, compressed: bool) -> None:
    content = {"view_a": np.arange(1000.0).reshape(100, 10)}
    savemat(tmp_path / "x.mat", content, do_compression=compressed)
    raw = (tmp_path / "x.mat").read_bytes()
    (tmp_path / "x.mat").write_bytes(raw[: int(share * len(raw))])
    assert "not a complete .mat" in refusal(lambda: read_mat(tmp_path / "x.mat", "x.mat"))


# ---------------------------------------------------------------- pickles


@pytest.mark.parametrize("protocol", [0, 1, 2, 4, 5])
def test_plain_arrays_come_back(protocol: int) -> None:
    content = {"x": [np.arange(6.0).reshape(2, 3), np.array([1, 2])], "names": ["ax", "é"]}
    raw = pickle.dumps(content, protocol)
    if protocol == 5:  # numpy's own out-of-band route, which no known file of the field takes
        assert "only plain numpy arrays" in refusal(lambda: restricted_load(raw, "x.dat"))
        return
    again = restricted_load(raw, "x.dat")
    assert again["names"] == content["names"]
    for mine, theirs in zip(again["x"], content["x"], strict=True):
        assert mine.dtype == theirs.dtype
        assert np.array_equal(mine, theirs)


@pytest.mark.parametrize("module", ["numpy.core.multiarray", "numpy._core.multiarray"])
def test_both_spellings_of_numpy_core(module: str) -> None:
    raw = pickle.dumps(np.arange(3.0), 2)
    other = re.sub(rb"numpy\._?core\.multiarray", module.encode(), raw)
    assert restricted_load(other, "x.dat").tolist() == [0, 1, 2]


@pytest.mark.parametrize(
    "raw",
    [
        pickle.dumps(Bomb()),
        pickle.dumps(Bomb(), 0),
        b"cos\nsystem\n(S'echo boom'\ntR.",
        b"cbuiltins\neval\n(S'print(1)'\ntR.",
        b"\x80\x04\x8c\x05numpy\x8c\x04load\x93\x8c\x01x\x85R.",
        b"\x80\x04\x8c\x05numpy\x8c\x0ftesting.os.path\x93.",
        b"cnumpy\nndarray\n(I4\ntR.",
        b"cnumpy\ndtype\n(S'V999999'\ntR.",
        b"c_codecs\nencode\n(S'x'\nS'rot13'\ntR.",
        b"cnumpy.core.multiarray\n_reconstruct\n(cnumpy\nndarray\n(I99999999\ntS'b'\ntR.",
    ],
    ids=[
        *("print", "print-0", "system", "eval", "numpy.load", "dotted", "ndarray-call", "void"),
        *("codec", "huge"),
    ],
)
def test_anything_else_is_refused(raw: bytes, capfd: pytest.CaptureFixture[str]) -> None:
    message = refusal(lambda: restricted_load(raw, "x.dat"))
    assert message.startswith("x.dat ")
    assert capfd.readouterr().out == ""


def test_the_refusal_names_what_was_asked_for() -> None:
    assert "builtins.print" in refusal(lambda: restricted_load(pickle.dumps(Bomb()), "x.dat"))


@pytest.mark.parametrize("share", [0.0, 0.3, 0.9])
def test_a_truncated_pickle_is_damaged(share: float) -> None:
    raw = pickle.dumps({"x": np.arange(100.0)}, 2)
    assert "damaged" in refusal(lambda: restricted_load(raw[: int(share * len(raw))], "x.dat"))
