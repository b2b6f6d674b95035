"""Untrusted files through the command line: one sentence, no traceback, nothing in them runs."""

from __future__ import annotations

import os
import pickle
import struct
import zlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from datasets._io import FOLDER
from datasets.deap import files as deap_files
from datasets.seed import simulate
from tests.system.command_line import SERIAL, SMOKE, CommandLine

ONE = (*SMOKE, "--method", "majority", *SERIAL)
EYE = "SEED_Multimodal/Chinese/04-Eye-tracking-feature/eye_tracking_feature/1_2"
NPZ = "SEED_Multimodal/Chinese/02-EEG-DE-feature/eeg_used_4s/1_2.npz"
DAT = "DEAP/data_preprocessed_python/s01.dat"
MAT = "DEAP/data_preprocessed_matlab/s01.mat"
EDF = "eegmat/Subject00_1.edf"
OWN = "own.npz"


class Planted:
    def __init__(self, canary: Path) -> None:
        self.canary = canary

    def __reduce__(self) -> tuple[object, tuple[str]]:
        return os.system, (f"touch {self.canary}",)


def bomb(canary: Path) -> bytes:
    return pickle.dumps({"data": Planted(canary), "train_data_eye": Planted(canary)}, 2)


def npz(canary: Path, path: Path) -> None:
    raw = np.array(bomb(canary))
    np.savez(path, train_data=raw, test_data=raw, train_label=1, test_label=1, view_a=raw)


def swollen(path: Path) -> None:
    packed = zlib.compress(struct.pack("<II", 14, 8) + bytes(2**23), 9)
    head = b"MATLAB 5.0 MAT-file".ljust(124) + struct.pack("<H", 0x0100) + b"IM"
    path.write_bytes(head + struct.pack("<II", 15, len(packed)) + packed)


def objects(canary: Path, path: Path) -> None:
    np.savez(path, view_a=np.array([Planted(canary)], dtype=object), labels=np.arange(10))


HARM: dict[str, Callable[[Path, Path], object]] = {
    EYE: lambda canary, path: path.write_bytes(bomb(canary)),
    NPZ: npz,
    DAT: lambda canary, path: path.write_bytes(bomb(canary)),
    MAT: lambda _, path: swollen(path),
    EDF: lambda _, path: path.write_bytes(b"0       " + bytes(300)),
    OWN: objects,
}


@pytest.mark.parametrize("place", HARM)
def test_a_hostile_file_is_one_sentence_and_never_runs(
    place: str, cli: CommandLine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(FOLDER, str(tmp_path / "cache"))
    monkeypatch.setattr(deap_files, "MAX_FILE", 2**20)  # so that a little is already too much
    root, canary = tmp_path / "root", tmp_path / "canary"
    key = {EYE: "seed", NPZ: "seed", DAT: "deap", MAT: "deap", EDF: "eegmat"}.get(place, "")
    if key == "seed":
        simulate.write(root, 1 / 12)
    (root / place).parent.mkdir(parents=True, exist_ok=True)
    HARM[place](canary, root / place)
    if key == "eegmat":
        for name in ("00_2", "01_1", "01_2", "02_1", "02_2"):
            (root / place).with_name(f"Subject{name}.edf").touch()
    few = {"seed": ("seed.subjects=1",), "eegmat": ("eegmat.subjects=0-2",)}.get(key, ())
    options = ("--data-root", str(root), *(("--data-option", *few) if few else ())) if key else ()
    status, _, err = cli(*ONE, "--dataset", key or str(root / place), *options)
    assert (status, err.count("\n")) == (2, 1), err
    assert err.startswith("run_all.py: ")
    assert Path(place).name in err
    if key:
        status, out, err = cli("--check-data", *options)
        assert (status, err) == (1, "")
        assert "DIFF" in out
        assert "Traceback" not in out
    assert not canary.exists()
    assert not (tmp_path / "cache").exists()


def test_a_wrong_option_of_the_data_check_is_a_sentence(cli: CommandLine, tmp_path: Path) -> None:
    simulate.write(tmp_path, 1 / 12)
    options = ("--data-root", str(tmp_path), "--data-option", "seed.layout=csv")
    status, _, err = cli("--check-data", *options)
    assert (status, err.count("\n")) == (2, 1)
    assert "seed.layout must be one of" in err
