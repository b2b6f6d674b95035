"""Ray nodes on the loopback interface of this machine, each its own processes."""

from __future__ import annotations

import os
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

START_SECONDS = 120.0


@contextmanager
def ray_nodes(count: int, cpus: int, folder: Path) -> Iterator[tuple[str, dict[str, str]]]:
    """``count`` nodes with ``cpus`` each; gives the address and the variables that drivers need.

    Ray asks for a token, which is made here. Each node is a process group of its own, ended by that
    group. Raises TimeoutError where a node does not come up.
    """
    token = {"RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN": secrets.token_hex(32)}
    port = _free_port()
    address = f"127.0.0.1:{port}"
    with ExitStack() as ends:
        ends.enter_context(
            _node(
                ["--head", "--include-dashboard", "false", "--port", str(port)], cpus, folder, token
            )
        )
        _until(lambda: _listens(port), "the head node")
        for _ in range(1, count):
            ends.enter_context(_node(["--address", address], cpus, folder, token))
        _until(lambda: _nodes(address, token) == count, f"{count} nodes")
        yield address, token


@contextmanager
def _node(role: list[str], cpus: int, folder: Path, token: dict[str, str]) -> Iterator[None]:
    # A folder of its own: nodes of one machine would unpack the source over each other. Its path is
    # short, since Ray makes sockets below it.
    own = tempfile.mkdtemp(prefix="ray-")
    command = [
        str(Path(sys.executable).with_name("ray")), "start", "--block", *role, "--temp-dir", own,
        "--num-cpus", str(cpus), "--object-store-memory", str(256 * 1024**2),
    ]  # fmt: skip
    node = subprocess.Popen(
        command, cwd=folder, start_new_session=True,
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        env={k: v for k, v in os.environ.items() if k != "PYTHONPATH"} | token,
    )  # fmt: skip
    try:
        yield
    finally:
        os.killpg(node.pid, signal.SIGKILL)
        node.wait(30)
        shutil.rmtree(own, ignore_errors=True)


def _nodes(address: str, token: dict[str, str]) -> int:
    """Live nodes, counted in a process of its own: Ray reads its token once."""
    program = (
        "import ray, sys; ray.init(address=sys.argv[1], logging_level='error'); "
        "print(sum(node['Alive'] for node in ray.nodes()))"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, address],
        capture_output=True, text=True, check=False, env=os.environ | token,
    )  # fmt: skip
    return int(done.stdout.split()[-1]) if done.returncode == 0 and done.stdout.split() else 0


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def _until(condition: Callable[[], bool], what: str) -> None:
    end = time.monotonic() + START_SECONDS
    while not condition():
        if time.monotonic() > end:
            raise TimeoutError(f"{what} did not come up within {START_SECONDS:.0f} s")
        time.sleep(0.2)
