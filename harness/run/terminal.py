"""What a run is attached to: an output, which may be closed, and the signals that end it.

Nothing that happens to the output or the terminal may show a traceback or lose a fit.
"""

from __future__ import annotations

import io
import os
import signal
import sys
import threading
from contextlib import suppress
from typing import IO, Any, NoReturn

from rich.console import Console

ENDING: tuple[int, ...] = tuple(
    getattr(signal, name) for name in ("SIGTERM", "SIGHUP") if hasattr(signal, name)
)
"""Signals that end a run as Ctrl-C does: what had ended is stored, and the command resumes it."""
READER_LEFT = 128 + 13
"""Exit status where the reader of our output left (``| head``): that of any program then."""


def end_on_signals() -> None:
    """Let :data:`ENDING` raise KeyboardInterrupt; one that is ignored (nohup) stays ignored."""
    for number in ENDING:
        if signal.getsignal(number) is not signal.SIG_IGN:
            signal.signal(number, signal.default_int_handler)


def open_console() -> Console:
    """A console on standard output, live on a real terminal alone, whatever FORCE_COLOR says.

    A character that the output's encoding lacks is printed as ``?``.
    """
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            with suppress(OSError, ValueError):
                stream.reconfigure(errors="replace")
    stream: Any = _Output(sys.stdout)
    return _Console(
        file=stream,
        force_terminal=sys.stdout.isatty(),
        soft_wrap=True,
        markup=False,
        highlight=False,
        emoji=False,
    )


def print_error(text: str) -> None:
    """A line on standard error, if anybody is left to read it."""
    with suppress(OSError, ValueError):
        print(text, file=sys.stderr, flush=True)


class _Console(Console):
    def on_broken_pipe(self) -> NoReturn:
        """End with :data:`READER_LEFT`; in another thread end that: the run finds out by itself."""
        if threading.current_thread() is threading.main_thread():
            _silence(sys.stdout)
        raise SystemExit(READER_LEFT)


class _Output:
    """A text stream that falls silent when it can no longer be written, as on a closed terminal."""

    def __init__(self, stream: IO[str]) -> None:
        self._stream = stream

    def write(self, text: str) -> int:
        try:
            return self._stream.write(text)
        except BrokenPipeError:
            raise
        except OSError as error:
            self._give_up(error)
            return len(text)

    def flush(self) -> None:
        try:
            self._stream.flush()
        except BrokenPipeError:
            raise
        except OSError as error:
            self._give_up(error)

    def _give_up(self, error: OSError) -> None:
        _silence(self._stream)
        print_error(f"the output cannot be written ({error.strerror}); the run goes on without it")

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)


def _silence(stream: IO[str]) -> None:
    """Send what is still buffered, and all that follows, nowhere."""
    with suppress(OSError, ValueError):
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, stream.fileno())
        os.close(nowhere)
