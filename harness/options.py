"""Every flag of the command line, declared once: name, type, default, meaning.

The parser, ``--help``, the defaults and the keys of a ``--config`` file are made from the fields of
:class:`Options`, so that a new flag is one field here. Imports the standard library only, so that
``--help`` answers at once.
"""

from __future__ import annotations

import argparse
import json
import math
import sys
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from functools import cache, partial
from pathlib import Path
from types import NoneType, UnionType
from typing import Any, Literal, NoReturn, get_args, get_origin, get_type_hints

from harness.errors import UsageError, unknown

ROOT = Path(__file__).resolve().parent.parent


@dataclass(frozen=True)
class Flag:
    """The flag of a field of :class:`Options`.

    ``name``   with its dashes; without them it is the key in a ``--config`` file.
    ``old``    former names: hidden, accepted with a notice for one release.
    ``low``    smallest allowed value of a number.
    ``alone``  value if the flag is given without one; None if a value is required.
    """

    group: str
    help: str
    metavar: str | None
    name: str = ""
    old: tuple[str, ...] = ()
    low: float | None = None
    alone: str | None = None

    @property
    def key(self) -> str:
        return self.name.removeprefix("--")


def _flag(group: str, default: Any, help: str, metavar: str | None = None, **more: Any) -> Any:
    """A field of Options; ``more`` are further fields of :class:`Flag`.

    ``name`` is needed only where the flag is not called as the field.
    """
    return field(default=default, metadata={"flag": Flag(group, help, metavar, **more)})


WHAT = "what to run"
"""The group of the flags that tell one run from another."""
_what = partial(_flag, WHAT)
_how = partial(_flag, "how to run it")
_where = partial(_flag, "where things are")
_instead = partial(_flag, "instead of running")
_tune = partial(_flag, "tuning")
_results = partial(_flag, "stored results: why, compare, share")
_stored = partial(_flag, "stored work")
_keep = partial(_flag, "settings files")

Names = tuple[str, ...]


@dataclass(frozen=True)
class Options:
    """All settings of ``run_all.py``; see its ``--help``.

    ``command``  arguments that repeat the run, for its report.
    """

    command: Sequence[str] = ()

    protocols: Names = _what((), "tables and figures, or: all", "NAME", name="--protocol")
    datasets: Names = _what(
        (),
        "key[:view,view][@split]; a key, or a path to a .npz, .mat or folder",
        "NAME",
        name="--dataset",
    )
    methods: Names = _what(
        (), "only rows whose key or first method matches (globs)", "KEY", name="--method"
    )
    without: Names = _what((), "leave out rows whose key matches (globs)", "ROW")
    settings: Names = _what(
        (),
        "fix a hyper-parameter, for example smvae.c=10 (--list settings)",
        "METHOD.NAME=VALUE",
        name="--set",
    )
    label_percent: tuple[float, ...] = _what(
        (),
        "columns of a table: percent of the training samples with a label, in place of 2, 5, 10 "
        "(licensed data: 1, 2, 3)",
        "P",
    )
    labels_per_class: tuple[int, ...] = _what(
        (),
        "columns of a table: so many labelled samples of every class, in place of percent",
        "N",
        low=1,
    )
    missing_views: Names = _what(
        (),
        "views that may be missing in figures 3 to 6 (default: all but the first)",
        "VIEW",
        name="--missing-view",
    )
    missing_at_test: float = _what(
        0.0, "share of test samples with missing views (default 0, as in the paper)", "F"
    )
    absent_views: str = _what(
        "ridge_impute",
        "how methods run that cannot read absent views, where samples lack some: behind this "
        "imputer, or on the samples that have every view (default ridge_impute)",
        "IMPUTER|complete",
    )
    trials: int | None = _what(None, "trials per cell (default: the budget's)", "N", low=1)
    epochs: int | None = _what(
        None,
        "train every network for N epochs without early stopping (default: the budget's)",
        "N",
        low=1,
    )
    budget: Literal["paper", "preview", "smoke"] | None = _what(
        None,
        "paper: 20 trials, the paper's grids, hours to days; preview: 3 trials, default settings, "
        "about half an hour for Table 2; smoke: 1 trial, about a minute",
    )
    seed: int = _what(0, "seed of splits, labels and initial weights (default 0)", "N")
    data_options: Names = _what(
        (),
        "an option of a data set, for example deap.filter=both (docs/data.md)",
        "KEY.NAME=VALUE",
        name="--data-option",
    )
    data_root: str | None = _what(
        None,
        "folder of your copies of seed, deap, eegmat, emoeeg_mc (or SIMVAE_DATA_ROOT)",
        "DIR",
    )

    suite: str | None = _what(
        None,
        "run exactly the trials of a suite, for example core-1: its data, columns, trials, seed "
        "and budget (docs/sharing.md); --dataset may name some of its data",
        "NAME",
    )

    executor: Literal["ray", "serial"] | None = _how(
        None, "ray: several processes, GPUs or machines; serial: this process (default: by cost)"
    )
    workers: int | None = _how(None, "parallel fits (default: all cores)", "N", low=1)
    device: Literal["auto", "cpu", "cuda"] = _how(
        "auto", "where to train (default: a GPU if torch finds one)"
    )
    gpus_per_job: float = _how(
        1.0, "GPUs for each group of fits; 0.25: four groups on one GPU (default 1)", "F"
    )
    address: str | None = _how(None, "address of a running Ray cluster", "A")
    fit_timeout: float | None = _how(
        None,
        "end a fit that takes longer (default: 20 times its estimate, at least 30 minutes)",
        "MINUTES",
    )
    fit_memory: float | None = _how(
        None,
        "end a fit whose process holds more memory (default: nine tenths of what is available)",
        "GIB",
    )

    results: Path = _where(ROOT / "results", "records of all fits (default results/)", "DIR")
    reports: Path = _where(ROOT / "reports", "tables and figures (default reports/)", "DIR")

    listing: Literal["methods", "datasets", "protocols", "rows", "settings"] | None = _instead(
        None,
        "list entries, one per line; rows: of --protocol, with optional rows; settings: "
        "hyper-parameters of --method, or of all methods",
        name="--list",
    )
    check_data: bool = _instead(
        False, "check the files under --data-root against the published counts"
    )
    inspect: str | None = _instead(
        None, "what is in your own file, or another --dataset, and how it would be read", "FILE"
    )
    simulate: Literal["seed", "deap", "emoeeg_mc"] | None = _instead(
        None,
        "write simulated files in that format, to try commands without the data (with --out)",
        old=("--make-twin",),
    )
    out: Path | None = _instead(None, "folder for --simulate", "DIR")
    scale: float = _instead(1.0, "share of the subjects to simulate (default 1: all)", "F")
    dry_run: bool = _instead(
        False, "print the plan: stored, stale and remaining fits by cell, core-hours"
    )
    report_only: str | None = _instead(
        None,
        "rebuild reports from results/ alone: last (default), all, or the run whose id starts "
        "with RUN; with --protocol, make a plan first and report what is stored",
        "RUN",
        alone="last",
    )
    watch: str | None = _instead(
        None,
        "while a run goes on elsewhere: rebuild its reports as records arrive, with pages that "
        "reload, until it ends: last (default), or the run whose id starts with RUN",
        "RUN",
        alone="last",
    )

    tune: str | None = _tune(
        None,
        "search the settings of a classifier on development draws, by tuning accuracy, and write a "
        "file that --config takes (--list settings shows what is searched)",
        "METHOD",
    )
    tune_settings: int = _tune(30, "how many settings to try, the default among them", "N", low=2)
    tune_draws: int = _tune(4, "development draws that score a setting", "N", low=1)
    tune_hours: float | None = _tune(None, "stop the search after so many core-hours", "H")
    tuned: str = _tune(
        "", "how --set was chosen, printed under tables and figures; --tune writes it", "TEXT"
    )

    why: str | None = _results(
        None,
        "what a stored number is made from, and how the most similar other run differs: "
        "table2/mfeat/smvae/inductive/2 (protocol, data, row, block, percent; a trial may follow)",
        "ADDRESS",
    )
    compare: Names = _results(
        (), "two results folders: which numbers differ, and what has changed behind them", "RESULTS"
    )
    against: str | None = _results(
        None,
        "show the rows of this run (or of --report-only) beside stored rows on identical trials: "
        "another results folder, a suite, or reference (core-1)",
        "RESULTS|reference",
    )
    export: Path | None = _results(
        None, "write records, arrays and runs of --results to one file", "FILE"
    )
    merge: Names = _results(
        (),
        "take archives or results folders into --results; what is there already is left out",
        "FROM",
    )
    run: str | None = _results(
        None, "with --export, --why or --define-suite: the run whose id starts with RUN", "RUN"
    )
    submit: Names = _results(
        (), "write the file of a row that ran on a --suite (CONTRIBUTING.md)", "ROW"
    )
    verified_by: str | None = _results(
        None, "with --submit: mark stored rows whose values this second run has", "NAME"
    )
    define_suite: Path | None = _results(
        None, "write the suite of the last run's trials (or of --run) to a folder", "DIR"
    )

    retry_failed: bool = _stored(False, "run failed fits again")
    accept_stale: bool = _stored(False, "use records made by other code; the report marks them")
    force: bool = _stored(False, "run everything again and supersede stored results")
    yes: bool = _stored(False, "run a plan above 8 core-hours")

    config: Path | None = _keep(
        None, "read flags from FILE, for example trials = 5; other flags override it", "FILE.toml"
    )
    print_config: bool = _keep(False, "print the given flags as a --config file; run nothing")


OF_FILES = ("config", "print_config")
"""Fields that a settings file must not contain."""


@cache
def flags() -> dict[str, Flag]:
    """Field name -> flag, in the order of ``--help``."""
    named = {}
    for item in fields(Options):
        if flag := item.metadata.get("flag"):
            name = flag.name or "--" + item.name.replace("_", "-")
            named[item.name] = replace(flag, name=name)
    return named


@dataclass(frozen=True)
class Kind:
    """A field's type: one or several values of type ``base``; ``choices`` lists allowed values."""

    base: type
    several: bool
    choices: tuple[str, ...]


@cache
def kinds() -> dict[str, Kind]:
    """Field name -> type, from the annotations of Options."""
    hints = get_type_hints(Options)
    return {name: _kind(hints[name]) for name in flags()}


def _kind(hint: Any) -> Kind:
    if isinstance(hint, UnionType) or NoneType in get_args(hint):
        (hint,) = (part for part in get_args(hint) if part is not NoneType)
    if get_origin(hint) is tuple:
        return Kind(get_args(hint)[0], True, ())
    if get_origin(hint) is Literal:
        return Kind(str, False, get_args(hint))
    return Kind(hint, False, ())


# ---------------------------------------------------------------- the command line


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        self.exit(2, f"run_all.py: {message}; --help shows every flag\n")


class _Renamed(argparse.Action):
    """A former name of a flag: stores the value as the new name does and prints a notice."""

    def __call__(
        self, parser: Any, namespace: Any, values: Any, option_string: str | None = None
    ) -> None:
        name = flags()[self.dest].name
        print(f"run_all.py: {option_string} is now called {name}", file=sys.stderr)
        setattr(namespace, self.dest, True if self.nargs == 0 else values)


def parser(epilog: str = "") -> argparse.ArgumentParser:
    """A parser of every flag; flags that are not given are absent: Options has the defaults."""
    root = _Parser(
        prog="run_all.py",
        description="Reproduce the tables and figures of Du et al., ACM MM 2018.",
        epilog=epilog,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        argument_default=argparse.SUPPRESS,
        allow_abbrev=False,
    )
    groups: dict[str, Any] = {}
    for dest, flag in flags().items():
        if flag.group not in groups:
            groups[flag.group] = root.add_argument_group(flag.group)
        group, kind = groups[flag.group], kinds()[dest]
        shape: dict[str, Any] = {"type": kind.base, "metavar": flag.metavar}
        if kind.base is bool:
            shape = {"action": "store_true"}
            hidden = {"action": "store_false", "dest": dest, "help": argparse.SUPPRESS}
            group.add_argument(f"--no-{flag.key}", **hidden)  # undoes a line of a settings file
        elif kind.several:
            shape |= {"nargs": "+", "action": "extend"}
        elif kind.choices:
            shape = {"choices": kind.choices}
        elif flag.alone is not None:
            shape |= {"nargs": "?", "const": flag.alone}
        group.add_argument(flag.name, dest=dest, help=flag.help, **shape)
        renamed = {"action": _Renamed, "dest": dest, "help": argparse.SUPPRESS}
        for old in flag.old:
            more = {"nargs": 0} if kind.base is bool else {"type": kind.base}
            group.add_argument(old, **renamed, **more)
    return root


def read(argv: Sequence[str], epilog: str = "") -> tuple[Options, dict[str, Any]]:
    """The options of ``argv``, and those given there or in its settings file, by field name.

    Raises UsageError for an unknown name or value and for a flag without effect; SystemExit where
    argparse ends the process, for example after ``--help``.
    """
    namespace, rest = parser(epilog).parse_known_args(argv)
    typed: dict[str, Any] = {
        name: tuple(value) if kinds()[name].several else value
        for name, value in vars(namespace).items()
    }
    if rest:
        if not rest[0].startswith("-"):
            raise UsageError(f"'{rest[0]}' follows no flag; for example --protocol {rest[0]}")
        raise UsageError(unknown("argument", rest[0], [flag.name for flag in flags().values()]))
    _check_ranges(typed)
    filed = from_file(typed["config"]) if "config" in typed else {}
    given = filed | typed
    # A file is checked by itself, since the command line may change what its flags affect.
    check_effects(filed, Options(**filed))
    options = Options(**given)
    if options.label_percent and options.labels_per_class:
        raise UsageError(
            "--label-percent and --labels-per-class both say how many labels there are; leave one "
            "out"
        )
    check_effects(typed, options)
    return options, given


# ---------------------------------------------------------------- settings files


def from_file(path: Path) -> dict[str, Any]:
    """Options by field name from a TOML file whose keys are flags without their dashes.

    Raises UsageError for a file that cannot be read, an unknown key and a value of another type.
    """
    try:
        table = tomllib.loads(path.read_text("utf-8"))
    except OSError as error:
        raise UsageError(f"--config {path} cannot be read ({error.strerror})") from error
    except ValueError as error:  # not TOML, or not UTF-8
        raise UsageError(f"--config {path} is not TOML: {error}") from error
    fields_of = {flag.key: dest for dest, flag in flags().items() if dest not in OF_FILES}
    given = {}
    for key, value in table.items():
        if key not in fields_of:
            raise UsageError(f"{path}: {unknown('setting', key, fields_of)}")
        given[fields_of[key]] = _from_toml(f"{path}: {key}", kinds()[fields_of[key]], value)
    _check_ranges(given)
    return given


def _from_toml(what: str, kind: Kind, value: Any) -> Any:
    if kind.several:
        values = value if isinstance(value, list) else [value]
        return tuple(_from_toml(what, Kind(kind.base, False, ()), item) for item in values)
    if kind.choices and value not in kind.choices:
        raise UsageError(f"{what} must be one of {', '.join(kind.choices)}, not {value!r}")
    if kind.base is Path and isinstance(value, str):
        return Path(value)
    if kind.base is float and type(value) is int:
        return float(value)
    if type(value) is not kind.base:
        words = {str: "text in quotes", bool: "true or false", Path: "a path in quotes"}
        wanted = words.get(kind.base, {int: "a whole number", float: "a number"}.get(kind.base))
        raise UsageError(f"{what} must be {wanted}, not {value!r}")
    return value


def to_toml(given: Mapping[str, Any]) -> str:
    """A settings file with the flags ``given``; every other flag is a comment with its help."""
    lines = ["# python run_all.py --config FILE.toml repeats this; other flags override it."]
    named = {dest: flag for dest, flag in flags().items() if dest not in OF_FILES}
    lines += toml_lines(given)
    group = ""
    for dest, flag in named.items():
        if dest in given:
            continue
        if flag.group != group:
            group = flag.group
            lines += ["", f"# {group}, not set:"]
        lines.append(f"# {flag.key}: {flag.help}")
    return "\n".join(lines) + "\n"


def toml_lines(given: Mapping[str, Any]) -> list[str]:
    """The lines of a settings file that set ``given``, by field name, in the order of the flags."""
    there = [dest for dest in flags() if dest in given and dest not in OF_FILES]
    return [f"{flags()[dest].key} = {_toml(given[dest])}" for dest in there]


def _toml(value: Any) -> str:
    if isinstance(value, tuple):
        return f"[{', '.join(map(_toml, value))}]"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, int | float):
        return repr(value)
    return json.dumps(str(value), ensure_ascii=False).replace("\x7f", "\\u007f")


def to_arguments(given: Mapping[str, Any]) -> list[str]:
    """The command-line arguments for ``given``, without a settings file."""
    words: list[str] = []
    for dest, flag in flags().items():
        if dest not in given or dest in OF_FILES or given[dest] is False:
            continue
        value = given[dest]
        words.append(flag.name)
        if value is not True:
            words += map(str, value if isinstance(value, tuple) else [value])
    return words


# ---------------------------------------------------------------- what is refused


def _check_ranges(given: Mapping[str, Any]) -> None:
    for dest, value in given.items():
        flag = flags()[dest]
        for number in value if isinstance(value, tuple) else (value,):
            if flag.low is not None and not number >= flag.low:
                raise UsageError(f"{flag.name} must be at least {flag.low:g}, not {number:g}")
    share = given.get("gpus_per_job", 1.0)
    if not 0 < share < math.inf or (share > 1 and share != int(share)):
        raise UsageError(f"--gpus-per-job must be a share up to 1 or a whole number, not {share:g}")
    minutes = given.get("fit_timeout", 1.0)
    if not 0 < minutes < math.inf:
        raise UsageError(f"--fit-timeout must be a number of minutes above 0, not {minutes:g}")
    gib = given.get("fit_memory", 1.0)
    if not 0 < gib < math.inf:
        raise UsageError(f"--fit-memory must be a number of GiB above 0, not {gib:g}")
    for percent in given.get("label_percent", ()):
        if not 0 < percent <= 100:
            raise UsageError(f"--label-percent must be above 0 and at most 100, not {percent:g}")


ALWAYS = {*OF_FILES, "results", "reports"}
"""Allowed with every other flag, so that one settings file serves all purposes."""
OF_DATA = {"data_root", "data_options"}
USED_BY = {
    "list": {"listing"},
    "list rows": {"listing", "protocols", "datasets", "methods", *OF_DATA},
    "list settings": {"listing", "methods"},
    "check_data": {"check_data", *OF_DATA},
    "inspect": {"inspect", *OF_DATA},
    "simulate": {"simulate", "out", "scale", "seed"},
    "tune": {
        "tune",
        "dry_run",
        "tune_settings",
        "tune_draws",
        "tune_hours",
        "datasets",
        "settings",
        "budget",
        "epochs",
        "label_percent",
        "seed",
        "workers",
        "device",
        "gpus_per_job",
        "address",
        *OF_DATA,
    },
    "why": {"why", "run"},
    "compare": {"compare"},
    "export": {"export", "run"},
    "merge": {"merge"},
    "submit": {"submit", "suite", "verified_by"},
    "define_suite": {"define_suite", "run"},
    "report only": {"report_only", "against"},
    "watch": {"watch"},
}
"""Fields of Options that each mode other than a run uses."""
NEEDS = {"run": "--export, --why or --define-suite", "verified_by": "--submit"}
"""Fields that have an effect only with another flag."""


def check_effects(given: Mapping[str, Any], options: Options) -> None:
    """Raise UsageError if a flag in ``given`` has no effect with the other ``options``."""
    for dest in given:
        if reason := _without_effect(dest, options):
            raise UsageError(f"{flags()[dest].name} has no effect {reason}; leave it out")


def _without_effect(dest: str, options: Options) -> str:
    """Which other flag, given or missing, makes ``dest`` ineffective; "" if it has an effect."""
    if dest in ALWAYS or getattr(options, dest) is False:
        return ""
    mode = mode_of(options)
    if mode in USED_BY:
        if dest in USED_BY[mode]:
            return ""
        if mode == "report only":
            return "with --report-only, unless --protocol is named"
        return f"with --{mode.replace('_', '-')}"
    if dest in {"out", "scale"}:
        return "without --simulate"
    if dest in {"tune_settings", "tune_draws", "tune_hours"}:
        return "without --tune"
    if dest == "tuned" and not options.settings:
        return "without --set, of which it tells how it was chosen"
    if dest in NEEDS:
        return f"without {NEEDS[dest]}"
    if options.executor == "serial" and dest in {"workers", "gpus_per_job", "address"}:
        return "with --executor serial"
    if options.device == "cpu" and dest == "gpus_per_job":
        return "with --device cpu"
    if options.report_only and dest in {"force", "retry_failed", "accept_stale"}:
        return "with --report-only"
    return ""


def mode_of(options: Options) -> str:
    """What the command asks for: a key of ``USED_BY``, ``list`` or ``run``."""
    if options.simulate is not None:
        return "simulate"
    if options.check_data:
        return "check_data"
    for name in ("tune", "inspect", "watch", "why", "export", "define_suite"):
        if getattr(options, name) is not None:
            return name
    for name in ("compare", "merge", "submit"):
        if getattr(options, name):
            return name
    asked = options.protocols or options.suite or options.listing
    if options.report_only and not asked:
        return "report only"
    if options.listing in {"rows", "settings"}:
        return f"list {options.listing}"
    return "list" if options.listing else "run"
