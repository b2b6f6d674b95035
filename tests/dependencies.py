"""What pyproject.toml asks for against what the code imports: ``python -m tests.dependencies``.

Run by ``make lint``. Written here because the tool for it (deptry) would bring a dependency along.
"""

from __future__ import annotations

import ast
import re
import sys
import tomllib
from collections.abc import Iterable, Mapping
from importlib.metadata import packages_distributions
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
RUNTIME = ("datasets", "methods", "protocols", "harness", "run_all.py")
DEVELOPMENT = ("tests", "benchmarks", "datasets/vendor")
OURS = {"datasets", "methods", "protocols", "harness", "run_all", "tests", "benchmarks"}


def imported(*places: str) -> set[str]:
    """Top-level modules, neither ours nor Python's, that the Python files at ``places`` import."""
    found: set[str] = set()
    for path in _files(places):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.Import):
                found |= {alias.name.split(".")[0] for alias in node.names}
            elif isinstance(node, ast.ImportFrom) and not node.level and node.module:
                found.add(node.module.split(".")[0])
    return found - OURS - sys.stdlib_module_names


def _files(places: Iterable[str]) -> list[Path]:
    runtime = "datasets/vendor" not in places
    found = [path for place in places for path in _below(ROOT / place)]
    return [path for path in found if not (runtime and "vendor" in path.parts)]


def _below(place: Path) -> list[Path]:
    return [place] if place.is_file() else sorted(place.rglob("*.py"))


def faults(
    project: Mapping[str, Any],
    unimported: Mapping[str, str],
    runtime: set[str],
    development: set[str],
    distributions: Mapping[str, Iterable[str]],
) -> list[str]:
    """A sentence for each dependency that nothing imports, and each import that nothing declares.

    ``project``  the table of pyproject.toml.   ``unimported`` distribution -> why it is asked for.
    ``distributions``  top-level module -> distributions that hold it.
    """

    def homes(modules: set[str]) -> dict[str, set[str]]:
        return {name: {_name(d) for d in distributions.get(name, [name])} for name in modules}

    asked = {_name(text) for text in project["dependencies"]}
    dev = {_name(text) for text in project["optional-dependencies"]["dev"]}
    kept = {_name(name) for name in unimported}
    used, used_by_dev = homes(runtime), homes(development)
    told = [
        f"{name} is imported, and [project] dependencies name no distribution of it"
        for name, found in sorted(used.items())
        if not found & asked
    ]
    told += [
        f"{name} is imported by tests or benchmarks, and no dependency holds it"
        for name, found in sorted(used_by_dev.items())
        if not found & (asked | dev)
    ]
    in_use = set().union(*used.values()), set().union(*used_by_dev.values())
    for where, names, imports in (("dependencies", asked, in_use[0]), ("dev", dev, in_use[1])):
        unused = sorted(names - imports - kept)
        told += [f"{name} stands in {where}, and no code imports it" for name in unused]
        told += [
            f"{name} is imported: take its line out of [tool.dependencies.unimported]"
            for name in sorted(names & imports & kept)
        ]
    told += [
        f"{name} stands in [tool.dependencies.unimported] and is not asked for"
        for name in sorted(kept - asked - dev)
    ]
    return told


def _name(requirement: str) -> str:
    """The normal name of the distribution that a requirement begins with."""
    (name,) = re.findall(r"^[A-Za-z0-9._-]+", requirement)
    return re.sub(r"[-_.]+", "-", name).lower()


def faults_of_project() -> list[str]:
    """The same of this checkout."""
    config = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
    return faults(
        config["project"],
        config["tool"]["dependencies"]["unimported"],
        imported(*RUNTIME),
        imported(*DEVELOPMENT),
        packages_distributions(),
    )


if __name__ == "__main__":
    found = faults_of_project()
    print("\n".join(found) or "dependencies: each is imported or says why, each import is declared")
    sys.exit(1 if found else 0)
