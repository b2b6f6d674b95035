"""Resolve command-line values: data sets, protocols, settings, budget, device.

Invalid values raise :class:`UsageError` before any work is done.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryFile
from types import ModuleType
from typing import Any

from datasets._io import search
from datasets._wording import count
from datasets.base import DataError, Dataset, SettingError
from harness import registry
from harness.errors import UsageError
from protocols import FORMER_KEYS
from protocols.base import BUDGETS, Budget, Protocol

DATA_ROOT = "SIMVAE_DATA_ROOT"
"""Environment variable used if ``--data-root`` is not given."""
FILE_SUFFIXES = {".npz", ".mat"}


@dataclass(frozen=True)
class Choice:
    """The budget and data sets of a run, and the reason for them, which a run prints first.

    ``left_out``  default data sets of the budget ``paper`` that this budget leaves out.
    """

    budget: Budget
    specs: tuple[str, ...]
    why: str
    left_out: tuple[str, ...] = ()


def data_root(given: str | None, *, searched: bool = True) -> Path | None:
    """Folder of the user's data, from ``--data-root`` or the environment. None if not named.

    Raises UsageError if it is not a folder, or, where it is ``searched`` for the data of a run that
    names none, if ``--data-root`` has no file of any data set: such a run must not silently use
    open data instead. A data set that is named says itself what it does not find.
    """
    named = os.environ.get(DATA_ROOT) if given is None else given
    if named is None:
        return None
    source = DATA_ROOT if given is None else "--data-root"
    root = Path(named).expanduser()
    if not named or not root.is_dir():
        raise UsageError(
            f"the data root '{named}' ({source}) is not a folder; name the folder of your copy"
        )
    if given is not None and searched and not any(is_found(m, root) for m in _readers().values()):
        raise UsageError(nothing_found(root))
    return root


def is_found(module: ModuleType, root: Path) -> bool:
    """Whether a data set's files are in or below ``root``. Raises UsageError if it is too large."""
    try:
        return module.found(root)
    except DataError as error:
        raise UsageError(str(error)) from error


def nothing_found(root: Path) -> str:
    """What was looked for in vain below ``root``, and what resembles it, as one sentence."""
    readers = _readers()
    near = [clause for module in readers.values() for clause in near_misses(module, root)]
    wanted = ", ".join(f"{module.LOOKED_FOR} ({key})" for key, module in readers.items())
    return (
        f"no file of {', '.join(readers)} was found in {root} {search.BELOW}"
        f"{search.resembling(near)}; looked for were files such as {wanted}, see docs/data.md"
    )


def near_misses(module: ModuleType, root: Path) -> tuple[str, ...]:
    """What resembles the files of a data set and cannot be read as them, one clause each."""
    return module.near_misses(root) if hasattr(module, "near_misses") else ()


def _readers() -> dict[str, ModuleType]:
    """The data sets of the user's own copy, by key."""
    return {k: m for k, m in registry.modules("datasets")[0].items() if hasattr(m, "found")}


def protocols(
    names: Sequence[str],
) -> tuple[dict[str, Protocol], tuple[registry.EntryError, ...]]:
    """Protocols by name, and the errors of those that ``all`` cannot load. Raises UsageError.

    ``all`` leaves out protocols that run by name only. Former names are accepted.
    """
    if "all" in names:
        loaded, broken = registry.load_protocols()
        return {
            name: protocol for name, protocol in loaded.items() if not protocol.by_name_only
        }, broken
    present = dict.fromkeys(FORMER_KEYS.get(name, name) for name in names)
    return {name: registry.load_protocol(name) for name in present}, ()


def open_dataset(
    spec: str, root: Path | None = None, options: Mapping[str, Mapping[str, str]] | None = None
) -> tuple[Dataset, str]:
    """Data set and split name of ``key[:view,view][@split]``, where key may be a path.

    A path is that of a .npz or .mat file or of a folder of tables.
    ``options``  of data sets that have some, by key; they show in the data set's own key.
    """
    chosen_options: Mapping[str, str] = {}
    name, split = _name_and_split(spec)
    try:
        if _is_path(name):
            path, wanted, _ = own_file_parts(spec)
            chosen_options = (options or {}).get(registry.OWN_FILE, {})
            data = registry.own_file().load_file(path, wanted, chosen_options)
        else:
            key, _, views = name.partition(":")
            loader = registry.module("datasets", key).load
            wanted = _listed(views)
            chosen_options = (options or {}).get(key, {})
            extra = {"options": chosen_options} if chosen_options else {}
            data = loader(views=wanted, root=root, **extra)
        chosen = data.split(split or None).name
    except DataError as error:
        raise UsageError(str(error)) from error
    suffix = "".join(f"+{name}={value}" for name, value in sorted(chosen_options.items()))
    return replace(data, key=data.key + suffix + (f"@{chosen}" if split else "")), chosen


def own_file_parts(spec: str) -> tuple[Path, tuple[str, ...] | None, str | None]:
    """Path, views and split of ``path[:view,view][@split]``; None for all, and for the default."""
    name, split = _name_and_split(spec)
    return *_path_and_views(name), split or None


def is_own_file(spec: str) -> bool:
    """Whether a data set is named by a path."""
    return _is_path(_name_and_split(spec)[0])


def _name_and_split(spec: str) -> tuple[str, str]:
    name, mark, split = spec.rpartition("@")
    if not mark or "/" in split or Path(split).suffix.lower() in FILE_SUFFIXES:
        return spec, ""  # a folder's name may hold an @ of its own
    return name, split


def _is_path(name: str) -> bool:
    path, _ = _path_and_views(name)
    if "/" in name or path.suffix.lower() in FILE_SUFFIXES:
        return True
    return bool(name) and name not in registry.entries("datasets") and os.path.exists(path)


def _path_and_views(name: str) -> tuple[Path, tuple[str, ...] | None]:
    """``file.mat:X1,X3`` as its path and views; the name of a file may hold a colon of its own."""
    path = Path(name).expanduser()
    if name and path.name in ("", ".."):  # such as ./ : the folder has a name of its own
        path = path.resolve()
    before, colon, views = name.rpartition(":")
    if not colon or os.path.exists(path) or "/" in views:
        return path, None
    file = Path(before).expanduser()
    if file.suffix.lower() in FILE_SUFFIXES or os.path.isdir(file):
        return file, _listed(views)
    return path, None


def _listed(views: str) -> tuple[str, ...] | None:
    return tuple(view.strip() for view in views.split(",")) if views else None


def licensed_found(root: Path | None) -> tuple[str, ...]:
    """Keys of the data sets marked ``LICENSED`` whose files are under ``root``."""
    if root is None:
        return ()
    modules, _ = registry.modules("datasets")
    gated = {key: module for key, module in modules.items() if getattr(module, "LICENSED", False)}
    return tuple(key for key, module in gated.items() if is_found(module, root))


def data_options(given: Sequence[str]) -> dict[str, dict[str, str]]:
    """``KEY.NAME=VALUE`` ... as options by data set. UsageError for anything else."""
    options = _dotted("--data-option", given, "KEY.NAME=VALUE, as deap.filter=both")
    for key, texts in options.items():
        owner = (
            registry.own_file() if key == registry.OWN_FILE else registry.module("datasets", key)
        )
        declared = getattr(owner, "OPTIONS", None)
        if declared is None:
            raise UsageError(f"the data set {key} has no options")
        try:
            declared.parsed(key, texts)
        except SettingError as error:
            raise UsageError(str(error)) from error
    return options


def check_options_used(
    options: Mapping[str, Mapping[str, str]], used: Sequence[str], where: str
) -> None:
    """Raise UsageError for an option of a data set that is not ``used``."""
    for key, texts in options.items():
        if key not in used:
            raise UsageError(
                f"--data-option {key}.{next(iter(texts))} has no effect: {key} is not a data set"
                f" of {where}, which has {', '.join(used)}"
            )


def key_of(spec: str) -> str:
    """The key of the data set that ``key[:view,view][@split]`` names; ``file`` for a path."""
    return registry.OWN_FILE if is_own_file(spec) else spec.partition("@")[0].partition(":")[0]


def method_settings(given: Sequence[str]) -> dict[str, dict[str, Any]]:
    """``METHOD.NAME=VALUE`` ... as typed settings by method. UsageError for anything else."""
    settings = _dotted("--set", given, "METHOD.NAME=VALUE, as smvae.c=10")
    try:
        return {
            key: registry.load_method(key).Config.parsed(key, texts)
            for key, texts in settings.items()
        }
    except SettingError as error:
        raise UsageError(f"--set: {error}") from error


def _dotted(flag: str, given: Sequence[str], form: str) -> dict[str, dict[str, str]]:
    """``key.name=value`` ... as text by key and name. UsageError if malformed or given twice."""
    values: dict[str, dict[str, str]] = {}
    for text in given:
        path, equals, value = text.partition("=")
        key, dot, name = path.partition(".")
        if not (key and dot and name and equals):
            raise UsageError(f"{flag} takes {form}, not '{text}'")
        if name in values.setdefault(key, {}):
            raise UsageError(f"{flag} gives {key}.{name} twice")
        values[key][name] = value
    return values


def choose(
    protocol: Protocol, budget: str | None, specs: Sequence[str], root: Path | None
) -> Choice:
    """Budget and data sets: as given, else ``paper`` on licensed data found, else ``preview``."""
    licensed = licensed_found(root)
    if budget is None:
        name = "paper" if licensed and not specs else "preview"
        why = (
            f"files of the paper's data sets found under {root}"
            if name == "paper"
            else "no --budget was named"
            + ("" if specs else " and no licensed data was found, so open data is used")
        )
    else:
        name, why = budget, "as given"
    if specs:
        chosen = tuple(specs)
    elif licensed:
        chosen = licensed
    else:
        chosen = protocol.datasets[name]
    left_out = () if specs or licensed else set(protocol.datasets["paper"]) - set(chosen)
    return Choice(BUDGETS[name], chosen, why, tuple(sorted(left_out)))


def check_writable(folder: Path) -> None:
    """Raise UsageError if ``folder`` cannot be created or written; leaves no file behind."""
    folder = folder.absolute()
    nearest = next(path for path in (folder, *folder.parents) if path.exists())
    try:
        TemporaryFile(dir=nearest).close()
    except OSError as error:
        raise UsageError(f"{folder} cannot be written ({error.strerror})") from error


def device_of(name: str, address: str | None = None) -> str:
    """``auto`` becomes ``cuda`` if torch finds a GPU. Raises UsageError for cuda without one.

    With the ``address`` of a cluster the GPUs may be on other machines, so Ray checks them.
    """
    if name == "cpu" or (name == "cuda" and address):
        return name
    import torch  # not for listing or --device cpu

    available = torch.cuda.is_available()
    if name == "cuda" and not available:
        raise UsageError("torch sees no CUDA GPU here; use --device cpu (or auto)")
    return "cuda" if available else "cpu"


def choose_missing(protocols: Mapping[str, Protocol], views: Sequence[str], at_test: float) -> None:
    """Set on the protocols which views may be missing, and on what share of test rows.

    Raises UsageError if none of them has missing views, or the share is not in [0, 1].
    """
    if not views and not at_test:
        return
    if not 0 <= at_test <= 1:
        raise UsageError(f"--missing-at-test must lie in 0..1, not {at_test:g}")
    concerned = [protocol for protocol in protocols.values() if protocol.takes_missing]
    if not concerned:
        names = ", ".join(protocols)
        raise UsageError(f"{names} has no missing views; --missing-view is for figures 3 to 6")
    for protocol in concerned:
        protocol.may_miss, protocol.missing_at_test = tuple(views), at_test


def check_missing(protocol: Protocol, data: Dataset) -> None:
    """Raise UsageError for an unknown missing view."""
    if not protocol.takes_missing:
        return
    unknown = [name for name in protocol.may_miss if name not in data.view_names]
    if unknown:
        known = ", ".join(data.view_names)
        raise UsageError(
            f"unknown view '{unknown[0]}' in --missing-view; views of {data.key}: {known}"
        )


def left_out(protocol: Protocol, data: Dataset, *, wanted: bool) -> str:
    """Why a protocol is not run on a data set, "" if it is; UsageError if the user named it."""
    reason = protocol.unfit(data)
    if not reason and protocol.takes_missing and len(data.views) < 2:
        reason = f"{data.key} has a single view, which cannot be missing"
    if reason and wanted:
        raise UsageError(reason)
    if not reason:
        check_missing(protocol, data)
    return reason


def add_dataset(known: dict[str, Dataset], data: Dataset) -> Dataset:
    """Add ``data`` to ``known``. Raises UsageError if another data set there has its key."""
    if known.setdefault(data.key, data).fingerprint != data.fingerprint:
        raise UsageError(f"two data sets have the key {data.key}; rename one of the files")
    return known[data.key]


def with_trials(budget: Budget, trials: int) -> Budget:
    """``budget`` with another number of trials, which its stamp tells."""
    stamp = "" if budget.name == "paper" and trials >= budget.trials else budget.stamp
    if budget.name == "paper" and trials < budget.trials:
        stamp = f"{count(trials, 'trial')}; the paper uses {budget.trials}"
    if budget.name == "preview":
        more = "the paper uses 20" if trials < 20 else "fewer epochs and settings than the paper's"
        stamp = f"preview, {count(trials, 'trial')}; {more}"
    return replace(budget, trials=trials, stamp=stamp)
