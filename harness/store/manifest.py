"""The manifest of a run: its settings, its cells and jobs, and its state.

A run writes ``results/runs/<run id>.json`` before its first fit and again when it ends. With the
records and arrays of the same folder it contains all that a report needs, so that no data set is
opened and no method is imported to write one. Data values that figures show are in
``<run id>.npz``. Both files are replaced atomically.

The run id depends on protocols, data, rows, columns, budget, trials, seed and options, not on the
time: the same settings update their manifest, other settings have another one.
"""

from __future__ import annotations

import hashlib
import io
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import numpy as np

from harness.errors import UsageError
from harness.store.files import npz_bytes, write_whole

VERSION = 1
"""Version of the file format; files of another version are not read."""
FOLDER = "runs"
State = Literal["running", "finished", "interrupted", "failed"]
Span = tuple[int, int]
"""Minimum and maximum of a count."""
Share = tuple[float, float]
"""Minimum and maximum of a share, in percent."""
Stages = Sequence[Sequence[Sequence[int]]]
"""A trial's jobs: stages, first to last; inputs of a stage; candidates, as places in ``jobs``."""


@dataclass(frozen=True)
class SplitNote:
    """One of several splits: the groups it leaks, and its n_test / n_train, None if it is fixed."""

    name: str
    leaks: tuple[str, ...]
    ratio: float | None


@dataclass(frozen=True)
class DatasetNote:
    """Where one data set of a run comes from and how its trials were drawn.

    ``published_name``  its name in the paper's table (SEED, DEAP); None for any other data.
    ``kind``            ``simulated`` data is stamped on every table and figure
                        and never stands beside published numbers.
    ``leaks``           group columns that the split knowingly puts on both sides.
    ``split_fixed``     every trial has the same training and test rows: no correction for overlap.
    ``n_train``         rows of the training part, the most of all trials, which is the pool that
                        trials re-draw from (Nadeau and Bengio, 2003); 0 where nothing is fitted.
    ``splits``          the splits of a report that compares them, the leakiest first.
    ``known``           numbers that are known exactly of simulated data, by name.
    ``what_varies``     a sentence on what a trial re-draws, printed under every table and figure.
    ``remarks``         sentences that are printed under every table and figure: views that rows
                        lack, what is unusual in the draws, rows of the table that do not apply.
    """

    key: str
    title: str
    kind: Literal["licensed", "open", "simulated"]
    is_paper_data: bool
    published_name: str | None
    source: str
    licence: str
    citation: str
    n: int
    dims: tuple[int, ...]
    view_names: tuple[str, ...]
    n_classes: int
    split: str
    leaks: tuple[str, ...]
    fingerprint: str
    what_varies: str
    split_fixed: bool = False
    n_train: int = 0
    notes: tuple[str, ...] = ()
    splits: tuple[SplitNote, ...] = ()
    class_names: tuple[str, ...] = ()
    remarks: tuple[str, ...] = ()
    known: Mapping[str, float] = field(default_factory=dict)

    @property
    def anchor(self) -> str:
        """Its key as file names and links can have it: at most 100 bytes, distinct as keys are."""
        return file_stem(self.key)

    @property
    def paper_name(self) -> str | None:
        """The name to look published numbers up under; None unless this is the paper's data."""
        return self.published_name if self.kind == "licensed" and self.is_paper_data else None


@dataclass(frozen=True)
class ClassCount:
    """Rows of a class: in all, and in the training, tuning and test part."""

    name: str
    rows: int
    parts: tuple[Span, Span, Span]


@dataclass(frozen=True)
class GroupCount:
    """Number of groups of a column, rows per group, and groups (``torn``) in several parts."""

    name: str
    groups: int
    rows: Span
    torn: Span


@dataclass(frozen=True)
class LackingView:
    """A view, and which share of the rows of every part lacks it; training rows in two parts."""

    view: str
    labelled: Share
    unlabelled: Share
    tuning: Share
    test: Share

    @property
    def in_words(self) -> tuple[str, str, str, str]:
        """Its four shares as text: ``30.1–31.4 %``, or one number where trials agree."""

        def text(share: Share) -> str:
            return "–".join(dict.fromkeys(f"{end:.1f}" for end in share)) + "\u00a0%"

        return text(self.labelled), text(self.unlabelled), text(self.tuning), text(self.test)


@dataclass(frozen=True)
class Properties:
    """Counts of one data set; a span is the least and the most over ``trials`` draws.

    ``imitates``  paper's name of the data whose format simulated data have; "" otherwise.
    ``parts``     rows of the training, tuning and test part.
    ``labels``    (percent of the training rows that is labelled, how many rows that is).
    ``splits``    every split on offer, with the groups that it knowingly puts on both sides.
    ``lacking``   the views that some rows lack; () for complete data.   ``mask`` a digest of which
                  row lacks which view; "" for complete data.
    ``notes``     sentences on what is unusual in these draws.
    """

    dataset: str
    imitates: str
    trials: int
    parts: tuple[Span, Span, Span]
    classes: tuple[ClassCount, ...]
    groups: tuple[GroupCount, ...]
    labels: tuple[tuple[float, Span], ...]
    splits: tuple[tuple[str, tuple[str, ...]], ...]
    lacking: tuple[LackingView, ...] = ()
    mask: str = ""
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class CellEntry:
    """A cell of a table or figure on one data set, with the jobs of each of its trials.

    ``published``   the row's name in the paper's table, None where the paper has no such row.
    ``all_labels``  the row is an upper bound: it is trained on every training label.
    ``at``          its place on a figure's axes.   ``percent`` of the training rows is labelled.
    ``per_class``   how many rows of each class are labelled, where that is what was asked; else 0.
    ``rule``        what chooses candidates and epochs, as a key and in words.
    ``trials``      per trial, from 0 on, its :data:`Stages`.
    """

    dataset: str
    key: str
    title: str
    block: str
    published: str | None
    all_labels: bool
    percent: float
    at: Mapping[str, float | str]
    rule: str
    selection: str
    trials: Sequence[Stages]
    per_class: int = 0


@dataclass(frozen=True)
class ProtocolEntry:
    """One protocol of a run: its title and layout, its data, cells and published numbers.

    ``layout``     plain values (``harness.report.layout.Layout``).
    ``stamp``      what is printed on every table and figure; "" at the paper's budget.
    ``trials``     the most trials of a cell.
    ``row_notes``  row key -> (first sentence of the methods' documentation, citations).
    ``published``  lines of the paper's table, None where the paper prints none.
    ``properties`` counts of a protocol that fits nothing.
    """

    name: str
    title: str
    layout: Mapping[str, Any]
    stamp: str
    trials: int
    datasets: tuple[DatasetNote, ...]
    row_notes: Mapping[str, tuple[str, tuple[str, ...]]]
    published: Sequence[Mapping[str, Any]] | None
    cells: tuple[CellEntry, ...] = ()
    properties: tuple[Properties, ...] = ()


@dataclass(frozen=True)
class Manifest:
    """One run and its state.

    ``command``   command line.   ``revision`` of the checkout, ``+changes`` where files differ.
    ``started``, ``ended``  ISO times in UTC; ``ended`` "" while it runs.
    ``counts``    of jobs: total, stored before this run, to run, ended in this run, failed.
    ``jobs``      ids of all jobs, to which the cells point.
    ``stale``     places in ``jobs`` whose record was made by other code and was kept.
    ``arrays``    sha256 of ``<run id>.npz``, "" where there is none.
    ``against``   the suite or results folder that its report compares it with, "" for none.
    """

    id: str
    command: str
    budget: str
    state: State
    started: str
    revision: str
    versions: Mapping[str, str]
    machine: str
    protocols: tuple[ProtocolEntry, ...]
    jobs: tuple[str, ...] = ()
    stale: tuple[int, ...] = ()
    seed: int = 0
    ended: str = ""
    counts: Mapping[str, int] = field(default_factory=dict)
    arrays: str = ""
    against: str = ""

    @property
    def date(self) -> str:
        """When it ended, or else started, as reports print it: ``2026-01-02 03:04 UTC``."""
        return f"{(self.ended or self.started)[:16].replace('T', ' ')} UTC"


def run_id(
    protocols: Sequence[str], budget: str, datasets: Sequence[str], question: Mapping[str, Any]
) -> str:
    """A readable name and eight digits of ``question``: ``table2-preview-mfeat+watch-1a2b3c4d``.

    ``question``  all settings of the run, as plain values: other settings give another id.
    """
    text = json.dumps(
        [protocols, budget, datasets, question], sort_keys=True, default=str, ensure_ascii=True
    )
    digest = hashlib.sha256(text.encode()).hexdigest()[:8]
    words = ("+".join(protocols), budget, "+".join(datasets))
    # No '@' and no ':', which some shells, links and file systems do not accept.
    name = "-".join(re.sub(r"[^\w+.=]", "_", word) for word in words)
    return f"{_cut(name, 80)}-{digest}"


def file_stem(name: str, most: int = 100) -> str:
    """``name`` as a file name of at most ``most`` bytes; distinct names stay distinct.

    Letters of any script stay. A digest is added where signs other than those of a data set's key
    (``:`` ``,`` ``@``) are replaced, or where the name is cut.
    """
    spelled = name.replace("@", "--")
    stem = "".join(c if c.isalnum() or c in "_-" else "-" for c in spelled)
    short = _cut(stem, most)
    odd = set(name) & set("-") or any(not c.isalnum() and c not in "_:,@" for c in name)
    if short == stem and (stem == name or not odd):
        return stem
    return f"{_cut(stem, most - 9)}-{hashlib.sha256(name.encode()).hexdigest()[:8]}"


def write_manifest(folder: Path, manifest: Manifest) -> Path:
    """Write ``folder/runs/<id>.json``; returns its path. Raises OSError where it cannot be."""
    path = folder / FOLDER / f"{manifest.id}.json"
    # Dataclasses by their fields as they are: ``asdict`` copies every list of 100,000 jobs.
    plain = vars(manifest) | {"version": VERSION}
    text = json.dumps(plain, sort_keys=True, separators=(",", ":"), default=vars)
    write_whole(path, text.encode() + b"\n")
    return path


def save_arrays(folder: Path, run: str, arrays: Mapping[str, np.ndarray]) -> str:
    """Write ``folder/runs/<run>.npz``; returns its sha256, "" where there is nothing to write."""
    if not arrays:
        return ""
    content = npz_bytes(arrays)
    write_whole(folder / FOLDER / f"{run}.npz", content)
    return hashlib.sha256(content).hexdigest()


def load_arrays(folder: Path, manifest: Manifest) -> dict[str, np.ndarray]:
    """Arrays of a run, {} if it has none. Raises ValueError if the file is missing or differs."""
    if not manifest.arrays:
        return {}
    with np.load(io.BytesIO(array_bytes(folder, manifest)), allow_pickle=False) as archive:
        return {name: archive[name] for name in archive.files}


def array_bytes(folder: Path, manifest: Manifest) -> bytes:
    """The file of arrays of a run, b"" if it has none. Raises ValueError as load_arrays."""
    if not manifest.arrays:
        return b""
    path = folder / FOLDER / f"{manifest.id}.npz"
    try:
        content = path.read_bytes()
    except OSError as error:
        raise ValueError(f"{path} cannot be read ({error.strerror})") from error
    if hashlib.sha256(content).hexdigest() != manifest.arrays:
        raise ValueError(f"{path} is not the file that its manifest names")
    return content


def load(path: Path) -> Manifest:
    """The manifest in a file. Raises ValueError for anything else, in one sentence."""
    try:
        content = path.read_bytes()
    except OSError as error:
        raise ValueError(f"{path} is not a manifest of a run ({error})") from error
    return parse(content, str(path))


def parse(content: bytes, name: str) -> Manifest:
    """The manifest in the bytes of the file ``name``. Raises ValueError as :func:`load`."""
    try:
        plain = json.loads(content)
        version = plain.pop("version")
        if version != VERSION:
            raise ValueError(f"{name} has format version {version}, this checkout reads {VERSION}")
        protocols = tuple(_protocol(entry) for entry in plain.pop("protocols"))
        values = {key: _frozen(value) for key, value in plain.items()}
        return Manifest(protocols=protocols, **values)
    except (KeyError, TypeError, AttributeError, UnicodeDecodeError) as error:
        raise ValueError(f"{name} is not a manifest of a run ({error})") from error


def known(folder: Path) -> tuple[list[Manifest], list[str]]:
    """All runs of a results folder, the latest first, and errors of unreadable manifests."""
    runs, bad = [], []
    for path in sorted((folder / FOLDER).glob("[!.]*.json")):
        try:
            runs.append(load(path))
        except ValueError as error:
            bad.append(str(error))
    return sorted(runs, key=lambda m: (m.ended or m.started, m.started), reverse=True), bad


def chosen(folder: Path, name: str) -> list[Manifest]:
    """The runs that ``name`` selects: ``last``, ``all``, or the one whose id starts with it.

    Raises UsageError if there is none or several.
    """
    manifests, bad = known(folder)
    if not manifests:
        more = f"; {bad[0]}" if bad else ""
        raise UsageError(f"no run is stored under {folder / FOLDER}{more}")
    if name == "all":
        return manifests
    if name == "last":
        return manifests[:1]
    matching = [m for m in manifests if m.id == name] or [
        m for m in manifests if m.id.startswith(name)
    ]
    if len(matching) == 1:
        return matching
    ids = ", ".join(m.id for m in matching or manifests)
    if matching:
        raise UsageError(f"several run ids start with '{name}': {ids}")
    raise UsageError(f"no run id starts with '{name}'; there are: {ids}")


def _protocol(plain: Mapping[str, Any]) -> ProtocolEntry:
    values = dict(plain)
    values["row_notes"] = _frozen(plain["row_notes"])
    values["datasets"] = tuple(_note(note) for note in plain["datasets"])
    values["cells"] = tuple(CellEntry(**cell) for cell in plain["cells"])
    values["properties"] = tuple(_properties(counted) for counted in plain["properties"])
    return ProtocolEntry(**values)


def _note(plain: Mapping[str, Any]) -> DatasetNote:
    values = {name: _frozen(value) for name, value in plain.items() if name != "splits"}
    splits = tuple(SplitNote(**_frozen_values(split)) for split in plain["splits"])
    return DatasetNote(**values, splits=splits)


def _properties(plain: Mapping[str, Any]) -> Properties:
    values = _frozen_values(plain)
    values["classes"] = tuple(ClassCount(**_frozen_values(entry)) for entry in plain["classes"])
    values["groups"] = tuple(GroupCount(**_frozen_values(entry)) for entry in plain["groups"])
    lacking = plain.get("lacking", ())  # older manifests have none
    values["lacking"] = tuple(LackingView(**_frozen_values(entry)) for entry in lacking)
    return Properties(**values)


def _frozen_values(plain: Mapping[str, Any]) -> dict[str, Any]:
    return {name: _frozen(value) for name, value in plain.items()}


def _frozen(value: Any) -> Any:
    """JSON's lists as tuples, at any depth."""
    if isinstance(value, list):
        return tuple(_frozen(item) for item in value)
    if isinstance(value, dict):
        return {name: _frozen(item) for name, item in value.items()}
    return value


def _cut(text: str, most: int) -> str:
    """``text`` cut to at most ``most`` bytes, at a character boundary."""
    return text.encode()[:most].decode(errors="ignore")
