"""The receipt of DEAP: what is counted, and which choice causes each mismatch."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from scipy.io import savemat

from datasets import _cache, deap
from datasets._deap_files import RATE, read_subject
from datasets._receipt import Receipt
from tests.unit.datasets.small_deap import KEPT, SUBJECTS, TRIALS, small_form, write_small


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    with small_form(tmp_path_factory.mktemp("root")) as folder:
        write_small(folder)
        yield folder


def lines(receipt: Receipt) -> dict[str, tuple[str, bool]]:
    return {finding.what: (finding.found, finding.ok) for finding in receipt.findings}


def test_a_receipt_counts_what_is_there(root: Path) -> None:
    receipt, data = deap.check(root), deap.load(root=root)
    said = lines(receipt)
    assert receipt.twin
    assert receipt.fingerprint == data.fingerprint
    assert not receipt.ok
    assert said["files"] == ("4", False)
    assert said["files of 20 trials x 40 channels x 640 samples"] == ("4", True)
    assert said["trials kept by filter=either"] == (str(KEPT), False)
    assert said["trials kept by filter=both, not chosen"][1]
    assert said["rows"] == (str(data.n), False)
    assert said["parts of the split segment"] == ("84 / 10 / 11", False)
    assert sum(map(int, re.findall(r" (\d+)", said["rows a class"][0]))) == data.n


def test_every_mismatch_names_its_cause_in_one_sentence(root: Path) -> None:
    for options in (None, {"filter": "both"}, {"filter": "radius", "format": "dat"}):
        for finding in deap.check(root, options).findings:
            assert bool(finding.mend) is not finding.ok, finding
            assert not re.search(r"[.!?]\s+[A-Z]", finding.mend)


def test_the_rule_that_would_give_the_papers_count_is_named_for_a_whole_copy_only(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def cause() -> str:
        return mends(deap.check(root, {"filter": "both"}))["trials kept by filter=both"]

    monkeypatch.setattr("datasets._deap_receipt.PAPER_TRIALS", KEPT)
    assert cause().startswith("only 80 of 1280 trials are there")
    monkeypatch.setattr("datasets._deap_receipt.PAPER_TOTAL", TRIALS)
    assert cause() == f"filter=both was chosen, and filter=either keeps {KEPT}"


def test_a_damaged_file_is_a_finding(tmp_path: Path) -> None:
    with small_form(tmp_path):
        write_small(tmp_path, ("mat",))
        (tmp_path / "DEAP/data_preprocessed_matlab/s02.mat").write_bytes(b"")
        receipt = deap.check(tmp_path)
        (bad,) = [finding for finding in receipt.findings if finding.what == "s02.mat"]
        assert bad.mend.startswith("s02.mat is not a complete .mat file")
        assert receipt.fingerprint == ""
        assert len(list(_cache.folder().iterdir())) == 3


def test_no_file_is_a_finding(tmp_path: Path) -> None:
    (finding,) = deap.check(tmp_path).findings
    assert not finding.ok
    assert "no file of DEAP lies at" in finding.mend


def test_a_baseline_that_was_removed_is_named(tmp_path: Path) -> None:
    with small_form(tmp_path):
        write_small(tmp_path, ("mat",))
        for path in (tmp_path / "DEAP/data_preprocessed_matlab").glob("*.mat"):
            signals, ratings = read_subject(path)
            savemat(path, {"data": signals[..., 3 * RATE :], "labels": ratings})
        bad = [finding for finding in deap.check(tmp_path).findings if "unusable" in finding.found]
    assert len(bad) == SUBJECTS
    assert bad[0].mend.startswith(
        "'data' of s01.mat holds 2 s a trial, the 3 s before the video removed, but Table 1 counts"
    )


def test_both_forms_and_foreign_files_are_said(tmp_path: Path) -> None:
    with small_form(tmp_path):
        write_small(tmp_path)
        folder = tmp_path / "DEAP/data_preprocessed_matlab"
        (folder / "s01 (1).mat").touch()
        (folder / "s33.mat").touch()
        said = lines(deap.check(tmp_path))
        other = lines(deap.check(tmp_path, {"format": "dat"}))
    assert said["form read"][0] == "data_preprocessed_matlab, .mat; 4 .dat are there too, not read"
    assert other["form read"][0] == "data_preprocessed_python, .dat; 4 .mat are there too, not read"
    strangers = said["other files beside them, which are not read"]
    assert strangers == ("2: s01 (1).mat, s33.mat", True)


def mends(receipt: Receipt) -> dict[str, str]:
    return {finding.what: finding.mend for finding in receipt.findings if not finding.ok}


def test_missing_subjects_are_the_cause_of_missing_trials(root: Path) -> None:
    said = mends(deap.check(root))
    assert said["files"].startswith("missing are s05, s06, s07 and 25 more; copy the rest")
    assert said["trials"] == "files of 4 subjects are there, copy those of the other 28"
    few = "only 80 of 1280 trials are there, so no filter can be compared with the paper"
    assert said["trials kept by filter=either"] == said["rows"] == few
    assert said["segments a trial"] == "trials of 5 s were read, and Table 1 counts 63"


def test_a_count_of_trials_that_no_rule_gives_is_never_hidden(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("datasets._deap_receipt.PAPER_TOTAL", TRIALS)
    monkeypatch.setattr("datasets._deap_receipt.PAPER_TRIALS", KEPT + 1)
    receipt = deap.check(root)
    assert not receipt.ok
    assert mends(receipt)["trials kept by filter=either"] == (
        "filter=either is one reading of the paper's rule, and none of the known ones "
        f"(either, both, radius) keeps {KEPT + 1} of these trials"
    )


def test_the_length_of_trials_is_the_cause_where_their_number_is_right(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("datasets._deap_receipt.PAPER_TRIALS", KEPT)
    said = mends(deap.check(root))
    assert "trials kept by filter=either" not in said
    assert said["rows"] == "trials of 5 s were read, and Table 1 counts 63"
    assert said["parts of the split segment"] == said["rows"]
