"""A job: one fit of one stage, at one setting, on one trial. Its identity is its content.

A cell of a table times a trial becomes one job per candidate setting of the recipe's last stage; a
stage before it is a job of its own, shared by every cell that needs the same one
(``harness.plan.expand``). Which candidate counts is decided afterwards, over records
(``harness.analysis.selection``).

An id says what was asked for and not in how many words: whatever equals its default is left out of
it. So a setting of a method, a field of a scenario, of a training or of a job that is added later,
with the default that all earlier fits had, changes no id. A default that changes its value would
give an old id a new meaning: who changes one raises the ``version`` beside it.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
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

    ``data_key``    for people; ``fingerprint`` and ``declared`` are what counts.
    ``views``       names of the data set's views the stage reads, None for all, or for all codes of
                    the stage before it.
    ``config``      every setting of the method, JSON-able.   ``training`` None for methods without
                    epochs.
    ``upstream``    per input, the candidate jobs of the stage before; empty for a first stage.
    ``imputes``     it fills in absent views for the next stage.
    ``seed``        the run's seed (``--seed``).
    ``declared``    what the draw takes from the data set beside its contents: its split rule.
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
        """Everything about this job, defaults written out: what a record keeps of it. JSON-able."""
        return plain(self._contents() | {"scenario": asdict(self.scenario)}, "job")

    def identity(self) -> dict[str, Any]:
        """What makes this job itself: what differs from its default, and the versions.

        No path, no date, no host, no number of trials.
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
        return hashlib.sha256(canonical(self.identity()).encode()).hexdigest()[:20]

    @cached_property
    def training_key(self) -> str:
        """Equal for jobs that share one training: they differ in what is read off it alone."""
        untrained = registry.load_method(self.method).Config.marked("untrained")
        config = {name: value for name, value in self.config.items() if name not in untrained}
        return canonical(self.identity() | {"config": config})

    @property
    def depth(self) -> int:
        """How many stages come before this one."""
        return 1 + self.upstream[0][0].depth if self.upstream else 0

    def stages(self) -> Iterator[Job]:
        """Every job this one rests on, earlier stages first, itself last."""
        for group in self.upstream:
            for job in group:
                yield from job.stages()
        yield self

    @property
    def trained(self) -> bool:
        """Whether any of its stages is trained by gradient descent."""
        return any(job.training is not None for job in self.stages())

    def methods(self) -> frozenset[str]:
        """Keys of the methods of all its stages."""
        return frozenset(job.method for job in self.stages())


def canonical(value: Any) -> str:
    """JSON with one spelling: sorted keys, no spaces, no NaN."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), allow_nan=False)


@cache
def _defaults(config: type[Config]) -> Mapping[str, Any]:
    return config().settings()


def _differing(values: Mapping[str, Any], defaults: Mapping[str, Any]) -> dict[str, Any]:
    """The ``values`` that are not those of ``defaults``; a list equals the tuple of its items."""
    missing = object()
    return {
        name: value
        for name, value in values.items()
        if (tuple(value) if isinstance(value, list) else value) != defaults.get(name, missing)
    }
