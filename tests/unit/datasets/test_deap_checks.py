"""The data check of DEAP: what is counted, and which option causes each mismatch."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from scipy.io import savemat

from datasets import deap
from datasets._check import DataCheck
from datasets._io import cache
from datasets.deap.files import RATE, read_subject
from tests.unit.datasets.small_deap import KEPT, SUBJECTS, TRIALS, small_form, write_small


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    with small_form(tmp_path_factory.mktemp("root")) as folder:
        write_small(folder)
        yield folder


def lines(checked: DataCheck) -> dict[str, tuple[str, bool]]:
    return {finding.what: (finding.found, finding.ok) for finding in checked.findings}


def test_a_data_check_counts_what_is_there(root: Path) -> None:
    checked, data = deap.check(root), deap.load(root=root)
    found = lines(checked)
    assert checked.simulated
    assert checked.fingerprint == data.fingerprint
    assert not checked.ok
    assert found["files"] == ("4", False)
    assert found["files of 20 trials x 40 channels x 640 samples"] == ("4", True)
    assert found["trials kept by filter=either"] == (str(KEPT), False)
    assert found["trials kept by filter=both, not chosen"][1]
    assert found["rows"] == (str(data.n), False)
    assert found["parts of the split segment"] == ("84 / 10 / 11", False)
    assert sum(map(int, re.findall(r" (\d+)", found["rows a class"][0]))) == data.n


def numbers(text: str) -> list[int]:
    return [int(digits) for digits in re.findall(r"\b\d+\b", text)]


def test_every_mismatch_names_its_cause_in_one_sentence(root: Path) -> None:
    for options in (None, {"filter": "both"}, {"filter": "radius", "format": "dat"}):
        for finding in deap.check(root, options).findings:
            assert bool(finding.fix) is not finding.ok, finding
            assert not re.search(r"[.!?]\s+[A-Z]", finding.fix)


def test_the_rule_that_would_give_the_papers_count_is_named_for_a_whole_copy_only(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def cause() -> str:
        return fixes(deap.check(root, {"filter": "both"}))["trials kept by filter=both"]

    monkeypatch.setattr("datasets.deap.checks.PAPER_TRIALS", KEPT)
    assert cause() == fixes(deap.check(root))["files"]
    monkeypatch.setattr("datasets.deap.checks.PAPER_TOTAL", TRIALS)
    assert re.findall(r"filter=(\w+)", cause()) == ["both", "either"]
    assert numbers(cause()) == [KEPT]


def test_a_damaged_file_is_a_finding(tmp_path: Path) -> None:
    with small_form(tmp_path):
        write_small(tmp_path, ("mat",))
        (tmp_path / "DEAP/data_preprocessed_matlab/s02.mat").write_bytes(b"")
        checked = deap.check(tmp_path)
        (bad,) = [finding for finding in checked.findings if finding.what == "s02.mat"]
        assert (bad.found, bad.ok) == ("unusable", False)
        assert "s02.mat" in bad.fix
        assert checked.fingerprint == ""
        assert len(list(cache.folder().iterdir())) == 3


def test_no_file_is_a_finding(tmp_path: Path) -> None:
    (finding,) = deap.check(tmp_path).findings
    assert not finding.ok
    assert (finding.what, finding.found, finding.expected) == ("files", "0", "32")
    assert str(tmp_path) in finding.fix


def test_a_baseline_that_was_removed_is_named(tmp_path: Path) -> None:
    with small_form(tmp_path):
        write_small(tmp_path, ("mat",))
        for path in (tmp_path / "DEAP/data_preprocessed_matlab").glob("*.mat"):
            signals, ratings = read_subject(path)
            savemat(path, {"data": signals[..., 3 * RATE :], "labels": ratings})
        bad = [finding for finding in deap.check(tmp_path).findings if "unusable" in finding.found]
    assert len(bad) == 1  # one line for a kind of fault
    assert f" {SUBJECTS} files" in bad[0].found
    assert bad[0].fix.startswith("'data' of s01.mat")
    assert re.findall(r"(\d+) s ", bad[0].fix) == ["2", "3"]


def test_both_formats_and_unread_files_are_reported(tmp_path: Path) -> None:
    with small_form(tmp_path):
        write_small(tmp_path)
        folder = tmp_path / "DEAP/data_preprocessed_matlab"
        (folder / "s01 (1).mat").touch()
        (folder / "s33.mat").touch()
        found = lines(deap.check(tmp_path))
        other = lines(deap.check(tmp_path, {"format": "dat"}))
    for line, read, unread in (
        (found, "matlab, .mat;", " 4 .dat "),
        (other, "python, .dat;", " 4 .mat "),
    ):
        assert line["format read"][0].startswith(f"data_preprocessed_{read}")
        assert unread in line["format read"][0]
    assert found["other files, not read"] == ("2: s01 (1).mat, s33.mat", True)


def fixes(checked: DataCheck) -> dict[str, str]:
    return {finding.what: finding.fix for finding in checked.findings if not finding.ok}


def test_missing_subjects_are_the_cause_of_missing_trials(root: Path) -> None:
    why = fixes(deap.check(root))
    assert all(name in why["files"] for name in ("s05", "s06", "s07", "25 more"))
    same = ("trials", "trials kept by filter=either", "rows", "parts of the split segment")
    assert {why[what] for what in same} == {why["files"]}
    assert numbers(why["segments a trial"])[0] == 5
    assert numbers(why["segments a trial"])[-1] == 63


def test_a_count_of_trials_that_no_rule_gives_is_never_hidden(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("datasets.deap.checks.PAPER_TOTAL", TRIALS)
    monkeypatch.setattr("datasets.deap.checks.PAPER_TRIALS", KEPT + 1)
    checked = deap.check(root)
    assert not checked.ok
    why = fixes(checked)["trials kept by filter=either"]
    assert "either, both, radius" in why
    assert numbers(why) == [KEPT + 1]


def test_the_length_of_trials_is_the_cause_where_their_number_is_right(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("datasets.deap.checks.PAPER_TRIALS", KEPT)
    why = fixes(deap.check(root))
    assert "trials kept by filter=either" not in why
    assert numbers(why["rows"]) == [5, 1, 63]
    assert why["parts of the split segment"] == why["rows"]
