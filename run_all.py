"""The one door: reproduce the tables and figures of Du et al. (ACM MM 2018).

Parses arguments and hands them to the harness; holds no logic.
"""

from __future__ import annotations

import argparse
import shlex
import signal
import sys
from io import TextIOWrapper
from pathlib import Path
from typing import Any, NoReturn

from rich.console import Console

EXAMPLES = """
examples:
  python run_all.py --protocol table2 --budget smoke
      a minute on a laptop: does everything work here?
  python run_all.py --protocol table2
      Table 2 on the paper's data if --data-root holds it, else a preview on open data
  python run_all.py --protocol table2 --dataset mfeat:fac,zer --method smvae 'm2*' --trials 5
      two of mfeat's six views, some rows, five trials
  python run_all.py --protocol table2 --dataset watch@recording --dry-run
      the plan and its cost, under a split that leaks people; nothing is run
  python run_all.py --protocol table2 --dataset path/to/my.npz
      your own views and labels (docs/data.md says how to store them)
  python run_all.py --list methods

Work is stored the moment a fit ends, under results/. Stop a run when you like (Ctrl-C): the same
command goes on where it stopped, and never runs a finished fit again.

exit status: 0 all well; 1 a trial failed (the report lists it) or the disk is full; 2 wrong usage,
before any work; 130 interrupted.
"""


NAMES: dict[str, Any] = {"nargs": "+"}
YES: dict[str, Any] = {"action": "store_true"}
FLAGS: dict[str, dict[str, dict[str, Any]]] = {
    "what to run": {
        "--protocol": {
            **NAMES,
            "dest": "protocols",
            "metavar": "NAME",
            "help": "tables and figures, or: all",
        },
        "--dataset": {
            **NAMES,
            "dest": "datasets",
            "metavar": "NAME",
            "help": "key[:view,view][@split], or a path to .npz or .mat",
        },
        "--method": {
            **NAMES,
            "dest": "methods",
            "metavar": "KEY",
            "help": "only rows whose key, or first method, matches (globs)",
        },
        "--without": {
            **NAMES,
            "action": "extend",
            "metavar": "ROW",
            "help": "leave out rows whose key matches (globs), as svm_all_labels; may be repeated",
        },
        "--label-percent": {
            **NAMES,
            "type": float,
            "metavar": "P",
            "help": "only these columns, in percent of the training rows (default: all)",
        },
        "--missing-view": {
            **NAMES,
            "dest": "missing_views",
            "metavar": "VIEW",
            "help": "views that rows may lack, figures 3 to 6 (default: all but the first)",
        },
        "--missing-at-test": {
            "type": float,
            "metavar": "F",
            "help": "share of test rows that lack them too (default 0, as the paper)",
        },
        "--trials": {"type": int, "metavar": "N", "help": "trials a cell (default: the budget's)"},
        "--epochs": {
            "type": int,
            "metavar": "N",
            "help": "train every net for N epochs, without early stopping (default: the budget's)",
        },
        "--budget": {
            "choices": ("paper", "preview", "smoke"),
            "help": "paper: 20 trials, the paper's grids; preview: minutes; smoke: one minute",
        },
        "--seed": {
            "type": int,
            "metavar": "N",
            "help": "another N draws other splits, labels and weights (default 0)",
        },
        "--data-option": {
            **NAMES,
            "dest": "data_options",
            "metavar": "KEY.NAME=VALUE",
            "help": "a choice that a data set offers; docs/data.md lists them",
        },
        "--data-root": {
            "metavar": "DIR",
            "help": "folder of your licensed data (or SIMVAE_DATA_ROOT)",
        },
    },
    "how to run it": {
        "--executor": {
            "choices": ("ray", "serial"),
            "help": "ray: processes, GPUs, machines; serial: this process (default ray)",
        },
        "--workers": {"type": int, "metavar": "N", "help": "stacks at once (default: all cores)"},
        "--device": {
            "choices": ("auto", "cpu", "cuda"),
            "help": "where to train (default: a GPU if torch sees one)",
        },
        "--gpus-per-job": {
            "type": float,
            "metavar": "F",
            "help": "GPU share of a stack; 0.25 packs four on one (default 1)",
        },
        "--address": {"metavar": "A", "help": "address of a running Ray cluster"},
    },
    "where things are": {
        "--results": {
            "type": Path,
            "metavar": "DIR",
            "help": "ledger of all fits (default results/)",
        },
        "--reports": {
            "type": Path,
            "metavar": "DIR",
            "help": "tables and figures (default reports/)",
        },
    },
    "instead of running": {
        "--list": {
            "choices": ("methods", "datasets", "protocols"),
            "help": "what there is, a line each",
        },
        "--check-data": {
            **YES,
            "help": "the receipt of what lies under --data-root",
        },
        "--make-twin": {
            "choices": ("seed", "deap"),
            "help": "simulated files of that form, to rehearse on (with --out)",
        },
        "--out": {"type": Path, "metavar": "DIR", "help": "folder for --make-twin"},
        "--scale": {
            "type": float,
            "metavar": "F",
            "help": "share of the subjects of a twin (default 1, all)",
        },
        "--dry-run": {**YES, "help": "the plan: fits by cell, stored or stale, core-hours"},
        "--report-only": {
            "nargs": "?",
            "const": "last",
            "metavar": "RUN",
            "help": "rebuild reports from results/ alone: of the last run, of the one whose id "
            "begins with RUN, or of all; with --protocol, plan first and report what is stored",
        },
    },
    "stored work": {
        "--retry-failed": {**YES, "help": "run failed fits again"},
        "--accept-stale": {
            **YES,
            "help": "keep records made by other code; the report stamps them",
        },
        "--force": {**YES, "help": "run everything again, superseding what is stored"},
        "--yes": {**YES, "help": "run a plan of more than 8 core-hours"},
    },
}


def main(argv: list[str] | None = None) -> int:
    """Run one command line; returns its exit status."""
    argv = sys.argv[1:] if argv is None else argv
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # ends a run as Ctrl-C does
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):  # a terminal in latin-1 or ascii costs no table
            stream.reconfigure(errors="replace")
    try:
        return _run(argv)
    except KeyboardInterrupt as stop:
        print(f"interrupted: {str(stop) or 'what had ended is stored'}", file=sys.stderr)
        print(f"the same command goes on: python run_all.py {shlex.join(argv)}", file=sys.stderr)
        return 130


def _run(argv: list[str]) -> int:
    if "--report-only" in argv and "--protocol" not in argv:
        return _report(argv)
    from harness import (  # a second or more: Ctrl-C may come while they load
        data_tools,
        experiment,
        registry,
    )
    from harness.errors import UsageError
    from harness.store.store import StoreError

    console = _console()
    arguments, rest = parser().parse_known_args(argv)
    given = vars(arguments)
    try:
        if rest:
            flags = [flag for group in FLAGS.values() for flag in group]
            raise UsageError(registry.unknown("argument", rest[0], flags))
        if kind := given.pop("list", None):
            for key, sentence in experiment.listing(kind):
                console.print(f"{key:<22} {sentence}")
            return 0
        if given.pop("check_data", False):
            root, options = given.get("data_root"), given.get("data_options", ())
            return data_tools.check_data(root, options, console)
        out, scale = given.pop("out", None), given.pop("scale", 1.0)
        if twin := given.pop("make_twin", None):
            return data_tools.make_twin(twin, out, scale, given.get("seed", 0), console)
        if "protocols" not in given:
            raise UsageError("name a --protocol, for example --protocol table2 (--list protocols)")
        return experiment.run(experiment.Options(**given, command=argv), console)
    except UsageError as error:
        print(f"run_all.py: {error}", file=sys.stderr)
        return 2
    except StoreError as error:
        print(f"run_all.py: {error}; mend that and give the same command", file=sys.stderr)
        return 1


def _report(argv: list[str]) -> int:
    """Write reports from what is stored; imports no data set, no method and no protocol."""
    from harness.errors import UsageError
    from harness.report.publish import rebuild

    given = vars(parser().parse_args(argv))
    root = Path(__file__).resolve().parent
    try:
        if unused := given.keys() - {"report_only", "results", "reports"}:
            flag = "--" + sorted(unused)[0].replace("_", "-")
            raise UsageError(f"--report-only without --protocol does not use {flag}; leave it out")
        results = given.get("results", root / "results")
        reports = given.get("reports", root / "reports")
        return rebuild(results, reports, given["report_only"], _console())
    except UsageError as error:
        print(f"run_all.py: {error}", file=sys.stderr)
        return 2


def _console() -> Console:
    return Console(soft_wrap=True, markup=False, highlight=False, emoji=False)


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        self.exit(2, f"run_all.py: {message}; --help shows every flag\n")


def parser() -> argparse.ArgumentParser:
    """Every flag, with what it means."""
    made = _Parser(
        prog="run_all.py",
        description="Reproduce the tables and figures of Du et al., ACM MM 2018.",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        argument_default=argparse.SUPPRESS,  # experiment.Options holds the defaults
        allow_abbrev=False,
    )
    for title, flags in FLAGS.items():
        group = made.add_argument_group(title)
        for name, settings in flags.items():
            group.add_argument(name, **settings)
    return made


if __name__ == "__main__":
    sys.exit(main())
