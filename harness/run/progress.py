"""Live progress: a bar with cells, fits and time left on a terminal, plain lines anywhere else."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from types import TracebackType

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

from harness.run.driver import ProgressUpdate
from harness.run.wording import count, duration
from harness.store.record import Record

PLAIN_SECONDS = 10.0
"""Seconds between two plain lines."""
TRUST = 0.05
"""Share of the work after which the measured speed counts as much as the estimates."""


class Display(AbstractContextManager["Display"]):
    """Counts finished work, weighted by estimated cost, and estimates the time left.

    ``costs``  job id -> estimated core-seconds of every job to run.
    ``cells``  per cell, the ids of all its jobs still to run.
    ``workers``  how many groups run at once.
    """

    def __init__(
        self,
        console: Console,
        costs: Mapping[str, float],
        cells: Sequence[frozenset[str]],
        workers: int = 1,
    ) -> None:
        self.console, self.costs, self.cells = console, costs, cells
        self.expected = sum(costs.values()) / max(1, workers)  # seconds, by estimate
        self.ended: set[str] = set()
        self.bad: Counter[str] = Counter()
        self.repeats: Counter[str] = Counter()
        self.partial: dict[str, float] = {}
        self.start = self.printed = time.monotonic()
        self.bar: Progress | None = None

    def __enter__(self) -> Display:
        self.start = time.monotonic()
        if self.console.is_terminal and not self.console.is_dumb_terminal:
            self.bar = Progress(
                TextColumn("{task.fields[counts]}"),
                BarColumn(),
                TextColumn("{task.percentage:>3.0f} %"),
                TimeElapsedColumn(),
                TextColumn("{task.fields[eta]}"),
                console=self.console,
            )
            self.bar.start()
            self.task = self.bar.add_task("", total=1.0, counts=self._counts(), eta=self._eta())
        else:
            self._print_line()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self.bar is not None:
            self.bar.stop()
        for text, times in self.repeats.items():
            if times > 1:
                self.console.print(f"{count(times, 'fit')} {text}")
        if self.bar is None:
            self._print_line(stopped=error is not None)

    def show(self, update: ProgressUpdate) -> None:
        """Take one update from the driver."""
        if update.note:
            self.console.print(update.note)
        if update.record is not None:
            self._take(update.record)
        elif update.done:
            left = [job for job in update.group.jobs if job.id not in self.ended]
            self.partial[update.group.id] = update.done * sum(
                self.costs.get(job.id, 0) for job in left
            )
        ids = {job.id for job in update.group.jobs if job.id in self.costs}
        if update.ended or self.ended.issuperset(ids):
            self.partial.pop(update.group.id, None)
        self._refresh()

    def print_line(self, text: str) -> None:
        """Print a line of its own with the time; may be called from another thread."""
        self.console.print(f"[{int(time.monotonic() - self.start):5d} s] {text}")

    def _take(self, record: Record) -> None:
        self.ended.add(record.id)
        if record.status == "ok":
            return
        self.bad[record.status] += 1
        scenario = record.job["scenario"]
        labels = f"{100 * scenario['label_fraction']:g} % labels"
        if each := scenario.get("labels_per_class"):  # a record of an earlier version has none
            labels = f"{count(each, 'label')} of each class"
        where = f"{record.job['method']} on {record.data_key}, {labels}"
        text = f"{record.status}: {where}: {record.reason}"
        self.repeats[text] += 1
        if self.repeats[text] == 1:  # repeats are counted and printed once at the end
            self.console.print(text)

    def _refresh(self) -> None:
        if self.bar is not None:
            self.bar.update(
                self.task, completed=self._done(), counts=self._counts(), eta=self._eta()
            )
        elif time.monotonic() - self.printed >= PLAIN_SECONDS:
            self._print_line()

    def _print_line(self, *, stopped: bool = False) -> None:
        self.printed = time.monotonic()
        rest = "" if stopped and not self._all_ended() else f"; {self._eta()}"
        self.print_line(f"{self._counts()}{rest}")

    def _all_ended(self) -> bool:
        return self.ended >= self.costs.keys()

    def _done(self) -> float:
        """Share of the work that is done, 0..1, by estimated cost."""
        total = sum(self.costs.values())
        done = sum(self.costs.get(name, 0.0) for name in self.ended) + sum(self.partial.values())
        return min(1.0, done / total) if total else 1.0

    def _counts(self) -> str:
        cells = sum(ids <= self.ended for ids in self.cells)
        bad = "".join(f", {number} {status}" for status, number in sorted(self.bad.items()))
        return f"{cells}/{len(self.cells)} cells, {len(self.ended)}/{len(self.costs)} fits{bad}"

    def _eta(self) -> str:
        """Time left: by estimate at first, corrected by the speed of what has been done."""
        if self._all_ended():
            return "done"
        done = self._done()
        prior = TRUST * self.expected
        slower = (time.monotonic() - self.start + prior) / (done * self.expected + prior or 1.0)
        left = duration((1 - done) * self.expected * slower)
        return f"ETA {left}" if done > TRUST else f"ETA {left} by estimate"
