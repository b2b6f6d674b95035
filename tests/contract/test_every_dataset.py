"""Every registered data set keeps the data contract, and its splits do what they declare."""

from __future__ import annotations

import dataclasses
import inspect
import re
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from datasets.base import TEST, TRAIN, TUNE, DataError, Dataset, Settings, Split, validate
from harness import registry
from protocols._splits import part_of_rows
from protocols.base import seed_of
from tests.contract.fingerprints import embedded, opened, stored
from tests.contract.suite import DATASETS, every, every_dataset
from tests.helpers import tiny

TRIALS = 4
every_embedded = every("key", embedded())


def parts_of(data: Dataset, split: Split, trial: int) -> np.ndarray:
    rng = np.random.default_rng(seed_of(data, split.name, trial, "split"))
    return part_of_rows(data, split, rng)


def straddling(data: Dataset, split: Split) -> set[str]:
    """Group columns with a group on two sides, in any of a few trials, whatever is declared."""
    found, lenient = set(), replace(split, leaks=tuple(data.groups))
    for trial in range(TRIALS):
        parts = parts_of(data, lenient, trial)
        for name, group in data.groups.items():
            pairs = np.unique(np.stack([group, parts]), axis=1)
            if pairs.shape[1] > len(np.unique(group)):
                found.add(name)
    return found


def test_every_data_set_is_in_this_suite(root: Path) -> None:
    paths = [*(root / "datasets").glob("*.py"), *(root / "datasets").glob("*/__init__.py")]
    names = {p.parent.name if p.name == "__init__.py" else p.stem for p in paths}
    public = {name for name in names if not name.startswith("_")}
    assert set(DATASETS) == public - {"base", "datasets", "file", "vendor"}
    assert {"digits", "mfeat", "mnist_hog", "watch"} <= set(embedded())
    for key in DATASETS:  # what does not travel with the project says how its files are found
        assert key in embedded() or callable(registry.module("datasets", key).found)


@every_dataset
def test_the_file_says_what_it_is(key: str) -> None:
    line = registry.first_line("datasets", key)
    assert len(line) > 20
    assert line.endswith(".")
    assert "``" not in line  # listings print it as it is
    load = registry.module("datasets", key).load
    options = [] if key in embedded() else ["options"]
    assert list(inspect.signature(load).parameters) == ["views", "root", *options]


@every_embedded
def test_it_loads_and_says_where_it_comes_from(key: str) -> None:
    data = opened(key)
    validate(data)
    assert data.draw_key == key
    assert data.key == f"{key}:{','.join(data.view_names)}"
    assert data.title
    assert np.array_equal(np.unique(data.labels), np.arange(len(data.class_names)))
    assert len(set(data.class_names)) == data.n_classes
    assert data.provenance.kind in {"licensed", "open", "simulated"}
    assert data.provenance.source
    assert data.provenance.licence
    assert not any(array.flags.writeable for array in (*data.views, data.labels))


@every_embedded
def test_views_are_chosen_by_name_and_share_their_draws(key: str) -> None:
    data = opened(key)
    one = registry.module("datasets", key).load(views=(data.view_names[-1],))
    np.testing.assert_array_equal(one.views[0], data.views[-1])
    assert one.draw_key == data.draw_key
    assert one.fingerprint != data.fingerprint
    with pytest.raises(DataError, match="nothing"):
        registry.module("datasets", key).load(views=("nothing",))


@every_embedded
def test_the_fingerprint_is_the_one_on_file(key: str) -> None:
    hint = "python -m tests.contract.fingerprints"
    assert set(stored()) == set(embedded()), hint
    assert opened(key).fingerprint == stored()[key], hint


@every_embedded
def test_every_split_cuts_all_rows_into_three_parts(key: str) -> None:
    data = opened(key)
    assert len({split.name for split in data.splits}) == len(data.splits)
    for split in data.splits:
        for trial in range(TRIALS):
            parts = parts_of(data, split, trial)
            assert parts.shape == (data.n,)
            assert set(np.unique(parts)) == {TRAIN, TUNE, TEST}
            assert set(data.labels[parts == TRAIN]) == set(range(data.n_classes))


@every_embedded
def test_groups_straddle_exactly_where_a_leak_is_declared(key: str) -> None:
    data = opened(key)
    for split in data.splits:
        assert straddling(data, split) == set(split.leaks), f"{key}@{split.name}"
        assert split.by not in split.leaks


@every_embedded
def test_a_leak_that_is_struck_off_the_declaration_is_refused(key: str) -> None:
    data = opened(key)
    for split in data.splits:
        for name in split.leaks:
            silent = replace(split, leaks=tuple(leak for leak in split.leaks if leak != name))
            with pytest.raises(DataError, match=f"name '{name}' in its leaks"):
                parts_of(data, silent, 0)


@every_embedded
def test_stratified_splits_keep_class_shares(key: str) -> None:
    data = opened(key)
    for split in [split for split in data.splits if split.stratify]:
        largest = np.bincount(data.groups[split.by]).max() if split.by else 1
        parts = parts_of(data, split, 0)
        for k in range(data.n_classes):
            mine = parts[data.labels == k]
            shares = np.bincount(mine, minlength=3) / len(mine)
            # A group of mixed classes counts where its first row does: hence the 0.05.
            np.testing.assert_allclose(shares, split.shares, atol=largest / len(mine) + 0.05)


@every_embedded
def test_classes_are_on_every_side_of_the_default_split(key: str) -> None:
    data = opened(key)
    for trial in range(TRIALS):
        parts = parts_of(data, data.split(), trial)
        for part in (TUNE, TEST):
            assert len(np.unique(data.labels[parts == part])) == data.n_classes


@every_dataset
def test_options_have_a_default_and_say_what_they_are(key: str) -> None:
    options = getattr(registry.module("datasets", key), "OPTIONS", Settings)
    assert not (options.described() and key in embedded())
    texts = {option.name: option.default for option in options.described()}
    assert options.from_text(key, texts) == options()  # the default is what one would type
    assert all(len(option.meaning) > 15 for option in options.described())


@every_dataset
def test_every_option_and_each_of_its_values_stands_in_the_docstring(key: str) -> None:
    module = registry.module("datasets", key)
    takes_options = "options" in inspect.signature(module.load).parameters
    assert takes_options == hasattr(module, "OPTIONS")
    words = set(re.findall(r"``(\w+)``", module.__doc__ or ""))
    for item in dataclasses.fields(getattr(module, "OPTIONS", Settings)):
        assert {item.name, *item.metadata["choices"]} <= words, item.name


# ---------------------------------------------------------------- the suite itself


def test_the_leak_check_sees_what_is_not_declared_and_what_is_declared_in_vain() -> None:
    data = tiny()
    assert straddling(data, Split("rows")) == {"person", "day"}
    assert straddling(data, Split("day", by="day")) == {"person"}
    assert straddling(data, Split("person", by="person", leaks=("day",))) == set()


def test_listing_data_sets_reads_no_data() -> None:
    code = (
        "import sys; from harness import registry;"
        "[registry.first_line('datasets', k) for k in registry.entries('datasets')];"
        "assert not {m for m in sys.modules if m.startswith('datasets.')}"
        " - {'datasets.base', 'datasets._columns', 'datasets._settings', 'datasets._wording'}"
    )
    subprocess.run([sys.executable, "-c", code], cwd=registry.ROOT, check=True)
