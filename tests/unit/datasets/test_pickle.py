"""Pickled arrays: their values are read, their sizes are checked, nothing is called."""

from __future__ import annotations

import contextlib
import pickle
import re
import resource
import struct
import time
from collections import OrderedDict
from pathlib import Path

import numpy as np
import pytest

from datasets._io import pickle as pickle_reader
from datasets._io.pickle import MAX_GROWTH, read_pickle
from datasets.base import DataError
from datasets.deap.simulate import write_dat
from datasets.seed import simulate
from tests.helpers import refusal
from tests.unit.datasets.small_deap import one_subject
from tests.unit.datasets.test_npz import Bomb


@pytest.mark.parametrize("code", ["<f8", ">f8", ">i4", "<U3", "S4", "?"])
def test_the_byte_order_of_an_array_is_kept(code: str) -> None:
    array = np.array([[1, 0, 2], [5, 1, 3]]).astype(code)
    for protocol in (2, 3, 4):
        again = read_pickle(pickle.dumps(array, protocol), "x.dat")
        assert again.dtype.newbyteorder("=") == array.dtype.newbyteorder("=")
        np.testing.assert_array_equal(again, array)


def test_an_array_that_was_read_can_be_pickled_again() -> None:
    read = read_pickle(pickle.dumps(np.arange(3.0), 2), "x.dat")
    for protocol in (0, 2, 4, 5):
        again = pickle.loads(pickle.dumps(read * 2, protocol))
        assert type(again) is np.ndarray
        assert again.tolist() == [0, 2, 4]


def test_arrays_of_lists_come_back() -> None:
    array = np.empty(2, dtype=object)
    array[0], array[1] = [1.5], np.arange(3)
    again = read_pickle(pickle.dumps(array, 4), "x.dat")
    assert again[0] == [1.5]
    assert again[1].tolist() == [0, 1, 2]


def test_an_ordered_dict_comes_back_as_a_dict() -> None:
    content = OrderedDict(delta=np.zeros((2, 3)), alpha=np.ones(1))
    for protocol in (2, 4):
        again = read_pickle(pickle.dumps(content, protocol), "x.dat")
        assert type(again) is dict
        assert list(again) == ["delta", "alpha"]


def lying(shape: str, code: str, order: str, flags: int, content: str) -> bytes:
    """A pickled array (protocol 0) whose state says what numpy would believe."""
    return (
        "cnumpy.core.multiarray\n_reconstruct\n(cnumpy\nndarray\n(I0\ntS'b'\ntR"
        f"(I1\n({shape}tcnumpy\ndtype\n(S'{code}'\nI00\nI01\ntR"
        f"(I3\nS'{order}'\nNNNI-1\nI-1\nI{flags}\ntbI00\n{content}tb."
    ).encode()


@pytest.mark.parametrize(
    "raw",
    [
        lying("I100000000\n", "O8", "|", 63, "(l"),
        lying("I100000000\n", "f8", "<", 0, "S'12345678'\n"),
        lying("I-1\nI-1\n", "f8", "<", 0, "S'12345678'\n"),
        lying("I1\n", "f8", "<", 63, "(l"),
        lying("I1\n", "f8", "x", 0, "S'12345678'\n"),
    ],
    ids=["objects", "numbers", "negative", "flags", "order"],
)
def test_an_array_may_claim_no_more_than_its_file_holds(raw: bytes) -> None:
    assert refusal(lambda: read_pickle(raw, "x.dat")).startswith("x.dat ")


def test_a_truthful_array_of_the_same_form_is_read() -> None:
    raw = lying("I1\n", "f8", "<", 63, "S'12345678'\n")
    assert read_pickle(raw, "x.dat").dtype == np.float64


@pytest.mark.parametrize(
    "raw",
    [
        b"\x80\x02Nr\xff\xff\xff\x7f.",
        b"Np99999999\n.",
        b"\x80\x02}" + b"N" + b"\x85" * 10**6 + b"Ns.",
        b"\x80\x02" + b"]" * 10**6 + b".",
        b"\x80\x05\x96" + (2**40).to_bytes(8, "little") + b".",
        b"\x80\x05B" + (2**31).to_bytes(4, "little") + b".",
    ],
    ids=["memo", "memo-0", "nested-key", "lists", "bytearray", "bytes"],
)
def test_a_small_pickle_takes_little_memory(raw: bytes) -> None:
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    assert refusal(lambda: read_pickle(raw, "x.dat")).startswith("x.dat ")
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 200_000  # KiB


def test_the_text_form_of_python_2_is_named() -> None:
    raw = b"(dp0\nS'data'\np1\nS'\\x93'\np2\ns."
    assert "text form" in refusal(lambda: read_pickle(raw, "x.dat"))


def test_no_damaged_byte_gets_past_the_reader() -> None:
    raw = pickle.dumps({"a": np.arange(4.0), "b": OrderedDict(c=np.ones((2, 2)))}, 2)
    rng = np.random.default_rng(0)
    for _ in range(3000):
        broken = bytearray(raw)
        for place in rng.integers(len(raw), size=rng.integers(1, 4)):
            broken[place] = rng.integers(256)
        with contextlib.suppress(DataError):
            read_pickle(bytes(broken), "x.dat")


# ---------------------------------------------------------------- what is asked for


@pytest.mark.parametrize("protocol", [0, 1, 2, 4, 5])
def test_plain_arrays_come_back(protocol: int) -> None:
    content = {"x": [np.arange(6.0).reshape(2, 3), np.array([1, 2])], "names": ["ax", "é"]}
    again = read_pickle(pickle.dumps(content, protocol), "x.dat")
    assert again["names"] == content["names"]
    for mine, theirs in zip(again["x"], content["x"], strict=True):
        assert mine.dtype == theirs.dtype
        assert np.array_equal(mine, theirs)


@pytest.mark.parametrize("module", ["numpy.core.multiarray", "numpy._core.multiarray"])
def test_both_spellings_of_numpy_core(module: str) -> None:
    raw = pickle.dumps(np.arange(3.0), 2)
    other = re.sub(rb"numpy\._?core\.multiarray", module.encode(), raw)
    assert read_pickle(other, "x.dat").tolist() == [0, 1, 2]


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
    message = refusal(lambda: read_pickle(raw, "x.dat"))
    assert message.startswith("x.dat ")
    assert capfd.readouterr().out == ""


def test_the_refusal_names_what_was_asked_for() -> None:
    assert "builtins.print" in refusal(lambda: read_pickle(pickle.dumps(Bomb()), "x.dat"))


@pytest.mark.parametrize("share", [0.0, 0.3, 0.9])
def test_a_truncated_pickle_is_damaged(share: float) -> None:
    raw = pickle.dumps({"x": np.arange(100.0)}, 2)
    assert "damaged" in refusal(lambda: read_pickle(raw[: int(share * len(raw))], "x.dat"))


# ---------------------------------------------------------------- much out of little

RECONSTRUCT = b"cnumpy.core.multiarray\n_reconstruct\n(cnumpy\nndarray\n(I0\ntS'b'\ntR"
FLOATS = b"cnumpy\ndtype\n(S'f8'\nI00\nI01\ntR(I3\nS'%s'\nNNNI-1\nI-1\nI0\ntb"


def many_of_one(content: bytes, arrays: int, order: bytes = b"<") -> bytes:
    """``arrays`` arrays of the one piece ``content``, which lies in the memo."""
    size, text = len(content) // 8, b"T" + struct.pack("<I", len(content)) + content
    array = RECONSTRUCT + b"(I1\n(I%d\nt" % size + FLOATS % order + b"I00\ng1\ntba"
    return b"\x80\x02]" + text + b"p1\na" + array * arrays + b"."


def shared_tuples(depth: int) -> bytes:
    """A tuple of itself, twice, and so on: few bytes that take 2^depth steps to hash."""
    raw = b"\x80\x02})p0\n"
    for k in range(depth):
        raw += b"g%d\n\x86p%d\n" % (k, k + 1)
    return raw + b"Ns."


@pytest.mark.parametrize("order", [b"<", b">"])
def test_many_arrays_of_one_piece_are_refused(order: bytes) -> None:
    raw = many_of_one(bytes(8000), 500, order)  # 4 MB of 70 kB
    message = refusal(lambda: read_pickle(raw, "x.dat"))
    assert f" {MAX_GROWTH} times " in message


def test_some_arrays_of_one_piece_are_read() -> None:
    found = read_pickle(many_of_one(np.arange(1000.0).tobytes(), 3), "x.dat")
    for array in found[1:]:
        np.testing.assert_array_equal(array, np.arange(1000.0))


def test_files_in_the_published_forms_make_no_more_than_they_hold(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pickle_reader, "MAX_GROWTH", 1)
    simulate.write(tmp_path, 1 / 12)
    (npz,) = tmp_path.rglob("1_1.npz")
    with np.load(npz) as file:
        found = read_pickle(file["train_data"].item(), npz.name)
    assert found["gamma"].shape == (499, 62)
    (eye,) = tmp_path.rglob("eye_tracking_feature/1_1")
    assert read_pickle(eye.read_bytes(), eye.name)["test_data_eye"].shape == (343, 33)
    write_dat(tmp_path / "s01.dat", *one_subject())
    assert read_pickle((tmp_path / "s01.dat").read_bytes(), "s01.dat")["labels"].shape[1] == 4


def test_many_texts_and_dicts_of_one_piece_are_refused() -> None:
    text = b"\x80\x02]X" + struct.pack("<I", 10_000) + b"a" * 10_000 + b"p1\na"
    text += b"c_codecs\nencode\n(g1\nS'latin1'\ntRa" * 300 + b"."
    assert f" {MAX_GROWTH} times " in refusal(lambda: read_pickle(text, "x.dat"))
    pairs = b"\x80\x02]p0\n(" + b"".join(b"K%cN\x86" % i for i in range(200)) + b"e"
    copies = b"ccollections\nOrderedDict\n(g0\ntRp2\n" * 500
    assert f" {MAX_GROWTH} times " in refusal(lambda: read_pickle(pairs + copies + b".", "x"))


@pytest.mark.parametrize(
    "raw",
    [
        shared_tuples(60),
        b"\x80\x02X\4\0\0\0mathX\4\0\0\0math\x86p0\n" + shared_tuples(60)[4:-3] + b"\x93.",
        lying("S'aaaa'\nI1000000000\n", "f8", "<", 0, "S'12345678'\n"),
        lying("L" + "9" * 4000 + "L\n", "f8", "<", 0, "S'12345678'\n"),
        lying("I1000000000000\n", "S0", "|", 0, "S''\n"),
        b"\x80\x02]2\x86.",
        b"\x80\x04(K\1K\2\x91.",
        b"\x80\x04\x8f.",
    ],
    ids=["hash", "name", "product", "digits", "no-bytes", "dup", "frozenset", "set"],
)
def test_a_small_pickle_takes_little_time(raw: bytes) -> None:
    start = time.process_time()
    assert refusal(lambda: read_pickle(raw, "x.dat")).startswith("x.dat ")
    assert time.process_time() - start < 1


@pytest.mark.parametrize(
    "raw",
    [
        b"\x80\x02c_codecs\nencode\n(N}S'__defaults__'\n)stb.",
        b"\x80\x02ccollections\nOrderedDict\n(N}S'update'\nNstb.",
        b"\x80\x02S'_codecs.encode'\n(S'x'\nS'latin1'\ntR.",
        b"\x80\x02cnumpy\nndarray\n)R.",
        b"\x80\x02P1\n.",
        b"\x80\x02\x82\1.",
        b"(icollections\nOrderedDict\n.",
        b"\x80\x02ccollections\nOrderedDict\n)\x81.",
        b"\x80\x02\x87.",
        b"\x80\x02(u.",
        b"\x80\x02g7\n.",
        b"\x80\x02e.",
    ],
    ids=[
        *("function-altered", "class-altered", "text-called", "type-called", "persistent"),
        *("extension", "instance", "newobj", "empty-stack", "no-dict", "no-memo", "no-mark"),
    ],
)
def test_programs_that_no_array_needs_are_refused(raw: bytes) -> None:
    assert refusal(lambda: read_pickle(raw, "x.dat")).startswith("x.dat ")
    assert read_pickle(pickle.dumps(np.arange(3.0), 2), "x.dat").tolist() == [0, 1, 2]


def test_control_characters_are_not_shown() -> None:
    message = refusal(lambda: read_pickle(b"cos\x1b[31m\n\x07sys\n.", "x.dat"))
    assert message.isprintable()


def test_values_and_containers_of_every_protocol_come_back() -> None:
    content = {
        "numbers": [0, -1, 300, 70_000, 2**40, 1.5, True, None],
        "tuples": ((), (1,), (1, 2), (1, 2, 3), (1, 2, 3, 4)),
        3: {"inner": [], b"raw": b"\xff" * 300},
        "same": [["a"]] * 2,
    }
    for protocol in (2, 3, 4):
        assert read_pickle(pickle.dumps(content, protocol), "x.dat") == content
