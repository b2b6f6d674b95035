"""DEAP from files to rows: which trials count, what a row is, how rows are cut, what is said."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from scipy.io import savemat

from datasets import deap
from datasets._entropy import band_entropy
from datasets._simulated import is_simulated
from datasets.base import TEST, TRAIN, TUNE, DataError, Dataset, Provenance
from datasets.deap.checks import part_sizes
from datasets.deap.files import RATE, locate, read_subject
from datasets.deap.rules import QUADRANTS, chosen, kept, quadrant
from datasets.deap.simulate import draw_ratings
from protocols._splits import part_of_rows
from tests.unit.datasets.small_deap import FORM, KEPT, SUBJECTS, TRIALS, small_form, write_small

BANDS = ((4.0, 8.0), (8.0, 14.0), (14.0, 31.0), (31.0, 45.0))


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    with small_form(tmp_path_factory.mktemp("root")) as folder:
        write_small(folder)
        yield folder


@pytest.fixture(scope="module")
def data(root: Path) -> Dataset:
    return deap.load(root=root)


def ratings_of(root: Path) -> np.ndarray:
    paths = sorted(root.glob("DEAP/data_preprocessed_matlab/*.mat"))
    return np.concatenate([read_subject(path)[1] for path in paths])


# ---------------------------------------------------------------- which trials count

PLANE = np.array([[5.0, 5.0], [4, 8], [6, 6], [3.9, 6.1], [2, 5.5], [5, 9], [2.9, 2.8], [6.2, 6.2]])


@pytest.mark.parametrize(
    ("rule", "expected"),
    [
        ("either", [0, 0, 0, 1, 0, 0, 1, 1]),
        ("both", [0, 1, 0, 1, 1, 1, 1, 1]),
        ("radius", [0, 1, 0, 0, 1, 1, 1, 0]),
    ],
)
def test_each_reading_of_the_rule_drops_its_own_region(rule: str, expected: list[int]) -> None:
    assert kept(PLANE, rule).tolist() == [bool(each) for each in expected]


def test_either_drops_all_that_both_drops_and_leaves_no_rating_near_a_border() -> None:
    ratings = np.random.default_rng(0).uniform(1, 9, (2000, 4))
    either = kept(ratings, "either")
    assert not (either & ~kept(ratings, "both")).any()
    assert (np.abs(ratings[either, :2] - 5) > 1).all()


def test_classes_are_quadrants_and_five_is_high() -> None:
    plane = np.array([[1.0, 1], [1, 9], [9, 1], [9, 9], [5, 4.9], [4.9, 5]])
    names = [QUADRANTS[k] for k in quadrant(plane)]
    assert names == ["LVLA", "LVHA", "HVLA", "HVHA", "HVLA", "LVHA"]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"filtre": "both"}, "deap has no setting 'filtre'; did you mean filter"),
        (
            {"filter": "334"},
            "deap.filter must be one of either, both, radius, not '334'",
        ),
        ({"format": "npz"}, "one of auto, mat, dat"),
    ],
)
def test_an_unknown_option_is_refused(options: dict[str, str], message: str) -> None:
    for call in (chosen, lambda given: deap.load(options=given)):
        with pytest.raises(DataError, match=message):
            call(options)


def test_every_option_has_a_default_and_a_line() -> None:
    described = deap.OPTIONS.described()
    assert {option.name: option.default for option in described} == chosen(None)
    assert all(option.meaning and "\n" not in option.meaning for option in described)


# ---------------------------------------------------------------- rows


def test_a_kept_trial_gives_one_row_a_second(root: Path, data: Dataset) -> None:
    assert data.n == KEPT * FORM.seconds
    assert data.dims == (128, 32)
    assert data.view_names == ("eeg", "pps")
    assert data.key == "deap:eeg,pps"
    keep = kept(ratings_of(root), "either")
    assert np.array_equal(data.groups["trial"], np.repeat(np.flatnonzero(keep), FORM.seconds))
    assert np.array_equal(data.labels, np.repeat(quadrant(ratings_of(root)[keep]), FORM.seconds))
    subject, video = data.groups["subject"], data.groups["stimulus"]
    assert np.array_equal((subject - 1) * FORM.videos + video - 1, data.groups["trial"])
    assert (subject.min(), subject.max()) == (1, SUBJECTS)


@pytest.mark.parametrize("order", ["band", "channel"])
def test_a_row_is_the_entropy_of_its_second(root: Path, order: str) -> None:
    data = deap.load(root=root, options={"order": order})
    row = 3 * FORM.seconds + 2
    subject, video = data.groups["subject"][row], data.groups["stimulus"][row]
    path = root / f"DEAP/data_preprocessed_matlab/s{subject:02d}.mat"
    second = band_entropy(read_subject(path)[0][video - 1], RATE, BANDS)[2]  # (channels, bands)
    for view, part in zip(data.views, (second[:32], second[32:]), strict=True):
        expected = part.T.ravel() if order == "band" else part.ravel()
        np.testing.assert_allclose(view[row], expected, rtol=1e-6)


def test_both_forms_of_the_files_give_the_same_data_set(root: Path, data: Dataset) -> None:
    other = deap.load(root=root, options={"format": "dat"})
    assert other.fingerprint == data.fingerprint
    assert data.provenance.source.split()[-1] == ".mat"
    assert other.provenance.source.split()[-1] == ".dat"


def test_a_view_is_chosen_by_name(root: Path, data: Dataset) -> None:
    one = deap.load(views=("pps",), root=root)
    np.testing.assert_array_equal(one.views[0], data.views[1])
    assert (one.key, one.draw_key) == ("deap:pps", "deap")
    with pytest.raises(DataError, match="'eye'.* eeg, pps"):
        deap.load(views=("eye",), root=root)


def test_another_rule_keeps_other_trials_and_says_how_many(root: Path, data: Dataset) -> None:
    assert (
        f"filter=either keeps {KEPT} of {TRIALS} trials (the paper: 334 of 1280)"
        in (data.provenance.notes[0])
    )
    both = deap.load(root=root, options={"filter": "both"})
    count = int(kept(ratings_of(root), "both").sum())
    assert both.n == count * FORM.seconds > data.n
    assert f"filter=both keeps {count} of {TRIALS}" in both.provenance.notes[0]
    assert both.fingerprint != data.fingerprint


def test_missing_subjects_are_said(data: Dataset) -> None:
    assert data.provenance.notes[1] == "4 of 32 subjects; missing: s05, s06, s07 and 25 more"


def test_flat_channels_are_counted_in_a_note(tmp_path: Path) -> None:
    with small_form(tmp_path):
        write_small(tmp_path, ("mat",))
        path = tmp_path / "DEAP/data_preprocessed_matlab/s01.mat"
        signals, ratings = read_subject(path)
        signals[:, 36] = 1000.0
        savemat(path, {"data": signals, "labels": ratings})
        (note,) = [n for n in deap.load(root=tmp_path).provenance.notes if "flat" in n]
        mine = int(kept(ratings, "either").sum())
        assert note.split()[0] == str(mine * FORM.seconds * 4)


@pytest.mark.parametrize("kind", ["mat", "dat"])
def test_a_simulated_copy_linked_or_copied_file_by_file_is_one(
    root: Path, tmp_path: Path, kind: str
) -> None:
    files = locate(root, kind)
    assert files is not None
    linked, copied = tmp_path / files.paths[1].name, tmp_path / files.paths[2].name
    linked.symlink_to(files.paths[1])
    shutil.copy(files.paths[2], copied)
    assert is_simulated(tmp_path, tmp_path, [linked])
    assert is_simulated(tmp_path, tmp_path, [copied])
    assert not is_simulated(tmp_path, tmp_path)


def test_a_simulated_copy_is_recognised_from_any_level(root: Path, data: Dataset) -> None:
    assert data.provenance.kind == "simulated"
    for inner in ("DEAP", "DEAP/data_preprocessed_matlab"):
        same = deap.load(root=root / inner)
        assert same.provenance.kind == "simulated"
        assert same.fingerprint == data.fingerprint


# ---------------------------------------------------------------- splits


@pytest.fixture(scope="module")
def full() -> Dataset:
    """All rows of the paper, without their signals: 334 of 1280 trials, 63 seconds each."""
    ratings = draw_ratings(1280, np.random.default_rng(0))
    trial = np.repeat(np.flatnonzero(kept(ratings, "either")), 63)
    columns = {"trial": trial, "subject": trial // 40 + 1, "stimulus": trial % 40 + 1}
    return Dataset(
        key="deap",
        draw_key="deap",
        title="DEAP",
        views=(np.arange(len(trial), dtype=np.float32)[:, None],),
        view_names=("eeg",),
        labels=quadrant(ratings)[trial],
        class_names=QUADRANTS,
        splits=deap.SPLITS,
        provenance=Provenance("simulated", "drawn by the tests", "none"),
        groups=columns,
    )


def test_the_segment_split_gives_the_counts_of_table_1(full: Dataset) -> None:
    assert full.n == 21042
    parts = part_of_rows(full, full.split("segment"), np.random.default_rng(0))
    assert np.bincount(parts).tolist() == [16834, 2104, 2104]
    assert full.split().name == "segment"


@pytest.mark.parametrize("n", [10, 21042, 3969, 105])
def test_the_data_check_counts_parts_as_the_split_does(full: Dataset, n: int) -> None:
    few = replace(
        full,
        views=(full.views[0][:n],),
        labels=np.arange(n) % 4,
        groups={name: column[:n] for name, column in full.groups.items()},
    )
    parts = part_of_rows(few, few.split("segment"), np.random.default_rng(0))
    assert part_sizes(n, few.split("segment").shares) == tuple(np.bincount(parts))


def test_groups_straddle_exactly_where_a_leak_is_declared(full: Dataset) -> None:
    for split in full.splits:
        parts = part_of_rows(full, split, np.random.default_rng(1))
        assert set(parts) == {TRAIN, TUNE, TEST}
        straddling = {
            name
            for name, group in full.groups.items()
            if np.unique(np.stack([group, parts]), axis=1).shape[1] > len(np.unique(group))
        }
        assert straddling == set(split.leaks), split.name
        shares = np.bincount(parts) / full.n
        np.testing.assert_allclose(shares, split.shares, atol=0.05)
