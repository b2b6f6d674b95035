"""The paper's claims, judged on trials: holds, fails, undecided, or not tested and why.

A claim is a list of statements, all of which must be true (``harness.analysis.predicates``). Each
statement has two one-sided p values from ``spread.Spread``, for its truth and for its opposite.

- That a claim holds is shown by its weakest statement (an intersection-union test): the largest p.
- That it fails is shown by its worst one, Bonferroni-adjusted over the statements.
- The claim's p is twice the smaller of the two. It is Holm-adjusted over the lines of its family:
  the claims of one protocol on one data set. At most .05 gives a verdict, anything else none.

So the chance of any wrong verdict in a family is at most .05, as far as the t distribution and the
correction for overlapping trials hold. Verdicts are per data set and, unless a claim compares
shares of labels, per share of labels; they concern further draws of the same data.

Pure: tables of trials -> table.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from functools import cache
from itertools import combinations, groupby
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import pandas as pd

from harness.analysis.predicates import KINDS, Cell, Claim, Known, Statement
from harness.analysis.spread import Spread
from harness.analysis.statistics import axes, check, holm, overlap
from harness.analysis.words import points, sentence, signed

PAPER = Path(__file__).resolve().parents[2] / "protocols" / "published" / "claims.toml"
"""Data, like the manifest's copy of the paper's tables: read as text, no protocol is imported."""
APART = ("heaviest", "follows", "untested")
"""Kinds that are not a list of statements on one value."""
LEDGER_COLUMNS = (
    "claim", "protocol", "section", "dataset", "label_percent", "verdict", "value", "effect", "low",
    "high", "shown", "trials", "trials_expected", "statements", "held", "failed", "p", "p_holm",
    "reason", "says", "quote",
)  # fmt: skip
HOLDS, FAILS, UNDECIDED, NOT_TESTED = "holds", "fails", "undecided", "not tested"
LEVEL = 0.05


@cache
def paper_claims(path: Path = PAPER) -> tuple[Claim, ...]:
    """The claims of a file. Raises ValueError for one that is not as :class:`Claim` says."""
    known, made = {field.name for field in fields(Claim)}, []
    for entry in tomllib.loads(path.read_text("utf-8"))["claim"]:
        if unknown := sorted(set(entry) - known):
            raise ValueError(f"claim '{entry.get('key')}' has an unknown field '{unknown[0]}'")
        claim = Claim(**{name: _frozen(value) for name, value in entry.items()})
        if claim.kind not in (*KINDS, *APART):
            raise ValueError(f"claim '{claim.key}' has an unknown kind '{claim.kind}'")
        made.append(claim)
    if len({claim.key for claim in made}) < len(made):
        raise ValueError(f"two claims of {path.name} have the same key")
    return tuple(made)


class Cells(Protocol):
    """The cells of one data set with what is known of their numbers."""

    @property
    def known(self) -> Known: ...
    @property
    def planned(self) -> int: ...
    @property
    def without(self) -> str:
        """Why a combination of cells has no trial."""
        ...

    def spread(self, statements: Sequence[Statement]) -> Spread:
        """The combination of cells of each statement; without trials where it is not known."""
        ...


@dataclass(frozen=True, eq=False)
class TrialCells:
    """Cells with their trials: ``values`` (trials, cells), NaN where a trial is not ok."""

    known: Known
    values: np.ndarray
    place: Mapping[Cell, int]
    ratio: float | None
    without: str = "no trial is ok in all that it compares"

    @property
    def planned(self) -> int:
        return len(self.values)

    @classmethod
    def of(cls, trials: pd.DataFrame, value: str) -> TrialCells:
        """Of the trials of one data set of one protocol; rows of all labels are left out."""
        own = trials[~trials["all_labels"].astype(bool)]
        numbers = own[value] if value in own.columns else pd.Series(np.nan, own.index)
        numbers = numbers.where((own["status"] == "ok").to_numpy()).astype(float)
        by = ["label_percent", *axes(own), "row_key"]
        table = own.assign(value=numbers).pivot(index="trial", columns=by, values="value")
        cells = [Cell(float(key[0]), tuple(key[1:-1]), str(key[-1])) for key in table.columns]
        titles = own.drop_duplicates("row_key").set_index("row_key")["row"].to_dict()
        known = Known(frozenset(cells), tuple(name[3:] for name in axes(own)), titles)
        places = {cell: i for i, cell in enumerate(cells)}
        return cls(known, table.to_numpy(), places, overlap(own))

    def spread(self, statements: Sequence[Statement]) -> Spread:
        columns = [
            self.values[:, [self.place[cell] for cell in statement.cells]]
            @ np.array([*statement.cells.values()])
            for statement in statements
        ]
        return Spread.of(np.stack(columns, 1), self.ratio)


@dataclass(frozen=True, eq=False)
class PairCells:
    """Cells of which only the differences to one row are known (``statistics.paired``)."""

    known: Known
    planned: int
    differences: Mapping[tuple[Cell, Cell], tuple[int, float, float]]
    ratio: float
    without: str = "only differences to one row are stored, and it compares others"

    @classmethod
    def of(cls, compared: pd.DataFrame, reference: str) -> PairCells:
        """Of the comparisons on one data set with the row ``reference`` (its key)."""
        differences, cells = {}, set()
        titles = {reference: str(compared["reference"].iloc[0])}
        for line in compared.to_dict("records"):
            pair = [Cell(float(line["label_percent"]), (), k) for k in (reference, line["row_key"])]
            found = (int(line["pairs"]), line["mean_difference"], line["sd_difference"])
            differences[tuple(pair)] = found
            cells |= {*pair}
            titles[line["row_key"]] = line["row"]
        # The correction is in the file as an interval: half = t * sd * sqrt(1 / n + ratio).
        plain, wide = (
            (compared[f"{end}high"] - compared["mean_difference"]) for end in ("", "corrected_")
        )
        ratio = ((wide / plain) ** 2 - 1) / compared["pairs"]
        planned = int(compared["pairs_expected"].max())
        known = Known(frozenset(cells), (), titles)
        return cls(known, planned, differences, float(np.nan_to_num(ratio.median())))

    def spread(self, statements: Sequence[Statement]) -> Spread:
        found = [self._difference(statement) for statement in statements]
        n, mean, sd = (np.array(values, float) for values in zip(*found, strict=True))
        return Spread(n.astype(int), mean, sd, self.ratio)

    def _difference(self, statement: Statement) -> tuple[int, float, float]:
        if sorted(statement.cells.values()) == [-1.0, 1.0]:
            first, second = sorted(statement.cells, key=lambda cell: -statement.cells[cell])
            for pair, sign in (((first, second), 1.0), ((second, first), -1.0)):
                if pair in self.differences:
                    n, mean, sd = self.differences[pair]
                    return n, sign * mean, sd
        return 0, np.nan, np.nan


def judge(
    tables: Mapping[str, pd.DataFrame],
    views: Mapping[str, Sequence[str]],
    claims: Sequence[Claim] | None = None,
) -> pd.DataFrame:
    """A line for every claim of the protocols of ``tables``, data set and column.

    ``tables``  protocol -> its table of trials.   ``views`` data set -> names of its views.
    ``claims``  by default the paper's.

    Columns ``LEDGER_COLUMNS``: ``verdict`` and ``reason``, a sentence; ``effect``, ``low``,
    ``high``: mean and corrected 95 % interval of the statement that decides, named in ``shown``,
    in units of the value; ``trials`` behind it of ``trials_expected``; ``statements``, and how
    many of them hold or fail by themselves at .05; ``p``, ``p_holm``. ``label_percent`` is NaN
    where a claim compares shares of labels, or is not tested.

    Raises ValueError for trials that break their contract (``statistics.check``).
    """
    chosen = paper_claims() if claims is None else claims
    parts = {
        name: dict(iter(check(trials).groupby("dataset", sort=False)))
        for name, trials in tables.items()
        if len(trials)
    }
    lines: list[dict[str, Any]] = []
    for protocol, by_dataset in parts.items():
        own = [claim for claim in chosen if claim.protocol == protocol]
        for dataset, trials in by_dataset.items():
            name = str(dataset)
            cells = {
                claim.value: TrialCells.of(trials, claim.value)
                for claim in {claim.value: claim for claim in own}.values()
            }
            family = []
            for claim in own:
                if claim.kind in KINDS:
                    family += judged(claim, cells[claim.value])
                else:
                    other = parts.get("table2", {}).get(dataset)
                    family += _apart(claim, trials, other, tuple(views.get(name, ())))
            lines += settled([line | {"dataset": name} for line in family])
    return pd.DataFrame(lines, columns=list(LEDGER_COLUMNS))


def judge_pairs(
    compared: pd.DataFrame, reference: str, claims: Sequence[Claim] | None = None
) -> pd.DataFrame:
    """The claims of Table 2 on stored comparisons with one row (``statistics.paired``).

    As :func:`judge`; a claim that needs differences between other rows is not tested.
    """
    chosen = paper_claims() if claims is None else claims
    lines = []
    for dataset, part in compared.groupby("dataset", sort=False):
        cells, family = PairCells.of(part, reference), []
        for claim in chosen:
            if claim.protocol == "table2" and claim.kind in KINDS:
                family += judged(claim, cells)
        lines += settled([line | {"dataset": str(dataset)} for line in family])
    return pd.DataFrame(lines, columns=list(LEDGER_COLUMNS))


def judged(claim: Claim, cells: Cells) -> list[dict[str, Any]]:
    """Lines of one claim on one data set, without Holm's p and verdict."""
    known = cells.known
    lacking = [*known.rows(claim.rows)[1], *known.rows(claim.others)[1], *_places(claim, known)]
    made = KINDS[claim.kind](claim, known) if _has_rows(claim, known) else []
    if not made:
        return [_untested(claim, _why_not(claim, known, lacking))]
    lines = []
    for _, group in groupby(made, key=lambda s: (np.isnan(s.percent), s.percent)):
        statements = list(group)
        lines.append(_line(claim, statements, cells))
        lines[-1] |= {"label_percent": statements[0].percent, "lacking": lacking}
    return lines


def _places(claim: Claim, known: Known) -> list[str]:
    """The places that the claim names and that were not run."""
    return [
        f"{name} {value:g}"
        for name, values in claim.at.items()
        for value in values
        if not known.places({name: (value,)})
    ]


def _has_rows(claim: Claim, known: Known) -> bool:
    """Whether the rows that the claim cannot do without are there."""
    rows, others = known.rows(claim.rows), known.rows(claim.others)
    needs_all = claim.kind == "nearer"
    return bool(rows[0]) and (bool(others[0]) or not claim.others) and not (needs_all and others[1])


def _line(claim: Claim, statements: Sequence[Statement], cells: Cells) -> dict[str, Any]:
    """The p values of one claim in one column, and the statement that decides."""
    spread, planned = cells.spread(statements), cells.planned
    low, high = (np.array([getattr(s, end) for s in statements]) for end in ("low", "high"))
    sides = [
        (np.isfinite(low), spread.above(np.where(np.isfinite(low), low, 0.0)), spread.below),
        (np.isfinite(high), spread.below(np.where(np.isfinite(high), high, 0.0)), spread.above),
    ]
    true = np.maximum(*(np.where(is_there, p, 0.0) for is_there, p, _ in sides))
    ends = (np.where(np.isfinite(end), end, 0.0) for end in (low, high))
    false = np.minimum(
        *(np.where(s[0], s[2](end), 1.0) for s, end in zip(sides, ends, strict=True))
    )
    measured = ~np.isnan(spread.error)
    line: dict[str, Any] = _first(claim) | {"statements": len(statements)}
    if not measured.any():
        return line | {"why": _unmeasured(spread, cells.without), "trials_expected": planned}
    true, false = np.where(measured, true, np.nan), np.where(measured, false, np.nan)
    tests = sum(int((there & measured).sum()) for there, _, _ in sides)
    holds = float(np.max(true)) if measured.all() else 1.0
    fails = min(1.0, tests * float(np.nanmin(false)))
    at = int(np.nanargmin(false) if fails < holds else np.nanargmax(true))
    ends_of = spread.interval()
    return line | {
        "direction": FAILS if fails < holds else HOLDS,
        "p": min(1.0, 2 * min(holds, fails)),
        "effect": spread.mean[at],
        "low": ends_of[0][at],
        "high": ends_of[1][at],
        "shown": statements[at].name,
        "trials": int(spread.n[at]),
        "trials_expected": planned,
        "held": int((2 * true[measured] <= LEVEL).sum()),
        "failed": int((2 * false[measured] <= LEVEL).sum()),
        "unmeasured": int((~measured).sum()),
    }


def settled(lines: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """Lines of one family with Holm's p, verdict and reason."""
    made = []
    for line, p in zip(lines, holm([line.get("p", np.nan) for line in lines]), strict=True):
        verdict = NOT_TESTED
        if not np.isnan(p):
            verdict = line["direction"] if p <= LEVEL else UNDECIDED
            if verdict == HOLDS and line["lacking"]:
                verdict = UNDECIDED  # a counterexample may be among the rows that did not run
        whole = {"p_holm": p, "verdict": verdict}
        made.append(dict.fromkeys(LEDGER_COLUMNS, np.nan) | line | whole)
        made[-1]["reason"] = _reason(made[-1])
    return made


def _reason(line: Mapping[str, Any]) -> str:
    """One sentence: why the verdict is what it is."""
    if line["verdict"] == NOT_TESTED:
        return sentence(line["why"])
    if "told" in line:
        return str(line["told"])
    n = line["statements"]
    effect, low, high = (signed(line[end], line["value"]) for end in ("effect", "low", "high"))
    shown = f"{line['shown']}: {effect} ({low} to {high})"
    if n == 1:
        tell = shown
    elif line["verdict"] == HOLDS:
        tell = f"all {n} comparisons; the weakest, {shown}"
    elif line["verdict"] == FAILS:
        tell = f"{line['failed']} of {n} comparisons go against it; {shown}"
    else:
        tell = f"{line['held']} of {n} comparisons hold, {line['failed']} fail by themselves; "
        tell += f"the {'worst' if line['direction'] == FAILS else 'weakest'}, {shown}"
    if line["lacking"]:
        tell += f"; not run: {', '.join(line['lacking'])}"
        if line["direction"] == HOLDS and line["p_holm"] <= LEVEL:
            tell = f"what ran holds, but not all ran: {tell}"
    if line["unmeasured"]:
        tell += f"; {line['unmeasured']} could not be measured"
    if line["trials"] < line["trials_expected"]:
        tell += f"; {line['trials']} of {line['trials_expected']} trials"
    return sentence(tell)


def _apart(
    claim: Claim, trials: pd.DataFrame, table2: pd.DataFrame | None, views: tuple[str, ...]
) -> list[dict[str, Any]]:
    """Lines of a claim on view weights, and of one that is not tested."""
    if claim.kind == "untested":
        return [_untested(claim, claim.why)]
    weights = _weights(trials, views)
    if weights is None:
        return [_untested(claim, "no trial has view weights")]
    if claim.kind == "heaviest":
        named = [name for name in weights.known.titles if name.lower() == claim.view.lower()]
        if not named:
            return [_untested(claim, f"the data have no view called {claim.view.upper()}")]
        others = tuple(name for name in weights.known.titles if name not in named)
        above = replace(claim, kind="above", rows=tuple(named), others=others, value="weight")
        return judged(above, weights)
    if table2 is None:
        return [_untested(claim, "it needs Table 2 in the same run, for M2 on each view")]
    return _follows(claim, weights, TrialCells.of(table2, "accuracy"))


def _weights(trials: pd.DataFrame, views: tuple[str, ...]) -> TrialCells | None:
    """View weights as cells: a row for each view, by its name."""
    columns = [name for name in trials.columns if name.startswith("weight_")]
    columns = [name for name in columns if trials[name].notna().any()]
    if len(columns) < 2:
        return None
    own = trials[trials["row_key"] == trials["row_key"].iloc[0]]
    parts = []
    for name in columns:
        view = int(name.removeprefix("weight_"))
        title = views[view] if view < len(views) else f"view {view}"
        parts.append(own.assign(weight=own[name], row_key=title, row=title))
    return TrialCells.of(pd.concat(parts), "weight")


def _follows(claim: Claim, weights: TrialCells, table2: TrialCells) -> list[dict[str, Any]]:
    """Whether of any two views the heavier one is the one on which M2 is more accurate."""
    keys = {title: key for key, title in table2.known.titles.items()}
    lines = []
    for percent in weights.known.percents:
        pairs, told = [], []
        for a, b in combinations(weights.known.titles, 2):
            m2 = [Cell(percent, (), keys.get(f"M2 ({view})", "")) for view in (a, b)]
            if not set(m2) <= table2.known.cells:
                return [_untested(claim, "M2 on each view was not run at this share of labels")]
            ours = [Cell(percent, (), view) for view in (a, b)]
            weight, accuracy = (
                source.spread([Statement("", {first: 1.0, second: -1.0})])
                for source, (first, second) in ((weights, ours), (table2, m2))
            )
            up = weight.above()[0], accuracy.above()[0]
            down = weight.below()[0], accuracy.below()[0]
            same = 2 * min(max(up), max(down))
            apart = 2 * min(max(up[0], down[1]), max(down[0], up[1]))
            pairs.append((same, apart, weight))
            told.append(
                f"{a} against {b}: weight {signed(weight.mean[0], 'weight')}, M2 "
                f"{points(accuracy.mean[0])}"
            )
        line: dict[str, Any] = _first(claim) | {"label_percent": percent, "lacking": []}
        same, apart = (np.array([pair[i] for pair in pairs]) for i in (0, 1))
        if np.isnan(same).any():
            lines.append(line | {"why": "fewer than three trials, or trials that do not differ"})
            continue
        holds, fails = min(1.0, same.max()), min(1.0, len(pairs) * apart.min())
        at = int(apart.argmin() if fails < holds else same.argmax())
        low, high = pairs[at][2].interval()
        lines.append(
            line
            | {
                "direction": FAILS if fails < holds else HOLDS,
                "p": min(1.0, 2 * min(holds, fails)),
                "effect": pairs[at][2].mean[0],
                "low": low[0],
                "high": high[0],
                "shown": told[at].split(":")[0],
                "trials": int(pairs[at][2].n[0]),
                "trials_expected": weights.planned,
                "statements": len(pairs),
                "held": int((2 * same <= LEVEL).sum()),
                "failed": int((2 * apart <= LEVEL).sum()),
                "told": sentence("; ".join(told)),
            }
        )
    return lines


def _first(claim: Claim) -> dict[str, Any]:
    names = ("protocol", "section", "says", "quote", "value")
    return {"claim": claim.key} | {name: getattr(claim, name) for name in names}


def _untested(claim: Claim, why: str) -> dict[str, Any]:
    return _first(claim) | {"why": why, "lacking": []}


def _why_not(claim: Claim, known: Known, lacking: Sequence[str]) -> str:
    if lacking:
        return f"not run: {', '.join(lacking)}"
    if claim.kind in ("more_labels", "grows") and len(known.percents) < 2:
        return "it compares two shares of labels, and one was run"
    return "no two cells that it compares were run"


def _unmeasured(spread: Spread, without: str) -> str:
    if not (spread.n > 0).any():
        return without
    if (spread.n < 3).all():
        return "fewer than three common trials"
    return "what it compares differs by the same in every trial, so its spread is not known"


def _frozen(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {name: _frozen(item) for name, item in value.items()}
    return tuple(value) if isinstance(value, list) else value


def by_verdict(ledger: pd.DataFrame) -> dict[str, int]:
    """How many lines have each verdict, in the order holds, fails, undecided, not tested."""
    counts = ledger["verdict"].value_counts()
    return {verdict: int(counts.get(verdict, 0)) for verdict in VERDICTS}


VERDICTS: Iterable[str] = (HOLDS, FAILS, UNDECIDED, NOT_TESTED)
