"""Pickled buffers and scalars of numpy, and integers: no more is allocated than the file has."""

from __future__ import annotations

import pickle
import re
import struct
import time

import numpy as np
import pytest

from datasets._io.pickle import MAX_GROWTH, read_pickle
from tests.helpers import refusal


@pytest.mark.parametrize("core", [b"numpy.core", b"numpy._core"])
def test_arrays_of_protocol_5_and_scalars_come_back(core: bytes) -> None:
    fixed = np.arange(6, dtype=">i4").reshape(2, 3)
    fixed.flags.writeable = False  # pickled as bytes, and as bytearray otherwise
    content = [np.asfortranarray(np.ones((2, 3))), fixed, np.zeros((0, 3)), np.float32(2.5)]
    raw = pickle.dumps(content, 5)
    for name in (b"numeric", b"multiarray"):
        module = core + b"." + name
        written = b"\x8c" + bytes([len(module)]) + module
        raw = re.sub(rb"\x8c.numpy\._?core\." + name, written, raw)
    raw = re.sub(rb"\x95.{8}", b"", raw, count=1, flags=re.DOTALL)  # a frame's length
    for mine, theirs in zip(read_pickle(raw, "x.dat"), content, strict=True):
        assert type(mine) is type(theirs)
        assert mine.dtype == theirs.dtype
        np.testing.assert_array_equal(mine, theirs)


def test_a_scalar_of_python_2_comes_back() -> None:
    raw = b"cnumpy.core.multiarray\nscalar\n(cnumpy\ndtype\n(S'f8'\ntRS'%s'\ntR." % (b"\0" * 8)
    assert read_pickle(raw, "x.dat") == 0.0


@pytest.mark.parametrize(
    "call",
    [
        b"cnumpy.core.numeric\n_frombuffer\n(%s%s(I9\ntS'C'\ntR.",
        b"cnumpy.core.numeric\n_frombuffer\n(%s%s(I1\ntS'K'\ntR.",
        b"cnumpy.core.numeric\n_frombuffer\n(%s%s(I-1\nI-1\ntS'C'\ntR.",
        b"cnumpy.core.numeric\n_frombuffer\n((l%.0scnumpy\ndtype\n(S'O8'\ntR%.0s(I0\ntS'C'\ntR.",
        b"cnumpy.core.multiarray\nscalar\n(cnumpy\ndtype\n(S'f4'\ntR%s%.0stR.",
    ],
    ids=["size", "order", "negative", "objects", "scalar"],
)
def test_buffers_and_scalars_may_claim_no_more_than_they_hold(call: bytes) -> None:
    raw = b"\x80\x05" + call % (b"B\x08\0\0\0" + bytes(8), b"cnumpy\ndtype\n(S'f8'\ntR")
    assert refusal(lambda: read_pickle(raw, "x.dat")).startswith("x.dat ")


def test_many_arrays_of_one_buffer_are_refused() -> None:
    text = b"\x80\x05]\x96" + struct.pack("<Q", 8000) + bytes(8000) + b"q\x01a"
    one = b"cnumpy.core.numeric\n_frombuffer\n(h\x01cnumpy\ndtype\n(S'f8'\ntR(I1000\ntS'C'\ntRa"
    raw = text + one * 200 + b"."
    assert f" {MAX_GROWTH} times " in refusal(lambda: read_pickle(raw, "x.dat"))


@pytest.mark.parametrize("number", [2**63, -(2**63) - 1, 1 << 10**6], ids=["more", "less", "huge"])
def test_numbers_beyond_eight_bytes_are_refused(number: int) -> None:
    raw = pickle.dumps({number: 1}, 2)
    assert " 8 bytes" in refusal(lambda: read_pickle(raw, "x.dat"))


def test_a_huge_key_used_again_and_again_takes_little_time() -> None:
    raw = b"\x80\x02}" + pickle.dumps(1 << 10**7, 2)[2:-1] + b"q\x01(" + b"h\x01N" * 9000 + b"u."
    start = time.process_time()
    assert " 8 bytes" in refusal(lambda: read_pickle(raw, "x.dat"))
    assert time.process_time() - start < 1


def test_numbers_of_eight_bytes_come_back() -> None:
    content = {-(2**63): 1, 2**63 - 1: 2}
    for protocol in (2, 5):
        assert read_pickle(pickle.dumps(content, protocol), "x.dat") == content
