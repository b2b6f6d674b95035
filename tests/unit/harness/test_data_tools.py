"""The data check and simulated copies, as the command line asks for them."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest
from rich.console import Console

from harness.data_tools import check_data, inspect, simulate
from harness.errors import UsageError
from harness.plan import resolve


def console_and_output() -> tuple[Console, io.StringIO]:
    out = io.StringIO()
    return Console(file=out, soft_wrap=True, markup=False, highlight=False), out


def test_a_simulated_copy_is_written_and_passes_its_check(tmp_path: Path) -> None:
    console, out = console_and_output()
    assert simulate("seed", tmp_path, 1.0, 0, console) == 0
    assert f"--data-root {tmp_path}" in out.getvalue()
    console, out = console_and_output()
    assert check_data(str(tmp_path), (), console) == 0
    text = out.getvalue()
    assert text.startswith("seed (SIMULATED)")
    for count in ("22734", "13473", "4725", "4536"):
        assert f"{count} (expected {count})" in text
    assert "DIFF" not in text


def test_a_copy_that_lacks_files_differs_and_says_where(tmp_path: Path) -> None:
    console, _ = console_and_output()
    simulate("seed", tmp_path, 0.5, 0, console)
    console, out = console_and_output()
    assert check_data(str(tmp_path), (), console) == 1
    assert "DIFF" in out.getvalue()
    assert "differ" in out.getvalue()


def test_wrong_arguments_are_refused(tmp_path: Path) -> None:
    console, _ = console_and_output()
    with pytest.raises(UsageError, match="--data-root"):
        check_data(None, (), console)
    with pytest.raises(UsageError, match="deap, eegmat, emoeeg_mc, seed"):
        check_data(str(tmp_path), (), console)
    with pytest.raises(UsageError, match="--out"):
        simulate("seed", None, 1.0, 0, console)
    with pytest.raises(UsageError, match="scale"):
        simulate("seed", tmp_path, 2.0, 0, console)


def test_a_look_into_a_file_says_what_is_there_and_what_to_type(tmp_path: Path) -> None:
    path = tmp_path / "a b.npz"
    np.savez(path, X=np.arange(90.0).reshape(30, 3), gt=np.arange(30) % 3, W=np.ones((30, 2)))
    console, out = console_and_output()
    assert inspect(str(path), None, (), console) == 1
    assert all(f in out.getvalue() for f in ("30 x 3", "file.ignore=W"))
    console, out = console_and_output()
    assert inspect(str(path), None, ("file.ignore=W",), console) == 0
    assert f"--dataset '{path}' --data-option file.ignore=W" in out.getvalue()
    console, out = console_and_output()
    with pytest.raises(UsageError, match=r"none\.npz"):
        inspect(str(tmp_path / "none.npz"), None, (), console)
    assert not out.getvalue()


@pytest.mark.parametrize("suffix", ["", ":a", "@stratified", ":b,a@lab", "@"])
def test_what_a_run_accepts_a_look_accepts_and_shows(tmp_path: Path, suffix: str) -> None:
    rng = np.random.default_rng(2)
    views = {f"view_{name}": rng.normal(size=(60, 3)) for name in "ab"}
    lab, person = np.arange(60) // 10, np.arange(60) % 2
    np.savez(
        tmp_path / "full.npz", labels=np.arange(60) % 3, group_lab=lab, group_person=person, **views
    )
    console, out = console_and_output()
    spec = f"{tmp_path / 'full.npz'}{suffix}"
    assert inspect(spec, None, (), console) == 0
    data, split = resolve.open_dataset(spec)
    text = out.getvalue()
    assert [name for name in "ab" if f"view     {name}:" in text] == sorted(data.view_names)
    assert f"split    {split}:" in text
    assert "split 'person'" in text  # which two people do not allow
    assert f"--dataset {spec}" in text


def test_a_look_into_a_data_set_by_its_key(tmp_path: Path) -> None:
    console, out = console_and_output()
    assert inspect("mfeat:fou,zer", None, (), console) == 0
    text = out.getvalue()
    assert "rows     2000" in text
    assert all(f"view     {name}" in text for name in ("fou: 76", "zer: 47"))
    simulate("seed", tmp_path, 1 / 12, 0, console)
    options = ("seed.subjects=1",)
    console, out = console_and_output()
    assert inspect("seed:eye@official", str(tmp_path), options, console) == 0
    assert "view     eye: 33 features" in out.getvalue()
    assert f"--data-root {tmp_path} --data-option seed.subjects=1" in out.getvalue()
    for spec, root, named in (
        ("seed@subject", str(tmp_path), "seed@official"),
        ("sede", str(tmp_path), "seed"),
        ("mfeat", str(tmp_path), "seed.subjects"),
    ):
        with pytest.raises(UsageError, match=named):
            inspect(spec, root, options, console)


def test_one_cause_is_one_entry_of_the_check_and_lines_are_short(tmp_path: Path) -> None:
    console, _ = console_and_output()
    simulate("seed", tmp_path, 0.75, 0, console)
    for options, fix in (
        (("seed.subjects=1,2",), "the option subjects names 2 subjects"),
        ((), "copy it again"),
    ):
        if not options:
            for path in tmp_path.rglob("*.npz"):
                path.write_bytes(path.read_bytes()[:-100])
        console, out = console_and_output()
        assert check_data(str(tmp_path), options, console) == 1
        lines = out.getvalue().splitlines()
        assert sum(line.startswith("  DIFF") for line in lines) == 1
        assert " ".join(out.getvalue().split()).count(fix) == 1
        assert all(f"rows{name}" in out.getvalue() for name in ("", ", negative"))
        assert [line for line in lines if len(line) > 100 and str(tmp_path) not in line] == []


def test_what_resembles_a_data_set_is_listed_and_is_no_fault(tmp_path: Path) -> None:
    console, _ = console_and_output()
    simulate("seed", tmp_path, 1.0, 0, console)
    (tmp_path / "data_preprocessed_python.zip").touch()
    console, out = console_and_output()
    assert check_data(str(tmp_path), (), console) == 0
    assert "deap was not found: data_preprocessed_python.zip" in out.getvalue()


def test_near_misses_alone_are_listed_in_the_refusal(tmp_path: Path) -> None:
    (tmp_path / "data_preprocessed_python.zip").touch()
    (tmp_path / "s01.bdf").touch()
    console, _ = console_and_output()
    with pytest.raises(UsageError) as refused:
        check_data(str(tmp_path), (), console)
    for fact in ("deap, eegmat, emoeeg_mc, seed", "data_preprocessed_python.zip", "s01.bdf"):
        assert fact in str(refused.value)


def test_emoeeg_mc_is_simulated_too(tmp_path: Path) -> None:
    console, _ = console_and_output()
    assert simulate("emoeeg_mc", tmp_path, 0.05, 0, console) == 0
    console, out = console_and_output()
    assert check_data(str(tmp_path), (), console) == 1
    assert out.getvalue().startswith("emoeeg_mc (SIMULATED)")
