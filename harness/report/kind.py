"""What all kinds of reports have in common: what they are made from, and their sections."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any, ClassVar

import pandas as pd

from harness.analysis.against import Against
from harness.analysis.aggregate import points
from harness.analysis.figure_arrays import Arrays, Shown
from harness.analysis.leaders import leaders
from harness.analysis.statistics import PAIRED_COLUMNS, axes, check, paired, possible
from harness.layout import Axis, Layout, Value
from harness.report import answer, captions, details, places, reach
from harness.report import format as fmt
from harness.report.meta import DatasetNote, ReportMeta
from harness.report.model import Block, Cell, Facts, Row, Section, Table, Text
from harness.report.verdicts import Verdicts
from harness.store.manifest import Properties
from harness.store.record import Record

BEYOND = (
    "Intervals are printed and drawn within what is possible: 0 to 1 for accuracies and other "
    "shares, −1 to 1 for their differences, from 0 for errors. CSV files have the ends as "
    "computed; decisions rest on these."
)
ENDS = ["low", "high", "corrected_low", "corrected_high"]
"""Columns of a comparison: its plain interval, and that corrected for overlapping trials."""


@dataclass(frozen=True, eq=False)
class Given:
    """All that a report is made from.

    ``trials``      the table of trials (``statistics.TRIAL_COLUMNS``).
    ``published``   the paper's table, None where it prints none.   ``shown`` arrays.
    ``ledger``      the paper's claims judged over the run (``claims.judge``); None: not yet.
    ``properties``  counts of data, for a protocol that fits nothing.
    ``against``     the rows beside stored ones, None where that was not asked.
    ``records``     job id -> record, for the trials behind a number; ``arrays`` reads those of a
                    record and raises ValueError where it cannot.
    """

    meta: ReportMeta
    layout: Layout
    trials: pd.DataFrame = field(default_factory=pd.DataFrame)
    published: pd.DataFrame | None = None
    ledger: pd.DataFrame | None = None
    shown: Shown = field(default_factory=Shown)
    properties: tuple[Properties, ...] = ()
    against: Against | None = None
    records: Mapping[str, Record] = field(default_factory=dict)
    arrays: Callable[[Record], Arrays] | None = None


@dataclass(frozen=True, eq=False)
class Part:
    """What a report has on one data set.

    ``points``    returns the numbers of all data sets at every place.
    ``compared``  what :meth:`Kind.compare` returned.
    """

    given: Given
    note: DatasetNote
    trials: pd.DataFrame
    points: Callable[[], pd.DataFrame]
    compared: pd.DataFrame
    shown: Shown

    @cached_property
    def table(self) -> pd.DataFrame:
        """Its numbers at every place (``aggregate.points``)."""
        every = self.points()
        return every[every["dataset"] == self.note.key]

    @cached_property
    def columns(self) -> tuple[captions.Column, ...]:
        """The shares of labels."""
        return captions.columns(self.trials)

    @cached_property
    def files(self) -> dict[str, str]:
        """Row key -> the data file with its trials."""
        return places.files_of(self.note.anchor, self.trials)

    @cached_property
    def names(self) -> dict[str, str]:
        """Row key -> a name that no other row has."""
        return places.names_of(self.trials)

    def linked(self, text: str, line: Mapping[Any, Any]) -> Cell:
        """A number with a link to its trials: ``line`` has ``row_key``, ``label_percent``, axes.

        Without a link where nothing is printed, or where none of these trials was planned.
        """
        key = str(line["row_key"])
        if not text or key not in self.files:
            return Cell(text)
        return Cell(text, link=places.link(self.note.anchor, line), file=self.files[key])

    @property
    def layout(self) -> Layout:
        return self.given.layout

    @property
    def stamps(self) -> tuple[str, ...]:
        """What is printed on every table and figure of it."""
        return captions.stamps(self.note, self.given.meta, self.trials)

    @property
    def stem(self) -> str:
        """How its files begin: ``figure3_mfeat``."""
        return f"{self.given.meta.protocol}_{self.note.anchor}"

    def reference(self, key: str = "") -> str:
        """The title of the row that others are compared with."""
        return title_of(self.trials, key or self.layout.reference)

    def heading(self, text: str) -> dict[str, Any]:
        """Title (``Figure 3, Data: text``) and stamps of a figure."""
        title = f"{self.given.meta.title.split(':')[0]}, {self.note.title}: {text}"
        return {"title": title, "stamps": self.stamps}


class Kind:
    """A kind of report. A subclass adds its figures, tables and CSV files, and no more.

    ``axes``        how many axes its layout has.
    ``rivals``      whether its rows compete in the first value, so that one of them leads.
    ``lead_title``  heading of what :meth:`lead` returns, in the table of all data sets.
    ``shared``      what makes trials of different rows comparable, for :meth:`reading`.
    """

    axes: ClassVar[int] = 0
    lead_title: ClassVar[str] = ""
    rivals: ClassVar[bool] = False
    shared: ClassVar[str] = "All rows share splits, labels and hidden entries trial by trial."

    def __init__(self, given: Given) -> None:
        """Raise ValueError for trials that break their contract, or for data without a note."""
        trials = without_fixed_splits(check(given.trials), given.meta)
        extras = tuple(value for value in given.layout.extras if value.column in trials.columns)
        layout = replace(given.layout, extras=extras)
        self.given = given = replace(given, trials=trials, layout=layout)
        self.compared = self.compare()
        notes = {note.key: note for note in given.meta.datasets}
        for key in dict.fromkeys(given.trials["dataset"]):
            if key not in notes:
                raise ValueError(f"the report has no note on the data set '{key}'")
        self.parts = tuple(self._part(notes[key]) for key in dict.fromkeys(given.trials["dataset"]))

    @cached_property
    def table(self) -> pd.DataFrame:
        """Numbers at every place (``aggregate.points``)."""
        layout = self.given.layout
        values = [value.column for value in (*layout.values, *layout.extras)]
        return points(self.given.trials, values)

    # ---------------------------------------------------------------- for a kind to say

    def compare(self) -> pd.DataFrame:
        """The table of comparisons; none by default."""
        places = axes(self.given.trials)
        return pd.DataFrame(columns=[PAIRED_COLUMNS[0], *places, *PAIRED_COLUMNS[1:]])

    def overall(self) -> Sequence[Block]:
        """Figures and tables of all data sets together."""
        return ()

    def blocks(self, part: Part) -> Sequence[Block]:
        """Figures and tables of one data set."""
        return ()

    def comparisons(self, part: Part) -> Sequence[Block]:
        """Its comparisons as numbers."""
        return details.pairs(part.compared, part.reference(), self.headline.column)

    def leaders(self) -> pd.DataFrame | None:
        """The leader of every column (``analysis.leaders``); None where rows are no rivals."""
        if not self.rivals:
            return None
        return leaders(self.given.trials, self.reference, self.headline.column)

    @property
    def headline(self) -> Value:
        """What :meth:`leaders` ranks rows by."""
        return self.given.layout.values[0]

    @cached_property
    def led(self) -> pd.DataFrame | None:
        """The leaders by distinct names; None where no column has two rows with a mean."""
        lines = self.leaders()
        if lines is None or not len(lines) or lines["rows"].max() < 2:
            return None
        return answer.named(lines, places.names_of(self.given.trials))

    def lead(self, part: Part) -> tuple[str, ...]:
        """The finding on one data set, a sentence each."""
        return ()

    def lines(self, part: Part) -> tuple[str, ...]:
        """Sentences under the figures and tables of one data set."""
        return ()

    def reading(self) -> tuple[str, ...]:
        """How the report is read."""
        layout = self.given.layout
        texts = [
            layout.shows,
            "A mean is printed only where every planned trial is there: 3/5 says that three of "
            "five are. ± and bands: sample SD over trials (n − 1).",
            *((BEYOND,) if len(self.given.trials) else ()),
            self.shared,
            *layout.reading,
        ]
        if layout.claim:
            texts.append(
                "The paper’s words on its own figure, which are not a finding here: "
                f"“{layout.claim}”."
            )
        return tuple(texts)

    def files(self) -> dict[str, pd.DataFrame]:
        """CSV files by name: numbers at every place, and paired differences if there are any."""
        files = {f"{self.given.meta.protocol}.csv": self.table}
        return files | ({"paired.csv": self.compared} if len(self.compared) else {})

    def trial_files(self) -> dict[str, pd.DataFrame]:
        """Every trial as a line of a CSV file; {} for a protocol that fits nothing."""
        trials = self.given.trials
        wide = [name for name in details.NOT_IN_CSV if name in trials.columns]
        return {"trials.csv": trials.drop(columns=wide)} if len(trials) else {}

    # ---------------------------------------------------------------- the same for every kind

    @cached_property
    def verdicts(self) -> Verdicts:
        """Verdicts on the paper's cells and claims, and of rows on each other."""
        given = self.given
        return Verdicts(
            given.meta, given.layout, given.trials, given.published, self.reference, given.ledger
        )

    @property
    def reference(self) -> str:
        """Row key that the others are compared with; "" where there is none."""
        return self.given.layout.reference

    @property
    def spent(self) -> str:
        """What the report cost, for its head."""
        meta = self.given.meta
        return f"Budget {meta.budget}, {fmt.plural(meta.trials_expected, 'trial')} a cell"

    def sections(self) -> tuple[Section, ...]:
        """The sections of the report, in order."""
        overall = (*self.overall(), *self.verdicts.over_data())
        warning = self.given.layout.warning
        first = (self._overview(), *((Text((warning,), "warning"),) if warning else ()))
        return (
            *self._answers(),
            Section("Overview", first),
            Section("How to read this", (Text(self.reading(), "list", export=False),)),
            *((Section("All data", overall),) if overall else ()),
            *(self._section(part) for part in self.parts),
        )

    def summary_lines(self) -> list[str]:
        """Who leads every column, a sentence each; [] where rows are no rivals."""
        lines = self.led
        if lines is None:
            return []
        return answer.summary(lines, [part.note for part in self.parts], self.headline)

    def brief_lines(self, most: int) -> list[str]:
        """Who leads, in at most ``most`` lines for a terminal; [] where rows are no rivals."""
        if self.led is None:
            return []
        return answer.brief(self.led, [part.note for part in self.parts], self.headline, most)

    def _answers(self) -> tuple[Section, ...]:
        """What a reader asks first, and what the run can and cannot tell."""
        trials, lines = self.given.trials, self.led
        if not len(trials):
            return ()
        notes = [part.note for part in self.parts]
        blocks: list[Block] = []
        if lines is not None:
            by_key = {note.key: note for note in notes}
            blocks.append(answer.best_rows(lines, by_key, self.headline, blocks=False))
            if lines["block"].nunique() > 2:  # several blocks, and all of them together
                blocks.append(answer.best_rows(lines, by_key, self.headline, blocks=True))
        blocks.append(answer.questions(trials, notes[0].anchor))
        reached = reach.section(self.given.meta, notes, trials, self.compared)
        return Section("In short", tuple(blocks)), reached

    def _part(self, note: DatasetNote) -> Part:
        frames = (self.given.trials, self.compared)
        trials, compared = (frame[frame["dataset"] == note.key] for frame in frames)
        shown = self.given.shown
        own = replace(
            shown,
            weights=tuple(item for item in shown.weights if item.dataset == note.key),
            matrices=tuple(item for item in shown.matrices if item.dataset == note.key),
        )
        return Part(self.given, note, trials, lambda: self.table, compared, own)

    def _overview(self) -> Table:
        heads = [Cell(head) for head in ("Data", "Kind", "Trials", self.lead_title) if head]
        rows = []
        for part in self.parts:
            texts = [captions.kind(part.note), captions.progress(part.trials)]
            if self.lead_title:
                texts.append("\n".join(self.lead(part)) or "no complete cell")
            first = Cell(part.note.title, link=f"#{part.note.anchor}")
            rows.append(Row((first, *map(Cell, texts))))
        return Table("", tuple(heads), tuple(rows), fold="", export="", css="list glance")

    def _section(self, part: Part) -> Section:
        note, trials, progress = part.note, part.trials, captions.progress(part.trials)
        legend = (
            *self.lines(part),
            *captions.labels_used(trials),
            note.what_varies,
            *part.shown.unavailable.get(note.key, ()),
            *captions.unconverged(trials),
            *captions.in_warmup(trials),
            *(f"{text}." for text in note.remarks),
        )
        own = list(self.blocks(part))
        main = [i for i, b in enumerate(own) if isinstance(b, Table) and b.export == "latex"]
        below = main[-1] + 1 if main else len(own)  # the legend is printed under the main tables
        blocks: list[Block] = [
            *own[:below],
            Text(legend),
            *own[below:],
            *self.verdicts.of(note.key),
            *details.failures(trials, progress, note.anchor),
            *self.comparisons(part),
            *details.confusion(trials, note.class_names),
            details.selections(trials, note.anchor),
            details.costs(trials, note.anchor),
            details.all_trials(trials, note.anchor),
            Facts("Source of the data", captions.facts(note)),
        ]
        return section_of(note, blocks, part.stamps, f"{note.title}: {progress}")


def without_fixed_splits(trials: pd.DataFrame, meta: ReportMeta) -> pd.DataFrame:
    """Blank ``n_train`` where all trials share one split: the correction does not apply there."""
    fixed = [note.key for note in meta.datasets if note.split_fixed]
    if "n_train" not in trials.columns or not fixed:
        return trials
    return trials.assign(n_train=trials["n_train"].mask(trials["dataset"].isin(fixed)))


def section_of(
    note: DatasetNote, blocks: Sequence[Block], stamps: tuple[str, ...], summary: str = ""
) -> Section:
    """The section on one data set."""
    return Section(
        title=note.title,
        blocks=tuple(blocks),
        anchor=note.anchor,
        stamps=stamps,
        name=(note.paper_name or note.title) + (" [SIMULATED]" if note.kind == "simulated" else ""),
        aside=f"{note.paper_name}, the paper’s data" if note.paper_name else "",
        summary=summary,
    )


def paired_in_first_value(given: Given) -> pd.DataFrame:
    """Paired differences of the reference row and every other in the layout's first value."""
    value = given.layout.values[0].column
    trials = given.trials if value in given.trials.columns else given.trials.assign(**{value: None})
    return paired(trials, given.layout.reference, value)


def value_text(at: pd.DataFrame, value: Value) -> str:
    """``.614±.012``, ``3/5``, or "" where nothing was planned."""
    if len(at) == 0:
        return ""
    line = {str(name): item for name, item in at.iloc[0].items()}
    return fmt.mean_or_progress(line, f"{value.column}_", fmt.number_of(value.column))


def caption_of(
    table: pd.DataFrame, layout: Layout, several: bool, what: str = "Points: mean over"
) -> str:
    """What a figure shows, over how many trials, and what a gap is."""
    trials = sorted({int(n) for n in table["trials_expected"]})
    text = f"{layout.shows} {what} {fmt.span(trials)} {'trials' if trials[-1] > 1 else 'trial'}"
    text += "; bands: ± SD over trials (n − 1)." if several and "Points" in what else "."
    return text + " No mean is given where a planned trial is missing (m/n: m of n present)."


def place_of(axis: Axis, place: float) -> str:
    """``50 %`` or ``c = 0.5``."""
    return fmt.percent(100 * place) if axis.percent else f"{axis.name} = {place:g}"


def interval_of(line: pd.Series, prefix: str = "") -> tuple[float, float] | None:
    """The ends ``low`` and ``high`` of a difference of accuracies, None where there are none."""
    low, high = line[f"{prefix}low"], line[f"{prefix}high"]
    if pd.isna(low):
        return None
    low, high = possible(low, high, difference=True)
    return float(low), float(high)


def title_of(table: pd.DataFrame, key: str) -> str:
    """The title of a row; "" where there is none."""
    titles = table.loc[table["row_key"] == key, "row"]
    return str(titles.iloc[0]) if len(titles) else ""
