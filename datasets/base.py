"""The data contract: what a data set provides, and what a method may see.

A :class:`Dataset` is the whole content of a file. A scenario (of ``protocols``) turns one trial
of it into a :class:`Problem`, which is all that a method sees, and :class:`HeldOut`, which
only the harness sees. Numpy only; nothing here depends on methods, protocols or the harness.

Conventions, everywhere:

* ``n`` rows, ``V`` views, view ``v`` is ``(n, d_v)`` float32 in raw units; a data set may ask for
  a scaling of them, which the builder of trials applies;
* ``present`` is ``(n, V)`` bool, ``labelled`` is ``(n,)`` bool; both always exist;
* a hidden label is ``-1``; a hidden or absent entry is ``NaN``, so that its use is noticed;
* a view is present in a row as a whole or absent as a whole. It may be absent because the data set
  lacks it there, or because a trial hides it; a method sees no difference.
"""

from __future__ import annotations

import hashlib
import re
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Literal, get_args

import numpy as np

from datasets._columns import constant as constant
from datasets._settings import SettingError as SettingError
from datasets._settings import Settings as Settings
from datasets._settings import setting as setting
from datasets._settings import to_text as to_text
from datasets._wording import count

Kind = Literal["licensed", "open", "simulated"]
Scaling = Literal["none", "per_file", "global"]
TRAIN, TUNE, TEST = 0, 1, 2
HIDDEN = -1


class DataError(ValueError):
    """A data set is unusable; the message is one sentence that says how to fix it."""


@dataclass(frozen=True)
class Split:
    """A named rule that cuts rows into train / tune / test, declared by the data set.

    ``by``        group column whose groups are never split across parts (None: rows are cut).
    ``stratify``  keep class shares equal over the parts.
    ``official``  use the data set's own ``Dataset.official`` part per row.
    ``leaks``     group columns that this split puts in several parts: a declared leak.
                  A draw that splits any other group across parts is refused.
    ``shares``    train, tune, test; they sum to 1.
    ``folds``     0: a fresh draw in every trial. Otherwise parts rotate over this number of equal
                  folds: trial t tests on fold ``t % folds`` of partition ``t // folds``, tunes on
                  the next fold and trains on the others; ``shares`` must agree.
    """

    name: str
    by: str | None = None
    stratify: bool = False
    official: bool = False
    leaks: tuple[str, ...] = ()
    shares: tuple[float, float, float] = (0.6, 0.2, 0.2)
    folds: int = 0

    @property
    def groups_needed(self) -> int:
        """Least number of groups: one for every part, or fold; 0 if the split is by no group."""
        return (self.folds or 3) if self.by else 0


@dataclass(frozen=True)
class Provenance:
    """Origin of the data; printed in every report.

    ``imitates``  of simulated data, the kind of what they imitate: labels are drawn as for that.
    ``known``  numbers that are known exactly because the data are drawn from a known model, such
               as the Bayes accuracy, by name.
    """

    kind: Kind
    source: str
    licence: str
    citation: str = ""
    notes: tuple[str, ...] = ()
    imitates: Literal["licensed", "open"] = "licensed"
    known: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True, eq=False)
class Dataset:
    """Named views of the same ``n`` rows, with labels and groups. Rows are never silently dropped.

    ``views``     ``(n, d_v)`` float32; a row that lacks a view is NaN in all its columns there, and
                  no other entry is NaN. Every row has at least one view, every view some row.
    ``key``       as the user names it, with views: ``mfeat:fou,zer``.
    ``draw_key``  seeds the draws: the same for every choice of views of one data set, so that
                  trials are paired across choices; never a path.
    ``groups``    name -> ``(n,)`` int: subject, session, recording, duplicate set ...
    ``splits``    the split rules that make sense for this data set; ``offered`` has those that can
                  be drawn from its rows, the default first.
    ``official``  ``(n,)`` of TRAIN / TUNE / TEST where the owner publishes a split.
    ``file_group``  the group that numbers the files (recordings) of the data set; "" if none does.
    ``scaling``   how rows are scaled before a method sees them: ``none``, ``per_file`` or
                  ``global`` z-scores. The views here are always raw.
    ``path``      of a file of the user's, as it was named, with its views if some were; "" for no
                  file. For messages alone.

    Raises DataError from ``validate`` (called on construction) on any broken invariant.
    """

    key: str
    draw_key: str
    title: str
    views: tuple[np.ndarray, ...]
    view_names: tuple[str, ...]
    labels: np.ndarray
    class_names: tuple[str, ...]
    splits: tuple[Split, ...]
    provenance: Provenance
    groups: Mapping[str, np.ndarray] = field(default_factory=dict)
    official: np.ndarray | None = None
    file_group: str = ""
    scaling: Scaling = "none"
    path: str = ""

    def __post_init__(self) -> None:
        validate(self)

    @property
    def n(self) -> int:
        return len(self.labels)

    @property
    def n_classes(self) -> int:
        return len(self.class_names)

    @property
    def dims(self) -> tuple[int, ...]:
        return tuple(view.shape[1] for view in self.views)

    @cached_property
    def present(self) -> np.ndarray:
        """Which rows have which views, ``(n, V)`` bool: those that are not NaN."""
        mask = np.stack([~np.isnan(view[:, 0]) for view in self.views], axis=1)
        mask.setflags(write=False)
        return mask

    @property
    def absent_views(self) -> tuple[str, ...]:
        """Names of the views that some row lacks; () for complete data."""
        pairs = zip(self.view_names, self.present.T, strict=True)
        return tuple(name for name, there in pairs if not there.all())

    @cached_property
    def fingerprint(self) -> str:
        """16 hex digits of the content: views, names, labels, groups, split. No path, no date."""
        digest = hashlib.sha256()
        for name, view in zip(self.view_names, self.views, strict=True):
            nan = np.isnan(view)  # of many bit patterns: one of them
            _feed(digest, name, np.where(nan, np.float32(np.nan), view) if nan.any() else view)
        _feed(digest, "labels", self.labels)
        digest.update("|".join(self.class_names).encode())
        for name in sorted(self.groups):
            _feed(digest, name, self.groups[name])
        if self.official is not None:
            _feed(digest, "official", self.official)
        return digest.hexdigest()[:16]

    def asked_as(self, views: Sequence[str] = (), split: str = "") -> str:
        """What to type for these ``views`` (default: all) and this split, for messages."""
        name = self.path or re.split("[:+@]", self.key)[0]
        text = name + (f":{','.join(views)}" if views else "") + (f"@{split}" if split else "")
        return f"--dataset {shlex.quote(text)}"

    @property
    def offered(self) -> tuple[Split, ...]:
        """The splits that can be drawn, the default first."""
        return tuple(split for split in self.splits if not self.too_few_groups(split))

    def too_few_groups(self, split: Split) -> str:
        """Why ``split`` cannot be drawn: it has fewer groups than parts or folds. "" if it can."""
        if split.by is None:
            return ""
        there = len(np.unique(self.groups[split.by]))
        if there >= split.groups_needed:
            return ""
        return (
            f"split '{split.name}' of {self.key} keeps each {split.by} in one part and needs at "
            f"least {split.groups_needed} of them, one a {'fold' if split.folds else 'part'}, but "
            f"the data have {there}"
        )

    def split(self, name: str | None = None) -> Split:
        """The split called ``name``, or the default one.

        Raises DataError for an unknown name, and for a split with too few groups.
        """
        offered = self.offered
        known = {split.name: split for split in self.splits}
        if name is None and offered:
            return offered[0]
        if name is not None and name not in known:
            names = ", ".join(split.name for split in offered)
            raise DataError(f"{self.key} has no split '{name}'; it offers: {names}")
        split = self.splits[0] if name is None else known[name]
        if reason := self.too_few_groups(split):
            if not offered:
                raise DataError(f"{reason}; add data with more of them")
            names, typed = ", ".join(s.name for s in offered), self.asked_as(split=offered[0].name)
            raise DataError(f"{reason}; splits that can be drawn: {names} ({typed})")
        return split

    def choose(self, names: Sequence[str]) -> Dataset:
        """The same rows with only the views called ``names``, in that order."""
        check_chosen(names, self.view_names, self.draw_key)
        index = [self.view_names.index(name) for name in names]
        return replace(
            self,
            key=f"{self.key.split(':')[0]}:{','.join(names)}",
            views=tuple(self.views[i] for i in index),
            view_names=tuple(names),
        )


@dataclass(frozen=True, eq=False)
class Rows:
    """Samples: views ``(n, d_v)``, present ``(n, V)``, ids ``(n,)``."""

    views: tuple[np.ndarray, ...]
    present: np.ndarray
    ids: np.ndarray

    @property
    def n(self) -> int:
        return len(self.ids)


@dataclass(frozen=True, eq=False)
class Problem:
    """All that a method may see of one trial.

    ``rows``     labelled and unlabelled training rows; in the transductive paradigm the unlabelled
                 ones are the test rows. Hidden and absent entries are NaN.
    ``labels``   ``(n,)`` int64, HIDDEN (-1) exactly where ``labelled`` is False.
    ``tuning``   features of tuning rows, for validation only; their labels are not here. They lack
                 the views that the data set lacks there; nothing more is hidden.
    ``may_miss`` names of the views that rows may lack, even if none does: those that a trial may
                 hide and those that the data set lacks in some row; every other view is present in
                 every row, of all parts.
    Row ids are positions in a per-trial permutation: they identify rows and do not depend on class.
    """

    rows: Rows
    labels: np.ndarray
    labelled: np.ndarray
    view_names: tuple[str, ...]
    class_names: tuple[str, ...]
    tuning: Rows
    may_miss: tuple[str, ...] = ()

    @property
    def n_classes(self) -> int:
        return len(self.class_names)

    @property
    def dims(self) -> tuple[int, ...]:
        return tuple(view.shape[1] for view in self.rows.views)


@dataclass(frozen=True, eq=False)
class HeldOut:
    """What a method never sees: test rows and labels, tuning labels, true hidden entries.

    ``complete``  the Problem's rows, in the same order, with nothing hidden: to score imputation.
                  A view that the data set itself lacks in a row is absent here too: no truth is
                  known.
    ``test_complete``  ``(n_test,)`` bool, the test rows that were drawn with every view; it stays
                  as it is when a stage completes rows or replaces views.
    """

    test: Rows
    test_labels: np.ndarray
    tuning_labels: np.ndarray
    complete: Rows
    test_complete: np.ndarray


def check_chosen(names: Sequence[str], known: Sequence[str], owner: str) -> None:
    """Raise DataError unless ``names`` are of the ``known`` views of ``owner``, each named once."""
    if unknown := [name for name in names if name not in known]:
        raise DataError(f"{owner} has no view '{unknown[0]}'; its views are: {', '.join(known)}")
    if len(set(names)) != len(names):
        raise DataError(f"a view of {owner} is named twice in '{','.join(names)}'")


def validate(data: Dataset) -> None:
    """Raise DataError, in one sentence, if ``data`` breaks the contract."""
    if not data.views:
        raise DataError(f"{data.key} has no views")
    if len(data.views) != len(data.view_names):
        names = count(len(data.view_names), "name")
        raise DataError(f"{data.key} has {count(len(data.views), 'view')} but {names}")
    if len(set(data.view_names)) != len(data.view_names):
        raise DataError(f"{data.key} names a view twice: {', '.join(data.view_names)}")
    if data.labels.ndim != 1 or not np.issubdtype(data.labels.dtype, np.integer):
        raise DataError(f"labels of {data.key} must be a vector of integers")
    for name, view in zip(data.view_names, data.views, strict=True):
        if view.ndim != 2 or view.shape[1] == 0:
            raise DataError(f"view '{name}' of {data.key} must be a matrix, rows by features")
        n = len(view)
        if n != data.n:
            rows = count(n, "row")
            raise DataError(f"view '{name}' of {data.key} has {rows}, the labels have {data.n}")
        if view.dtype != np.float32:
            raise DataError(f"view '{name}' of {data.key} must be float32, not {view.dtype}")
        _validate_entries(data, name, view)
    if data.n_classes < 2 or data.n == 0:
        raise DataError(f"{data.key} needs at least two classes and one row")
    _validate_present(data)
    if data.labels.min() < 0 or data.labels.max() >= data.n_classes:
        raise DataError(f"labels of {data.key} must be in 0..{data.n_classes - 1}")
    for name, group in data.groups.items():
        if group.shape != (data.n,) or not np.issubdtype(group.dtype, np.integer):
            raise DataError(f"group '{name}' of {data.key} must be one integer per row")
    _validate_variation(data)
    _validate_splits(data)
    _validate_scaling(data)
    for array in (*data.views, data.labels, *data.groups.values()):
        array.setflags(write=False)


def _validate_variation(data: Dataset) -> None:
    for name, view in zip(data.view_names, data.views, strict=True):
        if constant(_with_view(view)).all():
            columns = f"all {view.shape[1]} columns" if view.shape[1] > 1 else "its only column"
            raise DataError(
                f"view '{name}' of {data.key} is constant in {columns} and tells nothing about a "
                f"row; {_without_view(data, name)}"
            )


def _without_view(data: Dataset, name: str) -> str:
    """What to type to leave a view out, for the end of a sentence."""
    others = [other for other in data.view_names if other != name]
    return f"leave it out with {data.asked_as(others)}" if others else "give it another view"


def _with_view(view: np.ndarray) -> np.ndarray:
    """The rows that have the view: the others are NaN throughout."""
    return view[~np.isnan(view[:, 0])]


def split_across(groups: Mapping[str, np.ndarray], units: np.ndarray) -> tuple[str, ...]:
    """Names of the ``groups`` of which some value is in several ``units`` ``(n,)``."""

    def is_split(group: np.ndarray) -> bool:
        order = np.lexsort((units, group))
        return bool(((np.diff(group[order]) == 0) & (np.diff(units[order]) != 0)).any())

    return tuple(name for name, group in groups.items() if is_split(group))


def _validate_entries(data: Dataset, name: str, view: np.ndarray) -> None:
    """Every row of a view is finite, or NaN as a whole."""
    finite = np.isfinite(view)
    if finite.all():
        return
    absent = np.isnan(view).all(axis=1)
    bad = int((~finite.all(axis=1) & ~absent).sum())
    if bad:
        rows = f"{count(bad, 'row')} that {'does' if bad == 1 else 'do'} not lack it as a whole"
        raise DataError(
            f"view '{name}' of {data.key} has NaN or infinite values in {rows}; repair or remove "
            f"what is there, or {_without_view(data, name)}"
        )


def _validate_present(data: Dataset) -> None:
    """Every view is present in some row, and every row has some view."""
    for name, there in zip(data.view_names, data.present.T, strict=True):
        if not there.any():
            raise DataError(
                f"view '{name}' of {data.key} is absent from every row; {_without_view(data, name)}"
            )
    without = int((~data.present.any(axis=1)).sum())
    if without:
        names = ", ".join(data.view_names)
        raise DataError(
            f"{without} of {count(data.n, 'row')} of {data.key} have no view (of: {names}); name "
            "another view that they have, or remove these rows"
        )


def _validate_splits(data: Dataset) -> None:
    if not data.splits:
        raise DataError(f"{data.key} offers no split")
    for split in data.splits:
        for column in (*((split.by,) if split.by else ()), *split.leaks):
            if column not in data.groups:
                raise DataError(f"split '{split.name}' of {data.key} needs the group '{column}'")
        if split.official and data.official is None:
            raise DataError(f"split '{split.name}' of {data.key} needs an official part per row")
        if abs(sum(split.shares) - 1) > 1e-9 or min(split.shares) <= 0:
            raise DataError(f"shares of split '{split.name}' of {data.key} must sum to 1")
        if split.folds and (split.folds < 3 or split.official or not _one_fold_each(split)):
            raise DataError(
                f"split '{split.name}' of {data.key} needs three folds or more, drawn by shares of "
                "one fold for tuning and one for test"
            )
    if data.official is not None and (
        data.official.shape != (data.n,) or set(np.unique(data.official)) != {TRAIN, TUNE, TEST}
    ):
        raise DataError(f"the official split of {data.key} must give train, tune and test rows")


def _one_fold_each(split: Split) -> bool:
    return all(abs(split.folds * share - 1) < 1e-9 for share in split.shares[1:])


def _validate_scaling(data: Dataset) -> None:
    if data.file_group and data.file_group not in data.groups:
        raise DataError(
            f"{data.key} has no group '{data.file_group}', which should number its files"
        )
    if data.scaling not in get_args(Scaling):
        known = ", ".join(get_args(Scaling))
        raise DataError(f"scaling of {data.key} cannot be '{data.scaling}'; it can be: {known}")
    if data.scaling == "per_file" and not data.file_group:
        raise DataError(f"{data.key} is scaled per file but has no group of files")


def _feed(digest: hashlib._Hash, name: str, array: np.ndarray) -> None:
    array = np.ascontiguousarray(array)
    little = array.astype(array.dtype.newbyteorder("<"), copy=False)
    digest.update(f"{name}|{little.dtype.str}|{little.shape}|".encode())
    digest.update(little.tobytes())
