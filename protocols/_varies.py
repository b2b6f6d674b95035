"""What each trial redraws, in words: what an SD over trials covers, and what it does not."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from datasets.base import Dataset, Split
from protocols._splits import sizes_of_cut

if TYPE_CHECKING:
    from protocols._trial import Scenario

WORDS = {
    "split": "the split",
    "labels": "the labelled rows",
    "unlabelled rows": "which unlabelled rows are kept",
    "masks": "which rows lack a view",
    "initial weights": "the initial weights",
    "minibatches": "the minibatches",
}
DRAWS = {"labels": "label", "unlabelled rows": "row", "masks": "mask"}
"""What is drawn of the rows of a fixed split, as a word before "draws"."""


def varies(data: Dataset, scenario: Scenario, *, trained: bool = True) -> tuple[str, ...]:
    """Keys of WORDS that a trial of ``scenario`` re-draws.

    ``trained``  by gradient descent: other fits have neither initial weights nor minibatches.
    """
    does = {
        "split": not data.split(scenario.split).official,
        "labels": 0 < scenario.label_fraction < 1 or scenario.labels_per_class > 0,
        "unlabelled rows": 0 < scenario.unlabelled_fraction < 1,
        "masks": max(scenario.missing_fraction, scenario.missing_at_test) > 0,
        "initial weights": trained,
        "minibatches": trained,
    }
    return tuple(name for name in WORDS if does[name])


def what_varies(data: Dataset, scenarios: Sequence[Scenario], *, trained: bool = True) -> str:
    """The same for all ``scenarios`` of a report, as a sentence that says what its SDs cover.

    "" where there is none.
    """
    redrawn = {name for scenario in scenarios for name in varies(data, scenario, trained=trained)}
    if not redrawn:
        return "No trial re-draws anything." if scenarios else ""
    rules = [data.split(name) for name in dict.fromkeys(s.split for s in scenarios)]
    cut = "; ".join(_cut(data, rule) for rule in rules if not rule.official)
    words = WORDS | {"split": f"the split ({cut})"}
    drawn = [words[name] for name in WORDS if name in redrawn]
    names = f"{', '.join(drawn[:-1])} and {drawn[-1]}" if len(drawn) > 1 else drawn[0]
    start = f"Each trial re-draws {names}; "
    if not any(rule.official for rule in rules):
        return f"{start}SD is over such re-draws of one data set."
    shown = [DRAWS[name] for name in DRAWS if name in redrawn]
    over = f"{' and '.join(shown)} draws" if shown else "fits"
    missed = "subjects" if "subject" in data.groups else "test sets"
    where = "under the official split, " if cut else ""
    return (
        f"{start}{where}training, tuning and test rows never change, so that SD is over {over} on "
        f"one test set, not over {missed}."
    )


def _cut(data: Dataset, split: Split) -> str:
    """How a drawn split cuts the rows: sizes or shares of its parts, and the groups it keeps."""
    kept = f", each {split.by} in one part" if split.by else ""
    if split.folds:
        rotation = f"{split.folds} folds rotate, one to test and the next to tune"
        return f"{split.name}: {rotation}, a fresh partition every {split.folds} trials{kept}"
    if split.by:
        shares = "/".join(f"{100 * share:g}" for share in split.shares)
        return f"{split.name}: {shares} %{kept}"
    sizes = "/".join(map(str, sizes_of_cut(data, split)))
    classes = " within classes" if split.stratify else ""
    return f"{split.name}: a fresh permutation{classes}, cut {sizes}"
