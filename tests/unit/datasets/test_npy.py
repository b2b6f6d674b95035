"""Single .npy files: plain arrays, pickled ones without running them, damaged ones refused."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest

from datasets._io import read_npy
from tests.helpers import refusal
from tests.unit.datasets.test_npz import Bomb

ARRAY = np.arange(24.0).reshape(2, 3, 4)


def saved(path: Path, content: object) -> Path:
    np.save(path, content, allow_pickle=True)
    return path


@pytest.mark.parametrize("order", ["C", "F"])
@pytest.mark.parametrize("kind", ["<f8", ">f4", "<i2", "|b1"])
def test_a_plain_array_is_read_as_numpy_reads_it(tmp_path: Path, order: str, kind: str) -> None:
    path = saved(tmp_path / "x.npy", np.asarray(ARRAY, kind, order=order))
    np.testing.assert_array_equal(read_npy(path, "x.npy"), np.load(path))
    assert read_npy(path, "x.npy").dtype == np.dtype(kind)


def test_a_dict_in_an_object_array(tmp_path: Path) -> None:
    content = np.array({"de": ARRAY}, dtype=object)
    found = read_npy(saved(tmp_path / "x.npy", content), "x.npy")
    np.testing.assert_array_equal(found.item()["de"], ARRAY)


def test_a_pickle_without_a_header(tmp_path: Path) -> None:
    (tmp_path / "x.npy").write_bytes(ARRAY.dumps())
    np.testing.assert_array_equal(read_npy(tmp_path / "x.npy", "x.npy"), ARRAY)


def test_nothing_that_a_file_names_is_called(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    path = saved(tmp_path / "x.npy", np.array(Bomb(), dtype=object))
    assert "builtins.print" in refusal(lambda: read_npy(path, "x.npy"))
    assert capfd.readouterr().out == ""


@pytest.mark.parametrize("share", [0.0, 0.1, 0.5, 0.99])
@pytest.mark.parametrize("pickled", [False, True])
def test_a_file_that_is_cut_short(tmp_path: Path, share: float, pickled: bool) -> None:
    content = np.array({"de": ARRAY}, dtype=object) if pickled else ARRAY
    path = saved(tmp_path / "x.npy", content)
    path.write_bytes(path.read_bytes()[: int(share * path.stat().st_size)])
    assert "x.npy" in refusal(lambda: read_npy(path, "x.npy"))


def test_a_header_that_promises_too_much(tmp_path: Path) -> None:
    buffer = io.BytesIO()
    np.save(buffer, ARRAY)
    raw = buffer.getvalue().replace(b"(2, 3, 4)", b"(2, 3, 4000000000)"[:9])
    raw = raw.replace(b"(2, 3, 40", b"(2, 3, 9)")
    (tmp_path / "x.npy").write_bytes(raw)
    assert "cut short" in refusal(lambda: read_npy(tmp_path / "x.npy", "x.npy"))


def test_text_and_records_are_refused(tmp_path: Path) -> None:
    for content in (np.array(["a"]), np.zeros(3, [("a", "f8")]), np.zeros(2, "c16")):
        path = saved(tmp_path / "x.npy", content)
        assert "real numbers" in refusal(lambda path=path: read_npy(path, "x.npy"))


def test_a_file_far_too_large_is_not_read(tmp_path: Path) -> None:
    path = saved(tmp_path / "x.npy", np.zeros(300_000))
    assert " MiB" in refusal(lambda: read_npy(path, "x.npy", 2**20))
