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
from harness.analysis.words import place, points, sentence, signed

PAPER = Path(__file__).with_name("claims.toml")
"""The paper's claims. With the harness, not with the protocols: a report needs no protocol."""
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


def judge_stored(
    protocol: str,
    parts: Mapping[str, Cells],
    value: str = "accuracy",
    claims: Sequence[Claim] | None = None,
) -> pd.DataFrame:
    """As :func:`judge`, for one protocol on stored numbers (``stored_cells.StoredCells``).

    ``parts``  data set -> its cells, with numbers in the column ``value``. Claims on view weights
    are left out.
    """
    chosen, lines = paper_claims() if claims is None else claims, []
    for dataset, cells in parts.items():
        own = [c for c in chosen if (c.protocol, c.value) == (protocol, value) and c.kind in KINDS]
        family = [line for claim in own for line in judged(claim, cells)]
        lines += settled([line | {"dataset": dataset} for line in family])
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
        place(name, value)
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
    weights = weight_cells(trials, views)
    if weights is None:
        return [_untested(claim, "no trial has view weights")]
    if claim.kind == "heaviest":
        return heaviest(claim, weights)
    if table2 is None:
        return [_untested(claim, "it needs Table 2 in the same run, for M2 on each view")]
    return follows(claim, weights, TrialCells.of(table2, "accuracy"))


def heaviest(claim: Claim, weights: Cells) -> list[dict[str, Any]]:
    """Whether the view that the claim names weighs more than every other."""
    named = [name for name in weights.known.titles if name.lower() == claim.view.lower()]
    if not named:
        return [_untested(claim, f"the data have no view called {claim.view.upper()}")]
    others = tuple(name for name in weights.known.titles if name not in named)
    above = replace(claim, kind="above", rows=tuple(named), others=others, value="weight")
    return judged(above, weights)


def weight_cells(trials: pd.DataFrame, views: tuple[str, ...]) -> TrialCells | None:
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


def follows(claim: Claim, weights: Cells, table2: Cells) -> list[dict[str, Any]]:
    """Whether of any two views the heavier one is the one on which M2 is more accurate."""
    lines = []
    for percent in weights.known.percents:
        found = [
            _view_pair(weights, table2, percent, pair)
            for pair in combinations(weights.known.titles, 2)
        ]
        pairs = [pair for pair in found if pair is not None]
        if len(pairs) < len(found):
            return [_untested(claim, "M2 on each view was not run at this share of labels")]
        line: dict[str, Any] = _first(claim) | {"label_percent": percent, "lacking": []}
        same, apart = (np.array([pair[end] for pair in pairs]) for end in ("same", "apart"))
        if np.isnan(same).any():
            lines.append(line | {"why": "fewer than three trials, or trials that do not differ"})
            continue
        holds, fails = min(1.0, same.max()), min(1.0, len(pairs) * apart.min())
        shown = pairs[int(apart.argmin() if fails < holds else same.argmax())]
        decided = {
            "direction": FAILS if fails < holds else HOLDS,
            "p": min(1.0, 2 * min(holds, fails)),
            "statements": len(pairs),
            "held": int((2 * same <= LEVEL).sum()),
            "failed": int((2 * apart <= LEVEL).sum()),
            "trials_expected": weights.planned,
            "told": sentence("; ".join(pair["told"] for pair in pairs)),
        }
        numbers = {name: shown[name] for name in ("effect", "low", "high", "shown", "trials")}
        lines.append(line | decided | numbers)
    return lines


def _view_pair(
    weights: Cells, table2: Cells, percent: float, views: tuple[str, str]
) -> dict[str, Any] | None:
    """One pair of views: p values that weight and accuracy point the same way, or apart.

    None where M2 was not run on one of them. Either way is one of two signs, hence twice the
    smaller p; for a sign both must be shown, hence the larger of two.
    """
    keys = {title: key for key, title in table2.known.titles.items()}
    ours = [Cell(percent, (), view) for view in views]
    m2 = [Cell(percent, (), keys.get(f"M2 ({view})", "")) for view in views]
    if not set(m2) <= table2.known.cells:
        return None
    weight, accuracy = (
        source.spread([Statement("", {first: 1.0, second: -1.0})])
        for source, (first, second) in ((weights, ours), (table2, m2))
    )
    weight_up, weight_down = weight.above()[0], weight.below()[0]
    more, less = accuracy.above()[0], accuracy.below()[0]
    low, high = weight.interval()
    name = f"{views[0]} against {views[1]}"
    heavier, better = signed(weight.mean[0], "weight"), points(accuracy.mean[0])
    return {
        "same": 2 * min(max(weight_up, more), max(weight_down, less)),
        "apart": 2 * min(max(weight_up, less), max(weight_down, more)),
        "effect": weight.mean[0],
        "low": low[0],
        "high": high[0],
        "shown": name,
        "trials": int(weight.n[0]),
        "told": f"{name}: weight {heavier}, M2 {better}",
    }


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
