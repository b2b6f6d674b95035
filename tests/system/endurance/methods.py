"""Methods that misbehave: each fit at fault fails alone, with its reason."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from tests.system.command_line import CHEAP, lines, places, run
from tests.system.endurance.judge import EXECUTORS, Row, Whole, last

LOST = "its worker was lost 3 times"
WORDS = {
    "raises": ("a method that raises", "ArithmeticError", ()),
    "nan": ("a method that returns NaN", "not finite", ()),
    "shapes": ("a method that returns wrong shapes", "one class per row", ()),
    "quits": ("a method that calls sys.exit", "SystemExit", ()),
    "exits": ("a method that calls os._exit", "SystemExit: os._exit(3)", ()),
    "leaks": ("a method that leaks 8 GiB, limit 1.5 GiB", "--fit-memory", ("--fit-memory", "1.5")),
    "hangs": ("a method that hangs", "--fit-timeout", ("--fit-timeout", "0.1")),
    "spins": ("a method that hangs in C", "--fit-timeout", ("--fit-timeout", "0.1")),
    "prints": ("a method that prints 16 MiB", "", ()),
}
"""Fault -> title, a word of the reason ("" where no fit fails), flags."""
SAME_ON_RAY = ("raises", "nan", "shapes")


def rows(executors: tuple[str, ...], whole: Whole, at: Path) -> Iterator[Row]:
    for fault in WORDS:
        for executor in executors:
            if executor == "ray" and fault in SAME_ON_RAY:
                continue  # inside a worker nothing of Ray is met
            if executor == "serial" and fault == "spins":
                continue  # docs/decisions/0065: it cannot be ended from its own process
            yield misbehaves(fault, executor, whole, at / f"{fault}-{executor}")


def misbehaves(fault: str, executor: str, whole: Whole, folder: Path) -> Row:
    title, word, flags = WORDS[fault]
    row = Row(f"{title}, {executor}", tried=1)
    done = run(*CHEAP, *EXECUTORS[executor], *places(folder), *flags, fault=fault)
    row.expect(done.returncode == (1 if word else 0), f"exit status {done.returncode}")
    row.expect("Traceback" not in done.stderr, f"a traceback: {last(done.stderr)}")
    bad = [line for line in lines(folder) if line["status"] == "failed"]
    row.expect(len(bad) == bool(word), f"{len(bad)} fits failed: {last(done.stderr)}")
    for line in bad:
        lost = fault in ("quits", "exits") and executor == "ray"  # there it ends its worker
        row.expect((LOST if lost else word) in line["reason"], f"the reason is: {line['reason']}")
        row.note = line["reason"][:110]
    whole.judge(row, folder, failed=int(bool(word)))
    return row
