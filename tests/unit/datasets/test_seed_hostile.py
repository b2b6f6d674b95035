"""SEED files that are damaged, foreign or hostile: one sentence each, and nothing in them runs."""

from __future__ import annotations

import io
import os
import pickle
import shutil
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from datasets import seed
from datasets.seed import read as seed_read
from datasets.seed import simulate
from datasets.seed.layout import BANDS, LABELS, SECONDS
from tests.helpers import refusal
from tests.unit.datasets.test_npz import Bomb
from tests.unit.datasets.test_pickle import lying

ONE = {"subjects": "1"}
NPZ = "SEED_Multimodal/Chinese/02-EEG-DE-feature/eeg_used_4s"
EYES = "SEED_Multimodal/Chinese/04-Eye-tracking-feature/eye_tracking_feature"


@pytest.fixture(scope="module")
def full_copy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("seed")
    simulate.write(folder, 1 / 12, seed=5, layouts=("npz", "mat"))
    return folder


@pytest.fixture
def copy(full_copy: Path, tmp_path: Path) -> Path:
    """One subject, to be damaged."""
    return Path(shutil.copytree(full_copy, tmp_path / "seed"))


def refused(folder: Path, layout: str = "npz") -> str:
    """The message of ``load``; ``check`` must report the fault too, and not raise."""
    options = {**ONE, "layout": layout}
    message = refusal(lambda: seed.load(root=folder, options=options))
    checked = seed.check(folder, options)
    assert not checked.ok
    assert checked.fingerprint == ""
    assert any(not finding.ok and finding.fix for finding in checked.findings)
    return message


def rewritten(folder: Path, change: Callable[[dict[str, Any]], None]) -> str:
    """The refusal after ``change`` was made to the unpickled content of the second npz."""
    path = folder / NPZ / "1_2.npz"
    with np.load(path) as file:
        content = {key: file[key] for key in file.files}
    parts = {key: pickle.loads(content[key].item()) for key in ("train_data", "test_data")}
    content |= parts
    change(content)
    for key in parts:
        if isinstance(content.get(key), dict):
            content[key] = np.array(pickle.dumps(content[key], 4))
    np.savez(path, **content)
    return refused(folder)


def eyes_rewritten(folder: Path, content: object) -> str:
    (folder / EYES / "1_3").write_bytes(pickle.dumps(content, 4))
    return refused(folder)


# ---------------------------------------------------------------- pickles


def test_a_bomb_in_an_npz_never_runs(copy: Path, capfd: pytest.CaptureFixture[str]) -> None:
    def plant(content: dict[str, Any]) -> None:
        content["train_data"] = np.array(pickle.dumps(Bomb(), 4))

    assert "builtins.print" in rewritten(copy, plant)
    assert capfd.readouterr().out == ""


def test_a_bomb_among_the_eye_files_never_runs(
    copy: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    message = eyes_rewritten(copy, {"train_data_eye": Bomb()})
    assert "1_3" in message
    assert "builtins.print" in message
    assert capfd.readouterr().out == ""


def test_an_object_array_in_an_npz_is_never_unpickled(
    copy: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    def plant(content: dict[str, Any]) -> None:
        content["test_data"] = np.array(Bomb(), dtype=object)

    assert "'test_data' of 1_2.npz" in rewritten(copy, plant)
    assert capfd.readouterr().out == ""


@pytest.mark.parametrize("share", [0.0, 0.5, 0.99])
def test_a_truncated_eye_file(copy: Path, share: float) -> None:
    path = copy / EYES / "1_1"
    raw = path.read_bytes()
    path.write_bytes(raw[: int(share * len(raw))])
    assert refused(copy).startswith("eye file 1_1 is damaged")


def test_an_eye_array_that_claims_more_than_it_holds(copy: Path) -> None:
    raw = lying("I400000000\nI33\n", "f8", "<", 0, "S'12345678'\n")
    (copy / EYES / "1_1").write_bytes(raw)
    assert "cut short" in refused(copy)


def pair(train: np.ndarray) -> dict[str, np.ndarray]:
    return {"train_data_eye": train, "test_data_eye": np.zeros((343, 33))}


@pytest.mark.parametrize(
    ("content", "fact"),
    [
        ([1, 2], "1_3"),
        ({"train_data_eye": np.zeros((499, 33))}, "'test_data_eye'"),
        ({"train_data_eye": np.zeros((499, 33)), "test_data_eye": "x"}, "'test_data_eye'"),
        (pair(np.zeros((499, 31))), "33 col"),
        (pair(np.zeros((480, 33))), "480 rows"),
        (pair(np.zeros(499)), "33 columns"),
        (
            pair(np.full((499, 33), np.nan)),
            "NaN",
        ),
        (
            pair(np.full((499, 33), 1e99)),
            "infini",
        ),
    ],
    ids=["list", "half", "text", "31", "480", "vector", "nan", "overflow"],
)
def test_eye_files_of_another_form(copy: Path, content: object, fact: str) -> None:
    assert fact in eyes_rewritten(copy, content)


@pytest.mark.parametrize("protocol", [2, 3, 4])
def test_every_usual_pickle_protocol_is_read(full_copy: Path, copy: Path, protocol: int) -> None:
    path = copy / EYES / "1_1"
    path.write_bytes(pickle.dumps(pickle.loads(path.read_bytes()), protocol))
    again, plain = (seed.load(root=folder, options=ONE) for folder in (copy, full_copy))
    assert again.fingerprint == plain.fingerprint


# ---------------------------------------------------------------- npz


@pytest.mark.parametrize("share", [0.0, 0.3, 0.99])
def test_a_truncated_npz(copy: Path, share: float) -> None:
    path = copy / NPZ / "1_1.npz"
    raw = path.read_bytes()
    path.write_bytes(raw[: int(share * len(raw))])
    assert "1_1.npz is not a complete" in refused(copy)


def test_a_zip_bomb_is_refused_unopened(copy: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(seed_read, "LIMIT", 3 * 10**6)
    path = copy / NPZ / "1_1.npz"
    np.savez_compressed(path, train_data=np.zeros(10**6))
    assert path.stat().st_size < 20_000
    assert "1_1.npz would unpack" in refused(copy)


def test_a_header_that_promises_too_much(copy: Path) -> None:
    buffer = io.BytesIO()
    np.lib.format.write_array(buffer, np.zeros(10))
    raw = buffer.getvalue().replace(b"'shape': (10,)", b"'shape': (9999999999999,)")
    with zipfile.ZipFile(copy / NPZ / "1_1.npz", "w") as file:
        file.writestr("train_data.npy", raw)
    assert "cut short" in refused(copy)


def test_a_file_far_too_large_is_not_read(copy: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(seed_read, "LIMIT", 10**6)
    assert " MiB" in refused(copy)


def test_members_that_point_elsewhere_write_nothing(copy: Path) -> None:
    path = copy / NPZ / "1_1.npz"
    plain = seed.load(root=copy, options=ONE).fingerprint
    with zipfile.ZipFile(path, "a") as file:
        buffer = io.BytesIO()
        np.lib.format.write_array(buffer, np.zeros(3))
        file.writestr("../../escaped.npy", buffer.getvalue())
    assert seed.load(root=copy, options=ONE).fingerprint == plain
    assert not list(copy.parent.rglob("escaped*"))


def test_what_is_no_file_is_not_opened(copy: Path) -> None:
    path = copy / EYES / "1_1"
    path.unlink()
    os.mkfifo(path)  # reading it would wait for ever
    assert "1_1 is not a file" in refused(copy)
    path.unlink()
    path.mkdir()
    assert "no file of subject 1, session 1" in refused(copy)
    path.rmdir()
    path.symlink_to("/dev/zero")
    assert "1_1 is not a file" in refused(copy)
    path.unlink()
    path.symlink_to(copy / "nowhere")
    assert str(path) in refused(copy)


def resized(train: int, test: int) -> Callable[[dict[str, Any]], None]:
    def change(content: dict[str, Any]) -> None:
        for key, rows in (("train", train), ("test", test)):
            content[f"{key}_data"] = {band: np.ones((rows, 62)) for band in BANDS}

    return change


def test_one_second_windows_are_told_apart(copy: Path) -> None:
    rows = int(SECONDS[:9].sum()), int(SECONDS[9:].sum())
    assert rows == (2010, 1384)
    message = rewritten(copy, resized(*rows))
    assert "folder eeg_used_4s" in message
    window = next(f for f in seed.check(copy, ONE).findings if f.what.startswith("window"))
    assert (window.found, window.expected, window.ok) == ("1 s in 1 file", "4 s", False)


def test_a_copy_with_one_second_windows_only(copy: Path) -> None:
    shutil.rmtree(copy / "SEED_EEG")
    (copy / NPZ).rename(copy / NPZ.replace("4s", "1s"))
    assert seed.found(copy)
    path = copy / NPZ.replace("4s", "1s") / "1_1.npz"
    parts = (np.array(pickle.dumps({b: np.ones((n, 62)) for b in BANDS}, 4)) for n in (2010, 1384))
    first, second = parts
    np.savez(path, train_data=first, test_data=second, train_label=LABELS, test_label=LABELS)
    assert "folder eeg_used_4s" in refused(copy)


def put(key: str, value: Any) -> Callable[[dict[str, Any]], None]:
    return lambda content: content.update({key: value})


def band(name: str, value: Any) -> Callable[[dict[str, Any]], None]:
    return lambda content: content["train_data"].update({name: value})


HOLE = np.where(np.arange(499 * 62).reshape(499, 62) == 77, np.nan, 1.0)


@pytest.mark.parametrize(
    ("change", "fact"),
    [
        (lambda content: content.pop("test_label"), "'test_label'"),
        (lambda content: content["train_data"].pop("beta"), "'beta'"),
        (band("beta", np.ones((499, 61))), "62 columns"),
        (band("beta", np.ones((498, 62))), "'train_data'"),
        (band("beta", HOLE), "NaN"),
        (band("beta", np.ones((499, 62), complex)), "'beta'"),
        (put("train_data", np.zeros((499, 310))), "'train_data'"),
        (put("train_data", np.array(b"nonsense")), "damaged"),
        (put("train_label", LABELS[:400]), "743 labels for 842 rows"),
        (put("train_label", np.array(["a"] * 499)), "labels of 1_2.npz"),
        (put("test_label", LABELS[499:] + 1), "0, 1, 2 or -1, 0, 1"),
        (put("test_label", np.full(343, np.nan)), "0, 1, 2 or -1, 0, 1"),
        (put("test_label", np.roll(LABELS[499:], 1)), "1 59 58 58 58 59 50 instead of 59 58 58 58"),
        (put("test_label", 2 - LABELS[499:]), "clip 10 of 1_2.npz"),
        (put("train_label", np.sort(LABELS[:499])), "clip 1 of 1_2.npz"),
        (resized(480, 343), "480 rows of clips 1-9"),
    ],
)
def test_npz_files_of_another_form(
    copy: Path, change: Callable[[dict[str, Any]], None], fact: str
) -> None:
    message = rewritten(copy, change)
    assert fact in message
    assert "1_2.npz" in message


@pytest.mark.parametrize("kind", [np.int64, np.float64, np.int8])
def test_labels_may_be_coded_from_minus_one(full_copy: Path, copy: Path, kind: type) -> None:
    for path in (copy / NPZ).glob("*.npz"):
        with np.load(path) as file:
            content = {key: file[key] for key in file.files}
        for key in ("train_label", "test_label"):
            content[key] = (content[key] - 1).astype(kind)[:, None]
        np.savez(path, **content)
    again, plain = (seed.load(root=folder, options=ONE) for folder in (copy, full_copy))
    assert again.fingerprint == plain.fingerprint
