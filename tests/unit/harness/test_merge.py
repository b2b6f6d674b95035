"""Archives and merges: what went in comes out, once; what is damaged or hostile is refused."""

from __future__ import annotations

import hashlib
import json
import random
import subprocess
import sys
import zipfile
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from harness.options import ROOT
from harness.store import archive as archives
from harness.store import manifest as manifests
from harness.store.archive import CONTENTS, RECORDS, ArchiveError, open_source, write_archive
from harness.store.files import npz_bytes
from harness.store.manifest import Manifest, save_arrays, write_manifest
from harness.store.merge import Merged, merge
from harness.store.record import Outcome, Record
from harness.store.store import Store
from tests.unit.harness.test_manifest import whole

METRICS = {
    "n_labelled": 9, "n_unlabelled": 1, "n_tuning_labels": 7, "n_test": 5, "test_accuracy": 0.5,
    "test_confusion": [[1, 0], [0, 1]],
}  # fmt: skip


def name_of(number: int) -> str:
    return hashlib.sha256(str(number).encode()).hexdigest()[:20]


def record(number: int, **changes: Any) -> Record:
    plain: dict[str, Any] = {
        "id": name_of(number), "data_key": "d", "status": "ok", "score": 0.5, "metrics": METRICS,
        "job": {"method": "m", "config": {}, "scenario": {}, "trial": 0, "seed": 0},
    }  # fmt: skip
    return Record(**(plain | changes))


def run_of(name: str, *numbers: int) -> Manifest:
    (entry,) = whole().protocols
    entry = replace(entry, cells=(), layout={"kind": "table"})
    run = replace(whole(), id=name, protocols=(entry,), stale=())
    return replace(run, jobs=tuple(name_of(number) for number in numbers))


def filled(folder: Path, *numbers: int, **changes: Any) -> Path:
    """A results folder with records that have arrays, and a run with arrays."""
    store = Store(folder)
    for number in numbers:
        store.append(Outcome(record(number, **changes), {"x": np.arange(number + 1.0)}))
    store.close()
    run = run_of(f"run-{numbers[0]}", *numbers)
    write_manifest(folder, replace(run, arrays=save_arrays(folder, run.id, {"t": np.ones(3)})))
    return folder


def archived(folder: Path, to: Path, run: str = "") -> Path:
    write_archive(to, folder, run)
    return to


def taken(
    source: Path, folder: Path, named: Callable[[Record], str | None] | None = None
) -> Merged:
    return merge(open_source(source), folder, named or (lambda found: found.id))


def files(folder: Path) -> dict[str, bytes]:
    paths = (path for path in sorted(folder.rglob("*")) if path.is_file())
    return {str(p.relative_to(folder)): p.read_bytes() for p in paths if p.name != ".merging"}


# ---------------------------------------------------------------- what went in comes out


def test_an_archive_brings_records_arrays_and_runs_to_another_folder(tmp_path: Path) -> None:
    a = filled(tmp_path / "a", 1, 2, 3)
    done = taken(archived(a, tmp_path / "a.zip"), tmp_path / "b")
    assert (len(done.added), done.runs) == (3, ["run-1"])
    ours, theirs = Store(a), Store(tmp_path / "b")
    assert ours.records() == theirs.records()
    for kept in theirs.records().values():
        np.testing.assert_array_equal(theirs.arrays(kept)["x"], ours.arrays(kept)["x"])
    (run,), _ = manifests.known(tmp_path / "b")
    assert manifests.load_arrays(tmp_path / "b", run)["t"].tolist() == [1, 1, 1]
    assert theirs.warnings == []


def test_a_second_merge_of_the_same_changes_nothing(tmp_path: Path) -> None:
    for source in (filled(tmp_path / "a", 1, 2), archived(tmp_path / "a", tmp_path / "a.zip")):
        taken(source, tmp_path / "b")
        before = files(tmp_path / "b")
        done = taken(source, tmp_path / "b")
        assert files(tmp_path / "b") == before
        assert (len(done.present), done.added, done.runs) == (2, [], [])


def test_equal_contents_are_equal_bytes_and_a_merge_keeps_them(tmp_path: Path) -> None:
    first = archived(filled(tmp_path / "a", 1, 2, 3), tmp_path / "1.zip")
    taken(first, tmp_path / "b")
    assert archived(tmp_path / "b", tmp_path / "2.zip").read_bytes() == first.read_bytes()


def test_one_run_is_exported_with_its_records_alone(tmp_path: Path) -> None:
    a = filled(filled(tmp_path / "a", 1, 2), 3, 4, 5)
    taken(archived(a, tmp_path / "one.zip", "run-3"), tmp_path / "b")
    assert set(Store(tmp_path / "b").records()) == {name_of(n) for n in (3, 4, 5)}
    assert [run.id for run in manifests.known(tmp_path / "b")[0]] == ["run-3"]
    assert len(list((tmp_path / "b" / "arrays").iterdir())) == 3


def test_folders_of_several_machines_join(tmp_path: Path) -> None:
    for source in (filled(tmp_path / "a", 1, 2), filled(tmp_path / "b", 2, 3)):
        taken(source, tmp_path / "c")
    assert len(Store(tmp_path / "c").records()) == 3
    lines = [p.read_bytes() for p in (tmp_path / "c" / "records").glob("*.jsonl")]
    assert sum(text.count(b"\n") for text in lines) == 3  # nothing doubled


# ---------------------------------------------------------------- the ledger's rules


@pytest.mark.parametrize(
    ("here", "there", "group", "wins"),
    [
        ({}, {"generation": 1, "score": 0.9}, "newer", 0.9),
        ({"generation": 1}, {"score": 0.9}, "older", 0.5),
        ({"status": "failed", "score": None}, {"score": 0.9}, "newer", 0.9),
        ({}, {"status": "failed", "score": None}, "older", 0.5),
        ({}, {"score": 0.9}, "different", 0.5),
        ({"seconds": 1.0}, {"seconds": 2.0}, "equal", 0.5),
    ],
)
def test_of_two_records_of_a_job_the_ledgers_rule_decides(
    here: dict[str, Any], there: dict[str, Any], group: str, wins: float, tmp_path: Path
) -> None:
    filled(tmp_path / "a", 1, **here)
    source = archived(filled(tmp_path / "b", 1, **there), tmp_path / "b.zip")
    before = Store(tmp_path / "a").records()[name_of(1)]
    done = taken(source, tmp_path / "a")
    assert len(getattr(done, group)) == 1
    after = Store(tmp_path / "a").records()[name_of(1)]
    assert after.score == wins
    assert (after == before) is (group != "newer")
    if group == "different":
        assert done.different == [(name_of(1), 0.5, 0.9)]
    kept = files(tmp_path / "a")
    taken(source, tmp_path / "a")
    assert files(tmp_path / "a") == kept


def test_a_record_whose_id_is_not_that_of_its_content_is_left_out(tmp_path: Path) -> None:
    filled(tmp_path / "a", 1, 2, 3)
    names = {name_of(1): "f" * 20, name_of(2): None}
    done = taken(tmp_path / "a", tmp_path / "b", lambda found: names.get(found.id, found.id))
    assert (done.renamed, done.unchecked) == ([name_of(1)], [name_of(2)])
    assert set(Store(tmp_path / "b").records()) == {name_of(2), name_of(3)}


def test_lost_arrays_are_told_and_cost_no_other_record(tmp_path: Path) -> None:
    a = filled(tmp_path / "a", 1, 2)
    gone, damaged = sorted((a / "arrays").iterdir())
    gone.unlink()
    damaged.write_bytes(b"damaged")
    assert write_archive(tmp_path / "a.zip", a).lost == 2
    assert len(taken(tmp_path / "a.zip", tmp_path / "b").without_arrays) == 2
    assert len(Store(tmp_path / "b").records()) == 2


def test_a_run_that_is_here_stays_as_it_is(tmp_path: Path) -> None:
    filled(tmp_path / "a", 1)
    source = filled(tmp_path / "b", 1)
    write_manifest(source, replace(run_of("run-1", 1), state="interrupted"))
    before = files(tmp_path / "a" / "runs")
    done = taken(source, tmp_path / "a")
    assert (done.runs, done.runs_here) == ([], ["run-1"])
    assert files(tmp_path / "a" / "runs") == before


# ---------------------------------------------------------------- damage and hostility

Members = dict[str, bytes]


def rebuilt(source: Path, to: Path, change: Callable[[Members], object]) -> Path:
    """An archive with changed members, whose contents name their digests."""
    with zipfile.ZipFile(source) as archive:
        members = {name: archive.read(name) for name in archive.namelist() if name != CONTENTS}
    change(members)
    digests = {name: hashlib.sha256(content).hexdigest() for name, content in members.items()}
    contents = {"format": archives.FORMAT, "version": archives.VERSION, "members": digests}
    members.setdefault(CONTENTS, json.dumps(contents).encode())
    with zipfile.ZipFile(to, "w") as archive:
        for name, content in members.items():
            packed = not name.endswith(".npz")
            how = zipfile.ZIP_DEFLATED if packed else zipfile.ZIP_STORED
            archive.writestr(name, content, how)
    return to


def edited(**changes: Any) -> Callable[[Members], object]:
    """Change the first record."""

    def change(members: Members) -> None:
        first, *rest = members[RECORDS].decode().splitlines()
        line = json.dumps(json.loads(first) | changes)
        members[RECORDS] = "".join(f"{text}\n" for text in (line, *rest)).encode()

    return change


def edited_run(change: Callable[[dict[str, Any]], object]) -> Callable[[Members], object]:
    def of(members: Members) -> None:
        (name,) = (name for name in members if name.startswith("runs/") and name.endswith(".json"))
        run = json.loads(members[name])
        change(run)
        members[name] = json.dumps(run).encode()

    return of


def contents(**changes: Any) -> Callable[[Members], object]:
    def change(members: Members) -> None:
        digests = {name: hashlib.sha256(text).hexdigest() for name, text in members.items()}
        plain = {"format": archives.FORMAT, "version": archives.VERSION, "members": digests}
        members[CONTENTS] = json.dumps(plain | changes).encode()

    return change


def bomb(size: int) -> bytes:
    import io

    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("x.npy", b"\0" * size)
    return packed.getvalue()


def with_bomb(members: Members) -> None:
    """The first record names arrays that unpack to more than is allowed."""
    content = bomb(3000)
    digest = hashlib.sha256(content).hexdigest()
    members[f"arrays/{digest}.npz"] = content
    edited(arrays=digest)(members)


HOSTILE: Mapping[str, Callable[[Members], object]] = {
    "path out of the folder": lambda m: m.update({"../evil.jsonl": b"x"}),
    "absolute path": lambda m: m.update({"/tmp/evil": b"x"}),
    "hidden run": lambda m: m.update({"runs/.x.json": b"{}"}),
    "run below": lambda m: m.update({"runs/../x.json": b"{}"}),
    "no records": lambda m: m.pop(RECORDS),
    "not a record": lambda m: m.update({RECORDS: b"[1]\n"}),
    "not text": lambda m: m.update({RECORDS: b"\xff\xfe\n"}),
    "deep": lambda m: m.update({RECORDS: b"[" * 100_000 + b"\n"}),
    "one id twice": lambda m: m.update({RECORDS: m[RECORDS] * 2}),
    "arrays out of the folder": edited(arrays="../../x"),
    "id that is a path": edited(id="../x"),
    "id that is a number": edited(id=3),
    "status": edited(status="great"),
    "score that is no number": edited(score="high"),
    "score that is not finite": edited(score=float("nan")),
    "metric that is not finite": edited(metrics={"test_accuracy": float("inf")}),
    "metric that is a word": edited(metrics=METRICS | {"test_accuracy": "high"}),
    "accuracy above one": edited(metrics=METRICS | {"test_accuracy": 1.5}),
    "counts that are not there": edited(metrics={"test_accuracy": 0.5}),
    "metrics that are a list": edited(metrics=[]),
    "job without settings": edited(job={"method": "m"}),
    "generation that beats all": edited(generation=10**9),
    "generation that is true": edited(generation=True),
    "job that is a list": edited(job=[]),
    "trace that is a number": edited(trace=1),
    "protocol that is a path": edited_run(lambda run: run["protocols"][0].update(name="../x")),
    "manifest of another run": edited_run(lambda run: run.update(id="elsewhere")),
    "job of a run that is a path": edited_run(lambda run: run.update(jobs=["../x"])),
    "start that is a number": edited_run(lambda run: run.update(started=5)),
    "unknown state": edited_run(lambda run: run.update(state="great")),
    "title that is a list": edited_run(lambda run: run["protocols"][0].update(title=["x"])),
    "data without a name": edited_run(lambda run: run["protocols"][0]["datasets"][0].update(key=1)),
    "unknown layout": edited_run(lambda run: run["protocols"][0].update(layout={"kind": "x"})),
    "no manifest": edited_run(lambda run: run.clear()),
    "another format": contents(format="zip"),
    "another version": contents(version=99),
    "member that is not named": contents(members={RECORDS: "0" * 64}),
    "wrong digest": lambda m: contents(members=dict.fromkeys(m, "0" * 64))(m),
    "arrays that are none": lambda m: m.update(
        {next(n for n in m if n.startswith("arrays/")): b"not arrays"}
    ),
    "arrays that unpack to too much": with_bomb,
}


@pytest.mark.parametrize("what", HOSTILE)
def test_a_hostile_archive_is_refused_and_leaves_nothing(
    what: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(archives, "LARGEST_ARRAYS", 2500)
    whole_one = archived(filled(tmp_path / "a", 1, 2), tmp_path / "whole.zip")
    source = rebuilt(whole_one, tmp_path / "hostile.zip", HOSTILE[what])
    with pytest.raises(ArchiveError) as refused:
        taken(source, tmp_path / "b")
    assert "\n" not in str(refused.value)
    assert files(tmp_path / "b") == {} if (tmp_path / "b").exists() else True
    assert not list(tmp_path.rglob("evil*"))


def test_a_rebuilt_archive_without_a_change_is_taken(tmp_path: Path) -> None:
    source = archived(filled(tmp_path / "a", 1, 2), tmp_path / "whole.zip")
    done = taken(rebuilt(source, tmp_path / "again.zip", lambda _: None), tmp_path / "b")
    assert len(done.added) == 2


def test_text_that_unpacks_to_too_much_is_refused_before_it_is_unpacked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = archived(filled(tmp_path / "a", 1), tmp_path / "whole.zip")
    monkeypatch.setattr(archives, "FREE", 10_000)
    large = rebuilt(
        source, tmp_path / "large.zip", lambda m: m.update({RECORDS: b"\0" * 2_000_000})
    )
    with pytest.raises(ArchiveError, match="MiB when unpacked"):
        open_source(large)
    monkeypatch.setattr(archives, "FREE", 64 * 2**20)
    monkeypatch.setattr(archives, "LONGEST_LINE", 1000)
    with pytest.raises(ArchiveError, match="MiB long"):
        taken(large, tmp_path / "b")


def test_members_that_overlap_are_refused(tmp_path: Path) -> None:
    source = archived(filled(tmp_path / "a", 1), tmp_path / "whole.zip")
    with zipfile.ZipFile(source, "a") as archive:
        info = next(i for i in archive.infolist() if i.filename.startswith("arrays/"))
        for number in range(60):  # the same bytes under many names
            other = zipfile.ZipInfo(f"arrays/{number:064d}.npz")
            other.header_offset, other.CRC = info.header_offset, info.CRC
            other.file_size = other.compress_size = info.file_size
            archive.filelist.append(other)
            archive.NameToInfo[other.filename] = other
        archive._didModify = True
    with pytest.raises(ArchiveError):
        taken(source, tmp_path / "b")


@pytest.mark.parametrize("content", [b"", b"PK", b"not an archive" * 100, b"{}"])
def test_what_is_no_archive_is_said_to_be_none(content: bytes, tmp_path: Path) -> None:
    (tmp_path / "x.zip").write_bytes(content)
    for path in (tmp_path / "x.zip", tmp_path / "none.zip", tmp_path):
        with pytest.raises(ArchiveError):
            open_source(path)


def test_a_damaged_byte_is_found_or_changes_nothing(tmp_path: Path) -> None:
    source = archived(filled(tmp_path / "a", 1, 2), tmp_path / "whole.zip")
    sound, rng = source.read_bytes(), random.Random(0)
    expected = Store(tmp_path / "a").records()
    refused = 0
    for number in range(60):
        place, harmed = rng.randrange(len(sound)), tmp_path / "harmed.zip"
        flipped = bytes([sound[place] ^ (1 << rng.randrange(8))])
        harmed.write_bytes(sound[:place] + flipped + sound[place + 1 :])
        folder = tmp_path / f"b{number}"
        try:
            taken(harmed, folder)
        except ArchiveError:
            refused += 1
            assert not folder.exists() or files(folder) == {}
        else:
            assert Store(folder).records() == expected
    assert refused > 40


def test_a_cut_archive_is_refused(tmp_path: Path) -> None:
    source = archived(filled(tmp_path / "a", 1, 2), tmp_path / "whole.zip")
    sound = source.read_bytes()
    for part in (0.1, 0.5, 0.9, 0.99):
        source.write_bytes(sound[: int(part * len(sound))])
        with pytest.raises(ArchiveError):
            taken(source, tmp_path / "b")


def test_an_export_that_fails_leaves_the_old_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = archived(filled(tmp_path / "a", 1), tmp_path / "out" / "a.zip")
    before = path.read_bytes()

    def full(*_: object) -> bytes:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Store, "array_bytes", full)
    with pytest.raises(OSError, match="No space"):
        write_archive(path, tmp_path / "a")
    assert [p.name for p in path.parent.iterdir()] == ["a.zip"]
    assert path.read_bytes() == before


@pytest.mark.parametrize("stops_at", [1, 2, 3, 4])
def test_a_merge_that_is_cut_off_leaves_a_sound_folder_and_is_completed_by_the_next(
    stops_at: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from harness.store import merge as merging

    source = archived(filled(tmp_path / "a", 1, 2), tmp_path / "a.zip")
    calls, real = 0, merging.write_whole

    def cut(*arguments: Any) -> None:
        nonlocal calls
        calls += 1
        if calls >= stops_at:
            raise OSError(28, "No space left on device")
        real(*arguments)

    with monkeypatch.context() as patch:
        patch.setattr(merging, "write_whole", cut)
        with pytest.raises(OSError, match="No space"):
            taken(source, tmp_path / "b")
    store = Store(tmp_path / "b")
    for kept in store.records().values():
        assert store.arrays(kept)  # no record without its arrays
    assert store.warnings == []
    taken(source, tmp_path / "b")
    assert Store(tmp_path / "b").records() == Store(tmp_path / "a").records()
    assert manifests.known(tmp_path / "b")[0] == manifests.known(tmp_path / "a")[0]


MERGER = """
import sys
from pathlib import Path
from harness.store.archive import open_source
from harness.store.merge import merge
source = open_source(Path(sys.argv[1]))
print("ready", flush=True)
sys.stdin.read(1)  # until both are here
merge(source, Path(sys.argv[2]), lambda record: record.id)
"""


def test_two_merges_at_once_double_nothing(tmp_path: Path) -> None:
    source = archived(filled(tmp_path / "a", *range(1, 40)), tmp_path / "a.zip")
    command = [sys.executable, "-c", MERGER, str(source), str(tmp_path / "b")]
    pipe: dict[str, Any] = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    both = [subprocess.Popen(command, cwd=ROOT, **pipe) for _ in range(2)]
    for process in both:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
    for process in both:
        process.communicate("x", timeout=60)
    assert [process.returncode for process in both] == [0, 0]
    assert len(list((tmp_path / "b" / "records").glob("*.jsonl"))) == 1
    assert Store(tmp_path / "b").records() == Store(tmp_path / "a").records()


def test_arrays_larger_than_any_fit_has_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    content = npz_bytes({"x": np.zeros(1000)})
    archives.check_npz(content, "x.npz")
    monkeypatch.setattr(archives, "LARGEST_ARRAYS", 1000)
    with pytest.raises(ArchiveError, match="when unpacked"):
        archives.check_npz(content, "x.npz")
