"""A short run of `make endurance`, which is otherwise never run by the suite."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from tests.system.endurance import drivers, kills, storage
from tests.system.endurance.judge import Row, Whole

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Whole:
    return Whole(tmp_path_factory.mktemp("whole"))


def good(row: Row) -> bool:
    assert (row.lost, row.doubled, row.wrong, row.faults) == (0, 0, 0, [])
    return True


def test_kills_cost_nothing_that_was_stored(whole: Whole, tmp_path: Path) -> None:
    rows = list(kills.rows(2, random.Random(0), whole, tmp_path, ray=False))
    assert [good(row) for row in rows] == [True, True]
    assert sum(row.tried for row in rows) == 2


def test_a_clock_that_jumps_moves_no_number(whole: Whole, tmp_path: Path) -> None:
    assert good(drivers.jumping(whole, tmp_path))


def test_no_flipped_bit_gives_another_number(whole: Whole, tmp_path: Path) -> None:
    assert storage.unnoticed(random.Random(0), whole, tmp_path / "bits", 50) == 0


def test_the_judge_sees_what_was_lost_doubled_and_wrong(whole: Whole, tmp_path: Path) -> None:
    for name, change in {
        "lost": lambda lines: lines[2:],  # one is allowed to fail
        "doubled": lambda lines: [*lines, lines[0]],
        "wrong": lambda lines: [lines[0].replace(b'"test_accuracy": 0', b'"test_accuracy": 1')],
    }.items():
        (path,) = (whole.folder / "results" / "records").glob("*.jsonl")
        lines = [line.split(b', "crc32"')[0] + b"}" for line in path.read_bytes().splitlines()]
        records = tmp_path / name / "results" / "records"
        records.mkdir(parents=True)
        (records / path.name).write_bytes(b"\n".join(change(lines)))
        row = Row(name)
        whole.judge(row, tmp_path / name, failed=1)
        assert getattr(row, name) > 0
        assert not row.good
