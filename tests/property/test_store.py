"""The ledger: what is stored survives a cut, a second driver, and a repeated job."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.store.record import Outcome, Reader, Record
from harness.store.seal import opened, sealed
from harness.store.store import Store

FEW = settings(max_examples=40)
WORDS = st.text(max_size=12)
NUMBERS = st.floats(allow_nan=False, allow_infinity=False)
PLAIN = st.dictionaries(
    WORDS, st.integers() | NUMBERS | WORDS | st.booleans() | st.none(), max_size=3
)


def records(ids: st.SearchStrategy[str] = WORDS) -> st.SearchStrategy[Record]:
    return st.builds(
        Record,
        id=ids,
        job=PLAIN,
        data_key=WORDS,
        status=st.sampled_from(["ok", "failed", "skipped"]),
        score=st.none() | NUMBERS,
        varies=st.lists(WORDS, max_size=3),
        metrics=PLAIN,
        facts=PLAIN,
        reason=WORDS,
        trace=st.text() | st.just('"digests": {"versions": {"a": 1}}'),
        versions=st.dictionaries(WORDS, WORDS, max_size=2),
        digests=st.dictionaries(WORDS | st.sampled_from(["digests", "{", "}}"]), WORDS, max_size=2),
        generation=st.integers(0, 5),
    )


@contextmanager
def folder() -> Iterator[Path]:
    with tempfile.TemporaryDirectory() as name:
        yield Path(name)


def filled(where: Path, found: list[Record]) -> Path:
    store = Store(where)
    for record in found:
        store.append(Outcome(record, {}))
    store.close()
    return where / "records" / "ledger-000.jsonl"


@given(records())
def test_a_record_is_one_line_and_comes_back(record: Record) -> None:
    line = record.line()
    assert len(line.splitlines()) == 1
    assert Record.parse(line) == record


@given(records())
def test_a_record_from_before_it_said_what_varies_is_read(record: Record) -> None:
    old = json.loads(record.line())
    del old["varies"]
    assert Record.parse(json.dumps(old)) == replace(record, varies=[])


@given(records())
def test_a_record_from_a_newer_version_is_read(record: Record) -> None:
    assert Record.parse(json.dumps(json.loads(record.line()) | {"later": 1})) == record


@given(st.lists(records(), max_size=3), st.sampled_from(["", "\n", "\r\n"]))
def test_a_reader_gives_the_same_records(found: list[Record], end: str) -> None:
    reader, lines = Reader(), [record.line() for record in found + found]
    assert [reader.parse(line + end) for line in lines] == [*map(Record.parse, lines)]


def test_a_reader_keeps_equal_parts_once() -> None:
    plain = {"id": "a", "data_key": "d", "status": "ok", "digests": {"f": "1"}}
    plain |= {"versions": {"torch": "2"}, "job": {"config": {"c": 1}, "trial": 0}}
    reader, line = Reader(), Record(**plain).line()
    first, second = reader.parse(line), reader.parse(line)
    assert first.digests is second.digests
    assert first.versions is second.versions
    assert first.job["config"] is second.job["config"]
    real = reader.parse(Record(**plain | {"job": {"config": {"c": 1.0}}}).line())
    assert isinstance(real.job["config"]["c"], float)  # 1 and 1.0 are equal, not the same


@given(records(), st.integers(1, 400))
def test_a_cut_line_is_refused_by_a_reader(record: Record, cut: int) -> None:
    line = record.line()
    with pytest.raises(ValueError, match="."):
        Reader().parse(line[: max(0, len(line) - cut)])


@given(st.text() | PLAIN.map(json.dumps) | st.just("[]") | st.just('["id"]') | st.just("3"))
def test_anything_else_is_refused(line: str) -> None:
    for parse in (Record.parse, Reader().parse):
        with pytest.raises(ValueError):  # noqa: PT011 - whatever JSON says of it
            parse(line)


@given(records(), st.data())
def test_a_flipped_bit_never_gives_another_record(record: Record, data: st.DataObject) -> None:
    line = bytearray(sealed(record.line()).removesuffix(b"\n"))
    assert Record.parse(opened(bytes(line))) == record
    line[data.draw(st.integers(0, len(line) - 1))] ^= 1 << data.draw(st.integers(0, 7))
    try:
        read = Record.parse(opened(bytes(line)))
    except ValueError:
        return
    assert read == record  # the bit was in the name of the checksum


def distinct(found: list[Record]) -> dict[str, Record]:
    return {record.id: record for record in found}


@FEW
@given(st.lists(records(), min_size=1, max_size=4, unique_by=lambda r: r.id), st.data())
def test_a_cut_costs_the_cut_line_and_no_more(found: list[Record], data: st.DataObject) -> None:
    with folder() as where:
        path = filled(where, found)
        content = path.read_bytes()
        cut = data.draw(st.integers(0, len(content)))
        path.write_bytes(content[:cut])
        ends = np.cumsum([len(sealed(record.line())) for record in found])
        whole = found[: int(np.sum(ends - 1 <= cut))]  # a line that lacks its end alone is whole
        store = Store(where)
        assert store.records() == distinct(whole)
        left_over = cut not in {0, *ends, *(ends - 1)}
        assert len(store.warnings) == left_over
        late = Record(id="late one, after the cut", job={}, data_key="", status="ok")
        store.append(Outcome(late, {}))
        store.close()
        assert Store(where).records() == distinct([*whole, late])


@FEW
@given(st.lists(records(st.sampled_from("ab")), max_size=6), st.randoms())
def test_one_record_counts_the_latest_run_and_ok_before_failed(
    found: list[Record], chance: Any
) -> None:
    with folder() as where:
        filled(where, found)
        kept = Store(where).records()
    assert kept.keys() == {record.id for record in found}
    for name, record in kept.items():
        rivals = [rival for rival in found if rival.id == name]
        latest = [r for r in rivals if r.generation == max(rival.generation for rival in rivals)]
        assert record in latest
        assert record.status == "ok" or all(rival.status != "ok" for rival in latest)
    chance.shuffle(found)
    with folder() as where:
        filled(where, found)
        again = Store(where).records()
    rank = {name: (record.generation, record.status == "ok") for name, record in kept.items()}
    assert {n: (r.generation, r.status == "ok") for n, r in again.items()} == rank


@FEW
@given(st.lists(st.tuples(st.booleans(), records()), max_size=6, unique_by=lambda p: p[1].id))
def test_two_drivers_append_to_two_files(turns: list[tuple[bool, Record]]) -> None:
    with folder() as where:
        drivers = {False: Store(where), True: Store(where)}
        for who, record in turns:
            drivers[who].append(Outcome(record, {}))
        ledgers = list((where / "records").glob("*.jsonl")) if turns else []
        assert len(ledgers) == len({who for who, _ in turns})
        assert Store(where).records() == distinct([record for _, record in turns])
        for driver in drivers.values():
            driver.close()


@FEW
@given(st.binary(max_size=200), PLAIN)
def test_a_checkpoint_comes_back_byte_for_byte(state: bytes, header: dict[str, Any]) -> None:
    with folder() as where:
        store = Store(where)
        store.save_checkpoint("name", header, state)
        assert store.checkpoint("name") == (header, state)
        assert store.checkpoints() == ["name"]
        store.drop_checkpoint("name")
        assert store.checkpoint("name") is None
        assert store.checkpoints() == []


def test_every_field_of_a_record_has_its_place_on_the_line() -> None:
    record = Record(id="x", job={}, data_key="d", status="ok")
    assert set(json.loads(record.line())) == {field.name for field in fields(Record)}
