"""``--compare A B``: the cells of two results folders that moved, and the ingredient that changed.

Reads results alone: no data set is opened, no method is imported.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from rich.console import Console

from harness.analysis.cells import StoredCell, cells_of
from harness.analysis.ingredients import (
    differences,
    in_words,
    ingredients,
    moved,
    phrase,
)
from harness.errors import UsageError
from harness.report import format as fmt
from harness.store import manifest as manifests
from harness.store.store import Store


def compare(folders: Sequence[str], console: Console) -> int:
    """Print what differs between the cells of two results folders, the latest run of each cell.

    Returns 1 where a value of a cell that both have moved, else 0. Raises UsageError unless two
    results folders with a run are named.
    """
    if len(folders) != 2:
        raise UsageError("--compare needs two results folders: --compare RESULTS_A RESULTS_B")
    left, right = (_latest(Path(name).expanduser()) for name in folders)
    both = [address for address in left if address in right]
    told = [tell(left[address], right[address]) for address in both]
    for lines in told:
        for line in lines:
            console.print(line)
    for cells, other, name in ((left, right, folders[0]), (right, left, folders[1])):
        alone = [address for address in cells if address not in other]
        if alone:
            console.print(f"only in {name}: {fmt.plural(len(alone), 'cell')}")
        for address in alone:
            console.print(f"  {address}")
    changed = sum(bool(_moved(left[address], right[address])) for address in both)
    quiet = sum(not lines for lines in told)
    console.print(
        f"{fmt.plural(len(both), 'cell')} in both: {changed} moved, "
        f"{len(both) - changed - quiet} made otherwise with equal values, {quiet} alike"
    )
    return 1 if changed else 0


def _latest(folder: Path) -> dict[str, StoredCell]:
    """Address -> the cell of the latest run that has it."""
    runs, bad = manifests.known(folder)
    if not runs:
        more = f"; {bad[0]}" if bad else ""
        raise UsageError(f"no run is stored under {folder / manifests.FOLDER}{more}")
    cells: dict[str, StoredCell] = {}
    for cell in cells_of(runs, Store(folder).records()):
        cells.setdefault(cell.address, cell)
    return cells


def tell(left: StoredCell, right: StoredCell) -> list[str]:
    """How a cell moved and what it is made from otherwise; [] where nothing differs."""
    changes = differences(ingredients(left), ingredients(right))
    if not changes and not _moved(left, right):
        return []
    return list(_lines(left, right, changes))


def _moved(left: StoredCell, right: StoredCell) -> bool:
    found = moved(left, right)
    ours, theirs = left.values, right.values
    return bool(found.changed) or any(ours[trial] != theirs[trial] for trial in found.unlike)


def _lines(
    left: StoredCell, right: StoredCell, changes: Mapping[str, Sequence[str]]
) -> Iterator[str]:
    yield f"{left.address}: {in_words(left, right)}"
    for kind, phrases in changes.items():
        yield f"  {phrase(kind, phrases)}"
    if not changes:
        yield "  nothing that the records name differs"
