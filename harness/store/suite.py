"""A suite: fixed trials, and a file of their results for each row of a table that ran on them.

``docs/results/<name>/suite.json`` says which trials: protocol, data with fingerprints and splits,
columns, number of trials, seed, budget, and the digest of every draw. ``<row key>.jsonl`` beside it
has a head and then a line for each trial. They are text, some 50 KB a row, so that a change of one
is read in a diff, and a mark is set by hand or by ``--verified-by``.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any

from harness.errors import UsageError
from harness.options import ROOT
from harness.store.files import write_whole

STORED = ROOT / "docs" / "results"
"""Folder of the suites that belong to the project."""
DEFAULT = "core-1"
"""The suite that ``reference`` means."""
VERSION = 1
"""Version of both file formats."""
FILE = "suite.json"
LARGEST = 2**20
"""Bytes of a row's file."""
ROW = re.compile(r"[\w:.+-]+")


@dataclass(frozen=True)
class SuiteData:
    """One data set of a suite.

    ``key``    as ``--dataset`` names it.   ``split`` name of its split rule.
    ``train``, ``test``  rows of the training part, labelled or not, and of the test part.
    ``draws``  column (``2``) -> the digest of every trial's draw (``Record.drawn``).
    """

    key: str
    fingerprint: str
    split: str
    train: int
    test: int
    draws: Mapping[str, Sequence[str]]


@dataclass(frozen=True)
class Suite:
    """Trials that are fixed for good: what changes them is another suite."""

    name: str
    protocol: str
    budget: str
    trials: int
    seed: int
    label_percent: tuple[float, ...]
    data: tuple[SuiteData, ...]
    folder: Path = field(default=STORED, compare=False)

    def flags(self) -> dict[str, Any]:
        """The options of a run of exactly these trials, by field of ``Options``."""
        return {
            "protocols": (self.protocol,),
            "datasets": tuple(data.key for data in self.data),
            "label_percent": self.label_percent,
            "trials": self.trials,
            "seed": self.seed,
            "budget": self.budget,
        }

    def has(self, dataset: str) -> bool:
        """Whether it has a data set, by its key or without the views of that."""
        keys = {data.key for data in self.data}
        return dataset in keys | {key.partition(":")[0] for key in keys}

    def rows(self) -> list[Row]:
        """Every row that is stored, by key. Raises UsageError for a file that is damaged."""
        return [read_row(path) for path in sorted(self.folder.glob("*.jsonl"))]


@dataclass(frozen=True)
class Verified:
    """Who ran a row again, when, at which commit; ``most`` is the largest difference of a trial."""

    by: str
    date: str
    commit: str
    most: float


@dataclass(frozen=True)
class Row:
    """The results of one row of a table on a suite.

    ``methods``  key -> version.   ``settings`` key of a setting -> its candidate values, as JSON.
    ``code``     file -> digest of what it does.   ``note``, ``cites`` what it is.
    ``command``  runs it again.   ``date``, ``machine``, ``revision`` of the run that it is from.
    ``trials``   a mapping for each trial (``harness.analysis.against.LINE``).
    """

    suite: str
    row: str
    title: str
    block: str
    note: str
    cites: tuple[str, ...]
    methods: Mapping[str, int]
    settings: Mapping[str, Sequence[str]]
    code: Mapping[str, str]
    versions: Mapping[str, str]
    machine: str
    revision: str
    command: str
    date: str
    verified: Verified | None = None
    trials: Sequence[Mapping[str, Any]] = ()


def find_suite(name: str) -> Suite:
    """A suite of the project by name, or in a folder. Raises UsageError if there is none."""
    folder = STORED / name if re.fullmatch(r"[\w-]+", name) else Path(name).expanduser()
    if not (folder / FILE).is_file():
        folder = Path(name).expanduser()
    if not (folder / FILE).is_file():
        known = ", ".join(sorted(path.parent.name for path in STORED.glob(f"*/{FILE}")))
        raise UsageError(f"no suite is called '{name}'; there are: {known or 'none'}")
    try:
        plain = json.loads((folder / FILE).read_text("utf-8"))
        if plain.pop("version") != VERSION:
            raise UsageError(f"{folder / FILE} is of a version that this checkout does not read")
        data = tuple(SuiteData(**entry) for entry in plain.pop("data"))
        columns = tuple(float(percent) for percent in plain.pop("label_percent"))
        return Suite(data=data, label_percent=columns, folder=folder, **plain)
    except (OSError, ValueError, TypeError, KeyError, AttributeError) as error:
        raise UsageError(f"{folder / FILE} is not a suite ({error})") from error


def write_suite(suite: Suite) -> Path:
    """Write ``suite.json``. Raises UsageError where its folder has one: a suite never changes."""
    path = suite.folder / FILE
    if path.exists():
        raise UsageError(f"{path} exists; a suite never changes, so define one of another name")
    plain: dict[str, Any] = {"version": VERSION, **asdict(suite)}
    del plain["folder"]
    write_whole(path, (json.dumps(plain, indent=1) + "\n").encode())
    return path


def write_row(suite: Suite, row: Row) -> Path:
    """Write the file of a row. Raises UsageError where it would be over 1 MiB."""
    path = row_path(suite, row.row)
    head: dict[str, Any] = {"version": VERSION, **asdict(row)}
    trials = head.pop("trials")
    lines = [json.dumps(head, allow_nan=False), *(json.dumps(t, allow_nan=False) for t in trials)]
    content = "".join(f"{line}\n" for line in lines).encode()
    if len(content) > LARGEST:
        raise UsageError(f"{path} would be over 1 MiB; a row's file has a short line for a trial")
    write_whole(path, content)
    return path


def row_path(suite: Suite, key: str) -> Path:
    """Where the file of a row lies."""
    if not ROW.fullmatch(key):
        raise UsageError(f"'{key}' is no key of a row; --list rows --protocol {suite.protocol}")
    return suite.folder / f"{key.replace(':', '_')}.jsonl"


def read_row(path: Path) -> Row:
    """The row in a file. Raises UsageError, one sentence, for anything else."""
    try:
        if path.stat().st_size > LARGEST:
            raise UsageError(f"{path} is over 1 MiB, so it is not the file of a row")
        first, *lines = path.read_text("utf-8").splitlines()
        head = json.loads(first)
        if head.pop("version") != VERSION:
            raise UsageError(f"{path} is of a version that this checkout does not read")
        mark = head.pop("verified")
        known = {item.name for item in fields(Row)}
        return Row(
            verified=None if mark is None else Verified(**mark),
            trials=tuple(json.loads(line) for line in lines),
            **{name: value for name, value in head.items() if name in known},
        )
    except (OSError, ValueError, TypeError, KeyError, AttributeError) as error:
        raise UsageError(f"{path} is not the file of a row ({error})") from error
