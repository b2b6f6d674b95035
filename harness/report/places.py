"""Names of cells, and where the page opens the trials behind them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

import pandas as pd

from harness.report import format as fmt


def at(line: Mapping[Any, Any]) -> dict[str, Any]:
    """The place of a line of a table of trials on a figure's axes: ``{"missing": 0.5}``."""
    return {str(name)[3:]: line[name] for name in line if str(name).startswith("at_")}


def place(line: Mapping[Any, Any]) -> str:
    """How many labels and, on a figure, the place on its axes: ``2 %, 50 % missing``."""
    return ", ".join([fmt.labelled(line), *fmt.places(at(line))])


def where(line: Mapping[Any, Any]) -> str:
    """The same for a reader without a heading: ``2 % labelled, 50 % missing``."""
    labelled, *places = place(line).split(", ")
    return ", ".join([f"{labelled} labelled", *places])


def cell_name(line: Mapping[Any, Any]) -> str:
    """A cell of a data set: ``smvae|2``, and ``simvae|10|0.5`` on a figure with an axis."""
    values = [value if isinstance(value, str) else f"{value:g}" for value in at(line).values()]
    return "|".join([str(line["row_key"]), f"{line['label_percent']:g}", *values])


def link(anchor: str, line: Mapping[Any, Any]) -> str:
    """The address of a cell on its page: ``#cell/mfeat/smvae|2``."""
    return f"#cell/{anchor}/{quote(cell_name(line), safe='|,.=+@:')}"


def files_of(anchor: str, trials: pd.DataFrame) -> dict[str, str]:
    """Row key -> the data file with its trials."""
    keys = dict.fromkeys(trials["row_key"])
    return {str(key): f"data/{anchor}-{number}.js" for number, key in enumerate(keys, start=1)}


def names_of(trials: pd.DataFrame) -> dict[str, str]:
    """Row key -> a name that no other row has: its title, with its block or key where needed."""
    rows = trials.drop_duplicates("row_key")
    titles = rows["row"].value_counts()
    names = {
        str(line["row_key"]): str(line["row"])
        if titles[line["row"]] < 2
        else f"{line['row']} ({line['block']})"
        for line in rows.to_dict("records")
    }
    seen = list(names.values())
    return {k: n if seen.count(n) < 2 else f"{n}, {k}" for k, n in names.items()}
