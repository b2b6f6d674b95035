"""The one door: reproduce the tables and figures of Du et al. (ACM MM 2018).

Parses arguments and hands them to the harness; holds no logic.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import Any

from rich.console import Console

from harness import session
from harness.errors import UsageError

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

exit status: 0 all well; 1 a trial failed (the report lists it); 2 wrong usage, before any work;
130 interrupted.
"""


NAMES: dict[str, Any] = {"nargs": "+", "default": []}
YES: dict[str, Any] = {"action": "store_true"}
FLAGS: dict[str, dict[str, dict[str, Any]]] = {
    "what to run": {
        "--protocol": {**NAMES, "metavar": "NAME", "help": "tables and figures, or: all"},
        "--dataset": {
            **NAMES,
            "metavar": "NAME",
            "help": "key[:view,view][@split], or a path to .npz or .mat",
        },
        "--method": {
            **NAMES,
            "metavar": "KEY",
            "help": "only rows whose key or method matches (globs)",
        },
        "--trials": {"type": int, "metavar": "N", "help": "trials a cell (default: the budget's)"},
        "--budget": {
            "choices": ("paper", "preview", "smoke"),
            "help": "paper: 20 trials, the paper's grids; preview: minutes; smoke: one minute",
        },
        "--seed": {
            "type": int,
            "default": 0,
            "metavar": "N",
            "help": "another N draws other splits, labels and weights (default 0)",
        },
        "--data-root": {
            "metavar": "DIR",
            "help": "folder of your licensed data (or SIMVAE_DATA_ROOT)",
        },
    },
    "how to run it": {
        "--executor": {
            "choices": ("ray", "serial"),
            "default": "ray",
            "help": "ray: processes, GPUs, machines; serial: this process (default ray)",
        },
        "--workers": {"type": int, "metavar": "N", "help": "stacks at once (default: all cores)"},
        "--device": {
            "choices": ("auto", "cpu", "cuda"),
            "default": "auto",
            "help": "where to train (default: a GPU if torch sees one)",
        },
        "--gpus-per-job": {
            "type": float,
            "default": 1.0,
            "metavar": "F",
            "help": "GPU share of a stack; 0.25 packs four on one (default 1)",
        },
        "--address": {"metavar": "A", "help": "address of a running Ray cluster"},
    },
    "where things are": {
        "--results": {
            "type": Path,
            "default": session.Options.results,
            "metavar": "DIR",
            "help": "ledger of all fits (default results/)",
        },
        "--reports": {
            "type": Path,
            "default": session.Options.reports,
            "metavar": "DIR",
            "help": "tables and figures (default reports/)",
        },
    },
    "instead of running": {
        "--list": {
            "choices": ("methods", "datasets", "protocols"),
            "help": "what there is, a line each",
        },
        "--dry-run": {**YES, "help": "the plan: fits by cell, stored or stale, core-hours"},
        "--report-only": {**YES, "help": "report what is stored"},
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
    console = Console(soft_wrap=True)
    arguments = parser().parse_args(argv)
    try:
        if arguments.list:
            for key, sentence in session.listing(arguments.list):
                console.print(f"{key:<22} {sentence}", highlight=False, markup=False)
            return 0
        if not arguments.protocol:
            raise UsageError("name a --protocol, for example --protocol table2 (--list protocols)")
        return session.run(_options(arguments, argv), console)
    except UsageError as error:
        print(f"run_all.py: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        return 130


def parser() -> argparse.ArgumentParser:
    """Every flag, with what it means."""
    made = argparse.ArgumentParser(
        prog="run_all.py",
        description="Reproduce the tables and figures of Du et al., ACM MM 2018.",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    for title, flags in FLAGS.items():
        group = made.add_argument_group(title)
        for name, settings in flags.items():
            group.add_argument(name, **settings)
    return made


def _options(arguments: argparse.Namespace, argv: list[str]) -> session.Options:
    values = dict(vars(arguments))
    values.pop("list")
    return session.Options(
        protocols=values.pop("protocol"),
        datasets=values.pop("dataset"),
        methods=values.pop("method"),
        command=argv,
        **values,
    )


if __name__ == "__main__":
    sys.exit(main())
