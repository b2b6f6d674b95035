"""Numbers printed in the paper, as data. Facts only; nothing here is measured by this harness."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pandas as pd


def published_table(protocol: str) -> pd.DataFrame | None:
    """What the paper prints for ``protocol``; None where it prints no numbers (its figures).

    ``table1``: properties of its two data sets, one line each. Columns: ``dataset`` (SEED | DEAP),
    ``samples``, ``modalities`` (as printed, with widths), ``training``, ``validation``, ``test``,
    ``classes``.
    ``table2``: mean and SD of the test accuracy over 20 runs, one line a cell, 84 lines. Columns:
    ``dataset`` (SEED | DEAP), ``paradigm`` (supervised | transductive | inductive), ``row`` (as
    printed, without its citation), ``labelled_percent`` (1, 2, 3), ``accuracy_mean`` and
    ``accuracy_sd`` in [0, 1].
    """
    import pandas as pd

    path = Path(__file__).with_name(f"{protocol}.csv")
    return pd.read_csv(path) if path.exists() else None
