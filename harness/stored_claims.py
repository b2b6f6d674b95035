"""``make claims``: the paper's claims on the runs of which docs/results/ has the numbers.

Writes ``docs/results/claims.csv`` and ``claims.md``. Runs are stored trial by trial, or, older
ones, as means and SDs, whose claims are judged with a bound (``harness.analysis.stored_cells``).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from harness.analysis import claims
from harness.analysis.claims import LEDGER_COLUMNS, Cells
from harness.analysis.stored_cells import StoredCells, ratio_of
from harness.options import ROOT
from harness.plan.cards import method_cards
from harness.report import export
from harness.report.ledger import markdown
from harness.report.write import write_file
from protocols.table2 import Table2

FOLDER = ROOT / "docs" / "results"
UNKNOWN_RATIO = 1 / 3
"""The split of the open data, 60 % training and 20 % test rows, where no interval tells."""
REFERENCE = "smvae"


@dataclass(frozen=True)
class Trials:
    """Stored trials of one run of a protocol, as its report exports them; ``what`` says which."""

    protocol: str
    what: str
    folder: str

    @property
    def name(self) -> str:
        """The file, under docs/results."""
        return f"{self.folder}/trials.csv.xz"

    def judged(self, folder: Path) -> pd.DataFrame:
        """The claims on all of its data sets."""
        trials = exported(folder / self.name)
        keys = [str(key) for key in trials["dataset"].unique()]
        views = {key: key.partition(":")[2].split(",") for key in keys}
        return claims.judge({self.protocol: trials}, views)


def exported(path: Path) -> pd.DataFrame:
    """The table of trials of a report's ``trials.csv``, with the columns that it leaves out.

    Data sets and rows are in the order of the file.
    """
    trials = pd.read_csv(path)
    order = {name: pd.factorize(trials[name])[0] for name in ("dataset", "row_key")}
    places = {"dataset_order": order["dataset"], "row_order": order["row_key"]}
    return trials.assign(**places, selection=trials["rule"], trace="")


@dataclass(frozen=True)
class Source:
    """Stored means of one run of a protocol; ``what`` says which run."""

    protocol: str
    what: str
    cells: str
    paired: str = ""


TRIALS = (
    Trials("table2", "preview budget, 20 trials", "table2"),
    Trials("figure3", "preview budget, 20 trials", "figure3"),
    Trials("figure4", "preview budget, 20 trials", "figure4"),
)
SOURCES = (
    Source("table2", "preview, 3 trials", "preview"),
    Source(
        "table2", "paper's budget, 20 trials, training before decision 0062", "digits/table2",
        "digits/paired",
    ),
    Source("figure2a", "preview, 3 trials", "figure2a_preview"),
    Source("figure2c", "preview, 3 trials", "figure2c_preview"),
    Source("figure6", "preview, 3 trials", "figure6_preview"),
)  # fmt: skip
WEIGHTS = ("figure2b_preview", "preview", "preview, 3 trials")
"""View weights trial by trial, and the run with M2 on each view."""


def ledger(folder: Path = FOLDER) -> pd.DataFrame:
    """Every claim on every stored run; columns ``source``, ``run``, then ``LEDGER_COLUMNS``."""
    tables = [run.judged(folder).assign(source=run.name, run=run.what) for run in TRIALS]
    for source in SOURCES:
        made = claims.judge_stored(source.protocol, parts_of(source, folder))
        tables.append(made.assign(source=f"{source.cells}.csv", run=source.what))
    name, table2, what = WEIGHTS
    tables.append(_of_weights(folder, name, table2).assign(source=f"{name}.csv", run=what))
    every = pd.concat(tables, ignore_index=True)
    return every[["source", "run", *LEDGER_COLUMNS]]


def parts_of(source: Source, folder: Path) -> Mapping[str, Cells]:
    """Data set -> its cells, of accuracy."""
    table = pd.read_csv(folder / f"{source.cells}.csv")
    compared = pd.read_csv(folder / f"{source.paired}.csv") if source.paired else None
    if "row_key" not in table.columns:
        table = _with_keys(table)
    if "accuracy_mean" in table.columns:
        ends = {f"accuracy_{end}": end for end in ("mean", "sd", "trials")}
        table = table.drop(columns=[*{*ends.values()} & {*table.columns}]).rename(columns=ends)
    parts = {}
    for dataset, own in table.groupby("dataset", sort=False):
        pairs = None if compared is None else compared[compared["dataset"] == dataset]
        ratio = UNKNOWN_RATIO if pairs is None else ratio_of(pairs)
        parts[str(dataset)] = StoredCells.of(own, ratio, pairs, REFERENCE)
    return parts


def _with_keys(table: pd.DataFrame) -> pd.DataFrame:
    """``table`` with the row keys of Table 2, by block and title; only rows that it has now."""
    cards, made = method_cards(), []
    for dataset, own in table.groupby("dataset", sort=False):
        views = str(dataset).partition(":")[2].split(",")
        rows = Table2().rows(views, cards)
        keys = {(row.block, row.title): row.key for row in rows}
        named = [keys.get(pair) for pair in zip(own["paradigm"], own["row"], strict=True)]
        made.append(own.assign(row_key=named).dropna(subset=["row_key"]))
    return pd.concat(made)


def _of_weights(folder: Path, name: str, table2: str) -> pd.DataFrame:
    """The claims on view weights: trials of Figure 2b, and M2 on each view of Table 2."""
    weights = pd.read_csv(folder / f"{name}.csv")
    m2 = parts_of(Source("table2", "", table2), folder)
    by_kind = {claim.kind: claim for claim in claims.paper_claims()}
    lines = []
    for dataset, own in weights.groupby("dataset", sort=False):
        views: Sequence[str] = [str(view) for view in dict.fromkeys(own["view"])]
        wide = own.pivot(index="trial", columns="view", values="weight").reset_index()
        trials = pd.DataFrame(
            {f"weight_{i}": wide[view] for i, view in enumerate(views)}
            | {"trial": wide["trial"], "row_key": REFERENCE, "row": "SMVAE", "status": "ok"}
            | {"label_percent": 2.0, "all_labels": False}
        )
        cells = claims.weight_cells(trials, tuple(views))
        if cells is None:
            continue
        family = claims.heaviest(by_kind["heaviest"], cells)
        family += claims.follows(by_kind["follows"], cells, m2[str(dataset)])
        lines += claims.settled([line | {"dataset": str(dataset)} for line in family])
    return pd.DataFrame(lines, columns=list(LEDGER_COLUMNS))


def files(folder: Path = FOLDER) -> dict[str, str]:
    """Both files by name."""
    made = ledger(folder)
    named = made.assign(dataset=made["dataset"] + " (" + made["run"] + ")")
    title = "The paper’s claims on the stored runs of open data"
    return {"claims.csv": export.csv(made), "claims.md": markdown(named, title)}


def main() -> None:
    """Write both files."""
    for name, text in files().items():
        write_file(FOLDER / name, text.encode())
        print(f"wrote {FOLDER / name}")


if __name__ == "__main__":
    main()
