"""What a plan can show of the paper's cells, before any of it runs: power at the planned trials."""

from __future__ import annotations

import numpy as np
import pandas as pd

from datasets._wording import count
from datasets.base import Dataset
from harness.analysis.agreement import MARGIN, POWER, possible, power, trials_needed
from harness.plan.plan import Plan
from protocols.published import published_table

POWER_COLUMNS = (
    "protocol", "dataset", "label_percent", "paradigm", "row", "trials", "published_sd", "power",
    "trials_needed", "possible",
)  # fmt: skip


def paper_name(data: Dataset, split: str) -> str | None:
    """The data set's name in the paper's tables; None unless it is the paper's, split as there.

    The first split of licensed data is the paper's; another split is another experiment.
    """
    as_published = data.provenance.kind == "licensed" and split == data.splits[0].name
    return data.draw_key.upper() if as_published else None


def power_of(plan: Plan) -> pd.DataFrame:
    """A line for each planned cell that the paper prints; columns ``POWER_COLUMNS``.

    ``power``          chance to show agreement within ±2 points if the true means are equal, at
                       the published SD and the planned trials (``agreement.power``).
    ``trials_needed``  for a chance of .8; infinite where no number reaches it.
    ``possible``       whether any number of trials could show agreement.
    """
    lines = []
    for planned in plan.cells:
        cell, data = planned.cell, plan.data[planned.data_key]
        name = paper_name(data, plan.splits[data.key])
        table = published_table(planned.protocol)
        if name is None or table is None or "accuracy_sd" not in table.columns:
            continue
        percent = round(100 * float(cell.label_fraction), 6)
        own = table[
            (table["dataset"] == name)
            & (table["paradigm"] == cell.row.block)
            & (table["row"] == cell.row.published)
            & (table["labelled_percent"] == percent)
        ]
        first = (planned.protocol, name, percent, cell.row.block, cell.row.title)
        lines += [(*first, len(planned.trials), float(sd)) for sd in own["accuracy_sd"]]
    table = pd.DataFrame(lines, columns=list(POWER_COLUMNS[:7]))
    sds = table["published_sd"].to_numpy(float)
    trials = np.maximum(table["trials"].to_numpy(float), 2.0)  # one trial has no SD
    return table.assign(
        power=power(sds, trials), trials_needed=trials_needed(sds), possible=possible(sds)
    )


def power_lines(table: pd.DataFrame) -> list[str]:
    """The table as lines of a terminal; [] for none."""
    if not len(table):
        return []
    margin = f"{100 * MARGIN:g} points"
    lines = [
        f"chance of showing agreement with the paper within {margin}, if the true means are equal:"
    ]
    for line in table.to_dict("records"):
        needed = line["trials_needed"]
        more = f"{needed:.0f} trials for a chance of {POWER:g}"
        if not np.isfinite(needed):
            more = f"no number of trials reaches {POWER:g}"
        if not line["possible"]:
            more = "no number of trials can show it: the paper's own mean is too uncertain"
        lines.append(
            f"  {line['dataset']:<5} {line['paradigm']:<13} {line['row']:<24} "
            f"{line['label_percent']:g} %: {line['power']:.2f} with "
            f"{count(line['trials'], 'trial')}; {more}"
        )
    high, low = (table["power"] >= POWER).sum(), (table["power"] < 0.2).sum()
    never = (~table["possible"]).sum()
    lines.append(
        f"of {len(table)} cells of the paper {high} have a chance of {POWER:g} or more, {low} have "
        f"one below 0.2, for {never} no number of trials is enough"
    )
    return lines
