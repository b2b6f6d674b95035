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
def cli(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> Iterator[CommandLine]:
    monkeypatch.setattr(publish, "publish", lambda *_: 0)
    monkeypatch.delenv(resolve.DATA_ROOT, raising=False)
    before = signal.getsignal(signal.SIGTERM)

    def call(*argv: str) -> tuple[int, str, str]:
        try:
            status = run_all.main([*argv, *places(tmp_path)])
        except SystemExit as left:
            status = int(left.code or 0)
        printed = capsys.readouterr()
        return status, printed.out, printed.err

    yield call
    signal.signal(signal.SIGTERM, before)
