"""SEED from a simulated copy: rows, order, groups, splits, folders and options."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import numpy as np
import pytest

from datasets import _simulated, seed
from datasets.base import TEST, TRAIN, TUNE, DataError, Dataset, validate
from datasets.seed import simulate
from datasets.seed.layout import CLIPS, LABELS, SECONDS, WINDOWS, settings, spans
from datasets.seed.locate import locate
from protocols.base import scaling_rule
from tests.contract.test_every_dataset import parts_of, straddling
from tests.helpers import refusal

THREE = {"subjects": "1-3"}
CHINESE = "SEED_Multimodal/Chinese"


@pytest.fixture(scope="module")
def copy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three subjects in both layouts; tests read it only."""
    folder = tmp_path_factory.mktemp("seed")
    simulate.write(folder, 0.25, seed=3, layouts=("npz", "mat"))
    return folder


@pytest.fixture(scope="module")
def data(copy: Path) -> Dataset:
    return seed.load(root=copy, options=THREE)


def test_the_clips_give_table_1() -> None:
    np.testing.assert_array_equal(WINDOWS, SECONDS // 4)
    parts = [27 * int(WINDOWS[part].sum()) for part in (slice(9), slice(9, 12), slice(12, 15))]
    assert parts == [13473, 4725, 4536]
    assert sum(parts) == 22734


def test_a_full_simulated_copy_has_the_counts_of_table_1(tmp_path: Path) -> None:
    lines: list[str] = []
    assert simulate.write(tmp_path, progress=lines.append) == tmp_path / "SEED_Multimodal"
    assert len(lines) == 12
    assert all(f" {number} of 12" in line for number, line in enumerate(lines, 1))
    data = seed.load(root=tmp_path)
    assert (data.n, data.dims, data.n_classes) == (22734, (310, 33), 3)
    assert np.bincount(data.official).tolist() == [13473, 4725, 4536]
    assert seed.load(root=tmp_path, options={"subjects": "all"}).n == 36 * 842
    assert seed.check(tmp_path).ok


def test_three_subjects_load(data: Dataset) -> None:
    validate(data)
    assert data.key == "seed:eeg,eye"
    assert data.draw_key == "seed"
    assert data.n == 9 * 842
    assert data.dims == (310, 33)
    assert data.class_names == ("negative", "neutral", "positive")
    assert np.bincount(data.official).tolist() == [9 * 499, 9 * 175, 9 * 168]
    assert data.provenance.kind == "simulated"
    assert "1-3" in data.provenance.notes[0]


def test_values_come_back_as_written(copy: Path, data: Dataset) -> None:
    brain, eyes = simulate._World(3).session(2, 3)
    mine = (data.groups["subject"] == 2) & (data.groups["session"] == 3)
    np.testing.assert_array_equal(data.views[0][mine], brain.reshape(842, 310).astype(np.float32))
    np.testing.assert_array_equal(data.views[1][mine], eyes.astype(np.float32))
    np.testing.assert_array_equal(data.labels[mine], LABELS)


def test_channels_first_is_the_same_columns_in_another_order(copy: Path, data: Dataset) -> None:
    other = seed.load(root=copy, options={**THREE, "order": "channels"})
    bands = data.views[0].reshape(-1, 5, 62)
    np.testing.assert_array_equal(other.views[0].reshape(-1, 62, 5), bands.transpose(0, 2, 1))
    assert other.fingerprint != data.fingerprint


def test_both_layouts_give_the_same_rows(copy: Path, data: Dataset) -> None:
    other = seed.load(root=copy, options={**THREE, "layout": "mat"})
    assert other.fingerprint == data.fingerprint
    assert "de_LDS" in other.provenance.source
    smooth = seed.load(root=copy, options={**THREE, "layout": "mat", "smoothing": "movingAve"})
    assert smooth.fingerprint != data.fingerprint


def test_groups_say_where_a_row_was_recorded(data: Dataset) -> None:
    groups = data.groups
    assert set(groups) == {"subject", "session", "file", "clip", "time"}
    assert np.unique(groups["subject"]).tolist() == [1, 2, 3]
    np.testing.assert_array_equal(
        groups["file"], (groups["subject"] - 1) * 3 + groups["session"] - 1
    )
    np.testing.assert_array_equal(data.labels, CLIPS[groups["clip"] - 1])
    for clip, part in ((1, TRAIN), (9, TRAIN), (10, TUNE), (12, TUNE), (13, TEST), (15, TEST)):
        rows = (groups["clip"] == clip) & (groups["file"] == 4)
        assert set(data.official[rows]) == {part}
        np.testing.assert_array_equal(groups["time"][rows], np.arange(WINDOWS[clip - 1]))


def test_splits_tear_apart_what_they_declare(data: Dataset) -> None:
    assert [split.name for split in data.splits] == ["official", "subject"]
    np.testing.assert_array_equal(parts_of(data, data.split(), 0), data.official)
    for split in data.splits:
        assert straddling(data, split) == set(split.leaks), split.name


def test_each_file_is_scaled_by_its_training_clips_unless_told_otherwise(
    copy: Path, data: Dataset
) -> None:
    assert (data.scaling, data.file_group) == ("per_file", "file")
    assert scaling_rule(data, "official") == "per_file"
    assert scaling_rule(data, "subject") == "global"  # no file is on two sides
    for rule in ("none", "global"):
        other = seed.load(root=copy, options={**THREE, "scaling": rule})
        assert scaling_rule(other, "official") == rule
        assert other.fingerprint == data.fingerprint  # the loader hands over raw values


def test_two_people_offer_no_split_by_person(copy: Path) -> None:
    data = seed.load(root=copy, options={"subjects": "1,3"})
    assert [split.name for split in data.offered] == ["official"]
    message = refusal(lambda: data.split("subject"))
    assert re.search(r"at least 3 .*have 2;.*--dataset seed@official", message)
    checked = seed.check(copy, {"subjects": "1,3"})
    (line,) = [found for found in checked.findings if found.what == "split subject"]
    assert "cannot be drawn" in line.found
    assert np.unique(data.groups["subject"]).tolist() == [1, 3]


def test_views_are_chosen_and_share_their_draws(copy: Path, data: Dataset) -> None:
    eyes = seed.load(views=("eye",), root=copy, options=THREE)
    np.testing.assert_array_equal(eyes.views[0], data.views[1])
    assert eyes.draw_key == data.draw_key
    turned = seed.load(views=("eye", "eeg"), root=copy, options=THREE)
    assert turned.view_names == ("eye", "eeg")
    wrong = refusal(lambda: seed.load(views=("nothing",), root=copy, options=THREE))
    assert "its views are: eeg, eye" in wrong


# ---------------------------------------------------------------- where the files lie


@pytest.mark.parametrize(
    "level",
    [
        *(".", "SEED_Multimodal", CHINESE, f"{CHINESE}/02-EEG-DE-feature"),
        f"{CHINESE}/02-EEG-DE-feature/eeg_used_4s",
        f"{CHINESE}/04-Eye-tracking-feature/eye_tracking_feature",
        *("SEED_EEG", "SEED_EEG/ExtractedFeatures_4s"),
    ],
)
def test_the_root_may_be_any_folder_of_the_tree(copy: Path, data: Dataset, level: str) -> None:
    root = copy / level
    assert seed.found(root)
    again = seed.load(root=root, options=THREE)
    assert again.fingerprint == data.fingerprint
    assert again.provenance.kind == "simulated"


def test_auto_takes_the_folder_that_was_named(copy: Path) -> None:
    named = seed.load(root=copy / "SEED_EEG" / "ExtractedFeatures_4s")
    assert "ExtractedFeatures" in named.provenance.source
    assert "ExtractedFeatures" not in seed.load(root=copy).provenance.source


def test_the_root_may_be_where_you_are(copy: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(copy / CHINESE / "02-EEG-DE-feature" / "eeg_used_4s")
    assert seed.load(root=Path(), options=THREE).provenance.kind == "simulated"


def test_a_folder_above_named_seed_will_do(copy: Path, tmp_path: Path) -> None:
    (tmp_path / "SEED").symlink_to(copy, target_is_directory=True)
    assert seed.load(root=tmp_path, options={"subjects": "2"}).provenance.kind == "simulated"


def test_a_simulated_copy_without_its_marker_is_still_one(copy: Path, tmp_path: Path) -> None:
    shutil.copytree(copy, tmp_path, ignore=lambda *_: [_simulated.MARKER], dirs_exist_ok=True)
    source = locate(tmp_path, settings({"layout": "mat"}))
    assert source is not None
    assert source.eye is not None
    for found in (source.eeg, source.eye):
        assert _simulated.is_simulated(found.folder, tmp_path, found.files.values())
        assert not _simulated.is_simulated(found.folder, tmp_path)


def test_without_any_mark_the_files_count_as_licensed(
    copy: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(_simulated, "NOTE", b"in no file")
    shutil.copytree(copy, tmp_path, ignore=lambda *_: [_simulated.MARKER], dirs_exist_ok=True)
    assert seed.load(root=tmp_path, options=THREE).provenance.kind == "licensed"
    eyes = tmp_path / CHINESE / "04-Eye-tracking-feature" / "eye_tracking_feature"
    _simulated.mark(eyes, "a test")
    assert seed.load(root=tmp_path, options=THREE).provenance.kind == "simulated"


def test_a_folder_without_seed_is_refused(tmp_path: Path) -> None:
    assert not seed.found(tmp_path)
    assert not seed.found(tmp_path / "nowhere")
    assert "SEED_Multimodal" in refusal(lambda: seed.load(root=tmp_path))
    assert "--data-root" in refusal(seed.load)


def test_eeg_without_eye_movements_loads_as_eeg_only(copy: Path, tmp_path: Path) -> None:
    shutil.copytree(copy / "SEED_EEG", tmp_path / "SEED_EEG")
    assert "04-Eye-tracking-feature" in refusal(lambda: seed.load(root=tmp_path, options=THREE))
    alone = seed.load(views=("eeg",), root=tmp_path, options=THREE)
    assert alone.view_names == ("eeg",)


# ---------------------------------------------------------------- options and the copy


@pytest.mark.parametrize(
    ("options", "fact"),
    [
        ({"subject": "1"}, "seed has no setting 'subject'; did you mean subjects"),
        ({"subjects": "1-6"}, "not 6"),
        ({"subjects": "0"}, "not 0"),
        ({"subjects": "1,1"}, "each once"),
        ({"subjects": "3-1"}, "both modalities"),
        ({"subjects": ""}, "a list such as 1-5,8-11"),
        ({"subjects": "../1"}, "a list such as 1-5,8-11"),
        ({"subjects": "1-999999999999"}, "a list such as 1-5,8-11"),
        ({"layout": "csv"}, "one of auto, npz, mat"),
        ({"order": "random"}, "one of bands, channels"),
        ({"smoothing": "../LDS"}, "one of LDS, movingAve"),
        ({"scaling": "minmax"}, "one of none, per_file, global"),
    ],
)
def test_options_are_refused_by_name(copy: Path, options: dict[str, str], fact: str) -> None:
    assert fact in refusal(lambda: seed.load(root=copy, options=options))


def test_a_subject_that_is_not_there_is_named(copy: Path) -> None:
    message = refusal(lambda: seed.load(root=copy, options={"subjects": "1-4"}))
    assert "subject 4, session 1" in message
    assert "option subjects" in message


def test_only_a_simulated_copy_may_have_fewer_than_nine_unasked(
    copy: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert np.unique(seed.load(root=copy).groups["subject"]).tolist() == [1, 2, 3]
    small = seed.check(copy)
    assert not small.ok
    assert small.fingerprint
    monkeypatch.setattr(_simulated, "NOTE", b"in no file")
    shutil.copytree(copy, tmp_path, ignore=lambda *_: [_simulated.MARKER], dirs_exist_ok=True)
    assert "subject 4" in refusal(lambda: seed.load(root=tmp_path))
    assert not seed.check(tmp_path).fingerprint


def test_spans_are_short() -> None:
    assert spans([3, 1, 2, 8]) == "1-3,8"
    assert spans([]) == "none"


def test_a_simulated_copy_is_drawn_by_its_seed(tmp_path: Path) -> None:
    prints = []
    for name, number in (("a", 1), ("b", 1), ("c", 2)):
        simulate.write(tmp_path / name, 0.1, seed=number)
        prints.append(seed.load(root=tmp_path / name, options={"subjects": "1"}).fingerprint)
    assert prints[0] == prints[1] != prints[2]


def test_a_simulated_copy_never_mixes_with_other_files(tmp_path: Path) -> None:
    for name in ("SEED_Multimodal", "SEED_EEG"):
        (tmp_path / name / name / "mine").mkdir(parents=True)
        message = refusal(lambda name=name: simulate.write(tmp_path / name, 0.1))
        assert str(tmp_path / name) in message
    for scale in (0, 2.0, float("nan")):
        with pytest.raises(DataError, match="scale"):
            simulate.write(tmp_path / "new", scale)
    with pytest.raises(DataError, match="layouts"):
        simulate.write(tmp_path / "new", layouts=("csv",))
    assert not (tmp_path / "new").exists()


def test_a_simulated_copy_may_be_written_again(tmp_path: Path) -> None:
    for _ in range(2):
        simulate.write(tmp_path, 0.1, seed=1)
    assert seed.load(root=tmp_path).provenance.kind == "simulated"
    for arguments in ({"scale": 0.1, "seed": 2}, {"scale": 1.0, "seed": 1}):
        message = refusal(lambda given=arguments: simulate.write(tmp_path, **given))
        assert _simulated.MARKER in message


def test_files_of_the_simulated_copy_have_the_size_of_the_released_ones(copy: Path) -> None:
    # public listings of the release give 2,096,696 for each eeg_used_4s file; the note comes on top
    assert all(0 < path.stat().st_size - 2_096_696 < 512 for path in copy.rglob("*.npz"))
    assert all(b"numpy._core" not in path.read_bytes() for path in copy.rglob("[123]_[123]"))


def test_neighbours_in_time_resemble_each_other(data: Dataset) -> None:
    for view in data.views:
        inside = data.groups["time"][1:] > 0
        x = (view - view.mean(axis=0)) / view.std(axis=0)
        near = np.mean((x[1:] - x[:-1])[inside] ** 2)
        assert near < 0.8  # 2 for windows that do not know each other
