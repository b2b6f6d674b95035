"""A job: one fit of one stage, with one setting, on one trial, identified by its content.

A cell of a table and a trial give one job per candidate setting of the recipe's last stage; an
earlier stage is a separate job, shared by every cell that needs the same one
(``harness.plan.expand``). The candidate is selected later, from records
(``harness.analysis.selection``).

An id leaves out every value that equals its default. So a setting, or a field of a scenario, a
training or a job, that is added later with the default that all earlier fits had, changes no id. A
default that changes would give an old id a new meaning, so its ``version`` must be raised.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass, fields
from functools import cache, cached_property
from typing import Any

from harness import registry
from harness.store.plain import plain
from methods.base import Config, Training
from protocols._trial import Scenario


@dataclass(frozen=True)
class Job:
    """One fit.

    ``data_key``    for display; ``fingerprint`` and ``declared`` identify the data.
    ``views``       names of the data set's views the stage reads; None for all, or for all codes of
                    the upstream stage.
    ``config``      every setting of the method, JSON-serialisable.
    ``training``    None for methods without epochs.
    ``upstream``    candidate jobs of the upstream stage, for each input; empty for a first stage.
    ``imputes``     the stage fills in absent views for the next stage.
    ``seed``        the run's seed (``--seed``).
    ``declared``    what the draw takes from the data set besides its values: its split rule.
    """

    data_key: str
    fingerprint: str
    scenario: Scenario
    method: str
    version: int
    views: tuple[str, ...] | None
    config: Mapping[str, Any]
    training: Mapping[str, Any] | None
    trial: int
    seed: int
    upstream: tuple[tuple[Job, ...], ...] = ()
    imputes: bool = False
    declared: Mapping[str, Any] | None = None

    def description(self) -> dict[str, Any]:
        """All fields of this job with defaults, as a record stores it. JSON-serialisable."""
        return plain(self._contents() | {"scenario": asdict(self.scenario)}, "job")

    def identity(self) -> dict[str, Any]:
        """The fields that identify this job: those that differ from their defaults, and versions.

        Contains no path, date, host or number of trials.
        """
        usual = {f.name for f in fields(self) if getattr(self, f.name) == f.default}
        defaults = _defaults(registry.load_method(self.method).Config)
        identity_fields = self._contents() | {
            "scenario": self.scenario.identity(),
            "config": _differing(self.config, defaults),
        }
        if self.training is not None:
            identity_fields["training"] = _differing(self.training, Training().identity())
        return {name: value for name, value in identity_fields.items() if name not in usual}

    def _contents(self) -> dict[str, Any]:
        """All fields but the key, jobs by their ids."""
        contents = {field.name: getattr(self, field.name) for field in fields(self)}
        contents["data"] = contents.pop("fingerprint")
        contents["upstream"] = [[job.id for job in group] for group in self.upstream]
        del contents["data_key"]
        return contents

    @cached_property
    def id(self) -> str:
        """20 hex digits of the canonical JSON of :meth:`identity`."""
        return hashlib.sha256(_joined(self.texts | self._of_trial).encode()).hexdigest()[:20]

    @cached_property
    def training_key(self) -> str:
        """Equal for jobs that share one training: their settings differ only after training."""
        return _joined(self._of_trial) + self._training_text

    def on(self, trial: int, upstream: tuple[tuple[Job, ...], ...]) -> Job:
        """The same fit on another trial. What does not depend on the trial is not computed again.

        ``upstream``  its candidate jobs there: those of this job, on that trial.
        """
        shared = {name: getattr(self, name) for name in _SHARED}
        other = object.__new__(Job)
        vars(other).update({name: vars(self)[name] for name in _FIELDS})
        vars(other).update(shared, trial=trial, upstream=upstream)
        return other

    @cached_property
    def texts(self) -> dict[str, str]:
        """Canonical JSON of every field of :meth:`identity` but those of :attr:`_of_trial`."""
        own = ("trial", "upstream")
        return {k: canonical(value) for k, value in self.identity().items() if k not in own}

    @cached_property
    def _of_trial(self) -> dict[str, str]:
        """The same of the fields that differ from trial to trial."""
        ids = ",".join(f"[{','.join(_quoted(job.id) for job in group)}]" for group in self.upstream)
        return {"trial": str(self.trial)} | ({"upstream": f"[{ids}]"} if ids else {})

    @cached_property
    def _training_text(self) -> str:
        untrained = registry.load_method(self.method).Config.marked("untrained")
        config = {name: value for name, value in self.config.items() if name not in untrained}
        return _joined(self.texts | {"config": canonical(config)})

    @cached_property
    def methods(self) -> frozenset[str]:
        """Keys of the methods of all its stages."""
        before = (job.methods for group in self.upstream for job in group)
        return frozenset({self.method}).union(*before)

    @cached_property
    def trained(self) -> bool:
        """Whether any of its stages is trained by gradient descent."""
        before = any(job.trained for group in self.upstream for job in group)
        return before or self.training is not None

    @cached_property
    def depth(self) -> int:
        """Number of upstream stages."""
        return 1 + self.upstream[0][0].depth if self.upstream else 0

    def stages(self) -> Iterator[Job]:
        """Every job that this one depends on, earlier stages first, and itself last."""
        yield from stages_of([self]).values()


_FIELDS = tuple(f.name for f in fields(Job))
_SHARED = ("texts", "_training_text", "methods", "trained", "depth")
"""Attributes of a job that are the same in every trial."""


def stages_of(jobs: Iterable[Job]) -> dict[str, Job]:
    """``jobs`` and all that they depend on, by id; earlier stages before those that need them."""
    found: dict[str, Job] = {}

    def add(job: Job) -> None:
        if job.id not in found:
            for group in job.upstream:
                for before in group:
                    add(before)
            found[job.id] = job

    for job in jobs:
        add(job)
    return found


def on_trial(candidates: tuple[Job, ...], trial: int) -> tuple[Job, ...]:
    """The ``candidates`` of a stage, which share their upstream stages, on another trial."""
    upstream = tuple(on_trial(group, trial) for group in candidates[0].upstream)
    return tuple(job.on(trial, upstream) for job in candidates)


def _quoted(text: str) -> str:
    return f'"{text}"'


def _joined(texts: Mapping[str, str]) -> str:
    """A JSON object of values that are canonical JSON; its names need no escapes."""
    return "{" + ",".join(f'"{name}":{texts[name]}' for name in sorted(texts)) + "}"


def canonical(value: Any) -> str:
    """Canonical JSON: sorted keys, no spaces, no NaN."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), allow_nan=False)


@cache
def _defaults(config: type[Config]) -> Mapping[str, Any]:
    return config().settings()


def _differing(values: Mapping[str, Any], defaults: Mapping[str, Any]) -> dict[str, Any]:
    """The ``values`` that differ from ``defaults``; a list equals the tuple of its items."""
    missing = object()
    return {
        name: value
        for name, value in values.items()
        if (tuple(value) if isinstance(value, list) else value) != defaults.get(name, missing)
    }
