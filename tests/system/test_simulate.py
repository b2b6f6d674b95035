"""``--simulate`` and its former name through the command line."""

from __future__ import annotations

from pathlib import Path

import pytest

from datasets._simulated import FORMER_MARKER, MARKER
from tests.system.command_line import CommandLine


@pytest.mark.parametrize("flag", ["--simulate", "--make-twin"])
def test_a_simulated_copy_is_written_and_recognised(
    flag: str, cli: CommandLine, tmp_path: Path
) -> None:
    status, _, err = cli(flag, "seed", "--out", str(tmp_path / "copy"), "--scale", "0.1")
    assert status == 0
    assert ("--simulate" in err) is (flag == "--make-twin")  # the notice on a former name
    status, out, _ = cli("--check-data", "--data-root", str(tmp_path / "copy"))
    assert (status, "SIMULATED" in out) == (1, True)  # one subject of nine


def test_the_former_name_is_not_in_the_help(cli: CommandLine) -> None:
    _, out, _ = cli("--help")
    assert "--simulate" in out
    assert "--make-twin" not in out


def test_a_copy_of_an_earlier_version_stays_recognised(cli: CommandLine, tmp_path: Path) -> None:
    cli("--simulate", "seed", "--out", str(tmp_path / "copy"), "--scale", "0.1")
    for path in (tmp_path / "copy").rglob(MARKER):
        path.rename(path.with_name(FORMER_MARKER))
    _, out, _ = cli("--check-data", "--data-root", str(tmp_path / "copy"))
    assert "SIMULATED" in out
