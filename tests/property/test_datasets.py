"""Any valid file survives both formats; any damaged one is refused, never half read."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from scipy.io import savemat

from datasets._io import write_npz
from datasets._io.pickle import read_pickle
from datasets.base import DataError
from datasets.file import load_file
from datasets.watch import POWER_FLOOR, features

SIZES = settings(max_examples=25)


def refused(call: Callable[[], object]) -> str | None:
    """The message of a DataError, None if there is none; any other exception goes through."""
    try:
        call()
    except DataError as error:
        return str(error)
    return None


@st.composite
def files(draw: st.DrawFn) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    n = draw(st.integers(15, 40))
    kinds = draw(st.integers(2, 3))
    base = np.arange(n) % kinds
    coding = draw(st.sampled_from(["zero", "one", "sign", "name", "float"]))
    labels = {
        "zero": base,
        "one": base + 1,
        "sign": 2 * np.minimum(base, 1) - 1,  # -1 beside more classes is asked about
        "name": np.array(["low", "mid", "high"])[base],
        "float": base.astype(float),
    }[coding]
    arrays: dict[str, np.ndarray] = {
        f"view_v{i}": rng.normal(size=(n, draw(st.integers(1, 4))))
        for i in range(draw(st.integers(1, 3)))
    }
    arrays["labels"] = labels
    for i in range(draw(st.integers(0, 2))):
        arrays[f"group_g{i}"] = rng.integers(0, draw(st.integers(1, n)), n)
    return arrays


@SIZES
@given(files())
def test_npz_and_mat_agree_and_splits_are_honest(arrays: dict[str, np.ndarray]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        one, other = Path(folder, "a.npz"), Path(folder, "b.mat")
        write_npz(one, arrays)
        savemat(other, arrays)
        data, same = load_file(one), load_file(other)
    assert data.fingerprint == same.fingerprint
    assert (data.draw_key, data.splits) == (same.draw_key, same.splits)
    values, codes = np.unique(arrays["labels"], return_inverse=True)
    assert np.array_equal(data.labels, codes)
    assert data.n_classes == len(values)
    for split in data.splits:
        units = data.groups[split.by] if split.by else np.arange(data.n)
        for name, group in data.groups.items():
            torn = any(len(np.unique(units[group == value])) > 1 for value in np.unique(group))
            assert (name in split.leaks) is torn


@SIZES
@given(st.sampled_from(["x.npz", "x.mat"]), st.data())
def test_a_damaged_file_is_refused_or_harmless(name: str, data: st.DataObject) -> None:
    arrays = {"view_a": np.arange(40.0).reshape(20, 2), "labels": np.arange(20) % 2}
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, name)
        if name.endswith("npz"):
            np.savez_compressed(path, **arrays)
        else:
            savemat(path, arrays, do_compression=True)
        raw = bytearray(path.read_bytes())
        for _ in range(data.draw(st.integers(1, 4))):
            raw[data.draw(st.integers(0, len(raw) - 1))] = data.draw(st.integers(0, 255))
        path.write_bytes(raw[: data.draw(st.integers(0, len(raw)))])
        message = refused(lambda: load_file(path))  # or a value changed, which no reader can see
    assert message is None or "\n" not in message


@SIZES
@given(st.binary(max_size=200))
def test_no_bytes_make_the_unpickler_raise_anything_else(raw: bytes) -> None:
    message = refused(lambda: read_pickle(raw, "x.dat"))
    assert message is None or message.startswith("x.dat ")


@SIZES
@example(2738, 0.1015625, 0.0)  # a band of hardly any power, near the floor
@given(st.integers(0, 2**32), st.floats(0.1, 10), st.floats(-5, 5))
def test_window_features_scale_and_shift(seed: int, scale: float, shift: float) -> None:
    recording = np.random.default_rng(seed).normal(size=(200, 3))
    plain = features(recording).reshape(2, 3, 12)
    changed = features(scale * recording + shift).reshape(2, 3, 12)
    place, spread, entropy = [0, 2, 3, 4, 5, 6], [1, 7], [8, 9, 10, 11]
    assert changed[..., place] == pytest.approx(scale * plain[..., place] + shift, abs=1e-9)
    assert changed[..., spread] == pytest.approx(scale * plain[..., spread])
    floor = 0.5 * np.log(2 * np.pi * np.e * POWER_FLOOR)
    moved = np.maximum(plain[..., entropy] + np.log(scale), floor)
    assert changed[..., entropy] == pytest.approx(moved, abs=1e-6)
