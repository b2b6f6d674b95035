"""Where a reader expects a file lies a pipe, a device, a folder, or nothing: never waited for."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from datasets._io import FOLDER, cached_features, read_npy, read_npz
from datasets._io.mat import read_mat
from datasets.deap.files import read_subject
from datasets.eegmat.files import LABELS, RATE, counted_well, read_microvolts
from datasets.emoeeg_mc.read import body_table, de_features, trial_order
from datasets.file import load_file
from datasets.seed.read import check_label_mat, eeg_mat, eeg_npz, eye_file
from tests.helpers import refusal

READERS: dict[str, tuple[str, Callable[[Path], object]]] = {
    "npz": ("x.npz", lambda path: read_npz(path, path.name)),
    "npy": ("x.npy", lambda path: read_npy(path, path.name)),
    "mat": ("x.mat", lambda path: read_mat(path, path.name)),
    "own npz": ("x.npz", load_file),
    "own mat": ("x.mat", load_file),
    "edf": ("Subject00_1.edf", lambda path: read_microvolts(path, LABELS, RATE)),
    "csv": ("subject-info.csv", lambda path: counted_well(path.parent, (0,))),
    "eeg npz": ("1_1.npz", eeg_npz),
    "eeg mat": ("1_20000101.mat", lambda path: eeg_mat(path, "LDS")),
    "label": ("label.mat", lambda path: check_label_mat(path.parent)),
    "eye": ("1_1", eye_file),
    "deap mat": ("s01.mat", read_subject),
    "deap dat": ("s01.dat", read_subject),
    "emoeeg npy": ("x_de.npy", de_features),
    "emoeeg csv": ("x.csv", lambda path: body_table(path, {}, 0, "ask")),
    "emoeeg tsv": ("x.tsv", trial_order),
    "cache": ("s01.dat", lambda path: cached_features(path, {}, dict)),
}


def device(path: Path) -> None:
    path.symlink_to("/dev/zero")


def circle(path: Path) -> None:
    path.symlink_to(path)


def nothing(path: Path) -> None:
    path.symlink_to(path.with_name("nowhere"))


def huge(path: Path) -> None:
    with path.open("wb") as file:
        file.truncate(2**33)  # sparse: takes no room


@pytest.mark.parametrize("put", [os.mkfifo, Path.mkdir, device, circle, nothing, huge])
@pytest.mark.parametrize("reader", READERS)
def test_what_is_no_file_of_a_sensible_size_is_refused_unread(
    tmp_path: Path, reader: str, put: Callable[[Path], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(FOLDER, str(tmp_path / "cache"))
    name, read = READERS[reader]
    put(tmp_path / name)
    assert name in refusal(lambda: read(tmp_path / name))
    assert not (tmp_path / "cache").exists()


def test_a_link_to_a_file_elsewhere_is_followed(tmp_path: Path) -> None:
    (tmp_path / "real").write_bytes(b"")
    (tmp_path / "s01.dat").symlink_to(tmp_path / "real")
    assert "damaged" in refusal(lambda: read_subject(tmp_path / "s01.dat"))


def test_a_name_with_control_characters_is_shown_without_them(tmp_path: Path) -> None:
    path = tmp_path / "a\x1b[31m\nb.npz"
    path.write_bytes(b"")
    assert refusal(lambda: load_file(path)).isprintable()
    assert refusal(lambda: load_file(path.with_suffix(".csv"))).isprintable()
