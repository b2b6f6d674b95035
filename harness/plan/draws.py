"""The draws of a run's trials: why some cannot be made, and what a reader must know of the others.

Nothing is fitted here, so that a run that cannot be drawn ends before its first fit.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

import numpy as np

from datasets.base import TEST, TRAIN, TUNE, DataError, Dataset, constant
from protocols.base import Draw, Scenario, draw, scaling_rule

PARTS = {"training": TRAIN, "tuning": TUNE, "test": TEST}
FAR = 0.1
"""A part is told of where its share of the rows is further than this from the split's."""


def refusal(data: Dataset, scenario: Scenario, trials: int, seed: int) -> str:
    """Why not all of ``trials`` draws can be made, with how to fix it; "" if they can."""
    try:
        data.split(scenario.split)
    except DataError as error:  # no draw can be made at all, which it says
        return str(error)
    failed = _failed(data, scenario, trials, seed)
    if not failed:
        return ""
    first, reason = next(iter(failed.items()))
    text = f"{len(failed)} of {trials} planned draws cannot be made, the first in trial {first}: "
    return text + reason + _mend(data, scenario, trials, seed)


def _failed(data: Dataset, scenario: Scenario, trials: int, seed: int) -> dict[int, str]:
    """Trials that cannot be drawn, each with the reason."""
    failed = {}
    for trial in range(trials):
        try:
            draw(data, scenario, trial, seed)
        except DataError as error:
            failed[trial] = str(error)
    return failed


def _mend(data: Dataset, scenario: Scenario, trials: int, seed: int) -> str:
    """The largest number of labels of each class, or the first other split, that would do."""
    if scenario.label_rule == "per_class":
        one = replace(scenario, labels_per_class=1)
        if not _failed(data, one, trials, seed):
            parts = (draw(data, one, trial, seed).part for trial in range(trials))
            most = min(np.bincount(data.labels[part == TRAIN]).min() for part in parts)
            return f"; --labels-per-class can be at most {most} here"
    for rule in data.offered:
        scaling = scaling_rule(data, rule.name)
        other = replace(scenario, split=rule.name, scaling=scaling)
        if rule.name != scenario.split and not _failed(data, other, trials, seed):
            typed = data.asked_as(split=rule.name)
            return f"; the split {rule.name} gives all {trials} ({typed})"
    return ""


def told(data: Dataset, split: str, drawn: Sequence[Draw]) -> tuple[str, ...]:
    """Sentences on what is unusual in the draws of one split; () where nothing is.

    Splits drawn again, parts far from their shares, copies of a row in two parts, constant columns.
    """
    found = (_redrawn(drawn), *_far(data, split, drawn), _copied(data, drawn))
    return tuple(filter(None, (*found, _constant_columns(data, drawn), *_empty(data, drawn))))


def _redrawn(drawn: Sequence[Draw]) -> str:
    again = [d.redrawn for d in drawn if d.redrawn]
    if not again:
        return ""
    times = "once" if max(again) == 1 else f"up to {max(again)} times"
    return (
        f"the split of {len(again)} of {len(drawn)} trials was drawn again, {times}, for a draw "
        "before left a part without rows or a class without a training row"
    )


def _far(data: Dataset, split: str, drawn: Sequence[Draw]) -> Iterable[str]:
    rule = data.split(split)
    if rule.official:
        return
    for (name, part), asked in zip(PARTS.items(), rule.shares, strict=True):
        shares = [float((d.part[d.part >= 0] == part).mean()) for d in drawn]
        far = [share for share in shares if abs(share - asked) > FAR]
        if far:
            yield (
                f"the {name} part has {_span(round(100 * share) for share in far)} % of the rows "
                f"in {len(far)} of {len(drawn)} trials, where the split asks for {100 * asked:g} %"
            )


def copies(data: Dataset) -> np.ndarray:
    """Which row each row is a copy of, ``(n,)``: equal numbers where every view is equal."""
    seen: dict[tuple[bytes, ...], int] = {}
    rows = zip(*data.views, strict=True)
    return np.array([seen.setdefault(tuple(v.tobytes() for v in row), len(seen)) for row in rows])


def _copied(data: Dataset, drawn: Sequence[Draw]) -> str:
    which = copies(data)
    if len(np.unique(which)) == data.n:
        return ""
    counts = {
        name: [
            int(np.isin(which[d.part == PARTS[name]], which[d.part == TRAIN]).sum()) for d in drawn
        ]
        for name in ("tuning", "test")
    }
    if not any(map(any, counts.values())):
        return ""
    rows = [f"{_span(of)} {name} row{'' if max(of) == 1 else 's'}" for name, of in counts.items()]
    return f"equal to a training row in every view, in a trial: {' and '.join(rows)}"


def _constant_columns(data: Dataset, drawn: Sequence[Draw]) -> str:
    views = []
    for name, view in zip(data.view_names, data.views, strict=True):
        training = [_count(view[d.part == TRAIN]) for d in drawn]
        labelled = [_count(view[d.labelled]) for d in drawn if d.labelled.any()]
        if any(training + labelled):
            text = (
                f"{name}, of {view.shape[1]}: {_count(view)} in the data, {_span(training)} in the "
            )
            text += "training rows of a trial"
            views.append(text + (f", {_span(labelled)} in its labelled rows" if labelled else ""))
    if not views:
        return ""
    return f"columns that are constant in a method's rows are 0 for it ({'; '.join(views)})"


def _count(view: np.ndarray) -> int:
    """Constant columns of the rows that have the view (the others are NaN), all if none has."""
    there = view[~np.isnan(view[:, 0])]
    return int(constant(there).sum()) if len(there) else view.shape[1]


def _empty(data: Dataset, drawn: Sequence[Draw]) -> Iterable[str]:
    for name, view in zip(data.view_names, data.views, strict=True):
        lost = sum(_count(view[d.part == TRAIN]) == view.shape[1] for d in drawn)
        if lost:
            yield (
                f"view {name} is constant in the training rows of {lost} of {len(drawn)} trials, "
                "so that it tells nothing there"
            )


def _span(numbers: Iterable[int]) -> str:
    """``3``, or ``3–5`` where trials differ."""
    counts = sorted(numbers)
    return "–".join(dict.fromkeys(map(str, (counts[0], counts[-1]))))
