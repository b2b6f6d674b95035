"""Selection of a trial's candidate: named rules over records that do not use test results.

The score of a fit on tuning rows (higher is better) is

- minus the NMSE of masked tuning rows where the stage imputes, also if its method classifies;
- the accuracy of any other classifier;
- the accuracy of a fixed probe on the codes of a representation.

It selects the candidate and the epoch. The epoch of a representation is selected by its own loss on
tuning rows. Ties go to the earlier epoch, then to the candidate that is first in the grid.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from harness.store.record import Record

Measure = Literal["accuracy", "nmse", "loss", "probe"]
NAMES: Mapping[Measure, str] = {
    "accuracy": "tuning accuracy",
    "nmse": "tuning NMSE",
    "loss": "tuning loss",
    "probe": "probe accuracy",
}
"""Names of measures in records."""
WORDS: Mapping[Measure, str] = {
    "accuracy": "tuning accuracy",
    "nmse": "NMSE of masked tuning rows",
    "loss": "the method's own loss on tuning rows",
    "probe": "tuning accuracy of a linear SVM (C = 1) on the codes",
}
"""Descriptions of measures under tables."""
SECOND: Mapping[Measure, str] = {
    "accuracy": "of a second fit, on labelled and tuning rows",
    "nmse": "of a second fit, to which they are added",
}
"""The second fit on which a transductive method is scored."""
ROLES: Mapping[Measure, str] = {
    "accuracy": "classifier",
    "nmse": "imputer",
    "probe": "representation",
}
"""Role of a stage in its recipe, by the measure of its candidates."""


@dataclass(frozen=True)
class Rule:
    """The rule that selects among the fits of one stage.

    ``epoch``      measure that selects the epoch; None for a method without epochs.
    ``candidate``  measure that selects the candidate.
    ``several``    whether there is more than one candidate.
    ``second``     scores are those of a second fit, since the method is transductive.
    """

    epoch: Measure | None
    candidate: Measure
    several: bool
    second: bool

    @property
    def measures(self) -> str:
        """The measures, in the words of a record: ``tuning loss, then probe accuracy``."""
        epoch = NAMES[self.epoch or self.candidate]
        return ", then ".join(dict.fromkeys((epoch, NAMES[self.candidate])))

    @property
    def key(self) -> str:
        """``epoch:loss candidate:probe``; ``fixed`` where nothing is chosen."""
        parts = [f"epoch:{self.epoch}"] if self.epoch else []
        parts += [f"candidate:{self.candidate}"] if self.several else []
        parts += ["second"] if self.several and self.second else []
        return " ".join(parts) or "fixed"

    @property
    def words(self) -> str:
        """The same in words."""
        candidate = WORDS[self.candidate]
        if self.second:
            candidate += f" {SECOND[self.candidate]}"
        if self.epoch and self.several:
            if self.epoch == self.candidate:
                return f"{candidate}, over candidates and epochs"
            return f"{WORDS[self.epoch]}, over epochs, then {candidate}, over candidates"
        if self.epoch:
            return f"{WORDS[self.epoch]}, over epochs (one candidate)"
        if self.several:
            return f"{candidate}, over candidates (no epochs)"
        return "nothing (one candidate, no epochs)"


def key_of(stage_rules: Sequence[Rule]) -> str:
    """The keys of a recipe's stages: ``epoch:loss candidate:probe > candidate:accuracy``."""
    return " > ".join(rule.key for rule in stage_rules)


def words_of(stage_rules: Sequence[Rule]) -> str:
    """How the fits of a recipe's stages are selected, in words."""
    if len(stage_rules) == 1:
        return stage_rules[0].words
    return "; ".join(f"{ROLES[rule.candidate]} by {rule.words}" for rule in stage_rules)


def best(candidates: Sequence[Record]) -> Record | None:
    """The chosen candidate, None if none is ok. ``candidates`` come in grid order."""
    fit = [record for record in candidates if record.status == "ok" and record.score is not None]
    return min(fit, key=lambda record: (-(record.score or 0.0), record.epoch), default=None)


def chosen(jobs: Sequence[Any], records: Mapping[str, Record]) -> Record | None:
    """The chosen one of those candidates (anything with an ``id``) that have a record, or None."""
    return best([records[job.id] for job in jobs if job.id in records])
