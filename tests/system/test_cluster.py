"""A Ray cluster that was started elsewhere, joined by its address."""

from __future__ import annotations

import json
import os
import secrets
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.system.command_line import CHEAP, ROOT, SERIAL, lines, mine, places, run, table, until

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("ray")]


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A head in a process group of its own; ended by that group, never by name.

    Ray asks for a token: head and drivers of this module share one that is made here.
    """
    token = {"RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN": secrets.token_hex(32)}
    port = free_port()
    folder = tmp_path_factory.mktemp("elsewhere")
    head = subprocess.Popen(
        [
            str(Path(sys.executable).with_name("ray")), "start", "--head", "--block",
            "--port", str(port), "--num-cpus", "2", "--include-dashboard", "false",
            "--object-store-memory", str(256 * 1024**2),
        ],
        cwd=folder, start_new_session=True,
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        env={k: v for k, v in os.environ.items() if k != "PYTHONPATH"} | token,
    )  # fmt: skip

    def up() -> bool:
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", port)) == 0

    try:
        with pytest.MonkeyPatch.context() as patch:
            for name, value in token.items():
                patch.setenv(name, value)
            until(up, 60)
            yield f"127.0.0.1:{port}"
    finally:
        os.killpg(head.pid, signal.SIGKILL)
        head.wait(30)
        until(lambda: not mine(head.pid, agents=False), 30)


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
