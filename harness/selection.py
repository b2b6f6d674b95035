"""Which candidate of a trial counts: named rules over records, blind to test results.

The rule of every method so far is ``tuning score over (candidate, epoch)``: a classifier's tuning
accuracy, a fixed probe on a representation's codes, minus an imputer's NMSE. Ties go to the earlier
epoch, then to the smaller value (grids are listed in rising order).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from harness.job import Job
from harness.record import Record

RULE = "tuning accuracy over candidate and epoch"
IMPUTER_RULE = "minus NMSE on tuning rows over candidate and epoch"
CHAIN_RULE = f"{RULE}; the imputer before, {IMPUTER_RULE}"


def best(candidates: Sequence[Record]) -> Record | None:
    """The chosen candidate, None if none is ok. ``candidates`` come in grid order."""
    fit = [record for record in candidates if record.status == "ok" and record.score is not None]
    return min(fit, key=lambda record: (-(record.score or 0.0), record.epoch), default=None)


def chosen(jobs: Sequence[Job], records: Mapping[str, Record]) -> Record | None:
    """The chosen one of those candidates ``jobs`` that have a record, None if none is ok."""
    return best([records[job.id] for job in jobs if job.id in records])
