"""Live progress: a bar with cells, jobs and ETA on a terminal, plain lines anywhere else."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from types import TracebackType

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

from harness.run.driver import ProgressUpdate
from harness.run.worker import JobGroup

PLAIN_SECONDS = 10.0
"""Seconds between two plain lines."""


class Display(AbstractContextManager["Display"]):
    """Counts what is done, weighted by estimated cost, and says how long the rest will take.

    ``costs``  job id -> estimated core-seconds of every job to run.
    ``cells``  per cell, the ids of all its jobs still to run.
    """

    def __init__(
        self, console: Console, costs: Mapping[str, float], cells: Sequence[frozenset[str]]
    ) -> None:
        self.console, self.costs, self.cells = console, costs, cells
        self.ended: set[str] = set()
        self.bad: Counter[str] = Counter()
        self.partial: dict[str, float] = {}
        self.start = self.spoke = time.monotonic()
        self.bar: Progress | None = None

    def __enter__(self) -> Display:
        if self.console.is_terminal:
            self.bar = Progress(
                TextColumn("{task.fields[counts]}"),
                BarColumn(),
                TextColumn("{task.percentage:>3.0f} %"),
                TimeElapsedColumn(),
                TextColumn("{task.fields[eta]}"),
                console=self.console,
            )
            self.bar.start()
            self.task = self.bar.add_task("", total=1.0, counts=self._counts(), eta="")
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self.bar is not None:
            self.bar.stop()
        else:
            self._say(ended=True)

    def show(self, tick: ProgressUpdate) -> None:
        """Take one tick from the loop."""
        if tick.note:
            self.console.print(tick.note)
            self.partial.pop(tick.stack.id, None)
        if tick.record is not None:
            self._take(tick)
        elif tick.done:
            left = [job for job in tick.stack.jobs if job.id not in self.ended]
            self.partial[tick.stack.id] = tick.done * sum(self.costs.get(j.id, 0) for j in left)
        self._refresh(tick.stack)

    def _take(self, tick: ProgressUpdate) -> None:
        record = tick.record
        assert record is not None
        self.ended.add(record.id)
        if record.status != "ok":
            self.bad[record.status] += 1
            where = f"{record.job['method']} on {record.data_key}, trial {record.job['trial']}"
            self.console.print(f"{record.status}: {where}: {record.reason}")

    def _refresh(self, stack: JobGroup) -> None:
        if self.ended.issuperset(job.id for job in stack.jobs if job.id in self.costs):
            self.partial.pop(stack.id, None)
        if self.bar is not None:
            self.bar.update(
                self.task, completed=self._done(), counts=self._counts(), eta=self._eta()
            )
        elif time.monotonic() - self.spoke >= PLAIN_SECONDS:
            self._say()

    def _say(self, *, ended: bool = False) -> None:
        self.spoke = time.monotonic()
        seconds = int(self.spoke - self.start)
        rest = "" if ended and not self._all_ended() else f"; {self._eta()}"
        self.console.print(f"[{seconds:5d} s] {self._counts()}{rest}")

    def _all_ended(self) -> bool:
        return self.ended >= self.costs.keys()

    def _done(self) -> float:
        """Share of the work that is done, 0..1, by estimated cost."""
        total = sum(self.costs.values())
        done = sum(self.costs.get(name, 0.0) for name in self.ended) + sum(self.partial.values())
        return min(1.0, done / total) if total else 1.0

    def _counts(self) -> str:
        cells = sum(ids <= self.ended for ids in self.cells)
        bad = "".join(f", {count} {status}" for status, count in sorted(self.bad.items()))
        return f"{cells}/{len(self.cells)} cells, {len(self.ended)}/{len(self.costs)} fits{bad}"

    def _eta(self) -> str:
        if self._all_ended():
            return "done"
        done = self._done()
        if done < 0.01:
            return "ETA: measuring"
        left = (time.monotonic() - self.start) * (1 - done) / done
        return f"ETA {left / 60:.0f} min" if left > 90 else f"ETA {left:.0f} s"
