"""The id that a record's description of its job gives, to check a record from elsewhere."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, cast

from harness import registry
from harness.errors import UsageError
from harness.plan.job import Job
from protocols._trial import Scenario


@dataclass(frozen=True)
class Before:
    """A job of an earlier stage, of which the description has the id alone."""

    id: str


def id_of(described: Mapping[str, Any]) -> str | None:
    """The id of the job with this description (``Job.description``).

    None where this checkout cannot say: it lacks the method, has it in another version, or does not
    know a field. Imports the method, for the defaults of its settings; no other.
    """
    try:
        key = described["method"]
        if key not in registry.entries("methods"):
            return None
        method = registry.load_method(key)
        if method.version != described["version"]:
            return None
        known = dict(described)
        scenario: dict[str, Any] = {
            name: tuple(value) if isinstance(value, list) else value
            for name, value in known.pop("scenario").items()
        }
        views, upstream = known.pop("views"), known.pop("upstream")
        job = Job(
            data_key="",
            fingerprint=known.pop("data"),
            scenario=Scenario(**scenario),
            views=None if views is None else tuple(views),
            upstream=cast(Any, tuple(tuple(map(Before, group)) for group in upstream)),
            **known,
        )
        return job.id
    except (UsageError, TypeError, ValueError, KeyError, AttributeError):
        return None
