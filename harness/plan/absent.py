"""Rows on data in which views are absent: as they are, behind an imputer, or on complete rows.

A row whose first method reads absent views is run as it is. Any other row is run behind an imputer,
fitted on all training rows without labels, or on the rows that have every view; its title says
which (docs/decisions/0080). Nothing here touches data sets of which every row has every view.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace

from datasets.base import Dataset
from harness.errors import UsageError, unknown
from harness.plan.cards import method_cards
from protocols._missing import imputer
from protocols.base import Cell, MethodCard, TableRow

DEFAULT, COMPLETE = "ridge_impute", "complete"
"""Values of ``--absent-views``: behind the floor of imputers; on the complete rows alone."""


def check(how: str, data: Iterable[Dataset]) -> None:
    """Raise UsageError unless ``how``, of ``--absent-views``, is an imputer or COMPLETE.

    Also if it was changed though no view is absent from the ``data``.
    """
    lacking = [dataset for dataset in data if dataset.absent_views]
    if how != DEFAULT and not lacking:
        raise UsageError("--absent-views has no effect: every row of the data has every view")
    # One that completes only the rows that it was fitted on leaves test rows as they are.
    imputers = {card.key for card in method_cards() if card.impute and card.inductive}
    if lacking and how not in (*imputers, COMPLETE):
        raise UsageError(unknown("imputer of --absent-views", how, imputers | {COMPLETE}))


def stages_in_front(rows: Iterable[TableRow]) -> list[TableRow]:
    """The imputers of planned ``rows``, each as a row of its own: what ``--set`` may name."""
    keys = dict.fromkeys(row.imputer for row in rows if row.imputer)
    return [TableRow(key, key, "", "inductive", (imputer(key),)) for key in keys]


def readable(
    cell: Cell, cards: Mapping[str, MethodCard], how: str, *, promote: bool = False
) -> Cell:
    """The cell as it is run where views are absent.

    ``cards``    by key.   ``how``  the key of the imputer, or COMPLETE.
    ``promote``  a method's own row that reads absent views is not optional.
    """
    row = cell.row
    if reads_absent(row, cards):
        own = len(row.recipe) == 1 and row.key == row.recipe[0].key
        return replace(cell, row=replace(row, optional=False)) if promote and own else cell
    if how == COMPLETE:
        row = replace(row, title=f"{row.title}, complete rows")
        return replace(cell, row=row, scenario=replace(cell.scenario, incomplete="leave_out"))
    stage = replace(imputer(how), rows="train")
    title = f"{cards[how].title} → {row.title}"
    row = replace(row, title=title, recipe=(stage, *row.recipe), imputer=how)
    return replace(cell, row=row)


def reads_absent(row: TableRow, cards: Mapping[str, MethodCard]) -> bool:
    """Whether the first stage imputes, or classifies rows that lack views, from all views.

    Of a choice of views a row may lack all; codes are learned from rows that have every view.
    """
    first = row.recipe[0]
    card = cards.get(first.key)  # of a method whose file is broken there is none
    reads = card is not None and card.classify and card.missing_views
    return first.imputes or (first.views is None and reads)
