"""Which rows of a protocol a run plans, and with which hyper-parameters."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from fnmatch import fnmatchcase
from typing import Any

from datasets.base import to_text
from harness import registry
from harness.errors import UsageError, unknown
from harness.plan.cards import method_cards
from protocols.base import Cell, Protocol, Stage, TableRow

Settings = Mapping[str, Mapping[str, Any]]
"""Method -> setting -> value, from ``--set``."""


@dataclass(frozen=True)
class Selection:
    """The part of a protocol that is planned; by default all rows that are not optional.

    ``only``      globs over row keys and first methods.
    ``settings``  hyper-parameters that every stage of a method takes, unless its row fixes them.
    ``absent_views``  how rows run that cannot read absent views, on data whose rows lack some: the
                  key of an imputer, or ``complete`` (``harness.plan.absent``).
    """

    only: Sequence[str] = ()
    settings: Settings = field(default_factory=dict)
    absent_views: str = "ridge_impute"

    def includes(self, cell: Cell) -> bool:
        """Whether the cell is planned. An optional row is, if a glob names the row itself."""
        if not self.only:
            return not cell.row.optional
        if cell.row.optional:  # 'smvae' must not select its variants; 'smvae_*' or the key may
            return any(_fits(cell.row.key, pattern) for pattern in self.only)
        return any(matches(cell.row, pattern) for pattern in self.only)


def too_few_views(row: TableRow, views: int) -> str:
    """Why the row cannot be fitted on data with so many ``views``, in words; "" if it can."""
    there = views
    for stage in row.recipe:
        method = registry.load_method(stage.key)
        given = there if stage.views is None else 1 if stage.views == "each" else len(stage.views)
        if given < method.can.views:
            return f"{method.title} needs {method.can.views} views or more"
        if not stage.imputes:  # the next stage reads codes, of every input one view
            there = there if stage.views == "each" else 1
    return ""


def matches(row: TableRow, pattern: str) -> bool:
    """Whether a glob names the row, or the first method of its recipe (behind its imputer).

    So ``svm`` is the SVM on the views, and not every row that ends in an SVM.
    """
    first = row.recipe[1 if row.imputer else 0].key
    return any(_fits(name, pattern) for name in (row.key, first))


def _fits(name: str, pattern: str) -> bool:
    return name == pattern or fnmatchcase(name, pattern)  # a key may hold a bracket or a star


def leave_out(rows: Iterable[TableRow], without: Sequence[str]) -> set[str]:
    """Keys of the ``rows`` that match one of the globs ``without``.

    Only row keys are matched: ``svm`` is one row here, not all rows that begin with that method.
    Raises UsageError if a glob matches no row, or no row is left.
    """
    keys = list(dict.fromkeys(row.key for row in rows))
    for pattern in without:
        if not any(_fits(key, pattern) for key in keys):
            raise UsageError(f"--without {pattern} matches no row; there are: {', '.join(keys)}")
    dropped = {key for key in keys for pattern in without if _fits(key, pattern)}
    if dropped and dropped == set(keys):
        raise UsageError(f"--without leaves no row of: {', '.join(keys)}")
    return dropped


def every_row(
    protocols: Mapping[str, Protocol], views: Iterable[tuple[str, ...]]
) -> list[TableRow]:
    """All rows of the protocols, optional ones too, for each set of names of ``views``."""
    cards, names = method_cards(), dict.fromkeys(views)
    return [
        row
        for p in protocols.values()
        for names_of_data in names
        for row in p.rows(names_of_data, cards)
    ]


def check_named(
    patterns: Sequence[str],
    planned: Iterable[TableRow],
    protocols: Mapping[str, Protocol],
    views: Iterable[tuple[str, ...]],
) -> None:
    """Raise UsageError for the first of ``--method``'s patterns that names no planned row.

    ``views``  names of the views of each data set, which rows may depend on.
    """
    rows = list(planned)
    lost = [p for p in patterns if not any(matches(row, p) for row in rows)]
    if not lost:
        return
    if any(mark in lost[0] for mark in "*?["):
        raise UsageError(f"no row matches {lost[0]}; --list rows shows the keys")
    offered = dict.fromkeys(row.key for row in every_row(protocols, views))
    methods = set(registry.entries("methods"))
    if lost[0] in methods:
        registry.load_method(lost[0])  # raises if its file is broken, the likelier reason
    if lost[0] in methods | offered.keys():
        names, keys = ", ".join(protocols), ", ".join(offered)
        raise UsageError(f"{names} has no row of {lost[0]}; its rows: {keys or 'none'}")
    raise UsageError(unknown("method or row", lost[0], methods | offered.keys()))


# ---------------------------------------------------------------- --set


def with_settings(row: TableRow, settings: Settings) -> TableRow:
    """``row`` with ``settings`` in its stages and its title.

    A value that the row fixes is not changed: it defines the row ("SMVAE (no warm-up)"). A value
    that is set replaces the candidates of that setting.
    """
    recipe = tuple(_set(stage, settings.get(stage.key, {})) for stage in row.recipe)
    if recipe == row.recipe:
        return row
    return replace(row, recipe=recipe, title=f"{row.title} ({_changes(row, settings)})")


def _set(stage: Stage, values: Mapping[str, Any]) -> Stage:
    free = {name: value for name, value in values.items() if name not in stage.config}
    if not free:
        return stage
    grid = {name: tried for name, tried in stage.grid.items() if name not in free}
    return replace(stage, config={**free, **stage.config}, grid=grid)


def _changes(row: TableRow, settings: Settings) -> str:
    """``c = 10``, or ``dccae.ridge = 0.3`` where the row has several methods."""
    alone = len({stage.key for stage in row.recipe}) == 1
    changes = dict.fromkeys(
        f"{'' if alone else stage.key + '.'}{name} = {to_text(value)}"
        for stage in row.recipe
        for name, value in settings.get(stage.key, {}).items()
        if name not in stage.config
    )
    return ", ".join(changes)


def keep_own(rows: Iterable[TableRow], settings: Settings) -> list[str]:
    """A sentence for every row that fixes a value which ``--set`` names.

    ``rows``  rows of the protocols, before :func:`with_settings`.

    Raises UsageError if a setting changes no row.
    """
    sentences, changed = [], set()
    rows = list(rows)
    for row in rows:
        for stage in row.recipe:
            for name, value in settings.get(stage.key, {}).items():
                if name not in stage.config:
                    changed.add((stage.key, name))
                elif stage.config[name] != value:
                    own = to_text(stage.config[name])
                    sentences.append(f"row {row.key} keeps its own {stage.key}.{name} = {own}")
    for key, values in settings.items():
        for name in values:
            if (key, name) not in changed:
                why = (
                    "every row that has it fixes its own value"
                    if any(stage.key == key for row in rows for stage in row.recipe)
                    else f"no row of this run has a stage {key}"
                )
                raise UsageError(f"--set {key}.{name} has no effect: {why}")
    return list(dict.fromkeys(sentences))
