"""Output that is narrow, closed or no terminal, and signals: in processes of their own."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from harness.registry import ROOT

HEAD = "import os, signal, sys, time\nfrom harness.run import terminal\n"


def ran(
    program: str, stdout: int = subprocess.PIPE, **environment: str
) -> subprocess.CompletedProcess[bytes]:
    return subprocess.run(
        [sys.executable, "-c", HEAD + program],
        cwd=ROOT, env={**os.environ, **environment},
        stdout=stdout, stderr=subprocess.PIPE, check=False,
    )  # fmt: skip


@pytest.mark.parametrize("encoding", ["latin-1", "ascii", "utf-8"])
def test_characters_that_the_output_lacks_end_nothing(encoding: str) -> None:
    program = "terminal.open_console().print('\u2212.004 \u00e4 \u4e2d')"
    done = ran(program, PYTHONIOENCODING=encoding, PYTHONUTF8="0")
    assert done.returncode == 0, done.stderr
    assert done.stdout == "\u2212.004 \u00e4 \u4e2d\n".encode(encoding, "replace")


def test_a_file_is_no_terminal_whatever_force_color_says() -> None:
    program = (
        "console = terminal.open_console()\nconsole.print(console.is_terminal, style='bold red')"
    )
    assert ran(program, FORCE_COLOR="1", TTY_COMPATIBLE="1").stdout == b"False\n"


def test_a_full_output_is_reported_and_stops_nothing() -> None:
    full = Path("/dev/full")
    if not full.exists():
        pytest.skip("no /dev/full here")
    with full.open("wb") as output:
        program = (
            "console = terminal.open_console()\n"
            "for _ in range(9): console.print('text')\n"
            "terminal.print_error('reached')"
        )
        done = ran(program, stdout=output.fileno())
    assert done.returncode == 0
    assert done.stderr.count(b"\n") == 2
    assert done.stderr.endswith(b"reached\n")


@pytest.mark.parametrize("name", ["SIGTERM", "SIGHUP"])
def test_ending_signals_arrive_as_an_interrupt_unless_ignored(name: str) -> None:
    program = (
        "signal.signal(signal.{0}, signal.{1})\n"
        "terminal.end_on_signals()\n"
        "try:\n"
        "    os.kill(os.getpid(), signal.{0}); time.sleep(0.2); print('went on')\n"
        "except KeyboardInterrupt: print('ended')"
    )
    assert ran(program.format(name, "SIG_DFL")).stdout == b"ended\n"
    assert ran(program.format(name, "SIG_IGN")).stdout == b"went on\n"
    assert signal.getsignal(getattr(signal, name)) is not signal.SIG_IGN
