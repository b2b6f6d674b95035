"""What `make bench` writes, and that the benchmark of a GPU runs where there is none."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks import all as every
from benchmarks import gpu, scale
from benchmarks._measure import Row
from harness.store.store import Store
from tests.conftest import ROOT

WITHOUT = """
import sys
class Absent:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in sys.argv[1].split(","):
            raise ModuleNotFoundError(name)
sys.meta_path.insert(0, Absent())
sys.argv[1:] = ["--device", "cpu", "--smoke", "--out", sys.argv[2]]
from benchmarks.gpu import main
main()
"""


def test_a_page_keeps_what_was_written_by_hand() -> None:
    page = every.written({"steps": [Row("a step", "1 %")]}, "\n## Tried\n\nNothing.\n")
    assert "| a step | 1 % |" in page
    assert page.partition(every.KEPT)[2].split() == ["##", "Tried", "Nothing."]


def test_the_page_in_the_repository_has_every_part() -> None:
    page = every.OUT.read_text("utf-8")
    assert all(f"## {title}" in page for title in every.TITLES.values())


def test_ceilings_are_positive() -> None:
    assert min(gpu.ceilings(gpu.SMOKE, "cpu")) > 0


@pytest.mark.slow
def test_made_records_settle_the_plan_that_they_are_made_for(tmp_path: Path) -> None:
    plan = scale.planned(1)
    assert scale.fill(tmp_path, plan) == len(plan.jobs) == len(Store(tmp_path).records())


@pytest.mark.slow
def test_the_benchmark_of_a_gpu_needs_five_libraries_alone(tmp_path: Path) -> None:
    absent = "ray,rich,jinja2,markupsafe,matplotlib,fancyimpute,h5py,edfio,pyarrow,statsmodels"
    out = tmp_path / "gpu.md"
    found = subprocess.run(
        [sys.executable, "-c", WITHOUT, absent, str(out)], cwd=ROOT, capture_output=True, text=True
    )
    assert found.returncode == 0, found.stderr
    page = out.read_text("utf-8")
    assert page.count("| table2 on simulated") == page.count("| figure3 on simulated") == 2
    assert "failed" not in page
