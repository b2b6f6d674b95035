"""The mental-arithmetic recordings, on EDF files written here: reading, features, splits."""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from edfio import Edf, EdfAnnotation, EdfSignal
from scipy.signal import butter, freqz_sos

from datasets import _eegmat_features as features
from datasets import _twin, eegmat
from datasets._edf import read_microvolts
from datasets._eegmat_files import CHANNELS, LABELS
from datasets.base import DataError
from protocols._splits import part_of_rows

RATE = 500
THREE = {"subjects": "0-2"}
REST, TASK = 15, 12  # s
ECG = 19  # its row among the channels that are read
HEADER = 256 * 23  # of the files written here: 21 signals and the annotations


def heart(seconds: float, intervals: tuple[float, ...] = (0.75,)) -> np.ndarray:
    """Gaussian R waves of 500 uV at the given RR intervals, repeated."""
    beats = 0.3 + np.cumsum(np.resize(intervals, int(seconds / min(intervals)) + 2))
    t = np.arange(round(seconds * RATE)) / RATE
    return 500 * np.exp(-(((t[:, None] - beats) / 0.015) ** 2) / 2).sum(axis=1)


def write(
    path: Path, signals: np.ndarray, labels: tuple[str, ...] = LABELS, unit: str = "uV"
) -> None:
    """An EDF+C file in the published layout: EEG, A2-A1, ECG, annotations."""
    order = [*range(len(CHANNELS)), ECG, ECG]
    names = [*labels[:ECG], "EEG A2-A1", labels[ECG]]
    written = [
        EdfSignal(
            signals[i], RATE, label=name, physical_dimension=unit, physical_range=(-3200, 3200)
        )
        for i, name in zip(order, names, strict=True)
    ]
    Edf(written, annotations=[EdfAnnotation(0, None, "start")]).write(path)


def recording(seconds: int, seed: int = 0) -> np.ndarray:
    noise = np.random.default_rng(seed).normal(0, 10, (len(LABELS), seconds * RATE))
    noise[ECG] += heart(seconds)
    return noise


def write_all(folder: Path) -> None:
    for subject in range(3):
        for part, seconds in ((1, REST), (2, TASK)):
            path = folder / f"Subject{subject:02d}_{part}.edf"
            write(path, recording(seconds, seed=10 * subject + part))
    rows = ["Subject,Age,Gender,Recording year,Number of subtractions,Count quality"]
    rows += [f"Subject{i:02d},20,F,2011,9.7,{int(i % 3 > 0)}" for i in range(36)]
    (folder / "subject-info.csv").write_text("\n".join(rows))


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("root")
    (root / "eegmat").mkdir()
    write_all(root / "eegmat")
    return root


@pytest.fixture
def root(shared: Path, tmp_path: Path) -> Path:
    """A copy, to be damaged."""
    return Path(shutil.copytree(shared, tmp_path / "copy"))


def refusal(call: Callable[[], object]) -> str:
    """The message of the DataError that ``call`` raises, after a check that it is one sentence."""
    with pytest.raises(DataError) as caught:
        call()
    message = str(caught.value)
    assert "\n" not in message
    assert message.isprintable()
    assert not re.search(r"[.!?]\s+[A-Z]", message), message
    assert not message.endswith(".")
    return message


# ---------------------------------------------------------------- reading


@pytest.mark.parametrize(("unit", "scale"), [("uV", 1.0), ("mV", 1e3), ("", 1.0)])
def test_what_was_written_is_read_in_microvolts(tmp_path: Path, unit: str, scale: float) -> None:
    signals = recording(2)
    write(tmp_path / "x.edf", signals, unit=unit)
    found = read_microvolts(tmp_path / "x.edf", LABELS, RATE)
    assert found.shape == (20, 2 * RATE)
    assert np.abs(found / scale - signals).max() <= 0.51 * 6400 / 2**16


def put(raw: bytes, start: int, field: str) -> bytes:
    return raw[:start] + field.encode("latin-1") + raw[start + len(field) :]


SAMPLES = 256 + 22 * (16 + 80 + 8 + 8 + 8 + 8 + 8 + 80)
MINIMUM = 256 + 22 * (16 + 80 + 8)
HOSTILE: dict[str, tuple[Callable[[bytes], bytes], str]] = {
    "empty": (lambda raw: b"", "is empty"),
    "web page": (lambda raw: b"<!DOCTYPE html>" + raw, "not an EDF recording"),
    "lfs pointer": (lambda raw: b"version https://git-lfs", "not an EDF recording"),
    "first field only": (lambda raw: raw[:100], "cut short inside its header"),
    "half a header": (lambda raw: raw[:1000], "cut short inside its header"),
    "no samples": (lambda raw: raw[:HEADER], "is cut short: "),
    "one byte less": (lambda raw: raw[:-1], "is cut short: "),
    "one byte more": (lambda raw: raw + b"\0", "longer than its header says"),
    "interrupted": (lambda raw: put(raw, 192, "EDF+D"), r"EDF\+D"),
    "huge count of records": (lambda raw: put(raw, 236, "99999999"), "is cut short: "),
    "unknown count of records": (lambda raw: put(raw, 236, "-1      "), "-1 records"),
    "count of records in words": (lambda raw: put(raw, 236, "many    "), "'many', not a number"),
    "control characters": (lambda raw: put(raw, 236, "\x1b[31m\n  "), "not a number"),
    "not a number of seconds": (lambda raw: put(raw, 244, "nan     "), "not a number"),
    "no seconds": (lambda raw: put(raw, 244, "0       "), "records of 0 s"),
    "huge count of signals": (lambda raw: put(raw, 252, "9999"), "9999 signals"),
    "no signals": (lambda raw: put(raw, 252, "0   "), "0 signals"),
    "wrong size of header": (lambda raw: put(raw, 184, "512     "), "in 512 bytes"),
    "no samples in a record": (lambda raw: put(raw, SAMPLES, "0       "), "has no samples"),
    "less than no samples": (lambda raw: put(raw, SAMPLES, "-500    "), "has no samples"),
    "huge count of samples": (lambda raw: put(raw, SAMPLES, "99999999"), "is cut short: "),
    "endless range": (lambda raw: put(raw, MINIMUM, "-1e300  "), "impossible range"),
    "no range": (lambda raw: put(raw, MINIMUM, "3200    "), "impossible range"),
    "unit": (lambda raw: put(raw, 256 + 22 * 96, "degC    "), "not in volts"),
    "a channel misnamed": (lambda raw: put(raw, 256, "EEG Xy"), "no channel 'EEG Fp1'"),
    "a channel twice": (lambda raw: put(raw, 272, "EEG Fp1"), "2 channels 'EEG Fp1'"),
}


@pytest.mark.parametrize("case", HOSTILE)
def test_a_damaged_or_hostile_file_is_refused_in_one_sentence(case: str, tmp_path: Path) -> None:
    damage, message = HOSTILE[case]
    path = tmp_path / "Subject00_1.edf"
    write(path, recording(2))
    path.write_bytes(damage(path.read_bytes()))
    said = refusal(lambda: read_microvolts(path, LABELS, RATE))
    assert re.search(message, said), said
    assert "Subject00_1.edf" in said


def test_another_sampling_rate_is_refused(tmp_path: Path) -> None:
    write(tmp_path / "x.edf", recording(2))
    assert "sampled at 500 Hz, not 250" in refusal(
        lambda: read_microvolts(tmp_path / "x.edf", LABELS, 250)
    )


def test_a_folder_in_place_of_a_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "x.edf").mkdir()
    assert "cannot open x.edf" in refusal(lambda: read_microvolts(tmp_path / "x.edf", LABELS, RATE))


def test_any_change_of_the_header_is_read_or_refused_never_a_crash(tmp_path: Path) -> None:
    path, rng = tmp_path / "x.edf", np.random.default_rng(0)
    write(path, recording(1))
    whole = path.read_bytes()
    for _ in range(300):
        raw = bytearray(whole)
        raw[rng.integers(0, HEADER)] = rng.integers(0, 256)
        path.write_bytes(raw)
        try:
            found = read_microvolts(path, LABELS, RATE)
        except DataError:
            continue
        assert found.shape == (20, RATE)
        assert np.isfinite(found).all()


# ---------------------------------------------------------------- features


def gaussian(variance: float) -> float:
    return 0.5 * np.log(2 * np.pi * np.e * variance)


def test_the_entropy_of_a_sine_is_in_its_band_alone() -> None:
    t = np.arange(20 * RATE) / RATE
    centres = [np.sqrt(low * high) for low, high in features.EEG_BANDS]
    sines = np.stack([7 * np.sin(2 * np.pi * hertz * t) for hertz in centres])
    found = features.eeg_features(sines).reshape(20, 5, 5)[2:-2]  # second, band, sine
    expected = gaussian(7**2 / 2)
    for k in range(5):
        tolerance = 0.3 if k == 0 else 0.06  # a second holds two waves of delta, cut anywhere
        assert found[:, k, k] == pytest.approx(np.full(16, expected), abs=tolerance)
        assert (np.delete(found[:, :, k], k, axis=1) < expected - 1).all()


def test_the_entropy_of_white_noise_follows_from_the_filter() -> None:
    noise = np.random.default_rng(0).normal(0, 3, (4, 200 * RATE))
    found = features.eeg_features(noise).reshape(200, 5, 4)
    power = (np.exp(2 * found) / (2 * np.pi * np.e)).mean(axis=(0, 2))
    for k, (low, high) in enumerate(features.EEG_BANDS):
        sos = butter(features.ORDER, (low, high), "bandpass", fs=RATE, output="sos")
        _, response = freqz_sos(sos, worN=2**16)
        expected = 9 * np.mean(np.abs(response) ** 4)  # there and back: gain |H|^2
        assert power[k] == pytest.approx(expected, rel=0.12 if k == 0 else 0.05)
        assert power[k] == pytest.approx(9 * 2 * (high - low) / RATE, rel=0.25)


def test_a_flat_channel_has_the_floor() -> None:
    assert features.eeg_features(np.ones((1, 10 * RATE))) == pytest.approx(
        np.full((10, 5), gaussian(features.FLOOR))
    )


def test_the_filter_runs_both_ways() -> None:
    noise = np.random.default_rng(1).normal(0, 3, (2, 30 * RATE))
    there, back = features.eeg_features(noise), features.eeg_features(noise[:, ::-1])
    assert back[::-1][5:-5] == pytest.approx(there[5:-5], abs=1e-3)


def test_what_is_left_of_the_last_second_is_dropped() -> None:
    signal = recording(13)[:, : 12 * RATE + 499]
    assert features.eeg_features(signal[:ECG]).shape == (12, 95)
    assert features.ecg_features(signal[ECG])[0].shape == (12, 11)


@pytest.mark.parametrize("sign", [1, -1])
@pytest.mark.parametrize("interval", [0.5, 0.75, 1.2])
def test_heart_rate_of_a_steady_pulse(interval: float, sign: int) -> None:
    table, lost = features.ecg_features(sign * heart(30, (interval,)))
    assert not lost.any()
    rate, sdnn, rmssd, height, spread = table[:, 6:].T
    assert rate == pytest.approx(60 / interval, rel=0.005)
    assert sdnn == pytest.approx(0, abs=2)
    assert rmssd == pytest.approx(0, abs=3)
    assert height == pytest.approx(height.mean(), rel=0.05)
    assert (spread < 0.1 * height).all()


def test_variability_of_a_pulse_that_alternates() -> None:
    noise = np.random.default_rng(0).normal(0, 5, 60 * RATE)
    table, lost = features.ecg_features(heart(60, (0.8, 0.9)) + noise)
    assert not lost.any()
    assert table[:, 6] == pytest.approx(60 / 0.85, rel=0.01)
    assert table[:, 7] == pytest.approx(50, abs=3)
    assert table[:, 8] == pytest.approx(100, abs=3)


def test_seconds_without_beats_take_the_medians_and_are_named() -> None:
    signal = heart(60, (0.8,))
    signal[: 20 * RATE] = 0
    table, lost = features.ecg_features(signal)
    assert lost[:12].all()
    assert not lost[25:].any()
    assert table[0, 6:] == pytest.approx(np.median(table[~lost, 6:], axis=0))


def test_the_context_stays_inside_the_recording() -> None:
    total = 12 * RATE + 7
    for start in range(0, 12 * RATE, RATE):
        begin, end = features.context(start, total)
        assert 0 <= begin <= start
        assert start + RATE <= end <= total
        assert end - begin == 10 * RATE
    assert features.context(20 * RATE, 60 * RATE) == (round(15.5 * RATE), round(25.5 * RATE))


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
    assert "no view 'nose'" in refusal(lambda: eegmat.load(("nose",), shared, THREE))


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
        ({"bands": "5"}, "no option 'bands'; it has: label, rest, subjects"),
        ({"label": "mood"}, "option label of eegmat is task or quality, not 'mood'"),
        ({"rest": "some"}, "option rest of eegmat is balanced or all"),
        ({"subjects": "all"}, "like 0-11 or 0,3,7"),
        ({"subjects": "0-36"}, "3 or more of 0-35"),
        ({"subjects": "0,1"}, "3 or more of 0-35"),
    ],
)
def test_a_wrong_option_is_named(shared: Path, options: dict[str, str], message: str) -> None:
    assert message in refusal(lambda: eegmat.load(root=shared, options=options))


# ---------------------------------------------------------------- files that are not there


def test_without_a_root_the_mend_is_where_to_get_the_files() -> None:
    said = refusal(lambda: eegmat.load())
    assert "physionet.org/content/eegmat" in said
    assert "--data-root" in said


def test_an_empty_root_is_named(tmp_path: Path) -> None:
    assert not eegmat.found(tmp_path)
    assert not eegmat.found(tmp_path / "nowhere")
    assert str(tmp_path) in refusal(lambda: eegmat.load(root=tmp_path))


def test_missing_recordings_are_named_and_counted(shared: Path) -> None:
    said = refusal(lambda: eegmat.load(root=shared))
    assert "lacks Subject03_1.edf and 65 more" in said
    assert "option subjects" in said


@pytest.mark.parametrize(
    "place", [".", "eegmat", "eeg-during-mental-arithmetic-tasks-1.0.0", "a/files/eegmat/1.0.0"]
)
def test_files_are_found_at_several_levels(tmp_path: Path, place: str) -> None:
    (tmp_path / place).mkdir(parents=True, exist_ok=True)
    (tmp_path / place / "Subject03_2.edf").touch()
    assert eegmat.found(tmp_path)
    assert "is empty" in refusal(
        lambda: read_microvolts(tmp_path / place / "Subject03_2.edf", LABELS, RATE)
    )


def test_the_folder_with_most_recordings_counts(root: Path) -> None:
    (root / "Subject00_1.edf").touch()  # a download broken off, beside the whole copy
    assert eegmat.load(root=root, options=THREE).n == 72


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (None, "cannot be read"),
        ("", "no 'Count quality'"),
        ("Subject\n\0\xff", "no 'Count quality'"),
    ],
)
def test_a_useless_table_of_subjects_is_named(root: Path, text: str | None, message: str) -> None:
    path = root / "eegmat/subject-info.csv"
    path.unlink() if text is None else path.write_text(text)
    options = THREE | {"label": "quality"}
    assert message in refusal(lambda: eegmat.load(root=root, options=options))
    assert eegmat.load(root=root, options=THREE).n == 72  # the task needs no table


def test_a_recording_without_a_pulse_or_too_short_is_named(root: Path) -> None:
    path = root / "eegmat/Subject01_2.edf"
    signals = recording(12)
    signals[ECG] = 0
    write(path, signals)
    assert "Subject01_2.edf shows no heartbeats" in refusal(
        lambda: eegmat.load(root=root, options=THREE)
    )
    write(path, recording(9))
    assert "shorter than 10 s" in refusal(lambda: eegmat.load(root=root, options=THREE))


# ---------------------------------------------------------------- the receipt


def test_the_receipt_counts_and_the_fingerprint_is_that_of_the_data(shared: Path) -> None:
    receipt = eegmat.check(shared, THREE)
    lines = {finding.what: finding for finding in receipt.findings}
    assert (lines["recordings"].found, lines["recordings"].expected) == ("6", "72")
    assert not lines["recordings"].ok
    assert lines["seconds of rest"].found == str(3 * REST)
    assert lines["seconds of arithmetic"].found == str(3 * TASK)
    assert lines["subjects who counted well, badly"].found == "24, 12"
    assert receipt.fingerprint == eegmat.load(root=shared, options=THREE).fingerprint
    assert not receipt.twin


def test_the_receipt_names_what_is_damaged(root: Path) -> None:
    path = root / "eegmat/Subject01_2.edf"
    path.write_bytes(path.read_bytes()[:-1])
    receipt = eegmat.check(root, THREE)
    (line,) = [finding for finding in receipt.findings if finding.what == path.name]
    assert "cut short" in line.mend
    assert not receipt.ok
    assert receipt.fingerprint == ""


def test_the_receipt_of_an_empty_folder_says_where_to_get_the_files(tmp_path: Path) -> None:
    receipt = eegmat.check(tmp_path)
    assert not receipt.ok
    assert "physionet.org" in receipt.findings[0].mend


def test_twins_are_stamped(root: Path) -> None:
    _twin.mark(root / "eegmat", "twin eegmat")
    assert eegmat.load(root=root, options=THREE).provenance.kind == "twin"
    assert eegmat.check(root, THREE).twin
