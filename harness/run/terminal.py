"""The output of a run, which may be closed, and the signals that end it.

A closed output or terminal neither prints a traceback nor loses a fit.
"""

from __future__ import annotations

import io
import os
import signal
import sys
import threading
from contextlib import suppress
from typing import IO, TYPE_CHECKING, Any, NoReturn

if TYPE_CHECKING:
    from rich.console import Console

ENDING: tuple[int, ...] = tuple(
    getattr(signal, name) for name in ("SIGTERM", "SIGHUP") if hasattr(signal, name)
)
"""Signals that end a run as Ctrl-C does: finished fits are stored; the command resumes it."""
READER_LEFT = 128 + 13
"""Exit status if the reader closed the pipe (``| head``), as for other programs."""


def end_on_signals() -> None:
    """Let :data:`ENDING` raise KeyboardInterrupt; one that is ignored (nohup) stays ignored."""
    for number in ENDING:
        if signal.getsignal(number) is not signal.SIG_IGN:
            signal.signal(number, signal.default_int_handler)


def open_console() -> Console:
    """A console on standard output, live only on a real terminal, also under FORCE_COLOR.

    A character that the output's encoding lacks is printed as ``?``.
    """
    from rich import console  # not before it is needed: --help answers at once

    class Output(console.Console):
        def on_broken_pipe(self) -> NoReturn:
            """End with READER_LEFT; in another thread end that: the run finds out by itself."""
            if threading.current_thread() is threading.main_thread():
                _silence(sys.stdout)
            raise SystemExit(READER_LEFT)

    replace_unknown_characters()
    stream: Any = _Output(sys.stdout)
    return Output(
        file=stream,
        force_terminal=sys.stdout.isatty(),
        soft_wrap=True,
        markup=False,
        highlight=False,
        emoji=False,
    )


def replace_unknown_characters() -> None:
    """Let standard output and error print ``?`` for a character that their encoding lacks."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            with suppress(OSError, ValueError):
                stream.reconfigure(errors="replace")


def print_error(text: str) -> None:
    """Print a line on standard error; nothing happens if that is closed."""
    with suppress(OSError, ValueError):
        print(text, file=sys.stderr, flush=True)


class _Output:
    """A text stream that drops its output once it cannot be written, as on a closed terminal."""

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
        print_error(f"the output cannot be written ({error.strerror}); the run continues")

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)


def _silence(stream: IO[str]) -> None:
    """Redirect the stream, with what is still buffered, to the null device."""
    with suppress(OSError, ValueError):
        null = os.open(os.devnull, os.O_WRONLY)
        os.dup2(null, stream.fileno())
        os.close(null)
