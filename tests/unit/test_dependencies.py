"""Dependencies are those that code imports, and the check of it sees each kind of fault."""

from __future__ import annotations

import pytest

from tests.dependencies import faults, faults_of_project

PROJECT = {
    "dependencies": ["numpy>=2", "scikit-learn", "ray[tune]>=2"],
    "optional-dependencies": {"dev": ["pytest>=8", "ruff"]},
}
HOMES = {"sklearn": ["scikit-learn"], "numpy": ["numpy"], "ray": ["ray"], "yaml": ["PyYAML"]}
USED, DEV = {"numpy", "sklearn", "ray"}, {"pytest", "numpy"}


def test_this_checkout_has_none() -> None:
    assert faults_of_project() == []


@pytest.mark.parametrize(
    ("kept", "used", "dev", "names"),
    [
        ({"ruff": "a command"}, USED, DEV, []),
        ({"ruff": "a command"}, USED - {"ray"}, DEV, ["ray"]),
        ({"ruff": "a command"}, USED | {"yaml"}, DEV, ["yaml"]),
        ({"ruff": "a command"}, USED, DEV | {"yaml"}, ["yaml"]),
        ({}, USED, DEV, ["ruff"]),
        ({"ruff": "a command", "ray": "next"}, USED, DEV, ["ray"]),
        ({"ruff": "a command", "ray": "next"}, USED - {"ray"}, DEV, []),
        ({"ruff": "a command", "gone": "next"}, USED, DEV, ["gone"]),
        ({"ruff": "a command"}, USED, DEV - {"pytest"}, ["pytest"]),
    ],
)
def test_each_fault_is_seen(
    kept: dict[str, str], used: set[str], dev: set[str], names: list[str]
) -> None:
    assert [line.split()[0] for line in faults(PROJECT, kept, used, dev, HOMES)] == names
