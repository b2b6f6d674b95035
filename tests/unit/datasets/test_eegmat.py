"""Mental arithmetic, on EDF files written here: rows, splits, options, data check."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest

from datasets import _simulated, eegmat
from datasets._io import FOLDER, sha256
from datasets._io.edf import read_microvolts
from datasets.eegmat import features
from datasets.eegmat import files as eegmat_files
from datasets.eegmat.files import LABELS, published_sums
from protocols._splits import part_of_rows
from tests.helpers import refusal
from tests.unit.datasets.fake_edf import ECG, RATE, recording, write

THREE = {"subjects": "0-2"}
REST, TASK = 15, 12  # s


def write_all(folder: Path) -> None:
    for subject in range(3):
        for part, seconds in ((1, REST), (2, TASK)):
            path = folder / f"Subject{subject:02d}_{part}.edf"
            write(path, recording(seconds, seed=10 * subject + part))
    rows = ["Subject,Age,Gender,Recording year,Number of subtractions,Count quality"]
    rows += [f"Subject{i:02d},20,F,2011,9.7,{int(i % 3 > 0)}" for i in range(36)]
    (folder / "subject-info.csv").write_text("\n".join(rows))


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv(FOLDER, str(tmp_path / "kept"))
    return tmp_path / "kept"


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("root")
    (root / "eegmat").mkdir()
    write_all(root / "eegmat")
    return root


@pytest.fixture(autouse=True)
def published(shared: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """PhysioNet's list is that of the files written here."""
    sums = {path.name.lower(): sha256(path.read_bytes()) for path in (shared / "eegmat").iterdir()}
    monkeypatch.setattr(eegmat_files, "published_sums", lambda: sums)


@pytest.fixture
def root(shared: Path, tmp_path: Path) -> Path:
    """A copy, to be damaged."""
    return Path(shutil.copytree(shared, tmp_path / "copy"))


# ---------------------------------------------------------------- the data set


def test_rows_groups_and_provenance(shared: Path) -> None:
    data = eegmat.load(root=shared, options=THREE)
    assert data.key == "eegmat:eeg,ecg"
    assert data.dims == (95, 11)
    assert data.n == 3 * 2 * TASK
    assert data.class_names == ("rest", "arithmetic")
    assert np.array_equal(data.labels, data.groups["trial"] % 2)
    assert np.array_equal(data.groups["subject"], data.groups["trial"] // 2)
    assert data.groups["time"][:TASK].tolist() == list(range(REST - TASK, REST))  # the last of rest
    assert data.groups["time"][TASK : 2 * TASK].tolist() == list(range(1000, 1000 + TASK))
    assert data.provenance.kind == "open"
    assert data.provenance.licence == "ODC-By 1.0"
    assert "Zyma" in data.provenance.citation
    assert "Goldberger" in data.provenance.citation
    assert "3 subjects" in data.provenance.notes[0]


def test_rows_are_the_features_of_their_recording(shared: Path) -> None:
    data = eegmat.load(root=shared, options=THREE)
    signals = read_microvolts(shared / "eegmat/Subject02_1.edf", LABELS, RATE)
    rows = data.groups["trial"] == 4
    assert np.array_equal(
        data.views[0][rows], features.eeg_features(signals[:ECG])[-TASK:].astype(np.float32)
    )
    assert np.array_equal(
        data.views[1][rows], features.ecg_features(signals[ECG])[0][-TASK:].astype(np.float32)
    )


def test_features_are_computed_once_a_recording(
    root: Path, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = eegmat.load(root=root, options=THREE)
    assert len(list(cache.iterdir())) == 6
    with monkeypatch.context() as patch:
        patch.setattr(features, "eeg_features", None)  # whatever needs it again fails
        assert eegmat.load(root=root, options=THREE).fingerprint == first.fingerprint
    write(root / "eegmat/Subject01_1.edf", recording(REST, seed=99))
    eegmat.load(root=root, options=THREE)
    assert len(list(cache.iterdir())) == 7


def test_a_recording_that_is_refused_leaves_nothing_in_the_cache(root: Path, cache: Path) -> None:
    for path in (root / "eegmat").glob("*.edf"):
        path.write_bytes(path.read_bytes()[:-1])
    assert "cut short" in refusal(lambda: eegmat.load(root=root, options=THREE))
    assert not cache.exists()


def test_another_recording_changes_no_row_but_its_own(root: Path) -> None:
    before = eegmat.load(root=root, options=THREE)
    write(root / "eegmat/Subject01_1.edf", recording(REST, seed=99))
    after = eegmat.load(root=root, options=THREE)
    own = before.groups["trial"] == 2
    for one, other in zip(before.views, after.views, strict=True):
        assert np.array_equal(one[~own], other[~own])
        assert (one[own] != other[own]).any(axis=1).all()
    assert before.fingerprint != after.fingerprint


@pytest.mark.parametrize("label", ["task", "quality"])
def test_splits_tear_apart_what_they_declare_and_nothing_else(shared: Path, label: str) -> None:
    data = eegmat.load(root=shared, options={"rest": "all", "label": label} | THREE)
    assert data.split().name == "subject"
    assert not data.split().leaks
    splits = data.splits[1:] if label == "quality" else data.splits  # one subject counts badly
    for split in splits:
        torn = set()
        for trial in range(6):
            parts = part_of_rows(data, split, np.random.default_rng(trial))
            for name, group in data.groups.items():
                pairs = np.unique(np.stack([group, parts]), axis=1)
                if pairs.shape[1] > len(np.unique(group)):
                    torn.add(name)
        assert torn == set(split.leaks), split.name


def test_views_are_chosen_by_name(shared: Path) -> None:
    data = eegmat.load(("ecg",), shared, THREE)
    assert (data.key, data.dims, data.draw_key) == ("eegmat:ecg", (11,), "eegmat")
    assert "'nose'" in refusal(lambda: eegmat.load(("nose",), shared, THREE))


def test_quality_of_the_count_is_a_label_of_the_subject(shared: Path) -> None:
    data = eegmat.load(root=shared, options=THREE | {"label": "quality"})
    assert data.class_names == ("bad", "good")
    assert np.array_equal(data.labels, (data.groups["subject"] > 0).astype(int))
    assert data.title != eegmat.load(root=shared, options=THREE).title


def test_all_of_the_rest_may_be_kept(shared: Path) -> None:
    data = eegmat.load(root=shared, options=THREE | {"rest": "all"})
    assert np.bincount(data.labels).tolist() == [3 * REST, 3 * TASK]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"bands": "5"}, "eegmat has no setting 'bands'"),
        ({"label": "mood"}, "eegmat.label must be one of task, quality, not 'mood'"),
        ({"rest": "some"}, "eegmat.rest must be one of balanced, all"),
        ({"subjects": "all"}, "such as 0-11 or 0,3,7"),
        ({"subjects": "0-36"}, "3 or more of 0-35"),
        ({"subjects": "0,1"}, "3 or more of 0-35"),
    ],
)
def test_a_wrong_option_is_named(shared: Path, options: dict[str, str], message: str) -> None:
    assert message in refusal(lambda: eegmat.load(root=shared, options=options))


# ---------------------------------------------------------------- files that are not there


def test_without_a_root_the_message_says_where_to_get_the_files() -> None:
    message = refusal(lambda: eegmat.load())
    assert "physionet.org/content/eegmat" in message
    assert "--data-root" in message


def test_an_empty_root_is_named(tmp_path: Path) -> None:
    assert not eegmat.found(tmp_path)
    assert not eegmat.found(tmp_path / "nowhere")
    assert str(tmp_path) in refusal(lambda: eegmat.load(root=tmp_path))


def test_missing_recordings_are_named_and_counted(shared: Path) -> None:
    message = refusal(lambda: eegmat.load(root=shared))
    assert "Subject03_1.edf and 65 more" in message
    assert "option subjects" in message


@pytest.mark.parametrize(
    "place",
    [
        ".",
        "eegmat",
        "eeg-during-mental-arithmetic-tasks-1.0.0",
        "a/files/eegmat/1.0.0",
        "a/b/c/d/e/f",
    ],
)
def test_files_are_found_at_several_levels(tmp_path: Path, place: str) -> None:
    (tmp_path / place).mkdir(parents=True, exist_ok=True)
    (tmp_path / place / "Subject03_2.edf").touch()
    assert eegmat.found(tmp_path)
    assert "Subject03_2.edf" in refusal(
        lambda: read_microvolts(tmp_path / place / "Subject03_2.edf", LABELS, RATE)
    )


def test_names_in_another_case_are_read_alike(shared: Path, root: Path) -> None:
    for path in [*(root / "eegmat").iterdir()]:
        path.rename(path.with_name(path.name.upper() if "_1" in path.name else path.name.lower()))
    for path in (root / "eegmat").glob("*.csv"):
        path.rename(path.with_name("SUBJECT-INFO.CSV"))
    options = THREE | {"label": "quality"}
    plain, other = (eegmat.load(root=place, options=options) for place in (shared, root))
    assert plain.fingerprint == other.fingerprint
    assert eegmat.check(root, options).ok


def test_files_that_are_not_as_published_are_named(root: Path) -> None:
    write(root / "eegmat/Subject01_2.edf", recording(TASK, seed=99))
    checked = eegmat.check(root, THREE)
    (line,) = [f for f in checked.findings if "checksums" in f.what]
    assert (line.found, line.expected, line.ok) == ("6", "7", False)
    assert "Subject01_2.edf" in line.fix
    assert "Subject01_1.edf" not in line.fix
    assert checked.fingerprint  # it can be read all the same


def test_the_list_of_checksums_is_physionets(monkeypatch: pytest.MonkeyPatch) -> None:
    sums = published_sums()
    edf = [name for name in sums if name.endswith(".edf")]
    assert len(edf) == 72
    assert all(eegmat_files.number_of(name) for name in edf)
    assert all(len(digest) == 64 for digest in sums.values())
    assert {"subject-info.csv", "records"} <= sums.keys()


def test_a_packed_download_is_a_near_miss(tmp_path: Path) -> None:
    (tmp_path / "eeg-during-mental-arithmetic-tasks-1.0.0.zip").touch()
    assert not eegmat.found(tmp_path)
    assert "1.0.0.zip" in refusal(lambda: eegmat.load(root=tmp_path))


def test_links_are_followed_but_not_in_circles(shared: Path, tmp_path: Path) -> None:
    (tmp_path / "eegmat").symlink_to(shared / "eegmat")
    for name in ("a", "b", "c"):
        (tmp_path / name).symlink_to(tmp_path)
    assert eegmat.load(root=tmp_path, options=THREE).n == 72


def test_the_folder_with_most_recordings_counts_if_they_agree(root: Path) -> None:
    shutil.copy(root / "eegmat/Subject00_1.edf", root)
    assert eegmat.load(root=root, options=THREE).n == 72
    (root / "Subject00_1.edf").write_bytes(b"")  # an interrupted download beside a complete copy
    message = refusal(lambda: eegmat.load(root=root, options=THREE))
    assert "eegmat.folder=eegmat" in message
    assert eegmat.load(root=root, options=THREE | {"folder": "eegmat"}).n == 72
    assert eegmat.check(root, THREE).findings[0].fix.startswith("two copies")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (None, "subject-info.csv"),
        (b"", "'Count quality' of Subject00"),
        ("Subject\n\0\xff".encode(), "'Count quality' of Subject00"),
        ("Subject;Count quality\nSubject00;é\n".encode("latin-1"), "subject-info.csv"),
        ("Subject,Count quality\nSubject00,1\n".encode("utf-16"), "subject-info.csv"),
        (b"Subject,Count quality\n" + b"Subject00,nan\n" * 9, "'Count quality' of Subject00"),
        (b'"' + b"a," * 40_000, "'Count quality' of Subject00"),
        (b'"' + b"a" * 2**18, "'Count quality' of Subject00"),
    ],
)
def test_a_useless_table_of_subjects_is_named(root: Path, text: bytes | None, message: str) -> None:
    path = root / "eegmat/subject-info.csv"
    path.unlink() if text is None else path.write_bytes(text)
    options = THREE | {"label": "quality"}
    assert message in refusal(lambda: eegmat.load(root=root, options=options))
    assert eegmat.load(root=root, options=THREE).n == 72  # the task needs no table


def test_a_recording_without_a_pulse_or_too_short_is_named(root: Path) -> None:
    path = root / "eegmat/Subject01_2.edf"
    signals = recording(12)
    signals[ECG] = 0
    write(path, signals)
    assert "Subject01_2.edf" in refusal(lambda: eegmat.load(root=root, options=THREE))
    write(path, recording(9))
    assert " 10 s" in refusal(lambda: eegmat.load(root=root, options=THREE))


# ---------------------------------------------------------------- the data check


def test_the_data_check_counts_and_the_fingerprint_is_that_of_the_data(shared: Path) -> None:
    checked = eegmat.check(shared, THREE)
    lines = {finding.what: finding for finding in checked.findings}
    assert (lines["recordings"].found, lines["recordings"].expected) == ("6", "6")
    assert checked.ok
    assert not eegmat.check(shared).ok
    assert lines["seconds of rest"].found == str(3 * REST)
    assert lines["seconds of arithmetic"].found == str(3 * TASK)
    assert lines["subjects who counted well, badly"].found == "2, 1"
    assert checked.fingerprint == eegmat.load(root=shared, options=THREE).fingerprint
    assert not checked.simulated


def test_the_data_check_names_what_is_damaged(root: Path) -> None:
    path = root / "eegmat/Subject01_2.edf"
    path.write_bytes(path.read_bytes()[:-1])
    checked = eegmat.check(root, THREE)
    (line,) = [finding for finding in checked.findings if finding.what == path.name]
    assert "cut short" in line.fix
    assert not checked.ok
    assert checked.fingerprint == ""


def test_the_data_check_faults_the_table_of_subjects_only_where_it_is_the_class(root: Path) -> None:
    (root / "eegmat/subject-info.csv").unlink()
    assert eegmat.check(root, THREE).ok
    checked = eegmat.check(root, {**THREE, "label": "quality"})
    assert "subject-info.csv" in {finding.what for finding in checked.findings if not finding.ok}


def test_the_data_check_of_an_empty_folder_says_where_to_get_the_files(tmp_path: Path) -> None:
    checked = eegmat.check(tmp_path)
    assert not checked.ok
    assert "physionet.org" in checked.findings[0].fix


def test_simulated_copies_are_stamped(root: Path) -> None:
    _simulated.mark(root / "eegmat", "a test")
    assert eegmat.load(root=root, options=THREE).provenance.kind == "simulated"
    assert eegmat.check(root, THREE).simulated
