"""All figures of speed in one table: `make bench` writes benchmarks/RESULTS.md.

    python -m benchmarks.all [--out benchmarks/RESULTS.md] [--repeats 7] [--without scale]

Processor time of one thread; medians of runs that take turns, so that a busy machine slows both
sides of a ratio. About ten minutes. What stands below ``KEPT`` is written by hand and kept.
"""

from __future__ import annotations

import argparse
import datetime
import platform
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import torch

from benchmarks import peers, scale, steps
from benchmarks._measure import ROOT, Row, used
from harness.run.resources import usable_cores
from harness.store import code_digest

OUT = ROOT / "benchmarks" / "RESULTS.md"
KEPT = "<!-- below: written by hand -->"
START = {
    "--help": ["--help"],
    "--list methods": ["--list", "methods"],
    "--list rows": ["--list", "rows", "--protocol", "table2"],
}


def start_up(folder: Path, repeats: int = 3) -> Iterator[Row]:
    """Processor time of commands that do next to nothing, as ratio to importing numpy."""
    where = ["--results", str(folder / "a"), "--reports", str(folder / "b"), "--executor", "serial"]
    nothing = ["--protocol", "table2", "--dataset", "mfeat", "--budget", "smoke", *where]
    nothing += ["--method", "majority"]
    used(["run_all.py", *nothing])
    commands = {name: ["run_all.py", *words] for name, words in START.items()}
    commands |= {
        "a run with nothing to do": ["run_all.py", *nothing],
        "torch": ["-c", "import torch"],
    }
    least = {name: float("inf") for name in ("numpy", *commands)}
    for _ in range(repeats):
        for name, arguments in {"numpy": ["-c", "import numpy"], **commands}.items():
            least[name] = min(least[name], used(arguments).seconds)
    for name in commands:
        what = "import torch" if name == "torch" else name
        ratio = least[name] / least["numpy"]
        yield Row(f"{what}, over `import numpy`", f"{ratio:.1f} ({least[name]:.2f} s)")


def sections(folder: Path, repeats: int) -> dict[str, Callable[[], Iterator[Row]]]:
    """The parts of the table, by title."""
    return {
        "steps": lambda: steps.rows(repeats),
        "peers": lambda: peers.rows(min(repeats, 5)),
        "start": lambda: start_up(folder),
        "scale": lambda: scale.rows(folder / "scale", 103, 139),
    }


TITLES = {
    "steps": "Training steps",
    "peers": "Other implementations of the same",
    "start": "Start",
    "scale": "Plans and ledgers: Table 2 on mfeat, 971 fits a trial",
}


def written(parts: dict[str, list[Row]], kept: str) -> str:
    """The page of results."""
    machine = f"{platform.system()} {platform.machine()}, {usable_cores()} cores"
    when = datetime.datetime.now(datetime.UTC).strftime("%Y-%m-%d")
    lines = [
        "# Measured speed",
        "",
        "Written by `make bench`. One thread, processor time; ratios were measured in one run.",
        "",
        f"{machine}, Python {platform.python_version()}, torch {torch.__version__}; {when}; "
        f"commit {code_digest.revision()}",
    ]
    for name, rows in parts.items():
        lines += ["", f"## {TITLES[name]}", "", "| what | value |", "|---|---|"]
        lines += [f"| {row.what} | {row.value} |" for row in rows]
    return "\n".join([*lines, "", KEPT, kept.strip(), ""])


def main() -> None:
    """Measure everything, print it, write the page."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, default=OUT)
    parser.add_argument("--repeats", type=int, default=7)
    parser.add_argument("--without", nargs="+", default=[], choices=list(TITLES))
    asked = parser.parse_args()
    torch.set_num_threads(1)
    kept = OUT.read_text("utf-8").partition(KEPT)[2] if OUT.is_file() else ""
    parts: dict[str, list[Row]] = {}
    with tempfile.TemporaryDirectory() as scratch:
        for name, measure in sections(Path(scratch), asked.repeats).items():
            if name in asked.without:
                continue
            print(f"{TITLES[name]}:", flush=True)
            parts[name] = []
            for row in measure():
                print(f"  {row.what:<60} {row.value}", flush=True)
                parts[name].append(replace(row, value=row.value.replace("|", "/")))
    asked.out.write_text(written(parts, kept), "utf-8")
    print(f"wrote {asked.out}")


if __name__ == "__main__":
    main()
