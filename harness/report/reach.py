"""What a run can and cannot tell, as sentences made from its facts."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from harness.analysis.detectable import detectable
from harness.analysis.statistics import overlap
from harness.report import captions
from harness.report import format as fmt
from harness.report.meta import DatasetNote, ReportMeta
from harness.report.model import Section, Table

POWER = 0.8
FEW = 3
"""Trials below which there is no interval."""


def section(
    meta: ReportMeta, notes: Sequence[DatasetNote], trials: pd.DataFrame, compared: pd.DataFrame
) -> Section:
    """Both lists as one section."""
    can = [*_can(meta, notes, trials), *_power(notes, trials, compared)]
    cannot = [*_of_budget(meta, trials), *_of_data(notes), *_of_trials(trials)]
    lines = [("can", text) for text in can] + [("cannot", text) for text in cannot]
    table = Table.of(
        "", ("This run", ""), lines, left=2, fold="", export="", css="list reach cards"
    )
    return Section("What this run can and cannot tell you", (table,))


def _can(meta: ReportMeta, notes: Sequence[DatasetNote], trials: pd.DataFrame) -> list[str]:
    rows = trials["row_key"].nunique()
    names = ", ".join(note.title for note in notes)
    texts = []
    if rows > 1:
        texts.append(
            f"compare {rows} rows on identical splits, labels and hidden entries of {names}, "
            f"{fmt.plural(meta.trials_expected, 'trial')} each."
        )
    if any(note.paper_name for note in notes):
        own = ", ".join(note.title for note in notes if note.paper_name)
        texts.append(f"stand beside the paper’s printed numbers on {own}.")
    return texts


def _power(notes: Sequence[DatasetNote], trials: pd.DataFrame, compared: pd.DataFrame) -> list[str]:
    """The difference that would be found with probability ``POWER``, by data set."""
    texts = []
    if "sd_difference" not in compared.columns:
        return texts
    for note in notes:
        own = compared[compared["dataset"] == note.key].dropna(subset=["sd_difference"])
        if not len(own):
            continue
        sd, n = float(own["sd_difference"].median()), int(own["pairs"].median())
        least = detectable(sd, n, _overlap(trials[trials["dataset"] == note.key]), power=POWER)
        if np.isfinite(least) and least > 0:
            texts.append(
                f"find a difference of {100 * least:.1f} points or more between two rows on "
                f"{note.title} with probability {POWER:g} (p below .05 for one comparison; "
                f"{n} trials, differences with an SD of {100 * sd:.1f} points). Smaller ones it "
                "often leaves undecided."
            )
    return texts


def _overlap(trials: pd.DataFrame) -> float:
    """n_test / n_train, 0 where the split is fixed or unknown."""
    return overlap(trials) or 0.0


def _of_budget(meta: ReportMeta, trials: pd.DataFrame) -> list[str]:
    texts = []
    if meta.budget == "smoke":
        texts.append(
            "say which method is better: a smoke run trains for a few epochs, to show that "
            "everything works."
        )
    if meta.budget == "preview":
        texts.append(
            "say what tuning would give: a preview runs at default settings and stops early."
        )
    least = int(trials.groupby(["dataset", "row_key", "label_percent"]).size().min())
    if least < FEW:
        texts.append(
            f"decide anything about differences: with {fmt.plural(least, 'trial')} there is no "
            "interval."
        )
    return texts


def _of_data(notes: Sequence[DatasetNote]) -> list[str]:
    texts = []
    kinds = {kind: [n.title for n in notes if n.kind == kind] for kind in ("open", "simulated")}
    if kinds["open"]:
        texts.append(
            f"confirm or refute a number that the paper prints: {', '.join(kinds['open'])} "
            "are not its data."
        )
    if kinds["simulated"]:
        texts.append(
            f"say anything about real recordings: {', '.join(kinds['simulated'])} are simulated."
        )
    few = "this data set" if len(notes) == 1 else f"these {len(notes)} data sets"
    texts.append(
        f"speak of other data: intervals concern further draws of splits and labels of {few}."
    )
    leaks = [note.title for note in notes if note.leaks]
    if leaks:
        texts.append(
            f"say how well new subjects or recordings would be classified on {', '.join(leaks)}: "
            "the split has some of them on both sides."
        )
    return texts


def _of_trials(trials: pd.DataFrame) -> list[str]:
    texts = []
    bad = trials[trials["status"] != "ok"]
    if len(bad):
        rows = bad.drop_duplicates(["dataset", "row_key"])
        texts.append(
            f"rank {fmt.plural(len(rows), 'row')} in every column: {captions.progress(trials)}, "
            "and a cell that lacks a trial has no mean."
        )
    stale = int(trials["stale"].astype(bool).sum())
    if stale:
        texts.append(
            f"speak for the present source alone: {fmt.plural(stale, 'result')} "
            f"{'was' if stale == 1 else 'were'} made by an earlier one (†)."
        )
    return texts
