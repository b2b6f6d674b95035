"""Sentences on a data set and its trials that all kinds of reports share."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pandas as pd

from harness.report import format as fmt
from harness.report.meta import DatasetNote, ReportMeta

BLOCKS = {
    "supervised": "Supervised learning",
    "transductive": "Transductive SSL",
    "inductive": "Inductive SSL",
    "reference": "Reference rows, not in the paper",
}


@dataclass(frozen=True)
class Column:
    """A share of labels: ``title`` "2 % labelled", ``labels`` how many labels that is."""

    percent: float
    title: str
    labels: str

    @property
    def long(self) -> str:
        """``2 % labelled (24 labels)``."""
        return self.title + (f" ({self.labels} labels)" if self.labels else "")


def columns(trials: pd.DataFrame) -> tuple[Column, ...]:
    """The shares of labels of ``trials``, with the counts of rows that use all labels shown."""
    fair = _fair(trials)
    return tuple(
        Column(
            float(str(percent)),
            f"{fmt.labelled(column.iloc[0])} labelled",
            fmt.span(sorted({int(value) for value in column["n_labelled"].dropna()})),
        )
        for percent, column in full(fair).groupby("label_percent", sort=True)
    )


def _fair(trials: pd.DataFrame) -> pd.DataFrame:
    """``trials`` without those of upper bounds, unless there are no others."""
    bound = trials["all_labels"].astype(bool)
    return trials if bound.all() else trials[~bound]


def stamps(note: DatasetNote, meta: ReportMeta, trials: pd.DataFrame) -> tuple[str, ...]:
    """Stamps on every table and figure of a data set: budget, simulated data, stale results."""
    texts = [meta.stamp] if meta.stamp else []
    if note.kind == "simulated":
        texts.append("SIMULATED data: not results on the real data")
    stale = int(trials["stale"].astype(bool).sum())
    if stale:
        texts.append(f"{fmt.plural(stale, 'stale result')} from earlier source")
    return tuple(texts)


def facts(note: DatasetNote) -> tuple[tuple[str, str], ...]:
    """Facts about a data set and its origin, as (name, text)."""
    views = ", ".join(f"{v} ({d})" for v, d in zip(note.view_names, note.dims, strict=True))
    named = [
        ("Rows", f"{note.n}, in {note.n_classes} classes"),
        ("Views (features)", views),
        ("Kind", kind(note)),
        ("Source", note.source),
        ("Licence", note.licence),
        ("Citation", note.citation),
        *(
            ("Known", f"{name.replace('_', ' ')} {fmt.accuracy(v)}")
            for name, v in note.known.items()
        ),
        ("Split", note.split),
        ("Leaks declared", _leaks(note)),
        ("Fingerprint", note.fingerprint),
        *(("Note", text) for text in note.notes),
    ]
    return tuple((name, text) for name, text in named if text)


def kind(note: DatasetNote) -> str:
    """``open data``, ``licensed data, the paper’s``, ``simulated copy``."""
    if note.kind == "simulated":
        return "simulated copy"
    return f"{note.kind} data" + (", the paper’s" if note.paper_name else "")


def _leaks(note: DatasetNote) -> str:
    """The groups with rows on both sides of the split, for each split if there are several."""
    if not note.splits:
        return f"{', '.join(note.leaks)} on both sides of the split" if note.leaks else "none"
    return "; ".join(f"{split.name}: {', '.join(split.leaks) or 'none'}" for split in note.splits)


def labels_used(trials: pd.DataFrame) -> tuple[str, ...]:
    """How many labels trained, and how many chose settings and epochs; () where unknown."""
    tuning = sorted({int(v) for v in trials["n_tuning_labels"].dropna()})
    used = [f"{c.labels} ({fmt.percent(c.percent)})" for c in columns(trials) if c.labels]
    if not tuning or not used:
        return ()
    bound = trials["all_labels"].astype(bool)
    if bound.any() and not bound.all():
        used.append(f"{trials.loc[bound, 'n_labelled'].max():.0f} (upper bounds)")
    chosen = f"with {fmt.span(tuning)} tuning labels" if _label_users(trials) else "without labels"
    text = f"Training used {', '.join(used)} labels; settings and epochs were chosen {chosen}."
    least = full(_fair(trials))["n_labelled"].min()
    if _label_users(trials) and least and tuning[-1] > 1.5 * least:
        text += f" That is up to {tuning[-1] / least:.1f} tuning labels for each training label."
    return (text,)


def full(trials: pd.DataFrame) -> pd.DataFrame:
    """``trials`` without the label counts of rows that have fewer labels than others."""
    return trials.assign(n_labelled=trials["n_labelled"].where(~short(trials)))


def short(trials: pd.DataFrame) -> pd.Series:
    """Trials with fewer labels than another row has in the same trial of the same split."""
    counts = trials.assign(n_labelled=trials["n_labelled"].astype(float))
    same = ["label_percent", "trial", *({"at_split"} & set(trials.columns))]
    return counts["n_labelled"] < counts.groupby(same)["n_labelled"].transform("max")


def unconverged(trials: pd.DataFrame) -> tuple[str, ...]:
    """Sentence on rows with trials whose selected fit did not converge; they are included."""
    return _counted(trials, "Ended without converging", "converged", False)


def in_warmup(trials: pd.DataFrame) -> tuple[str, ...]:
    """Sentence on rows with trials whose selected epoch is in the warm-up of a VAE."""
    what = "Chosen epoch in the warm-up, so that q(y|X) was trained by labels alone"
    return _counted(trials, what, "in_warmup", True)


def _counted(trials: pd.DataFrame, what: str, column: str, value: bool) -> tuple[str, ...]:
    """One sentence: in how many ok trials of every row ``column`` is ``value``; () where none."""
    if column not in trials.columns:
        return ()
    ok, counts = trials[trials["status"] == "ok"], []
    titles = trials.drop_duplicates("row_key")["row"].value_counts()
    for _, row in ok.groupby(["row_order", "row_key"], sort=True):
        count, title = int((row[column] == value).sum()), row["row"].iloc[0]
        if titles[title] > 1:  # a transductive and an inductive row of one name
            title = f"{title}, {row['block'].iloc[0]},"
        if count:
            counts.append(f"{title} in {count} of {len(row)} trials")
    return (f"{what}: {'; '.join(dict.fromkeys(counts))}.",) if counts else ()


def selections(trials: pd.DataFrame) -> list[tuple[str, str]]:
    """The selection rules of candidates and epochs, each with its rows."""
    rules: dict[str, list[str]] = {}
    for row in trials.drop_duplicates(["row_key", "selection"]).to_dict("records"):
        if isinstance(row["selection"], str) and row["selection"]:
            rules.setdefault(row["selection"], []).append(row["row"])
    if len(rules) == 1:
        return [(next(iter(rules)), "every row")]
    return [(rule, "; ".join(dict.fromkeys(rows))) for rule, rows in rules.items()]


def _label_users(trials: pd.DataFrame) -> bool:
    """Whether tuning labels chose anything: an accuracy or a probe is part of some row's rule."""
    if "rule" not in trials.columns:
        return True
    return any("accuracy" in rule or "probe" in rule for rule in trials["rule"])


def progress(trials: pd.DataFrame) -> str:
    """``58 of 60 trials ok, 2 missing``."""
    counts: dict[Any, int] = trials["status"].value_counts().to_dict()
    text = f"{counts.get('ok', 0)} of {fmt.plural(len(trials), 'trial')} ok"
    for status in ("failed", "missing", "skipped"):
        if counts.get(status):
            text += f", {counts[status]} {status}"
    return text
