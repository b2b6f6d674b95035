"""CONTRIBUTING's ten-minute example does what it says, in a copy of the checkout."""

from __future__ import annotations

import csv
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

CODE = (
    *("datasets", "harness", "methods", "protocols", "tests", "docs"),
    *("run_all.py", "pyproject.toml"),
)


@pytest.fixture(scope="module")
def checkout(root: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the tree with the example's file added, and nothing else touched."""
    copy = tmp_path_factory.mktemp("checkout")
    for name in CODE:
        if (root / name).is_dir():
            shutil.copytree(root / name, copy / name, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(root / name, copy / name)
    (copy / "methods/reference/nearest_neighbours.py").write_text(example(root), "utf-8")
    return copy


def example(root: Path) -> str:
    """The first Python block of CONTRIBUTING.md."""
    found = re.search(r"```python\n(.*?)```", (root / "CONTRIBUTING.md").read_text("utf-8"), re.S)
    assert found is not None
    return found[1]


def run(checkout: Path, *arguments: str) -> str:
    done = subprocess.run(
        [sys.executable, *arguments],
        cwd=checkout,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_the_example_is_under_thirty_lines(root: Path) -> None:
    assert len(example(root).splitlines()) < 30


@pytest.mark.parametrize("command", [("check",), ("format", "--check")])
def test_the_example_passes_lint(command: tuple[str, ...], checkout: Path) -> None:
    run(checkout, "-m", "ruff", *command, "methods/reference/nearest_neighbours.py")


def test_it_is_listed(checkout: Path) -> None:
    listed = run(checkout, "run_all.py", "--list", "methods")
    assert re.search(r"^nearest_neighbours +Nearest neighbours:", listed, re.M)


@pytest.mark.slow
def test_the_contract_suite_takes_it_in(checkout: Path) -> None:
    run(checkout, "-m", "tests.contract.method_pages")  # what `make docs` runs
    words = run(checkout, "-m", "pytest", "-q", "tests/contract", "-k", "nearest_neighbours")
    count = re.search(r"(\d+) passed", words)
    assert count is not None
    assert int(count[1]) >= 10


@pytest.mark.slow
def test_it_has_a_row_in_the_table(checkout: Path) -> None:
    arguments = ("--protocol", "table2", "--budget", "smoke", "--executor", "serial")
    run(checkout, "run_all.py", *arguments, "--method", "nearest_neighbours", "majority")
    (path,) = (checkout / "reports").glob("*/table2/table2.csv")
    with path.open() as lines:
        rows = {line["row"]: float(line["mean"]) for line in csv.DictReader(lines)}
    assert rows["Nearest neighbours"] > rows["Majority vote"]
