"""What a claim says of the numbers: statements that a combination of cells lies within bounds.

A predicate turns a claim (``harness.analysis.claims.Claim``) and the cells that there are into
statements; it sees no number. Every statement must be true for the claim to be true.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from itertools import combinations, pairwise
from typing import NamedTuple

import numpy as np

from harness.analysis import words
from harness.analysis.statistics import LOWER


class Cell(NamedTuple):
    """A cell of one data set: share of labels, place on the axes, row key."""

    percent: float
    place: tuple[float | str, ...]
    row: str


@dataclass(frozen=True)
class Statement:
    """``low < sum of coefficient * cell < high``; ``name`` says which cells, in words.

    ``percent``  the column it belongs to, NaN where it compares columns.
    """

    name: str
    cells: Mapping[Cell, float]
    low: float = -np.inf
    high: float = np.inf
    percent: float = np.nan


@dataclass(frozen=True)
class Claim:
    """A sentence of the paper and what is tested of it (``harness/analysis/claims.toml``).

    ``key``       its name.   ``quote`` the paper's words.   ``section`` where they stand.
    ``says``      what is tested, in our words.
    ``protocol``  whose trials test it; claims of one protocol are one family.
    ``kind``      the predicate, a key of ``KINDS``, or one that ``claims`` treats by itself.
    ``rows``, ``others``  row keys. ``title:M2 (*)`` stands for rows by printed title that no other
                  entry names; ``!key`` is such an entry, which selects nothing itself.
    ``value``     column of the table of trials.   ``at`` places on the axes; {}: all.
    ``margin``    in units of the value.   ``axis``, ``steps`` along which it rises.
    ``view``      that weighs most.   ``why`` a sentence is not tested.
    """

    key: str
    protocol: str
    section: str
    quote: str
    says: str
    kind: str
    rows: tuple[str, ...] = ()
    others: tuple[str, ...] = ()
    value: str = "accuracy"
    at: Mapping[str, tuple[float, ...]] = field(default_factory=dict)
    margin: float = 0.0
    axis: str = ""
    steps: str = "each"
    view: str = ""
    why: str = ""

    @property
    def sign(self) -> float:
        """1 where the highest value is the best, -1 where the lowest is."""
        return -1.0 if self.value in LOWER else 1.0


@dataclass(frozen=True)
class Known:
    """The cells of one data set, without their numbers.

    ``axes``  names of the axes, in the order of ``Cell.place``.   ``titles`` by row key.
    """

    cells: frozenset[Cell]
    axes: tuple[str, ...]
    titles: Mapping[str, str]

    @property
    def percents(self) -> list[float]:
        return sorted({cell.percent for cell in self.cells})

    def places(self, at: Mapping[str, Sequence[float]]) -> list[tuple[float | str, ...]]:
        """The places that ``at`` allows, in order."""
        wanted = [at.get(name) for name in self.axes]
        places = {cell.place for cell in self.cells}
        fits = [
            place
            for place in places
            if all(w is None or v in w for v, w in zip(place, wanted, strict=True))
        ]
        return sorted(fits, key=lambda place: [(isinstance(v, str), v) for v in place])

    def rows(self, names: Sequence[str]) -> tuple[list[str], list[str]]:
        """Keys of the rows that ``names`` select, and the names that select none."""
        found: dict[str, None] = {}
        lacking = []
        named = {name.removeprefix("!") for name in names}
        for name in names:
            if name.startswith("!"):
                continue
            pattern = name.removeprefix("title:")
            own = [
                key
                for key, title in self.titles.items()
                if (key == name if pattern == name else fnmatchcase(title, pattern))
            ]
            if pattern != name:
                own = [key for key in own if key not in named]
            lacking += [] if own else [pattern.replace("(*)", "(each view)")]
            found |= dict.fromkeys(own)
        return list(found), lacking

    def where(self, place: tuple[float | str, ...]) -> str:
        """``50 % missing``; "" for a table."""
        return ", ".join(
            words.place(name, value) for name, value in zip(self.axes, place, strict=True)
        )


Statements = list[Statement]


def above(claim: Claim, known: Known) -> Statements:
    """Each row is better than each other row, by more than minus the margin, at every place."""
    return [
        Statement(name, {a: claim.sign, b: -claim.sign}, -claim.margin, np.inf, a.percent)
        for a, b, name in _pairs(claim, known)
    ]


def close(claim: Claim, known: Known) -> Statements:
    """Each row lies within the margin of each other row, at every place."""
    return [
        Statement(name, {a: 1.0, b: -1.0}, -claim.margin, claim.margin, a.percent)
        for a, b, name in _pairs(claim, known)
    ]


def nearer(claim: Claim, known: Known) -> Statements:
    """Each row is better than the middle between two others, the better one first."""
    near, far = claim.others
    made = []
    for percent, place, row in _at(claim, known):
        cells = [Cell(percent, place, key) for key in (row, near, far)]
        if all(cell in known.cells for cell in cells):
            name = _name(known, row, f"the middle of {known.titles[near]} and {known.titles[far]}")
            weights = dict(zip(cells, (claim.sign, -claim.sign / 2, -claim.sign / 2), strict=True))
            made.append(Statement(_placed(name, known, place), weights, 0.0, np.inf, percent))
    return made


def rises(claim: Claim, known: Known) -> Statements:
    """The value of each row rises from each place on an axis to the next, or between its ends."""
    along, made = known.axes.index(claim.axis), []
    for percent in known.percents:
        for row in known.rows(claim.rows)[0]:
            places = [
                place
                for place in known.places(claim.at)
                if Cell(percent, place, row) in known.cells
            ]
            if len(places) < 2:
                continue
            steps = [(places[0], places[-1])] if claim.steps == "ends" else pairwise(places)
            for first, then in steps:
                cells = {Cell(percent, then, row): 1.0, Cell(percent, first, row): -1.0}
                step = words.place(claim.axis, first[along], then[along])
                name = f"{known.titles[row]}, {step}"
                made.append(Statement(name, cells, 0.0, np.inf, percent))
    return made


def more_labels(claim: Claim, known: Known) -> Statements:
    """Each row is better at the largest share of labels than at the smallest, at every place."""
    ends = _label_ends(known)
    return [
        Statement(
            _placed(f"{known.titles[row]}, {ends[0]:g} to {ends[1]:g} % labelled", known, place),
            {Cell(ends[1], place, row): claim.sign, Cell(ends[0], place, row): -claim.sign},
            0.0,
        )
        for row in known.rows(claim.rows)[0]
        for place in known.places(claim.at)
        if ends and all(Cell(end, place, row) in known.cells for end in ends)
    ]


def grows(claim: Claim, known: Known) -> Statements:
    """The lead of each row over each other is larger at the most labels than at the fewest."""
    ends, made = _label_ends(known), []
    if not ends:
        return []
    for a, b, name in _pairs(claim, known):
        few = [Cell(ends[0], cell.place, cell.row) for cell in (a, b)]
        if a.percent == ends[1] and all(cell in known.cells for cell in few):
            weights = {a: claim.sign, b: -claim.sign, few[0]: -claim.sign, few[1]: claim.sign}
            name = f"{name}, {ends[0]:g} to {ends[1]:g} % labelled"
            made.append(Statement(name, weights, 0.0))
    return made


def alike(claim: Claim, known: Known) -> Statements:
    """Any two places of a row lie within the margin of each other."""
    return [
        Statement(
            f"{known.titles[row]}, {known.where(first)} against {known.where(second)}",
            {Cell(percent, first, row): 1.0, Cell(percent, second, row): -1.0},
            -claim.margin,
            claim.margin,
            percent,
        )
        for percent in known.percents
        for row in known.rows(claim.rows)[0]
        for first, second in combinations(known.places(claim.at), 2)
        if {Cell(percent, first, row), Cell(percent, second, row)} <= known.cells
    ]


def near_best(claim: Claim, known: Known) -> Statements:
    """The row at the places of ``at`` is at most the margin worse than at any other place."""
    made = []
    for percent, place, row in _at(claim, known):
        for other in known.places({}):
            cells = {Cell(percent, place, row): claim.sign, Cell(percent, other, row): -claim.sign}
            if place != other and cells.keys() <= known.cells:
                name = f"{known.titles[row]}, {known.where(place)} against {known.where(other)}"
                made.append(Statement(name, cells, -claim.margin, np.inf, percent))
    return made


KINDS: Mapping[str, Callable[[Claim, Known], Statements]] = {
    predicate.__name__: predicate
    for predicate in (above, close, nearer, rises, more_labels, grows, alike, near_best)
}


def _at(claim: Claim, known: Known) -> Iterable[tuple[float, tuple[float | str, ...], str]]:
    """Every (share of labels, allowed place, row) that there is."""
    for percent in known.percents:
        for place in known.places(claim.at):
            for row in known.rows(claim.rows)[0]:
                if Cell(percent, place, row) in known.cells:
                    yield percent, place, row


def _pairs(claim: Claim, known: Known) -> Iterable[tuple[Cell, Cell, str]]:
    """Every pair of a row and another at the same place, with its name."""
    others, _ = known.rows(claim.others)
    for percent, place, row in _at(claim, known):
        for key in others:
            other = Cell(percent, place, key)
            if key != row and other in known.cells:
                name = _name(known, row, known.titles[key])
                yield Cell(percent, place, row), other, _placed(name, known, place)


def _name(known: Known, row: str, other: str) -> str:
    return f"{known.titles[row]} against {other}"


def _placed(name: str, known: Known, place: tuple[float | str, ...]) -> str:
    return ", ".join(filter(None, (name, known.where(place))))


def _label_ends(known: Known) -> tuple[float, float] | None:
    percents = known.percents
    return (percents[0], percents[-1]) if len(percents) > 1 else None
