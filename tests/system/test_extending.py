"""docs/extending.md's method does what the page says, in a copy of the checkout."""

from __future__ import annotations

import re
import shutil
import sys
from pathlib import Path
from subprocess import run

import pytest

CODE = ("datasets", "harness", "methods", "protocols", "tests", "docs", "pyproject.toml")


def blocks(root: Path) -> list[str]:
    """The Python blocks of the page: method, oracle, network, settings."""
    return re.findall(r"```python\n(.*?)```", (root / "docs/extending.md").read_text("utf-8"), re.S)


@pytest.fixture(scope="module")
def checkout(root: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the tree with the page's two files added, and nothing else touched."""
    copy = tmp_path_factory.mktemp("checkout")
    for name in CODE:
        if (root / name).is_dir():
            shutil.copytree(root / name, copy / name, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(root / name, copy / name)
    method, oracle, *_ = blocks(root)
    (copy / "methods/generative/poe_vae.py").write_text(method, "utf-8")
    (copy / "tests/oracle/test_poe_vae.py").write_text(oracle, "utf-8")
    return copy


def output(checkout: Path, *arguments: str) -> str:
    done = run(
        [sys.executable, "-m", *arguments],
        cwd=checkout,
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_the_method_is_under_sixty_lines(root: Path) -> None:
    assert len(blocks(root)[0].splitlines()) < 60


def test_its_files_are_formatted_and_clean(checkout: Path) -> None:
    files = ("methods/generative/poe_vae.py", "tests/oracle/test_poe_vae.py")
    output(checkout, "ruff", "check", "--no-cache", *files)
    output(checkout, "ruff", "format", "--no-cache", "--check", *files)


@pytest.mark.slow
def test_the_contract_suite_and_the_oracle_take_it_in(checkout: Path) -> None:
    output(checkout, "tests.contract.method_pages")  # what `make docs` runs
    words = output(checkout, "pytest", "-q", "tests/contract", "tests/oracle", "-k", "poe_vae")
    count = re.search(r"(\d+) passed", words)
    assert count is not None
    assert int(count[1]) >= 20
