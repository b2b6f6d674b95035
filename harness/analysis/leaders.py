"""Who leads: the best row of each block and column, whether that is decided, and the reference.

Pure: table of trials -> table.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from harness.analysis.spread import Spread, wide
from harness.analysis.statistics import (
    LOWER,
    MIN_PAIRS,
    axes,
    check,
    holm,
    overlap,
    with_per_class,
)

EVERY_BLOCK = "all blocks"
BOUNDS = "bounds"
"""The block of SiMVAE's upper and lower bound, which are no rivals: they do not lead."""
LEADER_COLUMNS = (
    "dataset", "label_percent", "block", "leader", "leader_key", "leader_block", "mean", "low",
    "high", "trials", "rows", "incomplete", "runner_up", "runner_up_key", "runner_up_block",
    "runner_up_mean", "lead", "lead_low", "lead_high", "lead_p", "lead_decision", "reference",
    "reference_key", "reference_block", "reference_mean", "behind", "behind_low", "behind_high",
    "behind_p", "behind_decision",
)  # fmt: skip
DECIDED, UNDECIDED, TOO_FEW = "decided", "undecided", "too few trials"


def leaders(trials: pd.DataFrame, reference: str, value: str = "accuracy") -> pd.DataFrame:
    """The leader of every (data set, share of labels, block), and of ``all blocks``.

    ``trials``     the table of trials (``statistics.TRIAL_COLUMNS``).
    ``reference``  row key whose distance to each leader is given; "" or an unknown key: none.
    ``value``      column of the table of trials; the highest mean leads, or of ``LOWER`` the
                   lowest.

    One line each, in that order, blocks in the order of the table and ``all blocks`` last; columns
    ``LEADER_COLUMNS``, with the axes of a figure (``at_...``) behind ``label_percent``:

    ``leader``, ``leader_key``, ``leader_block``  title, key and block of the row with the best
                   mean.
    ``mean``, ``low``, ``high`` its mean over trials and 95 % interval.   ``trials`` how many.
    ``rows``       rows of the block that have a mean.   ``incomplete`` rows that have none, since
                   a planned trial is missing; they can neither lead nor follow.
    ``runner_up`` ...  title, key, block and mean of the second best; "" and NaN for one row.
    ``lead``       mean difference of the two within trials, never below zero, with its interval
                   ``lead_low .. lead_high``.
    ``lead_p``     two-sided p of that difference, Holm-adjusted over the leader's differences to
                   all other rows of the block (and to the reference): the leader was picked after
                   its numbers were seen.
    ``lead_decision``  ``decided`` if ``lead_p`` is at most .05, ``undecided`` if not, ``too few
                   trials`` with fewer than three common trials, "" without a runner-up.
    ``reference`` ...  the same for the reference row, which may be of another block.
    ``behind``     how far the reference lies behind the leader; negative: it lies ahead of a
                   block that it does not belong to; 0 where it leads itself (decision "").

    All values are in the units of ``value`` (accuracy in [0, 1]). Intervals and p values are those
    of ``spread.Spread``, corrected for trials whose samples overlap; they concern further draws
    of the same data. Upper bounds (``all_labels``) and the block ``bounds`` are left out. A block
    without a complete row has no line.

    Raises ValueError for trials that break their contract (``statistics.check``).
    """
    ordered, places = check(trials), axes(trials)
    if value not in ordered.columns:
        ordered = ordered.assign(**{value: np.nan})
    ordered = ordered[~ordered["all_labels"].astype(bool)]
    ratios = {str(name): overlap(part) for name, part in ordered.groupby("dataset")}
    sign, lines = -1.0 if value in LOWER else 1.0, []
    by = ["dataset_order", "dataset", "label_percent", *places]
    for key, column in ordered.groupby(by, sort=True):
        own = _Column.of(column, value, sign, ratios[str(key[1])])
        first = dict(zip(("dataset", "label_percent", *places), key[1:], strict=True))
        for block, keys in own.by_block():
            line = _line(own, keys, reference)
            lines += [first | {"block": block} | _signed(line, sign)] if line else []
    head = [*LEADER_COLUMNS[:2], *places, *LEADER_COLUMNS[2:]]
    return with_per_class(pd.DataFrame(lines, columns=head), ordered)


class _Column(NamedTuple):
    """One column: values (trials,) by row key, the highest best; title and block by row key.

    ``ratio``  n_test / n_train.
    """

    values: Mapping[str, np.ndarray]
    titles: Mapping[str, str]
    blocks: Mapping[str, str]
    ratio: float | None

    @classmethod
    def of(cls, column: pd.DataFrame, value: str, sign: float, ratio: float | None) -> _Column:
        table, first = sign * wide(column, value), column.drop_duplicates("row_key")
        values = dict(zip(table.columns, table.to_numpy().T, strict=True))
        titles, blocks = (
            dict(zip(first["row_key"], first[name], strict=True)) for name in ("row", "block")
        )
        return cls(values, titles, blocks, ratio)

    def complete(self, key: str) -> bool:
        return key in self.values and not np.isnan(self.values[key]).any()

    def by_block(self) -> list[tuple[str, list[str]]]:
        """The blocks with the keys of their rows; all of them together come last."""
        rivals = [key for key in self.values if self.blocks[key] != BOUNDS]
        blocks: dict[str, list[str]] = {}
        for key in rivals:
            blocks.setdefault(self.blocks[key], []).append(key)
        return [*blocks.items(), (EVERY_BLOCK, rivals)]


def _line(column: _Column, keys: Sequence[str], reference: str) -> dict[str, Any]:
    """One line without its place; {} where no row is complete."""
    own = [key for key in keys if column.complete(key)]
    if not own:
        return {}
    means = {key: float(column.values[key].mean()) for key in own}
    order = sorted(own, key=lambda key: -means[key])
    leader, runner_up = order[0], order[1] if len(order) > 1 else ""
    values = column.values[leader]
    low, high = (end[0] for end in Spread.of(values[:, None], column.ratio).interval())
    known = reference if column.complete(reference) else ""
    against = [key for key in dict.fromkeys([*order[1:], known]) if key not in ("", leader)]
    gaps = _gaps(column, leader, against) | {leader: {"": 0.0}}
    line = _titled("leader", leader, column) | {
        "mean": means[leader],
        "low": low,
        "high": high,
        "trials": len(values),
        "rows": len(own),
        "incomplete": len(keys) - len(own),
    }
    for what, key, gap in (("runner_up", runner_up, "lead"), ("reference", known, "behind")):
        mean = column.values[key].mean() if key else np.nan
        line |= _titled(what, key, column) | {f"{what}_mean": mean}
        line |= _named(gap, gaps.get(key, {}))
    return line


def _titled(name: str, key: str, column: _Column) -> dict[str, Any]:
    """Title, key and block of a row; "" for no row."""
    title, block = column.titles.get(key, ""), column.blocks.get(key, "")
    return {name: title, f"{name}_key": key, f"{name}_block": block}


def _gaps(column: _Column, leader: str, against: Sequence[str]) -> dict[str, dict[str, Any]]:
    """Leader minus each row: "" the mean, its interval, Holm's p and the decision, by row key."""
    if not against:
        return {}
    others = np.stack([column.values[key] for key in against], 1)
    spread = Spread.of(column.values[leader][:, None] - others, column.ratio)
    low, high = spread.interval()
    adjusted = holm(spread.apart().tolist())
    return {
        key: {
            "": spread.mean[i],
            "low": low[i],
            "high": high[i],
            "p": adjusted[i],
            "decision": _decision(int(spread.n[i]), adjusted[i]),
        }
        for i, key in enumerate(against)
    }


def _decision(n: int, p: float) -> str:
    if n < MIN_PAIRS:
        return TOO_FEW
    return DECIDED if p <= 0.05 else UNDECIDED


def _named(name: str, gap: dict[str, Any]) -> dict[str, Any]:
    ends = ("", "low", "high", "p")
    numbers = {"_".join(filter(None, (name, end))): gap.get(end, np.nan) for end in ends}
    return numbers | {f"{name}_decision": gap.get("decision", "")}


def _signed(line: dict[str, Any], sign: float) -> dict[str, Any]:
    """The line with means in the units of the value: they were turned where the lowest is best."""
    if sign > 0 or not line:
        return line
    line = line | {"low": -line["high"], "high": -line["low"]}
    return line | {name: -line[name] for name in ("mean", "runner_up_mean", "reference_mean")}
