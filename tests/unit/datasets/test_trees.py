"""SEED and DEAP in the trees that copies have, what resembles them, and which variant a copy is."""

from __future__ import annotations

import pickle
import shutil
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from scipy.io import loadmat, savemat

from datasets import deap, seed
from datasets._check import DataCheck
from datasets.deap import simulate as deap_simulate
from datasets.seed import simulate as seed_simulate
from datasets.seed.layout import BANDS, SECONDS
from tests.helpers import refusal
from tests.unit.datasets.small_deap import small_form

ONE = {"subjects": "1"}
CHINESE = "SEED_Multimodal/Chinese"
NPZ = f"{CHINESE}/02-EEG-DE-feature/eeg_used_4s"
EYES = f"{CHINESE}/04-Eye-tracking-feature/eye_tracking_feature"
MAT = "SEED_EEG/ExtractedFeatures_4s"


@pytest.fixture(scope="module")
def plain(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One subject in both layouts; tests read it only."""
    folder = tmp_path_factory.mktemp("seed")
    seed_simulate.write(folder, 1 / 12, seed=5, layouts=("npz", "mat"))
    return folder


@pytest.fixture
def copy(plain: Path, tmp_path: Path) -> Path:
    """The same, to be changed."""
    return Path(shutil.copytree(plain, tmp_path / "root"))


def lay(plain: Path, root: Path, places: dict[str, str]) -> Path:
    """Folders of ``plain`` under other names below ``root``."""
    for source, target in places.items():
        shutil.copytree(plain / source, root / target, dirs_exist_ok=True)
    return root


def fact(checked: DataCheck, what: str) -> str:
    (only,) = [finding.found for finding in checked.findings if finding.what == what]
    return only


TREES: dict[str, dict[str, str]] = {
    "as shipped, nested": {CHINESE: "data/raw/SEED_Multimodal/Chinese"},
    "SEED-China": {
        NPZ: "SEED-China/02-EEG-DE-feature/eeg_used_4s",
        EYES: "SEED-China/04-Eye-tracking-feature/eye_tracking_feature",
    },
    "EEG and Eye": {NPZ: "SEED/EEG/eeg_used_4s", EYES: "SEED/Eye"},
    "no number prefix": {
        NPZ: "Chinese/EEG-DE-feature/eeg_used_4s",
        EYES: "Chinese/Eye-tracking-feature/eye_tracking_feature",
    },
    "lower case": {NPZ: "seed_multimodal/chinese/eeg_used_4s", EYES: "seed_multimodal/eye"},
    "six down": {NPZ: "1st/2/3/4/5/eeg", EYES: "1st/2/3/4/5/eye"},
    "twice in itself": {CHINESE: "Chinese/Chinese"},
}


@pytest.mark.parametrize("places", TREES.values(), ids=TREES.keys())
def test_seed_is_found_in_every_tree(plain: Path, tmp_path: Path, places: dict[str, str]) -> None:
    root = lay(plain, tmp_path, places)
    assert seed.found(root)
    fingerprint = seed.load(root=plain, options=ONE).fingerprint
    assert seed.load(root=root, options=ONE).fingerprint == fingerprint
    assert seed.check(root, ONE).fingerprint == fingerprint


@pytest.mark.parametrize("name", ["EEG", "EEG/eeg_used_4s", "Eye"])
def test_one_branch_of_a_tree_may_be_the_root(plain: Path, tmp_path: Path, name: str) -> None:
    root = lay(plain, tmp_path, TREES["EEG and Eye"]) / "SEED" / name
    data = seed.load(root=root, options=ONE)
    assert data.view_names == ("eeg", "eye")


@pytest.mark.parametrize("suffix", [".NPZ", ".npz"])
def test_endings_in_any_case(plain: Path, copy: Path, suffix: str) -> None:
    for path in [*(copy / NPZ).glob("*.npz")]:
        path.rename(path.with_suffix(suffix))
    plain_data, data = (seed.load(root=root, options=ONE) for root in (plain, copy))
    assert data.fingerprint == plain_data.fingerprint
    assert "eeg_used_4s" in fact(seed.check(copy, ONE), "EEG features")


@pytest.mark.parametrize("with_label", ["1", "."])
def test_sessions_in_folders_of_their_own(plain: Path, tmp_path: Path, with_label: str) -> None:
    root = lay(plain, tmp_path, {EYES: "eye"})
    features = root / "extractedfeatures_4s"
    for session, date in ((1, "20000103"), (2, "20000102"), (3, "20000101")):
        (features / str(session)).mkdir(parents=True)  # the folder counts, not the date
        source = plain / MAT / f"1_2000010{session}.mat"
        shutil.copy(source, features / str(session) / f"1_{date}.MAT")
    shutil.copy(plain / MAT / "label.mat", features / with_label / "Label.mat")
    data = seed.load(root=root, options=ONE)
    assert data.fingerprint == seed.load(root=plain, options=ONE).fingerprint
    checked = seed.check(root, ONE)
    assert "layout mat" in fact(checked, "EEG features")
    assert "LDS" in fact(checked, "smoothing of the EEG features")


def one_second(path: Path) -> None:
    rows = int(SECONDS[:9].sum()), int(SECONDS[9:].sum())
    parts = [np.array(pickle.dumps({b: np.ones((n, 62)) for b in BANDS}, 4)) for n in rows]
    labels = [np.zeros(n) for n in rows]
    np.savez(
        path,
        train_data=parts[0],
        test_data=parts[1],
        train_label=labels[0],
        test_label=labels[1],
    )


def test_windows_are_told_by_the_files_not_by_the_folder(plain: Path, copy: Path) -> None:
    (copy / NPZ).rename((copy / NPZ).with_name("b"))
    first = copy / CHINESE / "02-EEG-DE-feature" / "a"
    first.mkdir()
    for session in (1, 2, 3):
        one_second(first / f"1_{session}.npz")
    data = seed.load(root=copy, options=ONE)
    assert data.fingerprint == seed.load(root=plain, options=ONE).fingerprint
    read = fact(seed.check(copy, ONE), "EEG features")
    assert read.startswith("b, layout npz")
    assert "a, layout npz, 1-s windows" in read


# ---------------------------------------------------------------- several copies


def test_two_copies_that_agree_are_one_and_two_that_differ_are_asked_about(copy: Path) -> None:
    other = Path(shutil.copytree(copy / NPZ, copy / "backup"))
    assert seed.load(root=copy, options=ONE).n == 3 * 842
    shutil.copy(other / "1_1.npz", other / "1_2.npz")
    message = refusal(lambda: seed.load(root=copy, options=ONE))
    assert "seed.folder=" in message
    assert NPZ in message
    assert "backup" in message
    (finding,) = seed.check(copy, ONE).findings
    assert not finding.ok
    sessions = {}
    for folder in (NPZ, "backup"):
        data = seed.load(root=copy, options=ONE | {"folder": folder})
        sessions[folder] = data.views[0].reshape(3, 842, 310)
    assert not np.array_equal(sessions[NPZ][0], sessions[NPZ][1])
    assert np.array_equal(sessions["backup"][0], sessions["backup"][1])
    assert "backup" in refusal(lambda: seed.load(root=copy, options=ONE | {"folder": "no"}))


# ---------------------------------------------------------------- what only resembles SEED


def family_iv(root: Path) -> None:
    (root / "de/1").mkdir(parents=True)
    clips = {f"de_LDS{k}": np.ones((62, 42, 5)) for k in range(1, 25)}
    savemat(root / "de/1/1_20160518.mat", clips)


def family_v(root: Path) -> None:
    (root / "SEED-V").mkdir()
    for subject in range(1, 17):
        (root / f"SEED-V/{subject}_123.npz").touch()


def german(root: Path) -> None:
    for subject in (1, 2):
        np.savez(root / f"{subject}_1.npz", train_label=np.ones(480), test_label=np.ones(300))


def packed(root: Path) -> None:
    with zipfile.ZipFile(root / "download.zip", "w") as archive:
        archive.writestr("Chinese/eeg_used_4s/1_1.npz", b"")


def only_eyes(root: Path) -> None:
    parts = {"train_data_eye": np.ones((499, 33)), "test_data_eye": np.ones((343, 33))}
    (root / "1_1").write_bytes(pickle.dumps(parts, 4))


def damaged_iv(root: Path) -> None:
    for session, date in ((1, "20160518"), (2, "20161125")):
        (root / f"data/{session}").mkdir(parents=True)
        (root / f"data/{session}/1_{date}.mat").write_bytes(b"cut short")


def damaged_by_layout(root: Path) -> None:
    (root / "eeg_feature_smooth/1").mkdir(parents=True)
    (root / "eeg_feature_smooth/1/1_20000101.mat").write_bytes(b"")


def damaged_v(root: Path) -> None:
    for name in ("1_1.npz", "1_1"):
        (root / "seed_v/x").mkdir(parents=True, exist_ok=True)
        (root / "seed_v/x" / name).write_bytes(b"")


@pytest.mark.parametrize(
    ("put", "facts"),
    [
        (damaged_iv, ("2 files such as", "SEED-IV", "20160518")),
        (damaged_by_layout, ("1_20000101.mat", "SEED-IV", "eeg_feature_smooth")),
        (damaged_v, ("1_1.npz", "SEED-V", "seed_v")),
        (family_iv, ("1_20160518.mat", "SEED-IV")),
        (family_v, ("16 files such as", "_123.npz", "SEED-V")),
        (german, ("2 files such as 1_1.npz", "480", "300")),
        (packed, ("download.zip", "not unpacked")),
        (only_eyes, ("1_1", "eye features, without EEG")),
        (lambda root: (root / "SEED_VII").mkdir(), ("SEED_VII",)),
        (lambda root: (root / "SEED.rar").touch(), ("SEED.rar", "not unpacked")),
    ],
)
def test_near_misses_are_named_and_are_not_seed(
    tmp_path: Path, put: Callable[[Path], object], facts: tuple[str, ...]
) -> None:
    put(tmp_path)
    assert not seed.found(tmp_path)
    message = refusal(lambda: seed.load(root=tmp_path))
    near = " ".join(seed.near_misses(tmp_path))
    (finding,) = seed.check(tmp_path).findings
    for text in (message, near, finding.fix):
        assert all(part in text for part in facts), text
    assert "1_1.npz" in message  # what was looked for


def test_damaged_files_of_seed_stay_seeds(copy: Path) -> None:
    first = sorted((copy / NPZ).glob("*.npz"))
    for path in first:
        path.write_bytes(b"")
    assert seed.found(copy)
    for path in [*(copy / MAT).glob("1_*.mat")]:
        path.rename(path.with_name(path.name.replace("2000", "2013"))).write_bytes(b"")
    shutil.rmtree(copy / NPZ)
    assert seed.found(copy)
    assert "1_2013" in refusal(lambda: seed.load(root=copy, options=ONE))


def test_nothing_at_all_is_near_nothing(tmp_path: Path) -> None:
    assert seed.near_misses(tmp_path) == deap.near_misses(tmp_path) == ()


# ---------------------------------------------------------------- which variant


def test_31_eye_features_are_read_and_named(copy: Path) -> None:
    for path in (copy / EYES).iterdir():
        parts = pickle.loads(path.read_bytes()) if path.name[:2] == "1_" else None
        if parts:
            fewer = {key: value[:, :31] for key, value in parts.items() if key != "note"}
            path.write_bytes(pickle.dumps(fewer, 4))
    assert seed.load(root=copy, options=ONE).dims == (310, 31)
    checked = seed.check(copy, ONE)
    assert checked.fingerprint
    (line,) = [f for f in checked.findings if f.what == "eye features of a row"]
    assert (line.found, line.expected, line.ok) == ("31", "33", False)
    assert "31" in line.fix
    assert "blink" in line.fix


def test_files_of_both_variants_are_refused(copy: Path) -> None:
    path = copy / EYES / "1_2"
    parts = pickle.loads(path.read_bytes())
    path.write_bytes(pickle.dumps({k: v[:, :31] for k, v in parts.items() if k != "note"}, 4))
    message = refusal(lambda: seed.load(root=copy, options=ONE))
    assert "31" in message
    assert "33" in message
    assert not seed.check(copy, ONE).ok


@pytest.mark.parametrize(("kind", "said"), [("LDS", "LDS"), ("movingAve", "movingAve")])
def test_the_smoothing_of_npz_is_told_by_comparison(copy: Path, kind: str, said: str) -> None:
    what = "smoothing of the EEG features"
    arrays = loadmat(copy / MAT / "1_20000101.mat")
    for k in range(1, 16):  # what is in the npz is the LDS of the simulated copy
        lds, other = f"de_LDS{k}", f"de_movingAve{k}"
        if kind == "movingAve":
            arrays[lds], arrays[other] = arrays[other], arrays[lds]
    savemat(copy / MAT / "1_20000101.mat", {k: v for k, v in arrays.items() if k.startswith("de_")})
    assert fact(seed.check(copy, ONE), what).startswith(said)
    shutil.rmtree(copy / "SEED_EEG")
    assert "does not say" in fact(seed.check(copy, ONE), what)


def test_the_order_of_names_is_pointed_out_where_it_is_another(copy: Path) -> None:
    ten = {"subjects": "1,10"}
    assert "10_1 comes before 1_1" in fact(seed.check(copy, ten), "order of subjects")
    assert "order of subjects" not in {f.what for f in seed.check(copy, ONE).findings}


def test_one_line_for_a_kind_of_fault(copy: Path) -> None:
    for path in (copy / NPZ).glob("*.npz"):
        path.write_bytes(path.read_bytes()[:-100])
    checked = seed.check(copy, ONE)
    (line,) = [f for f in checked.findings if f.found.startswith("unusable")]
    assert "3 files" in line.found
    assert "copy it again" in line.fix
    assert "savez" not in line.fix


def test_files_that_lack_are_one_line_a_folder(copy: Path) -> None:
    for path in (copy / EYES).glob("1_[123]"):
        path.unlink()
    parts = {"train_data_eye": np.ones((499, 33)), "test_data_eye": np.ones((343, 33))}
    (copy / EYES / "2_1").write_bytes(pickle.dumps(parts))
    lines = [f for f in seed.check(copy, ONE).findings if f.what == "files" and not f.ok]
    assert sum("missing" in line.found for line in lines) == 1


def test_the_check_says_what_the_parts_of_each_split_share(plain: Path) -> None:
    checked = seed.check(plain, ONE)
    said = fact(checked, "split official")
    shared, whole = said.split("; in one part: ")
    assert whole == "clip"
    assert all(name in shared for name in ("subject", "session"))
    assert any("films" in note for note in seed.load(root=plain, options=ONE).provenance.notes)


# ---------------------------------------------------------------- DEAP


@pytest.fixture(scope="module")
def four(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    with small_form(tmp_path_factory.mktemp("deap")) as folder:
        deap_simulate.write(folder, 3 / 32, seed=3)
        yield folder


DEAP_TREES = [
    ("mat", "data_preprocessed_matlab/data_preprocessed_matlab"),
    ("dat", "data_preprocessed_python/data_preprocessed_python"),
    ("mat", "deap"),
    ("dat", "DEAP_dataset"),
    ("dat", "data/raw/deap/x/y/z"),
]


@pytest.mark.parametrize(("kind", "place"), DEAP_TREES)
def test_deap_is_found_in_every_tree(four: Path, tmp_path: Path, kind: str, place: str) -> None:
    source = f"DEAP/data_preprocessed_{'matlab' if kind == 'mat' else 'python'}"
    root = lay(four, tmp_path, {source: place})
    for path in [*(root / place).glob("s*")]:
        path.rename(path.with_name(path.name.upper()))
    assert deap.found(root)
    data = deap.load(root=root)
    assert data.fingerprint == deap.load(root=four).fingerprint
    assert deap.check(root).fingerprint == data.fingerprint


def test_two_copies_of_deap_that_differ_are_asked_about(four: Path, tmp_path: Path) -> None:
    for place in ("a", "b"):
        lay(four, tmp_path, {"DEAP/data_preprocessed_matlab": place})
    deap.load(root=tmp_path)
    shutil.copy(tmp_path / "a/s01.mat", tmp_path / "a/s02.mat")
    assert "deap.folder=" in refusal(lambda: deap.load(root=tmp_path))
    one, two = (deap.load(root=tmp_path, options={"folder": name}) for name in ("a", "b"))
    assert one.fingerprint != two.fingerprint == deap.load(root=four).fingerprint


@pytest.mark.parametrize(
    ("names", "facts"),
    [
        (("s01.bdf", "s02.bdf"), ("2 files such as s01.bdf", "raw recordings")),
        (("s1.mat",), ("s1.mat", "s01.mat")),
        (("data_preprocessed_python.zip",), ("data_preprocessed_python.zip", "not unpacked")),
    ],
)
def test_near_misses_of_deap(
    tmp_path: Path, names: tuple[str, ...], facts: tuple[str, ...]
) -> None:
    for name in names:
        (tmp_path / name).touch()
    assert not deap.found(tmp_path)
    message = refusal(lambda: deap.load(root=tmp_path))
    assert all(part in message for part in facts)


def test_a_split_by_subject_shares_the_videos_and_one_by_stimulus_does_not(four: Path) -> None:
    data = deap.load(root=four)
    assert data.split("subject").leaks == ("stimulus",)
    assert data.split("stimulus").by == "stimulus"
    assert data.split("stimulus").leaks == ("subject",)
    assert "stimulus" in fact(deap.check(four), "split subject")
