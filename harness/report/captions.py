"""Texts on a data set that reports of tables and of figures share."""

from __future__ import annotations

from typing import Any

import pandas as pd

from harness.report import format as fmt
from harness.report.meta import DatasetNote, ReportMeta
from harness.report.model import Column

BLOCKS = {
    "supervised": "Supervised learning",
    "transductive": "Transductive SSL",
    "inductive": "Inductive SSL",
    "reference": "Reference rows, not in the paper",
}


def columns(trials: pd.DataFrame) -> tuple[Column, ...]:
    """The label columns, with how many labels their rows have; ceilings apart."""
    ceiling = trials["all_labels"].astype(bool)
    ours = trials if ceiling.all() else trials[~ceiling]
    label_columns = []
    for percent, column in ours.groupby("label_percent", sort=True):
        labels = sorted({int(value) for value in column["n_labelled"].dropna()})
        text = f"{labels[0]}–{labels[-1]}" if len(labels) > 1 else "".join(map(str, labels))
        short = fmt.percent(float(str(percent)))
        label_columns.append(Column(float(str(percent)), f"{short} labelled", short, text))
    return tuple(label_columns)


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
        (
            "Kind",
            {"licensed": "licensed data", "open": "open data"}.get(note.kind, "simulated copy"),
        ),
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


def _leaks(note: DatasetNote) -> str:
    """The groups with rows on both sides of the split, for each split if there are several."""
    if not note.splits:
        return f"{', '.join(note.leaks)} on both sides of the split" if note.leaks else "none"
    return "; ".join(f"{split.name}: {', '.join(split.leaks) or 'none'}" for split in note.splits)


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


def selections(trials: pd.DataFrame) -> tuple[str, ...]:
    """The selection rules of candidates and epochs, each with its rows."""
    rules: dict[str, list[str]] = {}
    for row in trials.drop_duplicates(["row_key", "selection"]).to_dict("records"):
        if isinstance(row["selection"], str) and row["selection"]:
            rules.setdefault(row["selection"], []).append(row["row"])
    if len(rules) == 1:
        return (f"{next(iter(rules))} (every row)",)
    return tuple(f"{rule}: {'; '.join(dict.fromkeys(rows))}" for rule, rows in rules.items())


def label_users(trials: pd.DataFrame) -> bool:
    """Whether tuning labels chose anything: an accuracy or a probe is part of some row's rule."""
    if "rule" not in trials.columns:
        return True
    return any("accuracy" in rule or "probe" in rule for rule in trials["rule"])


def progress(trials: pd.DataFrame) -> str:
    """``58 of 60 trials ok, 2 missing``."""
    counts: dict[Any, int] = trials["status"].value_counts().to_dict()
    text = f"{counts.get('ok', 0)} of {len(trials)} trials ok"
    for status in ("failed", "missing", "skipped"):
        if counts.get(status):
            text += f", {counts[status]} {status}"
    return text
