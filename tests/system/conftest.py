"""The command line in this process, for tests that need no second process."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

import run_all
from harness.plan import resolve
from harness.report import publish
from tests.system.command_line import CommandLine, places


@pytest.fixture(autouse=True, scope="session")
def ctrl_c_reaches_children() -> None:
    """A shell starts what runs in its background with SIGINT ignored, and children inherit that."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture
def said(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> Iterator[CommandLine]:
    """The arguments as they are: the test says where results and reports go."""
    monkeypatch.delenv(resolve.DATA_ROOT, raising=False)
    before = signal.getsignal(signal.SIGTERM)

    def call(*argv: str | Path) -> tuple[int, str, str]:
        try:
            status = run_all.main([str(word) for word in argv])
        except SystemExit as left:
            status = int(left.code or 0)
        printed = capsys.readouterr()
        return status, printed.out, printed.err

    yield call
    signal.signal(signal.SIGTERM, before)


@pytest.fixture
def cli(said: CommandLine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> CommandLine:
    """Results and reports go below ``tmp_path``; no report is written."""
    monkeypatch.setattr(publish, "publish", lambda *_: 0)
    return lambda *argv: said(*argv, *places(tmp_path))
