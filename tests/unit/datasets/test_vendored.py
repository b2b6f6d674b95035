"""The sets that come with the project: shapes, counts, splits, provenance, and known accuracies."""

from __future__ import annotations

import importlib
from pathlib import Path

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression

from datasets import mfeat, watch
from datasets._io import VENDOR, sha256
from datasets.base import DataError, Dataset

ROOT = Path(__file__).resolve().parents[3]
SHAPES = {
    "mfeat": {"fou": 76, "zer": 47},
    "mnist_hog": {"hog0": 192, "hog2": 192},
    "watch": {"acc": 36, "gyr": 36},
    "digits": {"left": 32, "right": 32},
}
COUNTS = {
    "mfeat": [200] * 10,
    "mnist_hog": [500] * 10,
    "watch": [254, 389, 396, 363, 366, 294, 307],
    "digits": [178, 182, 177, 183, 181, 182, 181, 179, 174, 180],
}
EVERY = {
    "mfeat": mfeat.VIEWS,
    "mnist_hog": ("hog0", "hog1", "hog2", "hog3"),
    "watch": watch.VIEWS,
    "digits": ("left", "right"),
}
KEYS = sorted(SHAPES)


def load(key: str, views: tuple[str, ...] | None = None) -> Dataset:
    return importlib.import_module(f"datasets.{key}").load(views=views, root=None)


@pytest.mark.parametrize("key", KEYS)
def test_default_views_sizes_and_class_counts(key: str) -> None:
    data = load(key)
    assert dict(zip(data.view_names, data.dims, strict=True)) == SHAPES[key]
    assert np.bincount(data.labels).tolist() == COUNTS[key]
    assert data.key == f"{key}:{','.join(SHAPES[key])}"
    assert data.draw_key == key
    assert data.provenance.kind == "open"
    assert data.provenance.licence
    assert data.provenance.source


@pytest.mark.parametrize("key", KEYS)
def test_views_are_those_asked_for_in_that_order(key: str) -> None:
    names = EVERY[key][::-1]
    data, default = load(key, names), load(key)
    assert data.view_names == names
    assert data.key == f"{key}:{','.join(names)}"
    for name in default.view_names:
        mine = data.views[names.index(name)]
        assert np.array_equal(mine, default.views[default.view_names.index(name)])
    assert np.array_equal(data.labels, default.labels)
    assert data.draw_key == default.draw_key


@pytest.mark.parametrize("key", KEYS)
@pytest.mark.parametrize(
    ("views", "message"), [(("nose",), "'nose'"), ((), "no views"), (None, "twice")]
)
def test_wrong_views_are_refused(key: str, views: tuple[str, ...] | None, message: str) -> None:
    with pytest.raises(DataError, match=message):
        load(key, EVERY[key][:1] * 2 if views is None else views)


@pytest.mark.parametrize("key", KEYS)
def test_first_docstring_line_describes_the_set(key: str) -> None:
    text = importlib.import_module(f"datasets.{key}").__doc__ or ""
    first, blank = text.splitlines()[:2]
    assert first.endswith(".")
    assert len(first) < 97
    assert not blank


@pytest.mark.parametrize("key", KEYS)
def test_the_guide_has_the_same_facts(key: str) -> None:
    guide = (ROOT / "docs/data.md").read_text("utf-8")
    row = next(line for line in guide.splitlines() if line.startswith(f"| `{key}` |"))
    data = load(key)
    assert f"| {data.n} | {data.n_classes} |" in row
    assert all(f"**{name}" in row for name in data.view_names)
    assert all(name in row for name in EVERY[key])
    assert f"`{data.splits[0].name}`" in row
    for split in data.splits[1:]:
        assert f"`{split.name}` ({', '.join(split.leaks)})" in row


# ---------------------------------------------------------------- vendored bytes


def test_checksums_cover_every_vendored_file() -> None:
    rows = [line.split("  ") for line in (VENDOR / "SHA256SUMS").read_text().splitlines()]
    lines = {name: checksum for checksum, name in rows}
    files = sorted(VENDOR.glob("*.npz"))
    assert sorted(lines) == [path.name for path in files]
    assert all(lines[path.name] == sha256(path.read_bytes()) for path in files)
    assert sum(path.stat().st_size for path in files) < 20e6


@pytest.mark.parametrize("name", ["mfeat", "mnist_hog", "watch"])
def test_every_vendored_file_has_its_notice(name: str) -> None:
    assert f"`{name}.npz`" in (VENDOR / "LICENSES.md").read_text("utf-8")


def test_licences_name_the_wheels_the_script_wants() -> None:
    from datasets.vendor.make_vendor import WHEELS

    notice = (VENDOR / "LICENSES.md").read_text("utf-8")
    assert all(checksum in notice for checksum in WHEELS.values())


# ---------------------------------------------------------------- mfeat: repeated images


def test_repeated_images_are_found_again_and_explain_every_repeated_row() -> None:
    data = load("mfeat", mfeat.VIEWS)
    group = data.groups["duplicate"]
    assert np.array_equal(mfeat.same_image(data.views[data.view_names.index("pix")]), group)
    assert len(np.unique(group)) == 1886
    repeated = {}
    for name, view in zip(data.view_names, data.views, strict=True):
        _, value = np.unique(view, axis=0, return_inverse=True)
        pairs = np.unique(np.stack([value.ravel(), group]), axis=1)
        assert pairs.shape[1] == value.max() + 1  # rows equal in one view share an image
        repeated[name] = data.n - pairs.shape[1]
    assert repeated == {"fac": 6, "fou": 6, "kar": 6, "mor": 112, "pix": 6, "zer": 33}


def test_images_of_several_rows_are_sixes_and_nines_or_equal() -> None:
    data = load("mfeat")
    group = data.groups["duplicate"]
    classes = [
        set(data.labels[group == g].tolist()) for g in np.flatnonzero(np.bincount(group) > 1)
    ]
    assert sum(kinds == {6, 9} for kinds in classes) == 108
    assert sum(len(kinds) == 1 for kinds in classes) == 4
    assert len(classes) == 112


def test_half_a_turn_joins_and_other_images_stay_apart() -> None:
    pix = np.zeros((5, 240), np.float32)
    pix[0, :20] = 6
    pix[1, -20:] = 6  # row 0 turned
    pix[2, 100:120] = 6
    pix[3] = pix[2]
    pix[4, 50:70] = 6
    assert mfeat.same_image(pix).tolist() == [0, 0, 1, 1, 2]


# ---------------------------------------------------------------- watch: groups and features


def test_recordings_belong_to_one_person_and_one_exercise() -> None:
    data = load("watch")
    recording = data.groups["recording"]
    assert len(np.unique(recording)) == 140
    for column in (data.groups["person"], data.labels):
        assert np.unique(np.stack([recording, column]), axis=1).shape[1] == 140
    assert np.unique(data.groups["person"]).tolist() == list(range(1, 11))
    assert [split.name for split in data.splits] == ["person", "recording", "window"]


def test_window_features_follow_the_documented_formulas() -> None:
    rng = np.random.default_rng(0)
    recording = rng.normal(size=(250, 3)) + [0, 5, -5]
    found = watch.features(recording)
    assert found.shape == (2, 36)
    for window in range(2):
        for axis in range(3):
            s = recording[100 * window : 100 * (window + 1), axis]
            spectrum = np.array(
                [
                    abs(np.sum(s * np.exp(-2j * np.pi * k * np.arange(100) / 100))) ** 2
                    for k in range(51)
                ]
            )
            power = 2 * spectrum / 100**2
            power[50] /= 2
            bands = [power[1:3].sum(), power[3:6].sum(), power[6:16].sum(), power[16:51].sum()]
            assert sum(bands) == pytest.approx(s.var())
            expected = [
                s.mean(),
                np.sqrt(np.mean((s - s.mean()) ** 2)),
                *(np.percentile(s, q) for q in (0, 25, 50, 75, 100)),
                np.mean([abs(s[t] - s[t - 1]) for t in range(1, 100)]),
                *(0.5 * np.log(2 * np.pi * np.e * band) for band in bands),
            ]
            assert found[window, 12 * axis : 12 * (axis + 1)] == pytest.approx(expected)


def test_entropy_of_a_sine_is_in_its_band_and_a_still_axis_is_finite() -> None:
    t = np.arange(100) / watch.RATE
    recording = np.stack([3 * np.sin(2 * np.pi * 2 * t), np.zeros(100), np.ones(100)], axis=1)
    entropy = watch.features(recording).reshape(3, 12)[:, 8:]
    floor = 0.5 * np.log(2 * np.pi * np.e * watch.POWER_FLOOR)
    assert entropy[0] == pytest.approx([floor, 0.5 * np.log(2 * np.pi * np.e * 4.5), floor, floor])
    assert entropy[1:] == pytest.approx(np.full((2, 4), floor))


def test_a_recording_shorter_than_a_window_has_no_rows() -> None:
    assert watch.features(np.zeros((99, 3))).shape == (0, 36)


# ---------------------------------------------------------------- accuracies: is it the right data?


def tuning_accuracy(data: Dataset, fraction: float) -> float:
    """Logistic regression on a share of 60 % of the rows or groups, scored on the next 20 %."""
    rng = np.random.default_rng(0)
    by = data.splits[0].by
    units = data.groups[by] if by else np.arange(data.n)
    order = rng.permutation(np.unique(units))
    cut = [round(share * len(order)) for share in (0.6, 0.8)]
    train = rng.permutation(np.flatnonzero(np.isin(units, order[: cut[0]])))
    tune = np.flatnonzero(np.isin(units, order[cut[0] : cut[1]]))
    x = np.hstack(data.views)
    spread = x[train].std(axis=0)
    x = (x - x[train].mean(axis=0)) / np.where(spread > 0, spread, 1)
    some = train[: round(fraction * len(train))]
    model = LogisticRegression(max_iter=300).fit(x[some], data.labels[some])
    return float(model.score(x[tune], data.labels[tune]))


@pytest.mark.parametrize(
    ("key", "views", "low", "high"),
    [
        ("mfeat", ("fou", "zer"), 0.70, 0.90),
        ("mfeat", ("fac", "zer"), 0.86, 0.97),
        ("mfeat", ("mor",), 0.60, 0.78),
        ("mnist_hog", ("hog0", "hog2"), 0.78, 0.90),
        ("mnist_hog", ("hog3",), 0.48, 0.66),
        ("watch", ("acc", "gyr"), 0.65, 0.95),
        ("digits", ("left", "right"), 0.82, 0.95),
    ],
)
def test_logistic_regression_on_a_tenth_of_the_labels(
    key: str, views: tuple[str, ...], low: float, high: float
) -> None:
    assert low < tuning_accuracy(load(key, views), 0.10) < high
