"""A Ray cluster of two nodes that was started elsewhere, joined by its address."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from benchmarks._ray_nodes import ray_nodes
from tests.system.command_line import CHEAP, ROOT, SERIAL, lines, places, run, table

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("ray")]


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Two nodes with one worker each; head and drivers of this module share a token."""
    with (
        ray_nodes(2, 1, tmp_path_factory.mktemp("elsewhere")) as (address, variables),
        pytest.MonkeyPatch.context() as patch,
    ):
        for name, value in variables.items():
            patch.setenv(name, value)
        yield address


def test_a_cluster_gets_the_source_and_gives_the_same_table(address: str, tmp_path: Path) -> None:
    here, there = tmp_path / "here", tmp_path / "there"
    assert run(*CHEAP, *SERIAL, *places(here)).returncode == 0
    done = run(*CHEAP, "--address", address, *places(there), cwd=tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    assert len(lines(there)) == 11
    assert table(there) == table(here)


def test_a_cluster_without_gpus_refuses_cuda(address: str, tmp_path: Path) -> None:
    done = run(*CHEAP, "--address", address, "--device", "cuda", *places(tmp_path))
    assert done.returncode == 2
    assert "--device cuda asks for 1 GPU a job, Ray offers 0" in done.stderr
    assert lines(tmp_path) == []


def test_what_is_sent_leaves_out_environment_and_output(address: str) -> None:
    """In a process of its own: Ray reads its token once."""
    program = (
        "import json, os\n"
        "from harness.run import executors\n"
        "from tests.system import planted\n"
        "from tests.unit.harness.test_executors import DATA, JobGroup, drained, jobs\n"
        "executors._execute_in_worker = planted.worker('facts')\n"
        f"there = executors.Resources(address={address!r})\n"
        "executor = executors.open_executor('ray', {'tiny': DATA}, there)\n"
        "print(json.dumps(drained(executor, [JobGroup(jobs('majority', 1))])[1]))\n"
        "executor.close()\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=False
    )
    seen = json.loads(done.stdout.splitlines()[-1])
    sent = Path(seen["datasets"]).parents[1]
    assert sent != ROOT
    assert Path(seen["cwd"]) == sent
    names = {path.name for path in sent.iterdir()}
    assert {"run_all.py", "harness", "datasets"} <= names
    assert not {".venv", ".git", "results", "reports"} & names
    assert seen["threads"] == [1, "1"]


def test_the_slurm_script_gives_the_same_table(tmp_path: Path) -> None:
    """With stand-ins for SLURM's commands: both nodes are this machine."""
    programs = tmp_path / "bin"
    programs.mkdir()
    for name, lines_ in {
        "scontrol": "echo localhost; echo localhost",
        "srun": 'while [[ "$1" == --* ]]; do shift; done; exec "$@"',
    }.items():
        (programs / name).write_text(f"#!/bin/bash\n{lines_}\n")
        (programs / name).chmod(0o755)
    environment = {
        key: value for key, value in os.environ.items() if not key.startswith("RAY_AUTH")
    } | {
        "PATH": f"{programs}:{os.environ['PATH']}",
        "PYTHON": sys.executable,
        "SLURM_JOB_NODELIST": "node[1-2]",
        "SLURM_JOB_ID": str(os.getpid()),
        "SLURM_CPUS_PER_TASK": "1",
    }
    here, there = tmp_path / "here", tmp_path / "there"
    assert run(*CHEAP, *SERIAL, *places(here)).returncode == 0
    done = subprocess.run(
        [str(ROOT / "docs" / "slurm.sh"), *CHEAP, *places(there)],
        cwd=ROOT, env=environment, capture_output=True, text=True, check=False, timeout=300,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    assert len(lines(there)) == 11
    assert table(there) == table(here)
