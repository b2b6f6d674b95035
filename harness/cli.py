"""Command line: read the flags, do what they ask for, return an exit status.

Slow imports are made where they are needed, so that ``--help`` and ``--list`` answer at once and
Ctrl-C is handled from the start.
"""

from __future__ import annotations

import shlex
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from harness import options as flags
from harness.errors import RunStopped, UsageError
from harness.run import terminal

EXAMPLES = """
examples:
  python run_all.py --protocol table2 --budget smoke
      a check of the installation, about a minute on a laptop
  python run_all.py --protocol table2
      Table 2 on the paper's data if --data-root contains it, else a preview on open data
  python run_all.py --protocol table2 --dataset mfeat:fac,zer --method smvae 'm2*' --trials 5
      two of mfeat's six views, some rows, five trials
  python run_all.py --protocol table2 --method smvae --set smvae.c=10 smvae.hidden=200,100
      SMVAE with other hyper-parameters; the row's title names them
  python run_all.py --protocol table2 --dataset watch@recording --dry-run
      the plan and its cost, under a split with samples of one person in several parts; runs nothing
  python run_all.py --protocol table2 --dataset path/to/my.npz
      your own views and labels, or a published multi-view file (docs/data.md)
  python run_all.py --inspect path/to/my.mat
      what is in it and how it would be read
  python run_all.py --protocol table2 --trials 5 --print-config > mine.toml
  python run_all.py --config mine.toml --trials 10
      store the flags of a run in a file; the command line overrides it, --no-FLAG undoes a switch
  python run_all.py --tune smvae --dataset mfeat --workers 2
      search SMVAE's settings on development draws; writes a file for --config
  python run_all.py --suite core-1 --method my_method --against reference
      your method on the trials of the stored rows, and in their table (docs/sharing.md)
  python run_all.py --why table2/mfeat/smvae/inductive/2
      what this number is made from; --compare A B: what changed between two results folders
  python run_all.py --export results.zip
      all results as one file; --merge results.zip takes it in, on another machine
  python run_all.py --list methods
  python run_all.py --list rows --protocol table2

Every fit is stored under results/ when it ends. Ctrl-C stops a run; rerun the command to resume:
no finished fit is run again. Two runs in one results folder share the work.

exit status: 0 success; 1 a trial failed (the report lists it), --check-data, --compare or --merge
found a difference, the disk is full or Ray failed; 2 wrong usage, before any work; 130 interrupted;
141 the program that read the output closed it.
"""

INTERRUPTED = 130


def main(argv: Sequence[str] | None = None) -> int:
    """Run a command line; return its exit status."""
    argv = sys.argv[1:] if argv is None else list(argv)
    terminal.end_on_signals()
    terminal.replace_unknown_characters()
    try:
        return _run(argv)
    except KeyboardInterrupt as stop:
        terminal.print_error(f"interrupted: {str(stop) or 'finished fits are stored'}")
        terminal.print_error(_resume(argv))
        return INTERRUPTED
    except UsageError as error:
        print(f"run_all.py: {error}", file=sys.stderr)
        return 2
    except RunStopped as stop:
        terminal.print_error(f"run_all.py: {stop}")
        terminal.print_error(_resume(argv))
        return 1


def _resume(argv: Sequence[str]) -> str:
    return f"rerun the command to resume: python run_all.py {shlex.join(argv)}"


def _run(argv: list[str]) -> int:
    options, given = flags.read(argv, EXAMPLES)
    if options.print_config:
        print(flags.to_toml(given), end="")
        return 0
    console, mode = terminal.open_console(), flags.mode_of(options)
    if mode == "run":
        if options.suite:
            given = of_suite(options, given)
            options = flags.Options(**given)
        if not options.protocols:
            raise UsageError("name a --protocol, for example --protocol table2 (--list protocols)")
        return _experiment(argv, given, console)
    if mode == "tune":
        from harness import tune

        return tune.run(replace(options, command=argv), console)
    if mode in OF_DATA:
        return _data(options, console)
    return _stored(options, console)


OF_DATA = {"list", "list rows", "list settings", "simulate", "inspect", "check_data"}
"""Modes that read or write data sets, or name entries; the other modes read results."""


def _data(options: flags.Options, console: Any) -> int:
    if options.listing is not None:
        from harness import listing

        for line in listing.lines(options):
            console.print(line)
        return 0
    from harness import data_tools

    if options.simulate:
        return data_tools.simulate(
            options.simulate, options.out, options.scale, options.seed, console
        )
    if options.inspect is not None:
        return data_tools.inspect(options.inspect, options.data_root, options.data_options, console)
    return data_tools.check_data(options.data_root, options.data_options, console)


def _stored(options: flags.Options, console: Any) -> int:
    """Modes of stored results, which run nothing."""
    if options.report_only is not None:
        from harness.report.publish import rebuild  # needs no data set and no method

        with_what = resolved_against(options)
        return rebuild(options.results, options.reports, options.report_only, with_what, console)
    if options.watch is not None:
        from harness.report.watch import watch

        return watch(options.results, options.reports, options.watch, console)
    if options.why is not None:
        from harness.why import why

        return why(options.why, options.results, options.run, console)
    if options.compare:
        from harness.compare import compare

        return compare(options.compare, console)
    if options.merge:
        from harness import sharing

        return sharing.take(options.merge, options.results, console)
    if options.export is not None:
        from harness import sharing

        return sharing.export(options.export, options.results, options.run, console)
    from harness import suites
    from harness.store.suite import DEFAULT, find_suite

    if options.define_suite is not None:
        return suites.define(options.define_suite, options.results, options.run or "last", console)
    suite = find_suite(options.suite or DEFAULT)
    return suites.submit(options.submit, suite, options.results, options.verified_by, console)


def of_suite(options: flags.Options, given: dict[str, Any]) -> dict[str, Any]:
    """The options ``given`` with those that ``--suite`` fixes. Raises UsageError for another."""
    from harness.store.suite import find_suite

    suite = find_suite(options.suite or "")
    fixed = suite.flags()
    for name in fixed.keys() & given.keys():
        some = name == "datasets" and all(suite.has(data) for data in given[name])
        if not some and given[name] != fixed[name]:
            flag = flags.flags()[name].name
            raise UsageError(f"{flag} is fixed by --suite {suite.name}; leave it out")
    return {**fixed, **given}


def resolved_against(options: flags.Options) -> str | None:
    """What ``--against`` names: a folder by its whole path, a suite by its name; None if nothing.

    Raises UsageError where there is no such folder or suite.
    """
    if options.against is None:
        return None
    from harness.store.suite import DEFAULT, STORED, find_suite

    folder = Path(options.against).expanduser()
    if (folder / "runs").is_dir():
        return str(folder.resolve())
    name = (options.suite or DEFAULT) if options.against == "reference" else options.against
    suite = find_suite(name)
    return suite.name if suite.folder.parent == STORED else str(suite.folder.resolve())


def _experiment(argv: list[str], given: dict[str, Any], console: Any) -> int:
    from harness import experiment
    from harness.store.store import StoreError

    # A report prints its command; it must not depend on a settings file.
    command = flags.to_arguments(given) if "config" in given else argv
    try:
        options = flags.Options(**given, command=command)
        return experiment.run(replace(options, against=resolved_against(options)), console)
    except StoreError as error:
        terminal.print_error(f"run_all.py: {error}; fix this and rerun the command to resume")
        return 1
