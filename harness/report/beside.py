"""The section of a report that shows the run's rows in the table of stored rows."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pandas as pd

from harness.analysis.against import NOW, OTHER_CODE, OWN, Against
from harness.analysis.statistics import summarise
from harness.report import captions, details
from harness.report import format as fmt
from harness.report.kind import without_fixed_splits
from harness.report.meta import ReportMeta
from harness.report.model import Block, Cell, Row, Section, Table

READING = (
    "Rows of this run (run now) beside stored rows, on identical trials alone: the same data, "
    "split, seed and trial number, and the same rows drawn. Stored rows were not run again; one is "
    "verified if a maintainer has run it again with the values of its file. By other code: a file "
    "that its numbers rest on has changed since, so that running it again may give others."
)


class Beside:
    """Rows run now and stored rows: tables, differences, and the CSV files of both."""

    def __init__(self, against: Against, meta: ReportMeta) -> None:
        trials = against.trials
        if len(trials):
            trials = without_fixed_splits(trials, meta)
        self.against, self.meta = replace(against, trials=trials), meta
        self.titles = {note.key: note.title for note in meta.datasets}
        self.summary = summarise(trials) if len(trials) else pd.DataFrame()
        pairs = [self.against.pairs(own) for own in self.against.own()]
        self.pairs = dict(zip(self.against.own(), pairs, strict=True))
        self.sources = (
            trials.drop_duplicates("row_key").set_index("row_key")["source"].to_dict()
            if len(trials)
            else {}
        )

    def section(self) -> Section:
        """The section; where nothing can be compared it says why."""
        blocks: list[Block] = []
        if len(self.against.trials):
            for dataset in dict.fromkeys(self.against.trials["dataset"]):
                blocks += self._of(str(dataset))
        if self.against.left_out:
            lines = [(reason,) for reason in self.against.left_out]
            blocks.append(Table.of("Not compared", ("Reason",), lines))
        title = f"Against the stored rows of {self.against.name}"
        return Section(title, tuple(blocks), summary=self._summary())

    def files(self) -> dict[str, pd.DataFrame]:
        """``against.csv`` and ``against_paired.csv``; none where nothing is compared."""
        if not len(self.summary):
            return {}
        keys = [key for _, key, _ in self.summary.index]
        table = self.summary.drop(columns=["published_mean", "published_sd"])
        table.insert(3, "source", [self.sources[key] for key in keys])
        named = [
            frame.assign(source=frame["row_key"].map(self.sources)) for frame in self.pairs.values()
        ]
        return {"against.csv": table, "against_paired.csv": pd.concat(named)}

    # ---------------------------------------------------------------- one data set

    def _of(self, dataset: str) -> list[Block]:
        trials = self.against.trials
        own = trials[trials["dataset"] == dataset]
        columns = captions.columns(own)
        order = sorted(dict.fromkeys(own["row_key"]), key=lambda key: self._rank(dataset, key))
        best = {column.percent: self._best(dataset, column.percent) for column in columns}
        names = own.drop_duplicates("row_key").set_index("row_key")
        rows = []
        for key in order:
            cells = [Cell(str(names.loc[key, "row"])), Cell(str(names.loc[key, "block"]))]
            cells.append(Cell(str(self.sources[key])))
            for column in columns:
                line = self._at(dataset, key, column.percent)
                text = fmt.mean_or_progress(line) if line else ""
                cells.append(Cell(text, bold=bool(text) and text == best[column.percent]))
            rows.append(Row(tuple(cells), css="reference" if key.startswith(OWN) else ""))
        heads = ("Row", "Paradigm", "Source", *(column.title for column in columns))
        title = f"{self.titles.get(dataset, dataset)}: rows run now and stored rows"
        table = Table.of(title, heads, rows, left=3, note=READING, css="list sortable")
        differences = [
            self._differences(dataset, own_key, pairs) for own_key, pairs in self.pairs.items()
        ]
        return [table, *(block for block in differences if block is not None)]

    def _differences(self, dataset: str, own: str, pairs: pd.DataFrame) -> Table | None:
        lines = [
            (
                line["row"],
                line["paradigm"],
                self.sources[line["row_key"]],
                line["decision"],
                details.place(line),
                f"{line['pairs']}/{line['pairs_expected']}",
                fmt.signed(line["mean_difference"]),
                fmt.interval(line["low"], line["high"], fmt.signed),
                fmt.interval(line["corrected_low"], line["corrected_high"], fmt.signed),
                fmt.p_value(line["t_p_holm"]),
            )
            for line in pairs[pairs["dataset"] == dataset].to_dict("records")
        ]
        if not lines:
            return None
        name = str(pairs["reference"].iloc[0])
        heads = (
            f"{name} minus", "Paradigm", "Source", f"{name} is", "Labelled", "Pairs", "Difference",
            "95 % interval", "Corrected", "p paired t",
        )  # fmt: skip
        title = f"{self.titles.get(dataset, dataset)}: {name} ({NOW}) minus every stored row"
        more = {"note": details.CORRECTED, "fold": "closed", "css": "list sortable"}
        return Table.of(title, heads, lines, left=4, **more)

    def _at(self, dataset: str, key: str, percent: float) -> dict[str, Any] | None:
        index = (dataset, key, percent)
        if index not in self.summary.index:
            return None
        return {str(name): value for name, value in self.summary.loc[index].items()}

    def _rank(self, dataset: str, key: str) -> tuple[bool, float]:
        """Rows of the run first, then stored rows with the highest mean first."""
        own = self.summary.loc[[i[:2] == (dataset, key) for i in self.summary.index]]
        mean = own["mean"].iloc[0] if len(own) else float("nan")
        return not key.startswith(OWN), -float(pd.Series([mean]).fillna(-1.0).iloc[0])

    def _best(self, dataset: str, percent: float) -> str:
        """How the highest mean of a column is printed; "" where no cell is complete."""
        at = [i[0] == dataset and i[2] == percent for i in self.summary.index]
        own = self.summary.loc[at].dropna(subset=["mean"])
        if not len(own):
            return ""
        top = own.loc[own["mean"].idxmax()]
        return fmt.mean_or_progress({str(name): value for name, value in top.items()})

    # ---------------------------------------------------------------- the terminal

    def _summary(self) -> str:
        """A line for each row of the run and column: the best stored row, and the difference."""
        lines = [f"against {self.against.name}:"]
        for own, pairs in self.pairs.items():
            for (dataset, percent), part in pairs.groupby(["dataset", "label_percent"], sort=False):
                if line := self._against_best(str(dataset), float(str(percent)), own, part):
                    lines.append(f"  {line}")
        lines += [f"  not compared: {reason}" for reason in self.against.left_out]
        return "\n".join(lines)

    def _against_best(self, dataset: str, percent: float, own: str, part: pd.DataFrame) -> str:
        means = {key: self._at(dataset, key, percent) for key in part["row_key"]}
        there = {k: line["mean"] for k, line in means.items() if line and not pd.isna(line["mean"])}
        mine = self._at(dataset, own, percent)
        if not there or mine is None:
            return ""
        best = max(there, key=lambda key: there[key])
        (line,) = part[part["row_key"] == best].to_dict("records")
        interval = fmt.interval(line["corrected_low"], line["corrected_high"], fmt.signed)
        interval = interval or fmt.interval(line["low"], line["high"], fmt.signed)
        ends = f" [{interval}]" if interval else ""
        other = OTHER_CODE if self.sources[best].endswith(OTHER_CODE) else ""
        return (
            f"{dataset}, {percent:g} %: {line['reference']} {fmt.mean_or_progress(mine)}; best "
            f"stored row {line['row']} {fmt.accuracy(there[best])}{other}, difference "
            f"{fmt.signed(line['mean_difference']) or 'not given'}{ends}, "
            f"{line['decision'] or 'too few trials'}"
        )
