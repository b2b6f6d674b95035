"""The receipt and the twins, as the command line asks for them."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest
from rich.console import Console

from harness.data_tools import check_data, inspect_file, make_twin
from harness.errors import UsageError


def said() -> tuple[Console, io.StringIO]:
    out = io.StringIO()
    return Console(file=out, soft_wrap=True, markup=False, highlight=False), out


def test_a_twin_is_written_and_its_receipt_is_all_right(tmp_path: Path) -> None:
    console, out = said()
    assert make_twin("seed", tmp_path, 1.0, 0, console) == 0
    assert f"--data-root {tmp_path}" in out.getvalue()
    console, out = said()
    assert check_data(str(tmp_path), (), console) == 0
    text = out.getvalue()
    assert "seed (TWIN: simulated)" in text
    for count in ("22734", "13473", "4725", "4536"):
        assert f"{count} (expected {count})" in text
    assert "DIFF" not in text


def test_a_copy_that_lacks_files_differs_and_says_where(tmp_path: Path) -> None:
    console, _ = said()
    make_twin("seed", tmp_path, 0.5, 0, console)
    console, out = said()
    assert check_data(str(tmp_path), (), console) == 1
    assert "DIFF" in out.getvalue()
    assert "differ" in out.getvalue()


def test_what_cannot_be_done_is_refused_in_a_sentence(tmp_path: Path) -> None:
    console, _ = said()
    with pytest.raises(UsageError, match="needs --data-root"):
        check_data(None, (), console)
    with pytest.raises(UsageError, match="no file of deap, eegmat, seed lies under"):
        check_data(str(tmp_path), (), console)
    with pytest.raises(UsageError, match="needs --out"):
        make_twin("seed", None, 1.0, 0, console)
    with pytest.raises(UsageError, match="scale"):
        make_twin("seed", tmp_path, 2.0, 0, console)


def test_a_look_into_a_file_says_what_is_there_and_what_to_type(tmp_path: Path) -> None:
    path = tmp_path / "a b.npz"
    np.savez(path, X=np.ones((30, 3)), gt=np.arange(30) % 3, W=np.ones((30, 2)))
    console, out = said()
    assert inspect_file(str(path), (), console) == 1
    assert all(f in out.getvalue() for f in ("30 x 3", "file.ignore=W"))
    console, out = said()
    assert inspect_file(str(path), ("file.ignore=W",), console) == 0
    assert f"--dataset '{path}' --data-option file.ignore=W" in out.getvalue()
    console, out = said()
    with pytest.raises(UsageError, match=r"none\.npz"):
        inspect_file(str(tmp_path / "none.npz"), (), console)
    assert not out.getvalue()
