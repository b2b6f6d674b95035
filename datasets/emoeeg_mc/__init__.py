"""EmoEEG-MC: EEG, heart rate and skin of 60 people, seven emotions, films and imagery.

Source: OpenNeuro ds005540, version 1.0.7 (https://openneuro.org/datasets/ds005540; Sci Data 2025,
https://doi.org/10.1038/s41597-025-05349-2). Licence: CC0. Its files are not in the project:
docs/data.md says where to put them; the derivatives' features and the folders ``beh`` are enough.

In two contexts, ``video`` (films) and ``imagery``, a person has 21 trials: seven emotions with
three stimuli each, the same stimuli in both contexts. Only the people with 21 trials in both are
used, 54 of 60: which stimuli the others lack cannot be told from their files.

Rows: 30 windows of 1 s a trial, in order of person, context, stimulus and time. Views:

``eeg``  320: differential entropy of five bands at 64 channels, ready-made; all channels of the
         first band, then of the next
``hr``   features of heart rate, as many as the tables have, from 46 people
``gsr``  the same of skin conductance, from 43 of these

A line of these tables is a trial, whose values are repeated over its windows, or a window. A view
is absent for a person without the file, and in a trial with a value that is not a number. Rows that
lack a chosen view are left out by default (option ``rows``); notes say how many. Fewer views, more
rows: ``emoeeg_mc:eeg``.

What was never tried on the real files, since none was at hand: files of EEG features are mostly
larger than a plain ``.npy``, so that they probably hold pickled objects, which are read by
``_io.read_npy`` if they hold one array; axes are told by their sizes, and bands are believed to be
SEED's, in their order; columns of the tables are taken from their titles, leaving out trial
numbers, labels and codes of the class. Trials are matched by the name of the stimulus, or by trial
number with the names in ``beh/*_beh.tsv``.

Groups: ``person`` 1..60, ``trial`` (one person, context and stimulus), ``stimulus`` 0..20 (the same
in both contexts) and ``context`` (0 video, 1 imagery). Splits:

person    the default: each person is in one part
stimulus  each stimulus is in one part, one of each emotion; the same people are in all parts
context   fixed: one context is the test part; of the other, the third stimulus of each emotion is
          the tuning part and the first two are the training part. Training and test part share
          people and stimuli, training and tuning part the context
window    rows are cut at random: neighbouring seconds are in different parts

Options (``--data-option emoeeg_mc.NAME=VALUE``):

``people``  ``complete`` (default): all with 21 trials in both contexts; or a list such as ``1-20``.
``label``   ``emotion`` (default, seven) or ``valence``: negative (sadness, disgust, fear) or
            positive (joy, tenderness, inspiration); neutral trials are left out.
``train``   ``video`` (default) or ``imagery``: the training part of the split ``context``.
``lines``   which trials the lines of a table are that names none: ``ask`` (default) refuses it,
            ``derivatives`` are the order of the EEG features, ``presentation`` that of the session.
``rows``    ``all`` (default): those with at least one chosen view; an absent view is NaN.
            ``complete``: those with every one.
``folder``  below the data root: which copy is read, where several differ.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from datasets._check import DataCheck
from datasets._simulated import is_simulated
from datasets._wording import count
from datasets.base import TEST, TRAIN, TUNE, DataError, Dataset, Provenance, Split
from datasets.emoeeg_mc import checks, files
from datasets.emoeeg_mc.files import Files, near_misses
from datasets.emoeeg_mc.layout import (
    CONTEXTS,
    EACH,
    EMOTIONS,
    NEUTRAL,
    OPTIONS,
    PEOPLE,
    TRIALS,
    VIEWS,
    WINDOWS,
    Options,
    options_of,
)
from datasets.emoeeg_mc.read import BodyTable, body_table, de_features, trial_order

__all__ = ["OPTIONS", "check", "found", "load", "near_misses"]

LOOKED_FOR = "sub-02_ses-vid_task-emotion_de.npy"
ROWS = len(CONTEXTS) * TRIALS * WINDOWS  # of a person
SPLITS = (
    Split("person", by="person", leaks=("stimulus", "context")),
    Split(
        "stimulus",
        by="stimulus",
        stratify=True,
        leaks=("person", "context"),
        shares=(1 / 3, 1 / 3, 1 / 3),
    ),
    Split("context", official=True, leaks=("person", "stimulus", "context")),
    Split("window", stratify=True, leaks=("person", "trial", "stimulus", "context")),
)


def load(
    views: tuple[str, ...] | None = None,
    root: Path | None = None,
    options: Mapping[str, str] | None = None,
) -> Dataset:
    """Rows with ``views`` (default all three), from the files in or below ``root``.

    Raises DataError if files are missing or damaged, or cannot be matched to trials, for an unknown
    view and for an option that the module docstring does not name.
    """
    chosen = options_of(options)
    wanted = VIEWS if views is None else views
    for view in wanted:
        if view not in VIEWS:
            raise DataError(f"emoeeg_mc has no view '{view}'; its views are: {', '.join(VIEWS)}")
    copy = files.needed(root, chosen.folder)
    rows = read_rows(copy, chosen, wanted)
    simulated = is_simulated(copy.folder, root or copy.folder, copy.paths)
    return dataset_of(rows, chosen, simulated).choose(wanted)


def found(root: Path) -> bool:
    """Whether features of EEG of the data set are in or below ``root``. Opens no file."""
    return files.is_there(root)


def check(root: Path, options: Mapping[str, str] | None = None) -> DataCheck:
    """The files compared with the published counts. Raises DataError for options only."""
    chosen = options_of(options)
    try:
        copy = files.needed(root, chosen.folder)
    except DataError as error:
        return DataCheck("emoeeg_mc", str(root), False, (checks.nothing_found(str(error)),))
    simulated = is_simulated(copy.folder, root, copy.paths)
    findings = checks.file_findings(copy, simulated)
    fingerprint = ""
    try:
        views = ("eeg", *(view for view, tables in copy.body.items() if tables))
        data = dataset_of(read_rows(copy, chosen, views), chosen, simulated)
    except DataError as error:
        findings.append(checks.refused(str(error)))
    else:
        findings += checks.data_findings(data)
        fingerprint = data.fingerprint
    return DataCheck("emoeeg_mc", str(copy.folder), simulated, tuple(findings), fingerprint)


# ---------------------------------------------------------------- rows


@dataclass(frozen=True, eq=False)
class PeopleRows:
    """All rows of the people used, before any is left out.

    ``views``    by name, (n, d) float32, NaN in rows that lack the view.
    ``people``   whose rows they are, ROWS of each; ``left_out`` the others with files, and why.
    ``columns``  titles of the columns of the tables of the body.
    """

    views: dict[str, np.ndarray]
    people: tuple[int, ...]
    left_out: dict[int, str]
    columns: dict[str, tuple[str, ...]]

    @property
    def present(self) -> np.ndarray:
        """(n, V) bool: whether a row has a view."""
        return np.stack([~np.isnan(view[:, 0]) for view in self.views.values()], axis=1)


def read_rows(copy: Files, chosen: Options, wanted: Sequence[str]) -> PeopleRows:
    """Rows of every complete person, or of those chosen. Raises DataError."""
    eeg, left_out = _complete_people(copy, chosen)
    if not eeg:
        some = next(iter(left_out.items()), None)
        why = f", for example sub-{some[0]:02d}: {some[1]}" if some else ""
        raise DataError(
            f"{copy.folder} has no person with {TRIALS} trials in both contexts{why}; {files.GET}"
        )
    views = {"eeg": np.concatenate(list(eeg.values()))} if "eeg" in wanted else {}
    columns: dict[str, tuple[str, ...]] = {}
    for view in [name for name in VIEWS[1:] if name in wanted]:
        views[view], columns[view] = _body_view(copy, chosen, view, tuple(eeg))
    return PeopleRows(views, tuple(eeg), left_out, columns)


def _complete_people(copy: Files, chosen: Options) -> tuple[dict[int, np.ndarray], dict[int, str]]:
    """EEG (ROWS, 320) of people with 21 trials in both contexts; of the others, why not."""
    eeg: dict[int, np.ndarray] = {}
    left_out: dict[int, str] = {}
    for person in chosen.people or PEOPLE:
        paths = [copy.eeg.get((person, context)) for context in range(len(CONTEXTS))]
        if not chosen.people and not any(paths):
            continue
        parts, why = [], ""
        for context, path in zip(CONTEXTS, paths, strict=True):
            features = None if path is None else de_features(path)
            if features is None or len(features) < TRIALS:
                there = "no file" if features is None else count(len(features), "trial")
                why = why or f"{there} of {context}, not {TRIALS}, so its stimuli cannot be told"
            else:
                parts.append(features.reshape(-1, features.shape[2]))
        if why and chosen.people:
            raise DataError(
                f"sub-{person:02d} has {why}; leave this person out of the option people"
            )
        if why:
            left_out[person] = why
        else:
            eeg[person] = np.concatenate(parts)
    return eeg, left_out


def _body_view(
    copy: Files, chosen: Options, view: str, people: Sequence[int]
) -> tuple[np.ndarray, tuple[str, ...]]:
    """(ROWS of each person, d) float32 with NaN where there is no value, and the d titles."""
    tables: dict[tuple[int, int], BodyTable] = {}
    for person in people:
        behaviour = copy.behaviour.get(person)
        order = trial_order(behaviour) if behaviour else {}
        for context in range(len(CONTEXTS)):
            if path := copy.body[view].get((person, context)):
                tables[person, context] = body_table(path, order, context, chosen.lines)
    if not tables:
        raise DataError(
            f"{copy.folder} has no tables of {view}, files such as "
            f"sub-02_ses-vid_{view.upper()}features.csv; choose the view eeg, as emoeeg_mc:eeg, or "
            f"{files.GET}"
        )
    titles = next(iter(tables.values())).columns
    for (person, context), table in tables.items():
        if table.columns != titles:
            raise DataError(
                f"{copy.body[view][person, context].name} has other columns than the first table "
                f"of {view}: {', '.join(table.columns[:5])}; download it again"
            )
    absent = np.full((TRIALS, WINDOWS, len(titles)), np.nan, np.float32)
    parts = [
        tables[person, context].values if (person, context) in tables else absent
        for person in people
        for context in range(len(CONTEXTS))
    ]
    return np.concatenate(parts).reshape(-1, len(titles)), titles


# ---------------------------------------------------------------- the data set


def dataset_of(rows: PeopleRows, chosen: Options, simulated: bool) -> Dataset:
    """The data set of ``rows``. Raises DataError if no row has all views."""
    people = len(rows.people)
    context, stimulus = (
        np.tile(np.repeat(column, WINDOWS), people)
        for column in (np.arange(len(CONTEXTS)).repeat(TRIALS), np.tile(range(TRIALS), 2))
    )
    person = np.repeat(np.array(rows.people, np.int64), ROWS)
    groups = {
        "person": person,
        "trial": (person * len(CONTEXTS) + context) * TRIALS + stimulus,
        "stimulus": stimulus,
        "context": context,
    }
    emotion = stimulus // EACH
    needs = np.any if chosen.rows == "all" else np.all
    keep: np.ndarray = np.asarray(needs(rows.present, axis=1))
    if chosen.label == "valence":
        keep &= emotion != NEUTRAL
    if not keep.any():
        raise DataError(
            "no row of emoeeg_mc has all views; choose fewer, as emoeeg_mc:eeg, or keep others too "
            "with --data-option emoeeg_mc.rows=all"
        )
    names = EMOTIONS if chosen.label == "emotion" else ("negative", "positive")
    labels = emotion if chosen.label == "emotion" else (emotion > NEUTRAL).astype(np.int64)
    groups = {name: column[keep].astype(np.int64) for name, column in groups.items()}
    return Dataset(
        key="emoeeg_mc",
        draw_key="emoeeg_mc",
        title="EmoEEG-MC" + (", valence" if chosen.label == "valence" else ""),
        views=tuple(view[keep] for view in rows.views.values()),
        view_names=tuple(rows.views),
        labels=labels[keep].astype(np.int64),
        class_names=names,
        splits=SPLITS,
        provenance=Provenance(
            kind="simulated" if simulated else "open",
            source="simulated files in the format of EmoEEG-MC"
            if simulated
            else "OpenNeuro ds005540, EmoEEG-MC 1.0.7",
            licence="none needed: drawn by a random generator" if simulated else "CC0",
            citation="EmoEEG-MC (2025). Sci Data. https://doi.org/10.1038/s41597-025-05349-2",
            notes=_notes(rows, chosen, keep, groups),
            imitates="open",
        ),
        groups=groups,
        official=_context_parts(groups, chosen),
    )


def _context_parts(groups: Mapping[str, np.ndarray], chosen: Options) -> np.ndarray:
    trains = groups["context"] == CONTEXTS.index(chosen.train)
    third = groups["stimulus"] % EACH == EACH - 1
    return np.select([trains & third, trains], [TUNE, TRAIN], TEST)


def _notes(
    rows: PeopleRows, chosen: Options, keep: np.ndarray, groups: Mapping[str, np.ndarray]
) -> tuple[str, ...]:
    """Notes for reports: people used, rows and people left out, columns of the tables."""
    used = len(np.unique(groups["person"]))
    needs = "each" if chosen.rows == "complete" else "one"
    people = "1 person" if used == 1 else f"{used} people"
    notes = [
        f"{people} and {keep.sum()} of {len(keep)} rows; a row needs {needs} of "
        f"{', '.join(rows.views)}, and a person {TRIALS} trials in both contexts"
    ]
    if rows.left_out:
        names = ", ".join(f"sub-{person:02d}" for person in rows.left_out)
        notes.append(f"left out, since their trials cannot be told: {names}")
    if chosen.label == "valence":
        notes.append("neutral trials are left out")
    for view, columns in rows.columns.items():
        notes.append(f"columns of {view}: {', '.join(columns)}")
    return tuple(notes)
