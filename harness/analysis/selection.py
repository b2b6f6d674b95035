"""Which candidate of a trial counts: named rules over records, blind to test results.

A fit's score on tuning rows, higher is better, is

- minus the NMSE of masked tuning rows where the stage imputes, also if its method classifies;
- the accuracy of any other classifier;
- the accuracy of a fixed probe on the codes of a representation.

It chooses the candidate; and the epoch, but for a representation, whose epoch is chosen by its own
loss on tuning rows. Ties go to the earlier epoch, then to the candidate that the grid lists first.
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
"""Of measures, in a record."""
WORDS: Mapping[Measure, str] = {
    "accuracy": "tuning accuracy",
    "nmse": "NMSE of masked tuning rows",
    "loss": "the method's own loss on tuning rows",
    "probe": "tuning accuracy of a linear SVM (C = 1) on the codes",
}
"""Of measures, under a table."""
SECOND: Mapping[Measure, str] = {
    "accuracy": "of a second fit, on labelled and tuning rows",
    "nmse": "of a second fit, to which they are added",
}
"""What a method is scored on that answers for its own rows only."""
ROLES: Mapping[Measure, str] = {
    "accuracy": "classifier",
    "nmse": "imputer",
    "probe": "representation",
}
"""What a stage is to the others of its recipe, by the measure of its candidates."""


@dataclass(frozen=True)
class Rule:
    """What chooses among the fits of one stage.

    ``epoch``      None for a method without epochs.   ``candidate`` what its candidates differ in.
    ``several``    whether there is more than one candidate.
    ``second``     scores are of a second fit, since the first answers for its own rows only.
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
    """How the fits of a recipe's stages are chosen, in words."""
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
