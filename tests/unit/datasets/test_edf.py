"""EDF files as written, damaged and hostile: read in microvolts or refused in one sentence."""

from __future__ import annotations

import re
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import edfio
import numpy as np
import pytest

from datasets._io.edf import read_microvolts
from datasets.base import DataError
from datasets.eegmat.files import LABELS
from tests.helpers import refusal
from tests.unit.datasets.fake_edf import RATE, recording, write

HEADER = 256 * 23  # of the files written here: 21 signals and the annotations


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
    "web page": (lambda raw: b"<!DOCTYPE html>" + raw, "EDF"),
    "lfs pointer": (lambda raw: b"version https://git-lfs", "EDF"),
    "first field only": (lambda raw: raw[:100], "cut short"),
    "half a header": (lambda raw: raw[:1000], "cut short"),
    "no samples": (lambda raw: raw[:HEADER], "cut short: "),
    "one byte less": (lambda raw: raw[:-1], "cut short: "),
    "one byte more": (lambda raw: raw + b"\0", "47921 bytes, not 47920"),
    "interrupted": (lambda raw: put(raw, 192, "EDF+D"), r"EDF\+D"),
    "huge count of records": (lambda raw: put(raw, 236, "99999999"), "cut short: "),
    "unknown count of records": (lambda raw: put(raw, 236, "-1      "), " -1 "),
    "count of records in words": (lambda raw: put(raw, 236, "many    "), "'many'"),
    "control characters": (lambda raw: put(raw, 236, "\x1b[31m\n  "), "not a number"),
    "not a number of seconds": (lambda raw: put(raw, 244, "nan     "), "not a number"),
    "no seconds": (lambda raw: put(raw, 244, "0       "), " 0 s"),
    "huge count of signals": (lambda raw: put(raw, 252, "9999"), "9999 "),
    "no signals": (lambda raw: put(raw, 252, "0   "), " 0 "),
    "wrong size of header": (lambda raw: put(raw, 184, "512     "), " 512 "),
    "no samples in a record": (lambda raw: put(raw, SAMPLES, "0       "), "signal 1 "),
    "less than no samples": (lambda raw: put(raw, SAMPLES, "-500    "), "signal 1 "),
    "huge count of samples": (lambda raw: put(raw, SAMPLES, "99999999"), "cut short: "),
    "endless range": (lambda raw: put(raw, MINIMUM, "-1e300  "), "'EEG Fp1'"),
    "no range": (lambda raw: put(raw, MINIMUM, "3200    "), "'EEG Fp1'"),
    "unit": (lambda raw: put(raw, 256 + 22 * 96, "degC    "), "'degC'"),
    "a channel misnamed": (lambda raw: put(raw, 256, "EEG Xy"), "'EEG Fp1'"),
    "a channel twice": (lambda raw: put(raw, 272, "EEG Fp1"), "2 .*'EEG Fp1'"),
}


@pytest.mark.parametrize("case", HOSTILE)
def test_a_damaged_or_hostile_file_is_refused_in_one_sentence(case: str, tmp_path: Path) -> None:
    damage, message = HOSTILE[case]
    path = tmp_path / "Subject00_1.edf"
    write(path, recording(2))
    path.write_bytes(damage(path.read_bytes()))
    refused = refusal(lambda: read_microvolts(path, LABELS, RATE))
    assert re.search(message, refused), refused
    assert "Subject00_1.edf" in refused


def test_another_sampling_rate_is_refused(tmp_path: Path) -> None:
    write(tmp_path / "x.edf", recording(2))
    assert "500 Hz, not 250" in refusal(lambda: read_microvolts(tmp_path / "x.edf", LABELS, 250))


def test_a_folder_in_place_of_a_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "x.edf").mkdir()
    assert "x.edf" in refusal(lambda: read_microvolts(tmp_path / "x.edf", LABELS, RATE))


def test_any_change_of_the_header_is_read_or_refused_never_a_crash(tmp_path: Path) -> None:
    path, rng = tmp_path / "x.edf", np.random.default_rng(0)
    write(path, recording(1))
    original = path.read_bytes()
    for _ in range(300):
        raw = bytearray(original)
        raw[rng.integers(0, HEADER)] = rng.integers(0, 256)
        path.write_bytes(raw)
        try:
            found = read_microvolts(path, LABELS, RATE)
        except DataError:
            continue
        assert found.shape == (20, RATE)
        assert np.isfinite(found).all()


def test_only_a_warning_of_the_file_makes_it_undecodable(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def warned(category: type[Warning]) -> Callable[..., object]:
        def read(*given: Any, **named: Any) -> object:
            warnings.warn("odd", category, stacklevel=2)
            return read_edf(*given, **named)

        return read

    read_edf = edfio.read_edf
    signals = recording(2)
    write(tmp_path / "x.edf", signals)
    monkeypatch.setattr(edfio, "read_edf", warned(DeprecationWarning))
    assert read_microvolts(tmp_path / "x.edf", LABELS, RATE).shape == (20, 2 * RATE)
    monkeypatch.setattr(edfio, "read_edf", warned(UserWarning))
    with pytest.raises(DataError, match=r"x\.edf"):
        read_microvolts(tmp_path / "x.edf", LABELS, RATE)
