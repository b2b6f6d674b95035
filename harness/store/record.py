"""Records: the results of ended jobs, failures included, as plain JSON values."""

from __future__ import annotations

import dataclasses
import json
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np

Status = Literal["ok", "failed", "skipped"]

_SHARED = {"config", "declared", "scenario", "training"}
"""Parts of a job that are the same for many."""


@dataclass(frozen=True)
class Record:
    """One line of the ledger.

    ``score``     on tuning rows, higher is better: accuracy of a classifier, of a fixed probe on a
                  representation's codes, minus NMSE of a stage that imputes. None unless ok.
    ``selected_by``  what chose the epoch and chooses the candidate: ``tuning NMSE``, ``tuning
                  loss, then probe accuracy`` (``analysis.selection``); empty where unknown.
    ``varies``    what the trial drew anew (``protocols.base.varies``); empty where that is unknown.
    ``drawn``     digest of the rows that it drew (``protocols._trial.Draw.digest``), equal for
                  equal trials; empty where that is unknown.
    ``metrics``   counts; ``test_<metric>`` (``run.metrics``), ``test_confusion`` (rows true,
                  columns predicted) and ``tuning_accuracy`` of a classifier; ``nmse`` of hidden
                  entries (and its like) and ``tuning_nmse`` of what completes views. All finite.
    ``facts``     what the method reports of itself; NaN and infinities are the words ``nan``,
                  ``inf``, ``-inf``, for JSON has no such numbers.
    ``epoch``     the chosen epoch, 0 for methods without epochs.
    ``seconds``   this job's share of its group's wall time; ``peak_memory_mb`` of the process and
                  ``peak_gpu_memory_mb``, in MiB, while its group ran; or, where the system cannot
                  reset a peak and ``peak_since`` is ``process``, since the process started.
    ``stack_size``  number of jobs in its group.
    ``job``       all settings of the job with defaults (``plan.job.Job.description``).
    ``digests``   source file -> digest of what it does, for all code that made the numbers.
    ``generation``  rises when a job is run again; the highest one counts.
    ``arrays``    sha256 of ``arrays/<sha256>.npz``, which holds its arrays; None if none were kept.
    """

    id: str
    job: Mapping[str, Any]
    data_key: str
    status: Status
    score: float | None = None
    selected_by: str = ""
    epoch: int = 0
    varies: Sequence[str] = field(default_factory=list)
    drawn: str = ""
    metrics: Mapping[str, Any] = field(default_factory=dict)
    facts: Mapping[str, Any] = field(default_factory=dict)
    reason: str = ""
    trace: str = ""
    seconds: float = 0.0
    peak_memory_mb: float = 0.0
    peak_gpu_memory_mb: float = 0.0
    peak_since: str = "stack"
    device: str = ""
    stack_size: int = 1
    budget: str = ""
    versions: Mapping[str, str] = field(default_factory=dict)
    revision: str = ""
    digests: Mapping[str, str] = field(default_factory=dict)
    generation: int = 0
    ended: str = ""
    arrays: str | None = None

    @property
    def in_warmup(self) -> bool | None:
        """Whether the chosen epoch is in the warm-up of the method; None where it has none."""
        warmup = self.facts.get("warmup_epochs")
        return self.epoch <= warmup if warmup else None

    def line(self) -> str:
        """One line of JSON, without the newline."""
        return json.dumps(dataclasses.asdict(self), sort_keys=True, allow_nan=False)

    @classmethod
    def parse(cls, line: str) -> Record:
        """The inverse of :meth:`line`. Raises ValueError on anything else."""
        return cls._of(json.loads(line))

    @classmethod
    def _of(cls, values: Any) -> Record:
        try:
            if not values.keys() <= _NAMES:
                values = {key: values[key] for key in values if key in _NAMES}
            return cls(**values)
        except (TypeError, KeyError, AttributeError) as error:
            raise ValueError(f"not a record: {error}") from error


_NAMES = frozenset(f.name for f in dataclasses.fields(Record))


class Reader:
    """Parses the lines of ledgers; equal parts of records are kept once.

    The parts are plain values that nothing changes. 100,000 records so take a third of the memory
    of as many calls of :meth:`Record.parse`.
    """

    def __init__(self) -> None:
        self._objects: dict[str, dict[str, Any]] = {}
        self._parts: dict[str, Any] = {}

    def parse(self, line: str) -> Record:
        """The record of a line, as :meth:`Record.parse`. Raises ValueError on anything else."""
        values = self._repeated(line) or json.loads(line)
        if not isinstance(values, dict):
            raise ValueError("not a record")
        for name in ("job", "metrics"):
            if isinstance(value := values.get(name), dict):
                values[name] = {sys.intern(key): value[key] for key in value}
        if isinstance(job := values.get("job"), dict):
            for name in _SHARED & job.keys():
                job[name] = self._parts.setdefault(repr(job[name]), job[name])
        return Record._of(values)

    def _repeated(self, line: str) -> dict[str, Any] | None:
        """The values of a line as :meth:`Record.line` writes it, None for any other.

        Its ``digests`` and ``versions``, which thousands of lines repeat, are looked up by their
        text. Names are sorted: no brace stands before the one, and the other ends the line, so
        they belong to the record itself; a quote within a text would be escaped.
        """
        head, first, rest = line.rstrip().partition('"digests": {')
        digests, second, rest = rest.partition("}")
        body, third, versions = rest.rpartition('"versions": {')
        versions, end = versions[:-2], versions[-2:]
        if not (first and second and third and end == "}}") or "{" in head[1:] + versions + digests:
            return None
        try:
            values = json.loads(f"{head}{first[:-1]}0{body}{third[:-1]}0}}")
            for name, text in (("digests", digests), ("versions", versions)):
                if text not in self._objects:
                    self._objects[text] = json.loads("{" + text + "}")
                values[name] = self._objects[text]
        except ValueError:  # a brace within a text
            return None
        return values


@dataclass(frozen=True)
class Outcome:
    """A worker's result for one job: a record without provenance, and its arrays."""

    record: Record
    arrays: Mapping[str, np.ndarray]


def sentence(error: Exception) -> str:
    """Type and first line of an error, at most 300 characters."""
    return f"{type(error).__name__}: {error}".split("\n", 1)[0][:300]
