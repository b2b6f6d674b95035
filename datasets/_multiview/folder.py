"""A folder of tables: one CSV or Parquet file a view, joined with ``labels.csv`` on an id column.

Every file has the id column and, besides it, one number a column. ``labels.csv`` (or
``labels.parquet``) has the label and may have ``group_<name>`` and ``split``. Rows come in the
order of ``labels.csv``; an id that some view lacks becomes a row of NaN in that view, an id that
only views have a row without a label. Which row has which view may also be said by columns
``present_<view>`` of ``labels.csv``, or by a table ``present.csv`` with a column for each view.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from datasets._io import MAX_BYTES, check_file, printable, too_large
from datasets._multiview.absent import MASK, PREFIX
from datasets._multiview.arrays import Contents, Value, view_name
from datasets._multiview.options import Choices, flag
from datasets.base import DataError

if TYPE_CHECKING:
    from pandas import DataFrame, Series

SUFFIXES = (".csv", ".parquet")
LABEL_FILES = ("labels", "label")
BESIDE = ("split", PREFIX, "group_")
"""Starts of names of columns of the table of labels that are no classes."""
MAX_VALUES = MAX_BYTES // 8  # of one table


def read_folder(folder: Path, chosen: Choices) -> Contents:
    """Views, and every column of the table of labels, as arrays of the joined rows.

    Raises DataError where a table is missing, damaged or too large, or the join is not clear.
    """
    name = printable(folder.name)
    tables, others = _tables(folder, name)
    column = _id_column(tables, chosen.id, name)
    keyed = {path: table.set_index(_ids(table, column, path)) for path, table in tables.items()}
    for path, table in keyed.items():
        if table.index.has_duplicates:
            twice = printable(str(table.index[table.index.duplicated()][0]))
            raise DataError(f"{path.name} of {name} has the id '{twice}' twice; give each row one")
    labels = next(path for path in keyed if path.stem.lower() in LABEL_FILES)
    index = keyed[labels].index
    for table in keyed.values():
        index = index.append(table.index.difference(index, sort=False))
    arrays: dict[str, Value] = {}
    for path, table in keyed.items():
        if path.stem.lower() == MASK:
            mask = table.drop(columns=column).reindex(index)
            arrays |= {PREFIX + view_name(key): mask[key].to_numpy() for key in mask}
        elif path != labels:
            arrays[f"view_{view_name(path.stem)}"] = (
                _numbers(table, column, path, name).reindex(index).to_numpy(np.float64)
            )
    columns = _columns(keyed[labels].reindex(index).drop(columns=column))
    if twice := sorted(arrays.keys() & columns.keys()):
        raise DataError(
            f"{labels.name} of {name} and another table both hold '{printable(twice[0])}'; remove "
            "one of them"
        )
    arrays |= columns
    files = ", ".join(printable(path.name) for path in tables)
    notes = [f"{files} joined on the column '{printable(column)}'"]
    if others:
        notes.append(f"not read: {', '.join(printable(path.name) for path in others[:5])}")
    return Contents("folder of tables", arrays, tuple(notes))


def _tables(folder: Path, name: str) -> tuple[dict[Path, DataFrame], list[Path]]:
    """Every table by path, in order of their names, and what else lies in the folder."""
    try:
        paths = sorted(path for path in folder.iterdir() if not path.name.startswith("."))
    except OSError as error:
        raise DataError(f"the folder {name} cannot be read; check its permissions") from error
    wanted = [path for path in paths if path.suffix.lower() in SUFFIXES]
    stems = [view_name(path.stem).lower() for path in wanted]
    if not wanted:
        arrays = [printable(path.name) for path in paths if path.suffix.lower() in (".mat", ".npz")]
        if arrays:
            raise DataError(f"{name} is a folder; name the file in it, as {name}/{arrays[0]}")
        raise DataError(
            f"{name} has no .csv or .parquet file; put one a view and labels.csv there, or name a "
            ".mat or .npz file"
        )
    if not set(stems) & set(LABEL_FILES):
        raise DataError(
            f"{name} has no labels.csv; write one with the columns id and label, a line a row"
        )
    if len(set(stems)) < len(stems) or set(LABEL_FILES) <= set(stems):
        raise DataError(f"{name} has two tables of one name; remove or rename one of them")
    if set(stems) <= {*LABEL_FILES, MASK}:
        raise DataError(f"{name} has labels but no view; add one .csv or .parquet file a view")
    return {path: _table(path) for path in wanted}, [path for path in paths if path not in wanted]


def _table(path: Path) -> DataFrame:
    """One file. Raises DataError for damaged or oversized ones."""
    name = printable(path.name)
    check_file(path, name)
    try:
        table = _csv(path) if path.suffix.lower() == ".csv" else _parquet(path, name)
    except DataError:
        raise
    except Exception as error:  # pandas and pyarrow raise a dozen types on damaged bytes
        raise DataError(
            f"{name} is not a complete {path.suffix.lower()} file with one header line; "
            "write it again with pandas"
        ) from error
    table.columns = [str(column).strip() for column in table.columns]
    if len(set(table.columns)) < len(table.columns):
        raise DataError(f"{name} has two columns of one name; rename one of them")
    return table


def _csv(path: Path) -> DataFrame:
    import pandas as pd

    with path.open(encoding="utf-8-sig") as file:
        head = file.readline(2**20)
    separator = max(",;\t", key=head.count)
    return pd.read_csv(path, sep=separator, encoding="utf-8-sig", low_memory=False)


def _parquet(path: Path, name: str) -> DataFrame:
    from pyarrow import parquet

    file = parquet.ParquetFile(path)
    said = file.metadata
    size = 8 * said.num_rows * max(said.num_columns, 1)
    size = max(size, sum(said.row_group(i).total_byte_size for i in range(said.num_row_groups)))
    if size > MAX_BYTES:
        raise DataError(too_large(name, size, MAX_BYTES))
    return file.read().to_pandas(ignore_metadata=True)


def _id_column(tables: dict[Path, DataFrame], wanted: str, name: str) -> str:
    """The column that every table has. Raises DataError where there is none, or more than one."""
    shared = [
        column
        for column in next(iter(tables.values())).columns
        if all(column in table.columns for table in tables.values())
    ]
    if wanted:
        if wanted not in shared:
            lacking = next(path for path, table in tables.items() if wanted not in table.columns)
            raise DataError(
                f"{printable(lacking.name)} of {name} has no column '{printable(wanted)}'"
            )
        return wanted
    plainly = [column for column in shared if column.lower() == "id"]
    found = plainly or shared
    if len(found) == 1:
        return found[0]
    if not found:
        held = "; ".join(
            f"{printable(path.name)} has {', '.join(map(printable, table.columns[:3]))}"
            for path, table in [*tables.items()][:4]
        )
        raise DataError(
            f"the tables of {name} share no column to join them on ({held}); give each an id "
            "column, called id in all of them"
        )
    names = " and ".join(printable(column) for column in found[:4])
    raise DataError(
        f"the tables of {name} share the columns {names}; say which one names the rows with "
        f"{flag('id', printable(found[0]))}"
    )


def _ids(table: DataFrame, column: str, path: Path) -> Series:
    """Ids as strings, ``7.0`` as ``7``."""
    ids = table[column]
    if ids.isna().any():
        raise DataError(
            f"{printable(path.name)} has a row without '{printable(column)}'; give it one"
        )
    if ids.dtype.kind == "f" and (ids == ids.round()).all():
        ids = ids.astype("int64")
    return ids.astype(str).str.strip()


def _numbers(table: DataFrame, column: str, path: Path, name: str) -> DataFrame:
    table = table.drop(columns=column)
    for key in table.columns:
        if table[key].dtype.kind not in "biuf":
            raise DataError(
                f"column '{printable(key)}' of {printable(path.name)} in {name} holds no numbers; "
                "remove it, or write its values as numbers"
            )
    return table


def _columns(table: DataFrame) -> dict[str, np.ndarray]:
    """Columns of the table of labels: numbers, or strings with "" where there is nothing."""
    found: dict[str, np.ndarray] = {}
    for key in table.columns:
        column = table[key]
        if column.dtype.kind in "biuf":
            found[key] = column.to_numpy()
        else:
            found[key] = column.astype(object).where(column.notna(), "").astype(str).to_numpy("U")
    others = [key for key in found if not key.startswith(BESIDE)]
    if len(others) == 1:  # the classes, whatever they are called
        return {"labels": found.pop(others[0]), **found}
    return found
