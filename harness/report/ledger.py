"""The paper's claims over all protocols of a run: one file beside its reports, and a few lines.

A claim may need two protocols (the weights of Figure 2b and M2 of Table 2), so claims are judged
over a run and handed to the report of each protocol.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pandas as pd

from harness.analysis import claims
from harness.report import export
from harness.report import format as fmt
from harness.report.kind import without_fixed_splits
from harness.report.meta import ReportMeta
from harness.report.verdicts import counted, views_of
from harness.report.write import write_file

HEADS = ("Data", "What is tested", "Labelled", "Verdict", "Why")


def judged(tables: Mapping[str, pd.DataFrame], metas: Mapping[str, ReportMeta]) -> pd.DataFrame:
    """The ledger of a run (``claims.judge``).

    ``tables``  protocol -> its table of trials.   ``metas`` protocol -> metadata of its report.
    """
    views = {
        key: names for meta in metas.values() for key, names in views_of(meta.datasets).items()
    }
    own = {
        name: without_fixed_splits(trials, metas[name])
        for name, trials in tables.items()
        if len(trials)
    }
    return claims.judge(own, views)


def write_ledger(ledger: pd.DataFrame, folder: Path) -> list[Path]:
    """Write ``claims.csv`` and ``claims.md`` into ``folder``; nothing where no claim was tested."""
    if not ledger["p"].notna().any():
        return []
    files = {"claims.csv": export.csv(ledger), "claims.md": markdown(ledger)}
    for name, text in files.items():
        write_file(folder / name, text.encode())
    return [folder / name for name in files]


def markdown(ledger: pd.DataFrame, title: str = "The paper’s claims") -> str:
    """The ledger by sentences of the paper, for a reader."""
    lines = [f"# {title}", "", counted("Verdicts", ledger["verdict"]), ""]
    for (quote, section), own in ledger.groupby(["quote", "section"], sort=False):
        lines += [f"## “{export.md(str(quote))}” ({section})", ""]
        lines += [_row(HEADS), _row(["---"] * len(HEADS))]
        for line in own.to_dict("records"):
            percent = line["label_percent"]
            labelled = "" if pd.isna(percent) else fmt.percent(percent)
            texts = (line["dataset"], line["says"], labelled, line["verdict"], line["reason"])
            lines.append(_row([export.md(str(text)) for text in texts]))
        lines.append("")
    return "\n".join(lines)


def told(ledger: pd.DataFrame) -> list[str]:
    """A line for each data set: how many claims have each verdict, and which are decided."""
    lines = []
    for dataset, own in ledger.groupby("dataset", sort=False):
        if not own["p"].notna().any():
            continue
        text = counted(f"claims of the paper on {dataset}", own["verdict"])
        for verdict in (claims.HOLDS, claims.FAILS):
            decided = own[own["verdict"] == verdict]
            if len(decided):
                named = (_name(str(key), at) for key, at in decided.groupby("claim", sort=False))
                text += f" {verdict.capitalize()}: {', '.join(named)}."
        lines.append(text.replace("\u00a0", " "))
    return lines


def _name(claim: str, lines: pd.DataFrame) -> str:
    """``smvae_above_all (2, 5 %)``."""
    percents = [f"{percent:g}" for percent in lines["label_percent"].dropna()]
    return f"{claim} ({', '.join(percents)} %)" if percents else claim


def _row(texts: list[str] | tuple[str, ...]) -> str:
    return f"| {' | '.join(texts)} |"
