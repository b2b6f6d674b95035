"""The manifest of a run: cells, jobs, published numbers and notes on the data, as plain values.

Reports know data sets, protocols and methods only through this manifest.
"""

from __future__ import annotations

import datetime
import platform
from collections.abc import Mapping, Sequence
from dataclasses import replace
from importlib.metadata import PackageNotFoundError, version
from typing import Any

import numpy as np

from datasets.base import TEST, TRAIN, Dataset
from harness import registry
from harness.analysis import selection
from harness.analysis.figure_arrays import Truth, packed
from harness.plan import draws
from harness.plan.job import Job
from harness.plan.lacking import digest, lacking, sentence
from harness.plan.plan import Plan, PlannedCell
from harness.plan.power import paper_name
from harness.plan.resolve import with_trials
from harness.plan.rules import rules
from harness.run.imputation import SHOWN_ROWS, scales_of
from harness.run.resources import usable_cores
from harness.store import code_digest
from harness.store.manifest import (
    CellEntry,
    DatasetNote,
    LackingView,
    Manifest,
    ProtocolEntry,
    SplitNote,
    Stages,
    State,
)
from harness.store.record import Record
from protocols.base import (
    Draw,
    Protocol,
    Scenario,
    TableRow,
    build,
    draw,
    per_class,
    scaling_note,
    scaling_rule,
    what_varies,
)
from protocols.published import published_table


def describe(
    plan: Plan, protocols: Mapping[str, Protocol], run: str, command: str, seed: int = 0
) -> Manifest:
    """The manifest of a settled plan, in state ``running``.

    ``run``      id of the run.
    ``command``  command line of the run.
    """
    places = {name: place for place, name in enumerate(plan.jobs)}
    kept_stale = plan.stale.keys() - plan.todo.keys()
    return Manifest(
        id=run,
        command=command,
        budget=plan.budget.name,
        seed=seed,
        state="running",
        started=now(),
        revision=code_digest.revision(),
        versions=_versions(),
        machine=f"{platform.system()} {platform.machine()}, {usable_cores()} cores",
        protocols=tuple(
            _entry(plan, name, protocol, places) for name, protocol in protocols.items()
        ),
        jobs=tuple(places),
        stale=tuple(sorted(places[name] for name in kept_stale)),
        counts={"total": len(places), "stored": len(places) - len(plan.todo)}
        | {"todo": len(plan.todo)},
    )


def ended(
    manifest: Manifest, state: State, before: Mapping[str, Record], after: Mapping[str, Record]
) -> Manifest:
    """The manifest of a run that has ended, with its counts; ``before`` and ``after`` by id."""
    new = [after[name] for name in manifest.jobs if after.get(name) not in (None, before.get(name))]
    failed = sum(name in after and after[name].status == "failed" for name in manifest.jobs)
    counts = {**manifest.counts, "ended": len(new), "failed": failed}
    return replace(manifest, state=state, ended=now(), counts=counts)


def now() -> str:
    """The time in UTC, ISO 8601 to the second, without its zone."""
    return datetime.datetime.now(datetime.UTC).strftime("%Y-%m-%dT%H:%M:%S")


def truths(plan: Plan, protocols: Mapping[str, Protocol]) -> dict[str, np.ndarray]:
    """True values of hidden rows for figures that show them, of trial 0, as arrays of one file."""
    by_view: dict[tuple[str, str, str], Truth] = {}
    for name, protocol in protocols.items():
        if protocol.layout["kind"] != "matrices":
            continue
        for key, data in plan.data.items():
            cells = [c for c in plan.cells if c.protocol == name and c.data_key == key]
            if cells:
                own = _truths(data, cells[0])
                by_view |= {(name, key, view): truth for view, truth in own.items()}
    return packed(by_view)


def _truths(data: Dataset, planned: PlannedCell) -> dict[str, Truth]:
    """The first rows of trial 0 of which a view is hidden, in the order of the trial, by view."""
    job = planned.trials[0][0]
    drawn = draw(data, planned.cell.scenario, job.trial, job.seed)
    problem, held_out = build(data, planned.cell.scenario, drawn)
    labels = data.labels[drawn.order[problem.rows.ids]]
    by_view = {}
    for v, (view, scale) in enumerate(zip(data.view_names, scales_of(problem.rows), strict=True)):
        known = held_out.complete.present[:, v]
        absent = np.flatnonzero(known & ~problem.rows.present[:, v])
        rows = absent[:SHOWN_ROWS]
        if not len(rows):
            continue
        by_view[view] = Truth(
            view=v,
            ids=problem.rows.ids[rows],
            labels=labels[rows],
            values=held_out.complete.views[v][rows],
            mean=scale.mean,
            sd=scale.sd,
            keep=scale.keep,
            classes=np.array(data.class_names, dtype=str),
            hidden=len(absent),
        )
    return by_view


def _entry(plan: Plan, name: str, protocol: Protocol, places: Mapping[str, int]) -> ProtocolEntry:
    cells = [cell for cell in plan.cells if cell.protocol == name]
    counted = tuple(plan.properties.get(name, ()))
    shown = {cell.data_key for cell in cells} | {properties.dataset for properties in counted}
    published = published_table(name)
    trials, budget = max((len(cell.trials) for cell in cells), default=0), plan.budget
    if 0 < trials < budget.trials:  # the protocol has a most of its own
        budget = with_trials(budget, trials)
    # The budget's stamp concerns accuracies; counts of data do not depend on the budget.
    stamps = () if counted else (budget.stamp, _left_out(plan.left_out.get(name, ())))
    return ProtocolEntry(
        name=name,
        title=protocol.title,
        layout=_plain(protocol.layout_under(plan.budget)),
        stamp="; ".join(filter(None, stamps)),
        trials=trials or budget.trials,
        datasets=tuple(
            _note(plan, d, name, [cell for cell in cells if cell.data_key == d.key])
            for d in plan.data.values()
            if d.key in shown
        ),
        row_notes={cell.cell.row.key: _row_note(cell.cell.row) for cell in cells},
        published=None if published is None else _plain(published.to_dict("records")),
        cells=tuple(cell_entry(cell, places) for cell in cells),
        properties=counted,
    )


def cell_entry(planned: PlannedCell, places: Mapping[str, int]) -> CellEntry:
    """A planned cell as a manifest has it; ``places`` of all jobs by id."""
    cell, chosen_by = planned.cell, rules(planned.trials[0])
    return CellEntry(
        dataset=planned.data_key,
        key=cell.row.key,
        title=cell.row.title,
        block=cell.row.block,
        published=cell.row.published,
        all_labels=cell.row.all_labels,
        percent=round(100 * cell.label_fraction, 6),
        per_class=per_class(cell.label_fraction),
        at=dict(cell.at),
        rule=selection.key_of(chosen_by),
        selection=selection.words_of(chosen_by),
        trials=tuple(_stages(jobs, places) for jobs in planned.trials),
    )


def _stages(jobs: Sequence[Job], places: Mapping[str, int]) -> Stages:
    """Candidate ``jobs`` and every stage before them; all jobs of a stage share their inputs."""
    stages, groups = [], (jobs,)
    while groups:
        stages.append([[places[job.id] for job in group] for group in groups])
        groups = groups[0][0].upstream
    return stages[::-1]


def _plain(value: Any) -> Any:
    """JSON's own types: tuples as lists, NumPy's numbers as Python's."""
    if isinstance(value, Mapping):
        return {str(name): _plain(item) for name, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    return value.item() if isinstance(value, np.generic) else value


def _left_out(keys: Sequence[str]) -> str:
    """Data sets that the budget leaves out, and the flag that adds them; "" if none.

    Where one is left out with several choices of views, their names alone: a stamp is short.
    """
    if not keys:
        return ""
    names = dict.fromkeys(key.partition(":")[0] for key in keys)
    flag = f" (--dataset {' '.join(keys)})" if len(names) == len(keys) else ""
    return f"without {', '.join(names)}{flag}"


def _row_note(row: TableRow) -> tuple[str, tuple[str, ...]]:
    """Descriptions of a row's methods, stage by stage, and their citations."""
    keys = list(dict.fromkeys(stage.key for stage in row.recipe))
    cites = [cite for key in keys for cite in registry.load_method(key).cites]
    first = " Then ".join(registry.first_line("methods", key) for key in keys)
    pinned = [
        f"{stage.key}: {', '.join(f'{name}={value}' for name, value in stage.config.items())}"
        for stage in row.recipe
        if stage.config
    ]
    first += f" Here with {'; '.join(pinned)}." if pinned else ""
    return first, tuple(dict.fromkeys(cites))


def _hidden(data: Dataset, scenarios: Sequence[Scenario]) -> tuple[str, ...]:
    """Sentence on the views that may be missing, or that trials hide; () if none may."""
    names = [name for name in data.view_names if any(name in s.missing for s in scenarios)]
    if not names:
        return ()
    which = " or ".join(names)
    at_test = max(scenario.missing_at_test for scenario in scenarios)
    tests = f"{100 * at_test:g} % of the test rows" if at_test else "no test row"
    if not data.absent_views:
        return (f"rows may lack {which}; {tests} and no tuning row lacks a view",)
    hidden = max(at_test, *(scenario.missing_fraction for scenario in scenarios))
    return (f"trials hide {which} besides; {tests} and no tuning row loses one",) if hidden else ()


def _absent(plan: Plan, data: Dataset, cells: Sequence[PlannedCell]) -> tuple[str, ...]:
    """Sentences on the views that the data set lacks in some rows; () if it lacks none.

    How many rows lack which view; the realised share of it in every part of the trials, with what
    they hide besides; and, for every share hidden, a digest of their masks, which are the same
    whatever is labelled. So reports of the same trials have the same digests.
    """
    if not data.absent_views:
        return ()
    draws: dict[float, dict[tuple[float, int], Draw]] = {}
    for cell in cells:
        scenario = cell.cell.scenario
        usual = scenario.incomplete == "keep" and not cell.cell.row.all_labels
        for jobs in cell.trials if usual else ():
            own = draws.setdefault(scenario.missing_fraction, {})
            own.setdefault((scenario.label_fraction, jobs[0].trial), plan.drawn(jobs[0]))
    sentences = [sentence(data)]
    for hidden, found in sorted(draws.items()):
        end = f", {100 * hidden:g} % of the training rows chosen to lose more" if hidden else ""
        sentences += [_realised(view) + end for view in lacking(data, list(found.values()))]
    digests = []
    for hidden, found in sorted(draws.items()):
        masks = _by_trial(found)
        if not all(np.array_equal(mask, data.present) for mask in masks):
            digests.append(f"{100 * hidden:g} % {digest(data, masks)}")
    if digests:
        sentences.append(f"masks of the trials, by the share chosen: {', '.join(digests)}")
    return tuple(sentences)


def _by_trial(draws: Mapping[tuple[float, int], Draw]) -> list[np.ndarray]:
    """The mask (n, V) of every trial, of ``draws`` by share of labels and trial."""
    masks = {trial: drawn.present for (_, trial), drawn in draws.items()}
    return [mask for _, mask in sorted(masks.items())]


def _realised(view: LackingView) -> str:
    labelled, unlabelled, tuning, test = view.in_words
    return (
        f"{view.view} is absent from {labelled} of the labelled and {unlabelled} of the unlabelled "
        f"training rows, {tuning} of the tuning and {test} of the test rows"
    )


def _scaled(data: Dataset, split: str, scenarios: Sequence[Scenario]) -> tuple[str, ...]:
    """Sentences on the scaling rules; () where only the methods z-score."""
    sentences = dict.fromkeys(scaling_note(data, s.split, s.scaling) for s in scenarios)
    if not scenarios:
        sentences = {scaling_note(data, split, scaling_rule(data, split)): None}
    return tuple(text for text in sentences if text)


def _told(plan: Plan, data: Dataset, cells: Sequence[PlannedCell]) -> tuple[str, ...]:
    """Sentences on what is unusual in the draws of each split of the cells."""
    longest: dict[str, PlannedCell] = {}
    for cell in cells:
        known = longest.setdefault(cell.cell.scenario.split, cell)
        if len(cell.trials) > len(known.trials):
            longest[cell.cell.scenario.split] = cell
    told = []
    for split, cell in longest.items():
        drawn = [plan.drawn(jobs[0]) for jobs in cell.trials]
        where = f"split {split}: " if len(longest) > 1 else ""
        told += [where + text for text in draws.told(data, split, drawn)]
    return tuple(told)


def _note(plan: Plan, data: Dataset, protocol: str, cells: Sequence[PlannedCell]) -> DatasetNote:
    split, scenarios = plan.splits[data.key], [cell.cell.scenario for cell in cells]
    counted = plan.properties.get(protocol, ())
    trained = any(job.trained for cell in cells for job in cell.trials[0])
    origin = data.provenance
    rule = data.split(split)
    published_name = paper_name(data, split)
    note = DatasetNote(
        key=data.key,
        title=data.title,
        kind=origin.kind,
        is_paper_data=published_name is not None,
        published_name=published_name,
        split_fixed=rule.official,
        n_train=max(
            (plan.counts(jobs[0]).parts[TRAIN] for cell in cells for jobs in cell.trials), default=0
        ),
        source=origin.source,
        licence=origin.licence,
        citation=origin.citation,
        n=data.n,
        dims=data.dims,
        view_names=data.view_names,
        n_classes=data.n_classes,
        class_names=tuple(str(name) for name in data.class_names),
        split=split,
        leaks=rule.leaks,
        fingerprint=data.fingerprint,
        what_varies=what_varies(data, scenarios, trained=trained),
        known=dict(origin.known),
        notes=(*origin.notes, *_scaled(data, split, scenarios), *_hidden(data, scenarios)),
        remarks=(
            *([f"settings were tuned: {plan.tuned}"] if plan.tuned else []),
            *_absent(plan, data, cells),
            *_told(plan, data, cells),
            *(text for own in counted if own.dataset == data.key for text in own.notes),
            *(
                f"not applicable to these data: {row.title} ({reason})"
                for row, reason in plan.unfit.get((protocol, data.key), ())
            ),
        ),
    )
    return _of_splits(note, plan, data, cells)


def _of_splits(
    note: DatasetNote, plan: Plan, data: Dataset, cells: Sequence[PlannedCell]
) -> DatasetNote:
    """The note where the cells have several splits, in their order."""
    first: dict[str, PlannedCell] = {}
    for cell in cells:
        first.setdefault(cell.cell.scenario.split, cell)
    if len(first) < 2:
        return note
    rules = [data.split(name) for name in first]

    def ratio(cell: PlannedCell) -> float:
        """Rows of the test part over those of the training part, medians over the trials."""
        parts = [plan.drawn(trial[0]).part for trial in cell.trials]
        test, train = (np.median([(part == p).sum() for part in parts]) for p in (TEST, TRAIN))
        return float(test / train)

    return replace(
        note,
        split=", ".join(rule.name for rule in rules),
        leaks=(),
        split_fixed=False,
        splits=tuple(
            SplitNote(r.name, r.leaks, None if r.official else ratio(first[r.name])) for r in rules
        ),
    )


def _versions() -> dict[str, str]:
    numbers = {"python": platform.python_version()}
    for name in ("torch", "numpy", "scipy", "scikit-learn", "pandas", "ray"):
        try:
            numbers[name] = version(name)
        except PackageNotFoundError:
            numbers[name] = "not installed"
    return numbers
