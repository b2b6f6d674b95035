"""What a person sees: a live bar on a terminal, plain lines in a file, nothing odd in a pipe."""

from __future__ import annotations

import os
import pty
import re
import subprocess
from pathlib import Path

import pytest

from tests.system.command_line import CHEAP, COMMAND, PLANTED, ROOT, SERIAL, lines, places, run

pytestmark = pytest.mark.slow


def test_a_terminal_shows_cells_fits_and_time_left(tmp_path: Path) -> None:
    main, side = pty.openpty()
    process = subprocess.Popen(
        [*PLANTED, "slow", *CHEAP, *SERIAL, *places(tmp_path)],
        cwd=ROOT, stdin=side, stdout=side, stderr=side, env={**os.environ, "TERM": "xterm"},
    )  # fmt: skip
    os.close(side)
    seen = b""
    while True:
        try:
            seen += (more := os.read(main, 65536))
        except OSError:  # the other side has closed
            break
        if not more:
            break
    os.close(main)
    assert process.wait(30) == 0
    text = seen.decode()
    assert re.search(r"\d/4 cells, \d+/11 fits", text)
    assert re.search(r"ETA (under )?\d+ s", text)
    assert "4/4 cells, 11/11 fits" in text
    assert "done" in text
    assert "\x1b[?25l" in text  # a live display, which hides the cursor ...
    assert text.rindex("\x1b[?25h") > text.rindex("\x1b[?25l")  # ... and gives it back


def test_a_file_gets_plain_lines(tmp_path: Path) -> None:
    done = run(*CHEAP, *SERIAL, *places(tmp_path))
    assert done.returncode == 0
    assert done.stderr == ""
    assert "\x1b" not in done.stdout
    assert "\r" not in done.stdout
    assert re.search(r"^\[ +\d+ s\] 4/4 cells, 11/11 fits; done$", done.stdout, re.M)
    assert re.search(r"^\[ +0 s\] 0/4 cells, 0/11 fits; ETA .* by estimate$", done.stdout, re.M)


def test_force_color_floods_no_log(tmp_path: Path) -> None:
    environment = {**os.environ, "FORCE_COLOR": "1"}
    done = subprocess.run(
        [*PLANTED, "slow", *CHEAP, *SERIAL, *places(tmp_path)],
        cwd=ROOT, capture_output=True, text=True, check=False, timeout=400, env=environment,
    )  # fmt: skip
    assert done.returncode == 0
    assert "\x1b" not in done.stdout
    assert len(done.stdout.splitlines()) < 30


@pytest.mark.parametrize("encoding", ["latin-1", "ascii"])
def test_a_narrow_output_ends_no_run(encoding: str, tmp_path: Path) -> None:
    done = subprocess.run(
        [*COMMAND, *CHEAP, *SERIAL, "--without", "logistic*", *places(tmp_path)],
        cwd=ROOT, capture_output=True, check=False, timeout=400,
        env={**os.environ, "PYTHONIOENCODING": encoding, "PYTHONUTF8": "0"},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert done.stderr == b""


def test_a_reader_that_leaves_causes_no_traceback_and_loses_no_fit(tmp_path: Path) -> None:
    command = " ".join([*COMMAND, *CHEAP, *SERIAL, *places(tmp_path)])
    done = subprocess.run(
        ["bash", "-c", f"{command} | head -1; exit ${{PIPESTATUS[0]}}"],
        cwd=ROOT, capture_output=True, text=True, check=False, timeout=400,
    )  # fmt: skip
    assert done.stdout.startswith("table2: budget smoke")
    assert done.returncode == 141  # and not 1, which says that a trial failed
    assert done.stderr == ""
    assert run(*CHEAP, *SERIAL, *places(tmp_path)).returncode == 0
    assert len(lines(tmp_path)) == 11
