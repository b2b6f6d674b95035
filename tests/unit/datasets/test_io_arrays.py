"""Pickled arrays: what they are is kept, and what they claim is not believed."""

from __future__ import annotations

import contextlib
import pickle
import resource
from collections import OrderedDict

import numpy as np
import pytest

from datasets._pickle import restricted_load
from datasets.base import DataError
from tests.unit.datasets.test_io import refusal


@pytest.mark.parametrize("code", ["<f8", ">f8", ">i4", "<U3", "S4", "?"])
def test_the_byte_order_of_an_array_is_kept(code: str) -> None:
    array = np.array([[1, 0, 2], [5, 1, 3]]).astype(code)
    for protocol in (2, 3, 4):
        again = restricted_load(pickle.dumps(array, protocol), "x.dat")
        assert again.dtype.newbyteorder("=") == array.dtype.newbyteorder("=")
        np.testing.assert_array_equal(again, array)


def test_an_array_that_was_read_can_be_pickled_again() -> None:
    read = restricted_load(pickle.dumps(np.arange(3.0), 2), "x.dat")
    for protocol in (0, 2, 4, 5):
        again = pickle.loads(pickle.dumps(read * 2, protocol))
        assert type(again) is np.ndarray
        assert again.tolist() == [0, 2, 4]


def test_arrays_of_lists_come_back() -> None:
    array = np.empty(2, dtype=object)
    array[0], array[1] = [1.5], np.arange(3)
    again = restricted_load(pickle.dumps(array, 4), "x.dat")
    assert again[0] == [1.5]
    assert again[1].tolist() == [0, 1, 2]


def test_an_ordered_dict_comes_back_as_a_dict() -> None:
    content = OrderedDict(delta=np.zeros((2, 3)), alpha=np.ones(1))
    for protocol in (2, 4):
        again = restricted_load(pickle.dumps(content, protocol), "x.dat")
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
    assert refusal(lambda: restricted_load(raw, "x.dat")).startswith("x.dat ")


def test_a_truthful_array_of_the_same_form_is_read() -> None:
    raw = lying("I1\n", "f8", "<", 63, "S'12345678'\n")
    assert restricted_load(raw, "x.dat").dtype == np.float64


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
    assert refusal(lambda: restricted_load(raw, "x.dat")).startswith("x.dat ")
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 200_000  # KiB


def test_the_text_form_of_python_2_is_named() -> None:
    raw = b"(dp0\nS'data'\np1\nS'\\x93'\np2\ns."
    assert "text form" in refusal(lambda: restricted_load(raw, "x.dat"))


def test_no_damaged_byte_gets_past_the_reader() -> None:
    raw = pickle.dumps({"a": np.arange(4.0), "b": OrderedDict(c=np.ones((2, 2)))}, 2)
    rng = np.random.default_rng(0)
    for _ in range(3000):
        broken = bytearray(raw)
        for place in rng.integers(len(raw), size=rng.integers(1, 4)):
            broken[place] = rng.integers(256)
        with contextlib.suppress(DataError):
            restricted_load(bytes(broken), "x.dat")
