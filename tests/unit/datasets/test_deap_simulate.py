"""The simulated copy of DEAP: marked, repeatable, like DEAP, never written over real files."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from datasets import deap
from datasets._simulated import MARKER
from datasets.base import DataError, Dataset
from datasets.deap import files as deap_files
from datasets.deap import simulate
from datasets.deap.files import RATE, Form, read_subject
from datasets.deap.rules import PAPER_TRIALS, kept, quadrant
from datasets.deap.simulate import draw_ratings
from tests.unit.datasets.small_deap import FORM, SUBJECTS, small_form, write_small


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    with small_form(tmp_path_factory.mktemp("copy")) as folder:
        write_small(folder)
        yield folder


def test_both_forms_hold_the_same_numbers_and_are_marked(root: Path) -> None:
    base = root / "DEAP"
    for number in range(1, SUBJECTS + 1):
        mat = read_subject(base / f"data_preprocessed_matlab/s{number:02d}.mat")
        dat = read_subject(base / f"data_preprocessed_python/s{number:02d}.dat")
        for left, right in zip(mat, dat, strict=True):
            np.testing.assert_array_equal(left, right)
    for folder in (base, *(path for path in base.iterdir() if path.is_dir())):
        assert "--simulate deap" in (folder / MARKER).read_text("utf-8")


def test_equal_seeds_give_equal_bytes_and_others_do_not(root: Path, tmp_path: Path) -> None:
    write_small(tmp_path)
    for name in ("data_preprocessed_matlab/s02.mat", "data_preprocessed_python/s02.dat"):
        assert (tmp_path / "DEAP" / name).read_bytes() == (root / "DEAP" / name).read_bytes()
    simulate.write(tmp_path / "other", SUBJECTS / 32, seed=4, formats=("dat",))
    other = tmp_path / "other" / "DEAP" / name
    assert other.read_bytes() != (root / "DEAP" / name).read_bytes()


def test_files_that_may_be_real_are_never_written_over(tmp_path: Path) -> None:
    with small_form(tmp_path):
        folder = tmp_path / "DEAP/data_preprocessed_python"
        folder.mkdir(parents=True)
        (folder / "s01.dat").write_bytes(b"precious")
        with pytest.raises(DataError, match="DEAP"):
            write_small(tmp_path)
        assert (folder / "s01.dat").read_bytes() == b"precious"
        assert [path.name for path in tmp_path.rglob("*") if path.is_file()] == ["s01.dat"]


@pytest.mark.parametrize("place", ["s01.dat", "data_preprocessed_matlab/s01.mat", "notes.txt"])
def test_a_copy_in_any_of_its_places_is_neither_marked_nor_added_to(
    tmp_path: Path, place: str
) -> None:
    path = tmp_path / "DEAP" / place
    path.parent.mkdir(parents=True)
    path.write_bytes(b"precious")
    for formats in (("mat", "dat"), ("dat",)):
        with small_form(tmp_path), pytest.raises(DataError, match="DEAP"):
            write_small(tmp_path, formats)
        assert [each for each in tmp_path.rglob("*") if each.is_file()] == [path]


def test_a_simulated_copy_is_not_mixed_with_one_of_other_arguments(root: Path) -> None:
    for scale, seed in ((0.01, 3), (SUBJECTS / 32, 4), (1.0, 3)):
        with pytest.raises(DataError, match=MARKER):
            simulate.write(root, scale, seed)


@pytest.mark.parametrize("stops", [KeyboardInterrupt, OSError(28, "No space left on device")])
def test_a_stopped_command_leaves_no_partial_file_and_resumes(
    root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, stops: BaseException
) -> None:
    def stopping(path: Path, signals: np.ndarray, ratings: np.ndarray) -> None:
        path.write_bytes(b"half")
        if "s03" in path.name:
            raise stops
        simulate.write_dat(path, signals, ratings)

    folder = tmp_path / "DEAP/data_preprocessed_python"
    with monkeypatch.context() as patch:
        patch.setitem(simulate._WRITERS, "dat", stopping)
        with pytest.raises(BaseException, match=r"^$|No space"):
            write_small(tmp_path, ("dat",))
    assert sorted(path.name for path in folder.iterdir()) == [MARKER, "s01.dat", "s02.dat"]
    times = [(folder / name).stat().st_mtime_ns for name in ("s01.dat", "s02.dat")]
    lines: list[str] = []
    simulate.write(tmp_path, SUBJECTS / 32, 3, lines.append, ("dat",))
    assert [line.split(" of 4")[0][-1] for line in lines] == ["2", "3", "4"]
    assert times == [(folder / name).stat().st_mtime_ns for name in ("s01.dat", "s02.dat")]
    for s in range(1, SUBJECTS + 1):
        full = root / f"DEAP/data_preprocessed_python/s{s:02d}.dat"
        assert (folder / full.name).read_bytes() == full.read_bytes()


def test_progress_is_reported_and_the_smallest_copy_has_three_subjects(tmp_path: Path) -> None:
    lines: list[str] = []
    with small_form(tmp_path):
        simulate.write(tmp_path, 0.01, 0, lines.append, formats=("dat",))
    assert [f" {s} of 3" in line for s, line in enumerate(lines, 1)] == [True] * 3
    for scale in (0, -1, 1.5):
        with pytest.raises(DataError, match=f"{scale:g}"):
            simulate.write(tmp_path, scale)


# ---------------------------------------------------------------- ratings


@pytest.mark.parametrize("seed", range(3))
def test_exactly_334_of_1280_trials_survive_the_default_rule(seed: int) -> None:
    ratings = draw_ratings(1280, np.random.default_rng(seed))
    keep = kept(ratings, "either")
    assert keep.sum() == PAPER_TRIALS
    assert np.bincount(quadrant(ratings[keep])).tolist() == [84, 84, 83, 83]
    assert kept(ratings, "both").sum() != PAPER_TRIALS
    assert 1 <= ratings.min() <= ratings.max() <= 9


# ---------------------------------------------------------------- signals


def test_signals_lie_between_4_and_45_hertz(root: Path) -> None:
    signals, _ = read_subject(root / "DEAP/data_preprocessed_python/s01.dat")
    power = np.abs(np.fft.rfft(signals, axis=2)) ** 2
    hertz = np.fft.rfftfreq(FORM.samples, 1 / RATE)
    inside = (hertz >= 3.5) & (hertz <= 45.5)  # drift widens a band by a fraction of a hertz
    assert power[..., inside].sum() > 0.999 * power.sum()


def centred(data: Dataset, column: str) -> list[np.ndarray]:
    """Views with the mean of each group of ``column`` taken out."""
    _, unit = np.unique(data.groups[column], return_inverse=True)
    count = np.bincount(unit)
    views = []
    for view in data.views:
        sums = np.zeros((len(count), view.shape[1]))
        np.add.at(sums, unit, view)
        views.append(view - (sums / count[:, None])[unit])
    return views


def test_neighbouring_seconds_and_one_subjects_trials_resemble_each_other(root: Path) -> None:
    data = deap.load(root=root, options={"filter": "both"})
    eeg = centred(data, "subject")[0]
    within = np.var(centred(data, "trial")[0])
    assert within < 0.75 * np.var(eeg) < 0.75 * np.var(data.views[0])
    seconds = eeg.reshape(-1, FORM.seconds, eeg.shape[1])
    near = np.mean((seconds[:, 1] - seconds[:, 0]) ** 2)
    far = np.mean((seconds[:, -1] - seconds[:, 0]) ** 2)
    assert near < far


def test_ratings_show_in_eeg_more_than_in_peripheral_signals() -> None:
    model = simulate.Model.drawn(np.random.default_rng(0))
    eeg, pps = model.effect[:, :32], model.effect[:, 32:]
    assert np.square(eeg).mean() > 1.5 * np.square(pps).mean() > 0


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["mat", "dat"])
def test_a_file_of_full_size_has_the_form_of_the_published_ones(tmp_path: Path, kind: str) -> None:
    with small_form(tmp_path) as folder, pytest.MonkeyPatch.context() as patch:
        patch.setattr(deap_files, "FORM", Form())
        patch.setattr(simulate, "SUBJECTS", 3)
        simulate.write(folder, formats=(kind,))
        (path, *_) = sorted(folder.rglob(f"s*.{kind}"))
        assert 0 < path.stat().st_size - 40 * 40 * 8064 * 8 - 40 * 4 * 8 < 1000
        data = deap.load(root=folder, options={"filter": "both"})
    assert data.dims == (128, 32)
    assert set(np.bincount(data.groups["trial"])) <= {0, 63}
    assert data.provenance.notes[0].split("; ")[-1].startswith("63 ")
