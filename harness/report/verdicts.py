"""Verdicts as blocks of a report: cells of the paper, its claims, posteriors, pairs over data sets.

The numbers and the words come from ``harness.analysis``; a verdict is always a word, and its reason
is a sentence beside it (docs/verdicts.md).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import pandas as pd

from harness.analysis import agreement, claims, methods, replication
from harness.analysis.statistics import axes, paired, summarise
from harness.layout import Layout
from harness.report import captions
from harness.report import format as fmt
from harness.report.meta import DatasetNote, ReportMeta
from harness.report.model import Block, Cell, Row, Table, Text
from harness.report.places import place

RIVALS = ("table", "curves", "dots")
"""Kinds of reports whose rows are compared with a reference row, in their first value."""
SHOWN = 8
"""Rows of the matrix of pairs, the best first; its CSV file has every pair."""
Line = Mapping[Any, Any]


@dataclass(frozen=True, eq=False)
class Verdicts:
    """The verdicts of one report, from what it is made of (``harness.report.kind.Given``).

    ``reference``  row key that the others are compared with; "" where there is none.
    ``judged``     the paper's claims, judged over a run; None: on these trials alone.
    """

    meta: ReportMeta
    layout: Layout
    trials: pd.DataFrame
    published: pd.DataFrame | None
    reference: str
    judged: pd.DataFrame | None = None

    @cached_property
    def ledger(self) -> pd.DataFrame:
        """The paper's claims on these data."""
        if self.judged is not None:
            return self.judged
        return claims.judge({self.meta.protocol: self.trials}, views_of(self.meta.datasets))

    @cached_property
    def agreement(self) -> pd.DataFrame:
        """Cells against the paper's numbers; empty but for its own data."""
        return agreement.against_published(self._summary)

    @cached_property
    def gaps(self) -> pd.DataFrame:
        """The reference's lead against the paper's; empty but for its own data."""
        if not self._summary["published_mean"].notna().any():
            return pd.DataFrame(columns=list(replication.GAP_COLUMNS))
        compared = paired(self.trials, self.reference)
        return replication.gaps(self._summary, compared, self.reference)

    @cached_property
    def posteriors(self) -> pd.DataFrame:
        """The reference minus every other row, as probabilities."""
        layout, trials = self.layout, self.trials
        if layout.kind not in RIVALS or self._first not in trials.columns:
            return pd.DataFrame(columns=list(methods.POSTERIOR_COLUMNS))
        return methods.posteriors(trials, self.reference, self._first)

    @property
    def _first(self) -> str:
        """The column of the layout's first value."""
        values = self.layout.values
        return values[0].column if values else "accuracy"

    @cached_property
    def pairs(self) -> pd.DataFrame:
        """Every pair of rows over data sets that are not simulated; empty for figures."""
        real = {note.key for note in self.meta.datasets if note.kind != "simulated"}
        own = self.trials[self.trials["dataset"].isin(real)]
        if self.layout.kind != "table" or own["dataset"].nunique() < 2:
            return pd.DataFrame(columns=list(methods.MATRIX_COLUMNS))
        return methods.matrix(own)

    def of(self, key: str) -> list[Block]:
        """The blocks of one data set."""
        trials = self.trials[self.trials["dataset"] == key]
        own = [
            table[table["dataset"] == key]
            for table in (self.agreement, self.gaps, self.ledger, self.posteriors)
        ]
        return [
            *cells(own[0], captions.columns(trials)),
            *published_gaps(own[1]),
            *paper_claims(own[2], captions.columns(trials)),
            *chances(own[3], self._first),
        ]

    def over_data(self) -> list[Block]:
        """The blocks of all data sets together."""
        blocks: list[Block] = []
        if not len(self.trials):
            return blocks
        for percent, own in self.pairs.groupby("label_percent", sort=True):
            several = own[own["datasets"] > 1]
            if len(several):
                blocks.append(matrix(several, float(str(percent)), self.reference))
        return blocks

    def files(self) -> dict[str, pd.DataFrame]:
        """CSV files by name, those that have a verdict; none for a protocol that fits nothing."""
        if not len(self.trials):
            return {}
        named = {
            "claims.csv": (self.ledger, "p"),
            "cells.csv": (self.agreement, "verdict"),
            "gaps.csv": (self.gaps, "verdict"),
            "posteriors.csv": (self.posteriors, "p_equal"),
            "pairs.csv": (self.pairs, "p"),
        }
        return {name: table for name, (table, told) in named.items() if table[told].notna().any()}

    @cached_property
    def _summary(self) -> pd.DataFrame:
        """Cells with the paper's numbers, which are for its own, licensed data alone."""
        names = {note.key: note.paper_name for note in self.meta.datasets if note.paper_name}
        is_table = self.layout.kind == "table" and not axes(self.trials)
        trials = self.trials if names and is_table else self.trials.iloc[:0]
        return summarise(trials, self.published, names)


def views_of(notes: Sequence[DatasetNote]) -> dict[str, tuple[str, ...]]:
    """Names of the views by key of the data set."""
    return {note.key: note.view_names for note in notes}


def cells(table: pd.DataFrame, columns: Sequence[captions.Column]) -> list[Block]:
    """Verdicts on the cells of the paper's table: rows by shares of labels."""
    if not len(table):
        return []
    order, rows = [*captions.BLOCKS], []
    for key in dict.fromkeys(table["row_key"]):
        own = table[table["row_key"] == key]
        block = str(own["paradigm"].iloc[0])
        texts = [Cell(str(own["row"].iloc[0]))]
        for column in columns:
            at = own[own["label_percent"] == column.percent].to_dict("records")
            texts.append(_verdict_cell(at[0]) if at else Cell(""))
        group = captions.BLOCKS.get(block, block)
        rows.append((order.index(block) if block in order else len(order), Row((*texts,), group)))
    ordered = tuple(row for _, row in sorted(rows, key=lambda pair: pair[0]))
    heads = (Cell("Against the paper"), *(Cell(column.title) for column in columns))
    margin = f"{100 * table['margin'].iloc[0]:g}"
    note = (
        "Our mean minus the paper’s, in points. Agrees: two one-sided tests show that the means "
        f"lie within {margin} points. Differs: Welch’s test, Holm-adjusted over all cells. "
        "Undecided: neither yet. Cannot be decided: the paper’s own mean is too uncertain."
    )
    main = Table("Against the paper’s numbers", heads, ordered, note, "open", "latex", "list")
    lines = [
        (
            line["row"],
            line["paradigm"],
            line["verdict"],
            line["reason"],
            fmt.percent(line["label_percent"]),
            _trials(line["trials_needed"]),
        )
        for line in table.to_dict("records")
    ]
    heads_of = ("Row", "Paradigm", "Verdict", "Why", "Labelled", "Trials for agreement")
    more = "Trials for agreement: fewest that show it with a chance of .8, if the means are equal."
    why = Table.of(
        "Why: every cell against the paper", heads_of, lines, left=4, note=more, fold="closed",
        export="", css="list sortable",
    )  # fmt: skip
    return [Text((counted("Cells of the paper", table["verdict"]),)), main, why]


def _verdict_cell(line: Line) -> Cell:
    """``agrees, +0.4``; the reason where the mouse rests."""
    difference = fmt.points(line["difference"])
    text = ", ".join(filter(None, (str(line["verdict"]), difference)))
    return Cell(text, hover=str(line["reason"]), css=_css(line["verdict"]))


def _css(verdict: str) -> str:
    """Classes of a verdict, such as ``verdict not-tested``: they repeat the word, no more."""
    return f"verdict {verdict.replace(':', '').replace(' ', '-')}"


def _trials(needed: Any) -> str:
    if pd.isna(needed):
        return ""
    return "no number" if needed == float("inf") else f"{needed:.0f}"


def published_gaps(table: pd.DataFrame) -> list[Block]:
    """The reference's leads against those that the paper prints."""
    if not len(table):
        return []
    lines = [
        (
            line["row"] + (" (best rival)" if line["best_rival"] else ""),
            line["paradigm"],
            line["verdict"],
            fmt.percent(line["label_percent"]),
            fmt.points(line["published_gap"]),
            fmt.interval(line["expected_low"], line["expected_high"], fmt.points),
            fmt.points(line["difference"]),
            fmt.interval(line["low"], line["high"], fmt.points),
            f"{100 * line['d33']:.1f}",
        )
        for line in table.to_dict("records")
    ]
    heads = (
        "SMVAE minus", "Paradigm", "Our gap", "Labelled", "Paper", "Expected of us", "Ours",
        "95 % interval", "d33",
    )  # fmt: skip
    note = (
        "Points. Expected: 95 % prediction interval of a replication. A smaller gap is informative "
        "where our whole interval lies below d33, which 20 runs detect with a chance of one third. "
        "Best rival: of the rows that ran, the one with the paper’s highest mean."
    )
    title = "Leads of SMVAE against the paper’s"
    return [Table.of(title, heads, lines, left=3, note=note, fold="closed")]


def paper_claims(ledger: pd.DataFrame, columns: Sequence[captions.Column]) -> list[Block]:
    """The paper's claims with their verdicts; a sentence where none could be tested."""
    if not len(ledger):
        return []
    if ledger["p"].isna().all():
        counts = ledger["reason"].value_counts()
        text = f"None of the paper’s claims was tested here. Most often: {counts.index[0]}"
        return [Text((text,), "quiet", export=False)]
    heads = (
        Cell("What is tested"), Cell("Verdict"), Cell("Why"), Cell("Labelled", css="n"),
        Cell("Effect", css="n"), Cell("95 % interval", css="n"), Cell("p (Holm)", css="n"),
    )  # fmt: skip
    names = {column.percent: column.title.removesuffix(" labelled") for column in columns}
    rows = tuple(_claim_row(line, names) for line in ledger.to_dict("records"))
    note = (
        "A claim holds if its weakest comparison shows it, and fails if its worst one shows the "
        "opposite; p is adjusted over the claims of this table or figure. Effects are differences "
        "within trials, accuracies in points, of the comparison named under Why; their intervals "
        "are corrected for overlapping trials (Nadeau and Bengio, 2003) and not for their number."
    )
    title = "The paper’s claims on these data"
    text = counted("Claims of the paper on these data", ledger["verdict"])
    return [Text((text,)), Table(title, heads, rows, note, "open", "markdown", "list")]


def _claim_row(line: Line, names: Mapping[float, str]) -> Row:
    effect = fmt.points if line["value"] == "accuracy" else fmt.signed
    return Row(
        (
            Cell(str(line["says"])),
            Cell(str(line["verdict"]), css=_css(line["verdict"])),
            Cell(str(line["reason"])),
            Cell(names.get(line["label_percent"], "")),
            Cell(effect(line["effect"])),
            # Some claims compare differences with each other: these may lie beyond -1 and 1.
            Cell(fmt.interval(line["low"], line["high"], effect, column="")),
            Cell(fmt.p_value(line["p_holm"])),
        ),
        group=f"“{line['quote']}” ({line['section']})",
    )


def chances(table: pd.DataFrame, column: str = "accuracy") -> list[Block]:
    """Probabilities that the reference is worse, equal or better than each row."""
    known = table.dropna(subset=["p_equal"])
    if not len(known):
        return []
    reference, rope = str(known["reference"].iloc[0]), f"{100 * methods.ROPE:g}"
    lines = [
        (
            line["row"],
            line["paradigm"],
            line["verdict"],
            place(line),
            *(_chance(line[f"p_{what}"]) for what in ("worse", "equal", "better")),
            fmt.signed(line["difference"]),
            fmt.interval(line["low"], line["high"], fmt.signed, column),
        )
        for line in known.to_dict("records")
    ]
    heads = (
        f"{reference} against", "Paradigm", f"{reference} is", "Labelled", "Worse", "Equal",
        "Better", "Difference", "95 % interval",
    )  # fmt: skip
    note = (
        "Bayesian correlated t test (Corani and Benavoli, 2015): probabilities that the mean "
        f"difference is below −{rope}, within ±{rope}, above +{rope} points (.01 of NMSE). A word "
        "needs .95. Not adjusted for the number of rows."
    )
    title = f"{reference} worse, equal or better, as probabilities"
    return [Table.of(title, heads, lines, left=3, note=note, fold="closed")]


def _chance(value: float) -> str:
    if value > 0.995:
        return ">.99"
    return "<.01" if value < 0.005 else f"{value:.2f}"[1:]


def matrix(pairs: pd.DataFrame, percent: float, reference: str) -> Table:
    """The best rows and the reference against each other, over the data sets."""
    cells_of = methods.grid(pairs)
    titles = dict(zip(pairs["row_key"], pairs["row"], strict=True))
    titles |= dict(zip(pairs["other_key"], pairs["other"], strict=True))
    blocks = dict(zip(pairs["row_key"], pairs["block"], strict=True))
    blocks |= dict(zip(pairs["other_key"], pairs["other_block"], strict=True))
    shared = pd.Series([*titles.values()]).value_counts()
    names = {k: t if shared[t] < 2 else f"{t} ({blocks[k]})" for k, t in titles.items()}
    # The mean lead over all rows orders rows as their mean accuracy does.
    leads = {
        key: sum(line["difference"] for (own, _), line in cells_of.items() if own == key)
        for key in titles
    }
    order = sorted(titles, key=lambda key: -leads[key])
    shown = order[:SHOWN] + [key for key in order[SHOWN:] if key == reference]
    rows = []
    for key in shown:
        texts = [Cell(names[key])]
        for other in shown:
            line = cells_of.get((key, other))
            texts.append(Cell("") if line is None else _pair_cell(line))
        rows.append(Row((*texts,), css="reference" if key == reference else ""))
    heads = (Cell("Row minus column"), *(Cell(names[key], css="n") for key in shown))
    count = int(pairs["datasets"].max())
    note = (
        f"Mean difference in points over {count} data sets; wins/ties/losses are data sets whose "
        "corrected 95 % interval lies above, across or below zero; better or worse by Holm’s p "
        "over all pairs, else undecided. It concerns further draws of these data sets. "
        f"The {SHOWN} best rows and the reference; pairs.csv has all."
    )
    title = f"Pairs of rows over data sets, {fmt.percent(percent)} labelled"
    return Table(title, heads, tuple(rows), note, "closed", "markdown", "list")


def _pair_cell(line: Line) -> Cell:
    counts = f"{line['wins']:.0f}/{line['ties']:.0f}/{line['losses']:.0f}"
    word = line["verdict"] or "no p"
    return Cell(f"{fmt.points(line['difference'])} {word}", note=counts)


def counted(what: str, verdicts: pd.Series) -> str:
    """How many lines have each verdict: ``Claims of the paper: 2 hold, 3 fail, 5 undecided``."""
    counts = verdicts.value_counts(sort=False).to_dict()
    order = (
        *(claims.HOLDS, claims.FAILS, agreement.AGREES, agreement.OVER, agreement.UNDER),
        *(claims.UNDECIDED, agreement.NEVER, claims.NOT_TESTED, agreement.NONE),
    )
    plural = {claims.HOLDS: "hold", claims.FAILS: "fail", agreement.AGREES: "agree"}
    plural |= {n: n.replace("differs", "differ") for n in (agreement.OVER, agreement.UNDER)}
    known = [(counts[name], name) for name in order if name in counts]
    texts = (f"{count} {name if count == 1 else plural.get(name, name)}" for count, name in known)
    return f"{what}: {', '.join(texts)}."
