"""`--tune METHOD`: search a method's settings on development draws, and write what was found.

Development draws have a run seed of their own, which no table uses; settings are compared by their
scores on tuning rows. What is found is compared with the default on further such draws, so that its
gain is not that of the luckiest of many. ``--config`` takes the file that is written.
"""

from __future__ import annotations

import hashlib
import json
import shlex
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from io import FileIO
from pathlib import Path
from time import monotonic
from typing import Any

import numpy as np
from rich.console import Console

from datasets.base import TRAIN, TUNE, Dataset, to_text
from harness import options as flags
from harness import registry
from harness.analysis.importance import importance
from harness.analysis.statistics import interval
from harness.errors import RunStopped, UsageError
from harness.options import Options
from harness.plan import resolve
from harness.plan.space import in_words, points, space_of
from harness.run import search, wording
from harness.run.executors import Resources
from harness.run.search import Question, Tried
from harness.run.wording import count
from harness.store.code_digest import digests
from harness.store.files import append_line, write_whole
from harness.store.ledger_file import locked
from harness.store.store import StoreError
from methods.base import FitError
from protocols.base import BUDGETS, Budget, Scenario, draw, label_columns, label_rule

DEVELOPMENT_SEED = 2018
"""Added to ``--seed``: tables use other seeds, so that no draw of theirs is searched."""
FRESH = 1000
"""Added again for the draws on which what was found is compared with the default."""
FOLDER = "tuning"


@dataclass(frozen=True)
class Gain:
    """What was found minus the default, in tuning score, over further draws.

    ``low``, ``high``  95 % interval, corrected for rows that draws share (Nadeau and Bengio, 2003).
    ``seconds``  core-seconds of the comparison.   ``reason`` why what was found failed there.
    """

    draws: int
    seconds: float
    default: float = float("nan")
    found: float = float("nan")
    low: float = float("nan")
    high: float = float("nan")
    reason: str = ""

    @property
    def value(self) -> float:
        return self.found - self.default

    @property
    def words(self) -> str:
        points = [100 * value for value in (self.value, self.low, self.high)]
        return "{:+.1f} points [{:+.1f}, {:+.1f}]".format(*points)

    @property
    def sure(self) -> bool:
        """Whether the interval lies above zero."""
        return self.low > 0


def run(options: Options, console: Console) -> int:
    """Search, compare with the default, print and write. Returns the exit status.

    Raises UsageError before any work is done; KeyboardInterrupt and RunStopped (results cannot be
    written, workers are lost) with what is stored.
    """
    data, question = _question(options)
    if not options.dry_run:
        resolve.check_writable(options.results)
    path = options.results / FOLDER / f"{_id(question, data)}.jsonl"
    wanted = _wanted(question, options.tune_settings)
    _announce(question, data, wanted, path, console)
    if options.dry_run:
        return 0
    device = resolve.device_of(options.device, options.address)
    resources = Resources(device, options.workers, options.gpus_per_job, options.address)
    started = monotonic()
    try:
        with _alone(path):
            tried = _searched(question, data, wanted, options, resources, path, console)
        best = _best(tried)
        same = best.settings == tried[0].settings
        gain = None if same else _gain(question, best, data, resources)
    except FitError as error:
        raise UsageError(
            f"the default settings of {question.method} fail: {error}; other defaults can be given "
            f"with --set, and the same command tries these again"
        ) from error
    except StoreError as error:
        raise RunStopped(f"{error}; settings that ended before are stored") from error
    except KeyboardInterrupt:
        raise KeyboardInterrupt(f"settings that ended are stored in {path}") from None
    note = _note(question, data, tried, gain)
    file = _write(best, gain, note, path.with_suffix(".toml"), question, options)
    _print_result(question, tried, best, gain, console)
    minutes = (monotonic() - started) / 60
    console.print(f"{note}; {minutes:.1f} min of wall time in this call")
    console.print(
        f"wrote {file}; use it: python run_all.py --protocol table2 --config "
        f"{shlex.quote(str(file))}"
    )
    return 0


def _alone(path: Path) -> FileIO:
    """Hold a search until the file is closed, so that a second process does not run it too."""
    try:
        handle = locked(path.with_suffix(".lock"))
    except OSError as error:
        raise UsageError(f"{path.parent} cannot be written ({error.strerror})") from error
    if handle is None:
        raise UsageError(f"another process runs this search ({path}); wait for it")
    return handle


def _question(options: Options) -> tuple[Dataset, Question]:
    assert options.tune is not None
    key = options.tune
    method = registry.load_method(key)
    if not method.can.classify:
        raise UsageError(
            f"--tune compares tuning accuracies, and {key} does not classify; name a classifier"
        )
    given = resolve.method_settings(options.settings)
    if others := sorted(given.keys() - {key}):
        raise UsageError(f"--set {others[0]}... has no effect with --tune {key}; leave it out")
    fixed = given.get(key, {})
    space = space_of(method.Config, tuple(fixed))
    if not space:
        raise UsageError(f"{key} declares no range or grid to search that --set leaves free")
    specs = options.datasets or ("mfeat",)
    if len(specs) != 1:
        raise UsageError("--tune searches on one data set; name one with --dataset")
    root = resolve.data_root(options.data_root, searched=not options.datasets)
    chosen = resolve.data_options(options.data_options)
    resolve.check_options_used(chosen, [resolve.key_of(specs[0])], "--tune")
    data, split = resolve.open_dataset(specs[0], root, chosen)
    budget = _budget(options)
    shares = label_columns(data, budget)
    paradigm = "supervised"
    if method.can.unlabelled:
        paradigm = "inductive" if method.can.inductive else "transductive"
    scenario = Scenario(split, paradigm, shares[0], label_rule(data))
    seed = DEVELOPMENT_SEED + options.seed
    return data, Question(key, scenario, budget, space, fixed, options.tune_draws, seed)


def _budget(options: Options) -> Budget:
    shares = tuple(sorted({percent / 100 for percent in options.label_percent}))
    if len(shares) > 1:
        raise UsageError("--tune searches at one share of labels; give --label-percent one number")
    budget = replace(BUDGETS[options.budget or "preview"], shares=shares)
    if options.epochs is None:
        return budget
    return replace(budget, epochs=options.epochs, eval_every=min(budget.eval_every, options.epochs))


def _id(question: Question, data: Dataset) -> str:
    """A name of the search: the same question under the same code goes on where it was."""
    asked = [asdict(question), data.fingerprint, digests([question.method])]
    digest = hashlib.sha256(json.dumps(asked, sort_keys=True, default=str).encode()).hexdigest()
    name = "".join(c if c.isalnum() or c in "_-" else "-" for c in data.key)[:60]
    return f"{question.method}-{name}-{digest[:8]}"


def _wanted(question: Question, settings: int) -> list[dict[str, Any]]:
    """The settings to try, the default first."""
    more = points(question.space, settings - 1, question.seed)
    return [dict(question.fixed), *({**one, **question.fixed} for one in more)]


def _announce(
    question: Question,
    data: Dataset,
    wanted: Sequence[Mapping[str, Any]],
    path: Path,
    console: Console,
) -> None:
    """What is searched, what of it is stored, and what the rest takes by estimate."""
    console.print(
        f"tune {question.method} on {data.key}, {_labels(question)}: "
        f"{count(len(wanted), 'setting')} on {count(question.draws, 'development draw')} "
        f"(seed {question.seed}), by tuning accuracy"
    )
    for name, axis in question.space.items():
        console.print(f"  {question.method}.{name}: {in_words(axis)}")
    known = [one.settings for one in _done(path, wanted)]
    if known:
        console.print(f"{count(len(known), 'setting')} of {len(wanted)} stored in {path}")
    left = [one for one in wanted if one not in known]
    default, *each = search.costs(question, [question.fixed, *left], data)
    hours, further = sum(each) / 3600, 2 * 2 * default / 3600
    console.print(
        f"estimate if no setting is stopped early: {wording.work(hours)} for the search, "
        f"{wording.work(further)} to compare the best with the default on "
        f"{count(2 * question.draws, 'further draw')}"
    )


def _searched(
    question: Question,
    data: Dataset,
    wanted: Sequence[Mapping[str, Any]],
    options: Options,
    resources: Resources,
    path: Path,
    console: Console,
) -> list[Tried]:
    """All settings that ended, the default first; those of an earlier call are read from ``path``.

    Raises FitError if the default failed or did not end.
    """
    tried = _done(path, wanted)
    known = [one.settings for one in tried]
    left = [settings for settings in wanted if settings not in known]
    began, before = monotonic(), len(tried)
    core_seconds = None
    if options.tune_hours is not None:
        spent = sum(one.seconds for one in tried)
        core_seconds = max(options.tune_hours * 3600 - spent, 0)

    def tell(one: Tried) -> None:
        tried.append(one)
        try:
            append_line(path, json.dumps(asdict(one)))
        except OSError as error:
            raise StoreError(f"{path} cannot be written ({error.strerror})") from error
        best = max((t.score for t in tried if np.isfinite(t.score)), default=float("nan"))
        each = (monotonic() - began) / (len(tried) - before)
        result = f"failed: {one.reason}" if one.reason else f"{one.score:.3f} at epoch {one.epoch}"
        console.print(
            f"  {len(tried)}/{len(wanted)}: {_words(question, one.settings)}: {result}; best "
            f"{best:.3f}; about {each * (len(wanted) - len(tried)) / 60:.0f} min left"
        )

    if left and core_seconds != 0:
        search.search(question, left, data, resources, tell, core_seconds)
    tried.sort(key=lambda one: wanted.index(dict(one.settings)))
    if not tried or tried[0].settings != question.fixed or tried[0].reason:
        reason = tried[0].reason if tried and tried[0].reason else "they did not end in time"
        raise FitError(reason)
    return tried


def _done(path: Path, wanted: Sequence[Mapping[str, Any]]) -> list[Tried]:
    """The wanted settings in a file; a line that was cut, and what failed, are left out."""
    found: list[Tried] = []
    with suppress(FileNotFoundError):
        for line in path.read_text("utf-8").splitlines():
            with suppress(ValueError, TypeError):
                found.append(Tried(**json.loads(line)))
    return [one for one in found if one.settings in wanted and not one.reason]


def _best(tried: Sequence[Tried]) -> Tried:
    """The setting with the best score among those that trained longest; the default on ties."""
    ended = [one for one in tried if not one.reason and np.isfinite(one.score)]
    last = max(one.epoch for one in ended)
    whole = [one for one in ended if one.epoch == last]
    return max(whole, key=lambda one: one.score)


def _gain(question: Question, best: Tried, data: Dataset, resources: Resources) -> Gain:
    draws = 2 * question.draws
    fresh = replace(question, seed=question.seed + FRESH, draws=draws)
    both = search.confirm(fresh, [question.fixed, best.settings], data, resources)
    seconds = sum(one.seconds for one in both)
    if reason := both[0].reason:
        raise FitError(reason)
    if reason := both[1].reason:
        return Gain(draws=draws, seconds=seconds, reason=reason)
    default, found = (one.scores for one in both)
    part = draw(data, fresh.scenario, 0, fresh.seed).part
    ratio = float((part == TUNE).sum() / (part == TRAIN).sum())
    low, high = interval(np.subtract(found, default), ratio)
    return Gain(draws, seconds, float(np.mean(default)), float(np.mean(found)), low, high)


def _note(question: Question, data: Dataset, tried: Sequence[Tried], gain: Gain | None) -> str:
    gained = "the default is the best of them"
    if gain is not None:
        gained = f"tuning accuracy over the default {gain.words}"
        if gain.reason:
            gained = f"not compared with the default, for it failed on another draw: {gain.reason}"
    seconds = [one.seconds for one in tried] + ([gain.seconds] if gain else [])
    hours = sum(seconds) / 3600
    return (
        f"{question.method}: best of {count(len(tried), 'setting')} on "
        f"{count(question.draws, 'development draw')} of {data.key}, {_labels(question)}, "
        f"{hours:.2f} core-hours; {gained}"
    )


def _write(
    best: Tried, gain: Gain | None, note: str, path: Path, question: Question, options: Options
) -> Path:
    """The settings as a file that ``--config`` takes. Raises UsageError if it cannot be written.

    Where the default is the best, the file names its values.
    """
    default = registry.load_method(question.method).Config()
    values = {name: getattr(default, name) for name in question.space} | dict(best.settings)
    pinned = [f"{question.method}.{name}={to_text(v)}" for name, v in values.items()]
    given = {"tuned": note, "settings": tuple(pinned)}
    lines = [f"# Written by: python run_all.py {shlex.join(options.command)}"]
    lines += ["# Chosen by tuning accuracy on development draws alone."]
    if gain is not None and not gain.sure:
        why = gain.reason or "the interval of the gain contains zero"
        lines.append(f"# No gain over the default is shown: {why}.")
    text = "\n".join([*lines, *flags.toml_lines(given)])
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        write_whole(path, text.encode() + b"\n")
    except OSError as error:
        raise UsageError(f"{path} cannot be written ({error.strerror})") from error
    return path


def _print_result(
    question: Question, tried: Sequence[Tried], best: Tried, gain: Gain | None, console: Console
) -> None:
    stopped = sum(one.epoch < best.epoch for one in tried)
    console.print(
        f"best: {_words(question, best.settings)}: {best.score:.3f}; default {tried[0].score:.3f}; "
        f"{count(stopped, 'setting')} stopped early"
    )
    if gain is not None and gain.reason:
        console.print(f"on {gain.draws} further draws it failed: {gain.reason}")
    elif gain is not None:
        verdict = "a gain" if gain.sure else "no gain is shown: the interval contains zero"
        if gain.high < 0:
            verdict = "a loss: keep the default"
        console.print(
            f"on {gain.draws} further draws: {gain.found:.3f} against {gain.default:.3f}, "
            f"difference {gain.words}: {verdict}"
        )
    sampled = tried[1:]  # the first is the default
    for name, share in importance([o.settings for o in sampled], [o.score for o in sampled]):
        console.print(f"  importance of {name}: {share:.2f}")


def _labels(question: Question) -> str:
    return f"{100 * question.scenario.label_fraction:g} % of the training rows labelled"


def _words(question: Question, settings: Mapping[str, Any]) -> str:
    if settings == question.fixed:
        return "the default"
    return ", ".join(f"{name}={to_text(value)}" for name, value in settings.items())
