"""EmoEEG-MC on simulated files: rows, groups, splits, tables of the body, trees, the data check."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from datasets import emoeeg_mc
from datasets._check import DataCheck
from datasets._simulated import MARKER
from datasets.base import TEST, TRAIN, TUNE, Dataset, validate
from datasets.emoeeg_mc import files, simulate
from datasets.emoeeg_mc.checks import file_findings
from datasets.emoeeg_mc.layout import ITEMS, WITH_GSR, WITH_HR
from datasets.emoeeg_mc.read import body_table, de_features, trial_order
from protocols.base import label_fractions, label_rule
from tests.contract.test_every_dataset import parts_of, straddling
from tests.helpers import refusal

SEED, PEOPLE = 4, 5
ROWS = 2 * 21 * 30  # of a person
DERIVED = "ds005540/derivatives"


@pytest.fixture(scope="module")
def plain(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Five people: 1 lacks heart rate and skin, 3 skin. Tests read it only."""
    folder = tmp_path_factory.mktemp("emoeeg")
    assert simulate.write(folder, PEOPLE / 60, SEED) == folder / "ds005540"
    return folder


@pytest.fixture
def copy(plain: Path, tmp_path: Path) -> Path:
    """A copy, to be changed."""
    return Path(shutil.copytree(plain, tmp_path / "root"))


@pytest.fixture(scope="module")
def data(plain: Path) -> Dataset:
    return emoeeg_mc.load(root=plain, options={"rows": "complete"})


@pytest.fixture(scope="module")
def brain(plain: Path) -> Dataset:
    return emoeeg_mc.load(("eeg",), plain)


def table(root: Path, person: int, session: str, kind: str) -> Path:
    name = f"sub-{person:02d}"
    stem = f"{name}_ses-{session}_{kind.upper()}features.csv"
    return root / DERIVED / name / f"ses-{session}" / "physio" / stem


def eeg_file(root: Path, person: int, session: str) -> Path:
    name = f"sub-{person:02d}"
    stem = f"{name}_ses-{session}_task-emotion_de.npy"
    return root / DERIVED / name / f"ses-{session}" / "eeg" / stem


# ---------------------------------------------------------------- rows


def test_rows_are_those_that_have_every_chosen_view(data: Dataset, brain: Dataset) -> None:
    validate(data)
    assert (data.key, data.draw_key) == ("emoeeg_mc:eeg,hr,gsr", "emoeeg_mc")
    assert data.dims == (320, 4, 4)
    assert np.unique(data.groups["person"]).tolist() == [2, 4, 5]
    assert data.n == 3 * ROWS
    assert brain.n == PEOPLE * ROWS
    assert data.provenance.kind == "simulated"
    assert f"3 people and {3 * ROWS} of {5 * ROWS} rows" in data.provenance.notes[0]
    assert any("mean_hr" in note for note in data.provenance.notes)


def test_labels_of_a_simulated_copy_are_drawn_as_those_of_the_open_data(data: Dataset) -> None:
    real = replace(data, provenance=replace(data.provenance, kind="open"))
    for source in (data, real):
        assert label_fractions(source) == (0.02, 0.05, 0.10)
        assert label_rule(source) == "random_min_one"


def test_by_default_rows_keep_views_that_are_absent(plain: Path, data: Dataset) -> None:
    every = emoeeg_mc.load(root=plain)
    assert every.n == PEOPLE * ROWS
    there = {"hr": (2, 3, 4, 5), "gsr": (2, 4, 5)}
    for name, people in there.items():
        view = every.views[every.view_names.index(name)]
        has = np.isin(every.groups["person"], people)
        assert np.array_equal(np.isfinite(view).all(axis=1), has)
        assert np.array_equal(np.isnan(view).all(axis=1), ~has)
    kept = np.isin(every.groups["person"], (2, 4, 5))
    for view, complete in zip(every.views, data.views, strict=True):
        np.testing.assert_array_equal(view[kept], complete)


def test_hr_alone_keeps_who_has_it(plain: Path) -> None:
    heart = emoeeg_mc.load(("hr", "eeg"), plain, {"rows": "complete"})
    assert heart.view_names == ("hr", "eeg")
    assert np.unique(heart.groups["person"]).tolist() == [2, 3, 4, 5]


def test_values_come_back_as_written_in_their_places(data: Dataset, brain: Dataset) -> None:
    world = simulate._World(SEED)
    for context in (0, 1):
        drawn = world.person(4, context)
        for source in (data, brain):
            groups = source.groups
            mine = (groups["person"] == 4) & (groups["context"] == context)
            eeg = drawn["eeg"].transpose(0, 2, 3, 1).reshape(-1, 320)  # bands, then channels
            np.testing.assert_array_equal(source.views[0][mine], eeg.astype(np.float32))
            assert groups["stimulus"][mine].tolist() == list(np.repeat(range(21), 30))
        mine = (data.groups["person"] == 4) & (data.groups["context"] == context)
        # presented in another order, matched by trial number
        hr = np.repeat(drawn["hr"], 30, axis=0)
        np.testing.assert_allclose(data.views[1][mine], hr, atol=1e-5)
        gsr = drawn["gsr"].reshape(-1, 4)
        np.testing.assert_allclose(data.views[2][mine], gsr, atol=1e-5)


def test_classes_follow_from_the_stimulus(data: Dataset, plain: Path) -> None:
    assert np.array_equal(data.labels, data.groups["stimulus"] // 3)
    assert np.bincount(data.labels).tolist() == [3 * ROWS // 7] * 7
    assert data.class_names[data.labels[data.groups["stimulus"] == ITEMS.index("ten5")][0]] == (
        "tenderness"
    )
    moods = emoeeg_mc.load(root=plain, options={"label": "valence", "rows": "complete"})
    assert moods.class_names == ("negative", "positive")
    assert moods.n == data.n * 6 // 7
    assert np.array_equal(moods.labels, moods.groups["stimulus"] > 11)
    assert any("neutral" in note for note in moods.provenance.notes)


def test_a_trial_is_one_person_context_and_stimulus(data: Dataset) -> None:
    names = ("person", "context", "stimulus")
    for rows in np.split(np.argsort(data.groups["trial"], kind="stable"), data.n // 30):
        assert all(len(np.unique(data.groups[name][rows])) == 1 for name in names)
    assert len(np.unique(data.groups["trial"])) == data.n // 30


def test_splits_tear_apart_what_they_declare(brain: Dataset) -> None:
    assert [split.name for split in brain.splits] == ["person", "stimulus", "context", "window"]
    for split in brain.splits:
        assert straddling(brain, split) == set(split.leaks), split.name


@pytest.mark.parametrize(("train", "first"), [("video", 0), ("imagery", 1)])
def test_across_contexts_one_is_the_test_part(plain: Path, train: str, first: int) -> None:
    data = emoeeg_mc.load(root=plain, options={"train": train})
    parts = parts_of(data, data.split("context"), 0)
    context, stimulus = data.groups["context"], data.groups["stimulus"]
    assert np.array_equal(parts == TEST, context != first)
    assert set(stimulus[parts == TUNE] % 3) == {2}
    assert not set(stimulus[parts == TUNE]) & set(stimulus[parts == TRAIN])


# ---------------------------------------------------------------- people


def test_people_are_chosen_by_number(plain: Path) -> None:
    two = emoeeg_mc.load(("eeg",), plain, {"people": "2-3"})
    assert np.unique(two.groups["person"]).tolist() == [2, 3]
    assert "person" not in {split.name for split in two.offered}
    assert "emoeeg_mc@stimulus" in refusal(lambda: two.split("person"))
    message = refusal(lambda: emoeeg_mc.load(("eeg",), plain, {"people": "2,9"}))
    assert "sub-09" in message
    for wrong in ("0", "61", "", "all"):
        assert "people" in refusal(
            lambda wrong=wrong: emoeeg_mc.load(root=plain, options={"people": wrong})
        )


def test_people_whose_trials_cannot_be_told_are_left_out_and_named(copy: Path) -> None:
    path = eeg_file(copy, 2, "ima")
    np.save(path, np.zeros((20, 64, 30, 5)))
    data = emoeeg_mc.load(("eeg",), copy)
    assert np.unique(data.groups["person"]).tolist() == [1, 3, 4, 5]
    assert any("left out" in note and "sub-02" in note for note in data.provenance.notes)
    message = refusal(lambda: emoeeg_mc.load(("eeg",), copy, {"people": "1-3"}))
    assert "20 trials of imagery" in message


# ---------------------------------------------------------------- features of EEG


@pytest.mark.parametrize("axes", [(0, 1, 2, 3), (2, 0, 3, 1), (3, 2, 1, 0)])
@pytest.mark.parametrize("form", ["plain", "object", "dict", "list", "pickle"])
def test_axes_are_told_by_their_sizes(tmp_path: Path, axes: tuple[int, ...], form: str) -> None:
    array = np.random.default_rng(0).normal(size=(21, 64, 30, 5))
    turned = np.ascontiguousarray(array.transpose(axes))
    path = tmp_path / "x_de.npy"
    content = np.empty((), object)
    if form == "list" and axes[0] != 0:
        pytest.skip("a list of trials has them first")
    if form == "pickle":
        path.write_bytes(turned.dumps())
    else:
        content[()] = {
            "object": turned,
            "dict": {"note": "x", "de": turned},
            "list": list(turned),
        }.get(form)
        np.save(path, turned if form == "plain" else content, allow_pickle=True)
    expected = array.transpose(0, 2, 3, 1).reshape(21, 30, 320).astype(np.float32)
    np.testing.assert_array_equal(de_features(path), expected)


@pytest.mark.parametrize(
    "content",
    [
        np.zeros((21, 64, 30)),
        np.zeros((21, 62, 30, 5)),
        np.zeros((22, 64, 30, 5)),
        np.zeros((5, 64, 30, 5)),
        np.full((21, 64, 30, 5), np.nan),
        np.full((21, 64, 30, 5), 1e300),
        np.array({"a": np.zeros((1, 2, 3)), "b": np.zeros((1, 2, 3))}, dtype=object),
        np.array({"a": "text"}, dtype=object),
        np.array([None, None], dtype=object),
    ],
    ids=["3d", "62", "22", "5 twice", "nan", "large", "two", "text", "none"],
)
def test_features_of_another_form_are_refused(tmp_path: Path, content: np.ndarray) -> None:
    path = tmp_path / "x_de.npy"
    np.save(path, content, allow_pickle=True)
    assert "x_de.npy" in refusal(lambda: de_features(path))


@pytest.mark.parametrize("text", ["/annex/objects/MD5E-s1613181--x.npy\n", ""])
def test_a_file_that_git_annex_has_not_fetched_is_named(copy: Path, text: str) -> None:
    for path in (copy / DERIVED).rglob("*_de.npy"):
        path.unlink()
        if text:
            path.write_text(text)
        else:
            path.symlink_to(Path("../../../.git/annex/objects/x") / path.name)
    assert emoeeg_mc.found(copy)
    assert "git annex get" in refusal(lambda: emoeeg_mc.load(root=copy))
    faults = [f for f in emoeeg_mc.check(copy).findings if "unusable" in f.found]
    assert len(faults) == 1
    assert "10 files" in faults[0].found


# ---------------------------------------------------------------- tables of the body


ORDER = {**{1 + i: 20 - i for i in range(21)}, **{22 + i: i for i in range(21)}}


def write_table(path: Path, head: str, lines: list[str]) -> Path:
    path.write_text("\n".join([head, *lines]) + "\n")
    return path


def test_lines_are_matched_by_stimulus(tmp_path: Path) -> None:
    names = [ITEMS[i] for i in np.random.default_rng(1).permutation(21)]
    lines = [f"{i},{name.upper()},{ITEMS.index(name) * 1.5}" for i, name in enumerate(names)]
    path = write_table(tmp_path / "x.csv", ",clip,bpm", lines)
    found = body_table(path, {}, 0, "ask")
    assert found.columns == ("bpm",)
    assert found.values.shape == (21, 30, 1)
    np.testing.assert_array_equal(found.values[:, 7, 0], 1.5 * np.arange(21, dtype=np.float32))


@pytest.mark.parametrize("offset", [0, 21])
def test_lines_are_matched_by_trial_number(tmp_path: Path, offset: int) -> None:
    lines = [f"{offset + k};{k}.5" for k in range(21, 0, -1)]
    path = write_table(tmp_path / "x.csv", "Trial_Number;bpm", lines)
    found = body_table(path, ORDER, 0, "ask")  # video: trial 21 + k is item k - 1
    np.testing.assert_array_equal(found.values[:, 0, 0], np.arange(1, 22) + np.float32(0.5))
    if not offset:
        other = body_table(path, ORDER, 1, "ask")  # imagery: trial k is item 21 - k
        np.testing.assert_array_equal(other.values[::-1], found.values)
        assert "beh" in refusal(lambda: body_table(path, {}, 1, "ask"))


def test_lines_that_name_no_trial_are_asked_about(tmp_path: Path) -> None:
    path = write_table(tmp_path / "x.csv", "bpm,sd", [f"{k}.25,{k * k}.1" for k in range(21)])
    message = refusal(lambda: body_table(path, ORDER, 1, "ask"))
    assert "emoeeg_mc.lines=" in message
    first = body_table(path, ORDER, 1, "derivatives").values
    np.testing.assert_array_equal(first[:, 0, 0], np.arange(21) + np.float32(0.25))
    shown = body_table(path, ORDER, 1, "presentation").values
    np.testing.assert_array_equal(shown, first[::-1])


def test_a_line_a_window_keeps_their_order(tmp_path: Path) -> None:
    lines = [f"{ITEMS[k // 30]},{k}.5" for k in range(630)]
    path = write_table(tmp_path / "x.csv", "video_name,scl", lines)
    found = body_table(path, {}, 0, "ask").values
    np.testing.assert_array_equal(found.ravel(), np.arange(630) + np.float32(0.5))


def test_codes_of_the_class_are_no_features(tmp_path: Path) -> None:
    lines = [f"{ITEMS[k]},{k // 3},{k // 3 + 1},{k + 1},{k}.5,x" for k in range(21)]
    head = "video,label,mood,position,bpm,text"
    found = body_table(write_table(tmp_path / "x.csv", head, lines), {}, 0, "ask")
    assert found.columns == ("bpm",)


def test_a_trial_without_a_value_lacks_the_view(tmp_path: Path) -> None:
    lines = [f"{ITEMS[k]},{'n/a' if k == 3 else k + 0.5},{k + 0.25}" for k in range(21)]
    found = body_table(write_table(tmp_path / "x.csv", "video,bpm,sd", lines), {}, 0, "ask").values
    assert np.isnan(found[3]).all()
    assert np.isfinite(np.delete(found, 3, axis=0)).all()


@pytest.mark.parametrize(
    "text",
    [
        "",
        "1,2\n3,4\n",
        "video,bpm\n" + "".join(f"{item},1.5\n" for item in ITEMS[:20]),
        "video,bpm\n" + "".join(f"{item},1.5\n" for item in ITEMS[:20] + ITEMS[:1]),
        "video,bpm\n" + "".join(f"{item},x\n" for item in ITEMS),
        "video,bpm\n" + "".join(f"{item}\n" for item in ITEMS),
        "video,video\n" + "".join(f"{item},1\n" for item in ITEMS),
        "trial,bpm\n" + "".join(f"{k}x,1.5\n" for k in range(21)),
        "\udcff",
    ],
)
def test_a_table_that_cannot_be_matched_is_named(tmp_path: Path, text: str) -> None:
    (tmp_path / "x.csv").write_text(text, errors="surrogateescape")
    assert "x.csv" in refusal(lambda: body_table(tmp_path / "x.csv", ORDER, 0, "ask"))


def test_a_person_with_other_columns_is_named(copy: Path) -> None:
    path = table(copy, 4, "vid", "hr")
    path.write_text(path.read_text().replace("sdnn", "other"))
    assert path.name in refusal(lambda: emoeeg_mc.load(root=copy))


def test_a_copy_without_tables_is_read_as_eeg(copy: Path) -> None:
    for person in range(1, PEOPLE + 1):
        for session in ("vid", "ima"):
            shutil.rmtree(table(copy, person, session, "hr").parent, ignore_errors=True)
    assert "emoeeg_mc:eeg" in refusal(lambda: emoeeg_mc.load(root=copy))
    assert emoeeg_mc.load(("eeg",), copy).n == PEOPLE * ROWS
    assert emoeeg_mc.check(copy).fingerprint


# ---------------------------------------------------------------- where the files lie


@pytest.mark.parametrize("place", [".", "ds005540", "ds005540/derivatives"])
def test_the_root_may_be_any_folder_of_the_tree(plain: Path, brain: Dataset, place: str) -> None:
    assert emoeeg_mc.found(plain / place)
    again = emoeeg_mc.load(("eeg",), plain / place)
    assert again.fingerprint == brain.fingerprint
    assert again.provenance.kind == "simulated"


def test_names_in_another_case_and_files_one_level_higher(copy: Path, brain: Dataset) -> None:
    shutil.move(copy / "ds005540", copy / "data" / "OpenNeuro" / "ds005540")
    base = copy / "data" / "OpenNeuro" / DERIVED
    for path in [*base.rglob("*_de.npy")]:
        path.rename(path.parent.parent / path.name.upper())
    for folder in [*base.iterdir()]:
        if folder.is_dir():
            folder.rename(folder.with_name(folder.name.upper()))
    assert emoeeg_mc.load(("eeg",), copy).fingerprint == brain.fingerprint


def test_a_copy_without_its_markers_is_still_simulated(plain: Path, tmp_path: Path) -> None:
    shutil.copytree(plain, tmp_path, ignore=lambda *_: [MARKER], dirs_exist_ok=True)
    assert emoeeg_mc.load(("eeg",), tmp_path).provenance.kind == "simulated"
    for path in tmp_path.rglob("sub-*.*"):
        assert b"simulated copy" in path.read_bytes()[:4096], path


def test_two_copies_that_differ_are_asked_about(copy: Path) -> None:
    shutil.copytree(copy / DERIVED, copy / "old")
    assert emoeeg_mc.load(("eeg",), copy).n == PEOPLE * ROWS
    shutil.copy(eeg_file(copy, 1, "vid"), eeg_file(copy, 1, "ima"))
    assert "emoeeg_mc.folder=" in refusal(lambda: emoeeg_mc.load(("eeg",), copy))
    assert emoeeg_mc.load(("eeg",), copy, {"folder": "old"}).n == PEOPLE * ROWS


@pytest.mark.parametrize(
    ("name", "fact"),
    [
        ("ds005540-1.0.7.zip", "not unpacked"),
        ("sub-01/ses-vid/eeg/sub-01_ses-vid_task-emotion_eeg.edf", "raw recordings"),
        ("sub-02_ses-vid_task-emotion_HRfeatures.csv", "features of the body"),
    ],
)
def test_near_misses(tmp_path: Path, name: str, fact: str) -> None:
    (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
    (tmp_path / name).touch()
    assert not emoeeg_mc.found(tmp_path)
    message = refusal(lambda: emoeeg_mc.load(root=tmp_path))
    assert fact in message
    assert "openneuro.org" in message
    assert "--data-root" in refusal(emoeeg_mc.load)
    assert not emoeeg_mc.check(tmp_path).ok


# ---------------------------------------------------------------- the data check, the copy


def line(checked: DataCheck, what: str) -> tuple[str, str, bool]:
    (only,) = [f for f in checked.findings if f.what == what]
    return only.found, only.expected, only.ok


def test_the_check_has_the_published_counts(plain: Path) -> None:
    checked, data = emoeeg_mc.check(plain), emoeeg_mc.load(root=plain)
    assert not checked.ok
    assert checked.simulated
    assert checked.fingerprint == data.fingerprint
    assert line(checked, "people with features of EEG") == ("5", "60", False)
    assert line(checked, "files of features of EEG") == ("10", "120", False)
    assert line(checked, "of these with 21 trials") == ("10", "109", False)
    found, expected, _ = line(checked, "people with hr")
    assert (found[:2], expected[:2]) == ("4:", "46")
    assert line(checked, "people with gsr")[1].startswith("43")
    assert line(checked, "rows")[0] == str(data.n)
    assert "person" in line(checked, "split context")[0]
    assert (len(WITH_HR), len(WITH_GSR)) == (46, 43)


def test_a_whole_simulated_copy_has_the_published_counts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    small = np.zeros((21, 64, 30, 5), np.float32)  # counts need no values
    tables = {"eeg": small, "hr": np.ones((21, 4)), "gsr": np.ones((21, 30, 4))}
    monkeypatch.setattr(simulate._World, "person", lambda *_: tables)
    simulate.write(tmp_path)
    copy = files.locate(tmp_path)
    assert copy is not None
    assert all(finding.ok for finding in file_findings(copy, True))


def test_a_simulated_copy_is_drawn_by_its_seed_and_never_mixes(tmp_path: Path) -> None:
    prints = []
    for name, number in (("a", 1), ("b", 1), ("c", 2)):
        simulate.write(tmp_path / name, 0.05, number)
        prints.append(emoeeg_mc.load(("eeg",), tmp_path / name).fingerprint)
    assert prints[0] == prints[1] != prints[2]
    assert MARKER in refusal(lambda: simulate.write(tmp_path / "a", 0.05, 2))
    (tmp_path / "d/ds005540/mine").mkdir(parents=True)
    assert "ds005540" in refusal(lambda: simulate.write(tmp_path / "d", 0.05))
    assert "scale" in refusal(lambda: simulate.write(tmp_path / "e", 0))


def test_the_order_of_trials_comes_from_the_table_of_behaviour(plain: Path, tmp_path: Path) -> None:
    path = plain / "ds005540/sub-02/beh/sub-02_task-emotion_beh.tsv"
    order = trial_order(path)
    assert sorted(order) == list(range(1, 43))
    assert sorted(order[k] for k in range(1, 22)) == list(range(21))
    wrong = write_table(tmp_path / "x.tsv", "a\tb", ["1\t2"])
    assert "video_name" in refusal(lambda: trial_order(wrong))
