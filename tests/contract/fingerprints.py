"""Fingerprints of every data set as it is shipped: ``fingerprints.json``, key -> 16 hex digits.

A fingerprint is part of every job's identity, so one that moves throws away what is stored. After
a deliberate change: ``python -m tests.contract.fingerprints`` rewrites the file; read the diff, and
say in the CHANGELOG which data moved.
"""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path

from datasets.base import Dataset
from harness import registry

FILE = Path(__file__).with_suffix(".json")


@cache
def opened(key: str) -> Dataset:
    """A data set with its default views."""
    return registry.module("datasets", key).load()


def embedded() -> tuple[str, ...]:
    """Keys of data sets that travel with the project; the others declare ``found(root)``."""
    keys = registry.entries("datasets")
    return tuple(key for key in keys if not hasattr(registry.module("datasets", key), "found"))


def stored() -> dict[str, str]:
    return json.loads(FILE.read_text("utf-8"))


if __name__ == "__main__":
    found = {key: opened(key).fingerprint for key in embedded()}
    FILE.write_text(json.dumps(found, indent=2, sort_keys=True) + "\n", "utf-8")
    print(f"{FILE.name}: {len(found)} data sets")
