"""Whole runs under every disturbance, as a table: what was lost, doubled or wrong.

    python -m tests.system.endurance [--moments 200] [--seed 0] [--only kills storage ...]

Real processes in a temporary folder; the same seed draws the same moments. Ends with status 1 if
anything was lost, doubled or wrong, or a run ended otherwise than it should.
"""

from __future__ import annotations

import argparse
import random
import shutil
import signal
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from tests.system.endurance import drivers, kills, methods, storage
from tests.system.endurance.judge import Row, Whole

PARTS = ("kills", "storage", "methods", "drivers")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--moments", type=int, default=200, help="kills (default 200)")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--only", nargs="+", choices=PARTS, default=PARTS, metavar="PART")
    parser.add_argument("--no-ray", action="store_true", help="the serial executor alone")
    given = parser.parse_args()
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:  # of a background job of a shell
        signal.signal(signal.SIGINT, signal.default_int_handler)
    folder, rows, began = Path(tempfile.mkdtemp(prefix="endurance-")), [], time.monotonic()
    for row in disturbed(given, folder):
        row.seconds = time.monotonic() - began
        began = time.monotonic()
        rows.append(row)
        print(line(row), flush=True)
        for fault in row.faults:
            print(f"    FAULT: {fault}", flush=True)
    print("\n" + "\n".join(markdown(rows)))
    good = all(row.good for row in rows)
    if good:
        shutil.rmtree(folder)
    else:
        print(f"the folders are kept: {folder}")
    return 0 if good else 1


def disturbed(given: argparse.Namespace, at: Path) -> Iterator[Row]:
    """Every row, in the order of the table; each part draws from a seed of its own."""
    whole = Whole(at / "whole")
    print(f"undisturbed: {len(whole.numbers)} fits in {whole.seconds:.1f} s", flush=True)
    executors = ("serial",) if given.no_ray else ("serial", "ray")
    for part in given.only:
        chance = random.Random(f"{part} {given.seed}")
        if part == "kills":
            yield from kills.rows(given.moments, chance, whole, at, ray=not given.no_ray)
        elif part == "storage":
            yield from storage.rows(chance, whole, at, ray=not given.no_ray)
        elif part == "methods":
            yield from methods.rows(executors, whole, at)
        else:
            yield from drivers.rows(chance, executors, whole, at)


def line(row: Row) -> str:
    if row.left_out:
        return f"-- {row.name}: not tried: {row.left_out}"
    counts = f"{row.lost} lost, {row.doubled} doubled, {row.wrong} wrong"
    word = "ok" if row.good else "NOT OK"
    return f"{word} {row.name}: {row.tried} tried, {counts} ({row.seconds:.0f} s) {row.note}"


def markdown(rows: list[Row]) -> Iterator[str]:
    yield "| disturbance | tried | lost | doubled | wrong | as expected | |"
    yield "|---|---|---|---|---|---|---|"
    for row in rows:
        if row.left_out:
            yield f"| {row.name} | 0 | | | | | not tried: {row.left_out} |"
            continue
        word = "no" if row.faults else "yes"
        note = row.note.replace("|", "/")
        counts = f"{row.tried} | {row.lost} | {row.doubled} | {row.wrong}"
        yield f"| {row.name} | {counts} | {word} | {note} |"


if __name__ == "__main__":
    sys.exit(main())
