"""Who is in the contract suites: every registered entry, found by file. No list is to be edited."""

from __future__ import annotations

import pytest

from harness import registry

METHODS = tuple(registry.entries("methods"))
DATASETS = tuple(registry.entries("datasets"))
PROTOCOLS = tuple(registry.entries("protocols"))


def every(name: str, keys: tuple[str, ...]) -> pytest.MarkDecorator:
    """Run a test for each key; tests of one key share a worker, hence its cached fits."""
    return pytest.mark.parametrize(
        name, [pytest.param(key, marks=pytest.mark.xdist_group(key)) for key in keys]
    )


every_method = every("key", METHODS)
every_dataset = every("key", DATASETS)
every_protocol = every("key", PROTOCOLS)
