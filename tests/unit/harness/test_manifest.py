"""Manifests: what was asked names the run; a file comes back as written; names stay apart."""

from __future__ import annotations

import json
from dataclasses import fields, replace
from itertools import combinations
from pathlib import Path

import numpy as np
import pytest

from harness.errors import UsageError
from harness.experiment import HOW, Options, question
from harness.store.manifest import (
    ClassCount,
    GroupCount,
    Manifest,
    Properties,
    ProtocolEntry,
    SplitNote,
    chosen,
    file_stem,
    known,
    load,
    load_arrays,
    run_id,
    save_arrays,
    write_manifest,
)
from tests.helpers import manifest_of
from tests.unit.harness.fake_figures import NOTE
from tests.unit.harness.test_reporting import Sweep, planned


def whole() -> Manifest:
    """A manifest with something in every field."""
    run = manifest_of(planned(Sweep()), "sweep")
    counts = Properties(
        "data", "", 2, ((1, 2), (3, 3), (4, 5)), (ClassCount("a", 3, ((1, 1), (1, 1), (1, 1))),),
        (GroupCount("person", 2, (1, 4), (0, 0)),), ((2.0, (1, 1)),), (("rows", ("person",)),),
    )  # fmt: skip
    note = replace(NOTE, notes=("n",), splits=(SplitNote("rows", ("person",), 0.5),))
    entry = replace(
        run.protocols[0],
        layout=dict(Sweep.layout) | {"axes": [{"name": "missing", "label": "l"}], "values": []},
        datasets=(note,),
        row_notes={"majority": ("A sentence.", ("cited",))},
        published=[{"dataset": "SEED", "accuracy_mean": 0.5}],
        properties=(counts,),
    )
    return replace(run, protocols=(entry,), counts={"total": 3}, stale=(1,), started="2026-01-02")


def test_a_manifest_comes_back_as_it_was_written(tmp_path: Path) -> None:
    run = whole()
    again = load(write_manifest(tmp_path, run))
    assert again.protocols[0].datasets == run.protocols[0].datasets
    assert again.protocols[0].properties == run.protocols[0].properties
    assert again.protocols[0].row_notes == run.protocols[0].row_notes
    assert again.jobs == run.jobs
    assert json.loads(write_manifest(tmp_path / "b", again).read_text()) == json.loads(
        write_manifest(tmp_path / "a", run).read_text()
    )


def test_what_is_not_a_manifest_is_named_and_the_others_are_listed(tmp_path: Path) -> None:
    path = write_manifest(tmp_path, whole())
    for name, text in {
        "cut": path.read_text()[:-40],
        "list": "[]",
        "newer": '{"version": 99}',
    }.items():
        path.with_name(f"{name}.json").write_text(text)
    found, bad = known(tmp_path)
    assert [run.id for run in found] == ["run"]
    assert len(bad) == 3


def test_a_run_is_named_by_the_last_all_or_how_it_begins(tmp_path: Path) -> None:
    with pytest.raises(UsageError):
        chosen(tmp_path, "last")
    for name, day in (("table2-a", 1), ("table2-b", 3), ("leak-c", 2)):
        write_manifest(tmp_path, replace(whole(), id=name, started=f"2026-01-0{day}"))
    assert [run.id for run in chosen(tmp_path, "last")] == ["table2-b"]
    assert [run.id for run in chosen(tmp_path, "all")] == ["table2-b", "leak-c", "table2-a"]
    assert [run.id for run in chosen(tmp_path, "leak")] == ["leak-c"]
    for name in ("table2", "figure"):
        with pytest.raises(UsageError, match="table2-a"):
            chosen(tmp_path, name)


def test_arrays_of_a_run_are_those_that_its_manifest_names(tmp_path: Path) -> None:
    run = replace(whole(), arrays=save_arrays(tmp_path, "run", {"a": np.arange(3)}))
    assert load_arrays(tmp_path, run)["a"].tolist() == [0, 1, 2]
    assert load_arrays(tmp_path, replace(run, arrays="")) == {}
    for harm in (replace(run, arrays="00"), replace(run, id="other")):
        with pytest.raises(ValueError, match=r"\.npz"):
            load_arrays(tmp_path, harm)


def test_the_id_is_readable_and_follows_from_what_was_asked_alone() -> None:
    first = run_id(["table2"], "preview", ["mfeat", "watch"], {"trials": 3})
    assert first.startswith("table2-preview-mfeat+watch-")
    assert first == run_id(["table2"], "preview", ["mfeat", "watch"], {"trials": 3})
    assert first != run_id(["table2"], "preview", ["mfeat", "watch"], {"trials": 4})
    many = run_id([f"figure{i}" for i in range(40)], "paper", ["données:" + "é" * 200], {})
    assert len(many.encode()) < 100


def test_every_option_that_is_not_how_to_run_is_part_of_the_question() -> None:
    names = {f.name for f in fields(Options)}
    assert names >= HOW
    plain = question(Options(protocols=("table2",)))
    assert plain == {}
    assert question(Options(protocols=("table2",), command=("x",), workers=3, yes=True)) == plain
    assert question(Options(protocols=("table2",), methods=("svm",), seed=1)) == {
        "methods": ["svm"],
        "seed": 1,
    }


def test_file_names_are_short_and_distinct_as_keys_are() -> None:
    views = ",".join(f"view_{i}_of_many" for i in range(22))
    keys = [
        "mfeat", "mfeat:fou,zer", "mfeat@rows", "mfeat:rows", "my_data", "my-data", "a-b:c",
        "a:b-c", "数据", "数据二", "données", "x$y", "x%y", f"mfeat:{views}", f"mfeat:{views},z",
    ]  # fmt: skip
    stems = [file_stem(key) for key in keys]
    assert file_stem("mfeat:fou,zer") == "mfeat-fou-zer"
    assert all(len(stem.encode()) <= 100 for stem in stems)
    assert all(a != b for a, b in combinations(stems, 2))
    assert all(c.isalnum() or c in "-_" for stem in stems for c in stem)


def test_an_entry_without_anything_is_whole(tmp_path: Path) -> None:
    entry = ProtocolEntry("p", "P", {"kind": "table"}, "", 1, (), {}, None)
    again = load(write_manifest(tmp_path, replace(whole(), protocols=(entry,))))
    assert again.protocols == (entry,)
