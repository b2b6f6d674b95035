"""Results folders for tests of what is stored: real runs, and copies with a planted difference."""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

import run_all
from harness.plan import resolve
from harness.report import publish

Change = Callable[[dict[str, Any]], object]


def without_reports(*commands: Sequence[str]) -> None:
    """Run command lines in this process, which must succeed; no report is written."""
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv(resolve.DATA_ROOT, raising=False)
        patch.setattr(publish, "publish", lambda *_: 0)
        for argv in commands:
            assert run_all.main(list(argv)) == 0


def records(results: Path) -> list[dict[str, Any]]:
    """Every record of every ledger."""
    paths = sorted((results / "records").glob("*.jsonl"))
    return [line for path in paths for line in _unsealed(path)]


def _unsealed(path: Path) -> list[dict[str, Any]]:
    """The records of a ledger without their checksums, since tests change them."""
    lines = [json.loads(line) for line in path.read_text("utf-8").splitlines()]
    for line in lines:
        line.pop("crc32", None)
    return lines


def manifest(results: Path) -> dict[str, Any]:
    """The only manifest of a folder."""
    (path,) = (results / "runs").glob("*.json")
    return json.loads(path.read_text("utf-8"))


def copy(results: Path, to: Path, change: Change, of_run: Change = lambda _: None) -> Path:
    """A copy of a results folder with every record, and the manifest, changed in place."""
    shutil.copytree(results, to)
    for path in (to / "records").glob("*.jsonl"):
        lines = _unsealed(path)
        for line in lines:
            change(line)
        path.write_text("".join(json.dumps(line) + "\n" for line in lines), "utf-8")
    for path in (to / "runs").glob("*.json"):
        run = json.loads(path.read_text("utf-8"))
        of_run(run)
        path.write_text(json.dumps(run), "utf-8")
    return to


def other_run(results: Path, change: Change, of_run: Change = lambda _: None) -> None:
    """Add a run called ``other`` to a folder: the same cells with changed records of other ids."""

    def renamed(name: str) -> str:
        return hashlib.sha256(name.encode()).hexdigest()[:20]

    lines = []
    for line in records(results):
        change(line)
        lines.append(json.dumps(line | {"id": renamed(line["id"])}) + "\n")
    (results / "records" / "ledger-777.jsonl").write_text("".join(lines), "utf-8")
    run = manifest(results)
    run |= {"id": "other", "jobs": [renamed(name) for name in run["jobs"]], "ended": "2020-01-01"}
    of_run(run)
    (results / "runs" / "other.json").write_text(json.dumps(run), "utf-8")
