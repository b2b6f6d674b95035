"""One job in a worker: its data, the score of its fit, and its record."""

from __future__ import annotations

import traceback
from dataclasses import replace
from typing import Any

import numpy as np

from datasets.base import Dataset, HeldOut, Problem, Rows
from harness import registry
from harness.plan.job import Job, canonical
from harness.plan.rules import rule_of
from harness.run import checks, imputation, resources
from harness.run.metrics import Answers, apart, scores
from harness.run.scoring import accuracy, probe
from harness.run.transforms import second_transduction
from harness.store.plain import plain
from harness.store.record import Outcome, Record, sentence
from methods.base import FitError, Fitted, SkipError
from protocols._trial import seed_of
from protocols._varies import varies


class Task:
    """One job in a worker, with its Problem and HeldOut.

    ``size``  number of jobs in its group.   ``drawn`` digest of its draw.
    """

    def __init__(
        self,
        job: Job,
        size: int,
        data: Dataset,
        problem: Problem,
        held_out: HeldOut,
        drawn: str,
    ) -> None:
        self.job, self.size, self.drawn = job, size, drawn
        self.method = registry.load_method(job.method)
        self.config = self.method.Config(**job.config)
        self.problem, self.held_out = problem, held_out
        self.varies = varies(data, job.scenario, trained=job.trained)
        place = canonical([job.views, job.depth])
        self.seed = seed_of(data, job.scenario.split, job.trial, f"fit:{place}", job.seed)

    def check(self) -> None:
        """Raise SkipError if the method lacks labels, or views that the stage before completes."""
        if self.method.can.labels and not self.problem.labelled.any():
            raise SkipError("no labelled row has all its views, and rows that lack one are dropped")
        before = self.job.upstream[0][0] if self.job.upstream else None
        if before is None or not before.imputes:
            return
        parts = {"test": self.held_out.test, "tuning": self.problem.tuning}
        for name, rows in {**parts, "its": self.problem.rows}.items():
            if rows.present.all():
                continue
            if registry.load_method(before.method).can.inductive:
                raise FitError(
                    f"the stage before left {name} rows without values of an absent view"
                )
            raise SkipError(
                f"{before.method} completes only rows that it was fitted on, and {name} rows lack "
                "views too"
            )

    def second_problem(self) -> Problem:
        """The Problem on which a purely transductive method is scored for selection."""
        second = imputation.second_problem if self.job.imputes else second_transduction
        return second(self.problem)

    def score(self, fitted: Fitted) -> float:
        """Score on tuning rows, higher is better; selects the epoch."""
        if self.job.imputes:
            return -self._tuning_nmse(fitted)
        if self.method.can.classify:
            return self._tuning_accuracy(fitted)
        return -fitted.loss(self.problem.tuning)

    def _tuning_accuracy(self, fitted: Fitted) -> float:
        predicted = self._predicted(fitted, self.problem.tuning)
        return accuracy(predicted, self.held_out.tuning_labels)

    def _predicted(self, fitted: Fitted, rows: Rows) -> np.ndarray:
        return checks.classes(fitted.predict(rows), rows.n, self.problem.n_classes)

    def _tuning_nmse(self, fitted: Fitted) -> float:
        once = not self.method.can.inductive
        return -imputation.tuning_score(fitted, self.problem, once=once)

    def _tuning_measures(self, fitted: Fitted, score: float) -> dict[str, float]:
        """``tuning_accuracy`` and ``tuning_nmse`` at the chosen epoch, as far as they exist.

        One of them is ``score``. The other needs predictions of ``fitted`` on new rows, so it is
        left out for transductive methods, for codes, and where no view may be absent.
        """
        can, own = self.method.can, self.job.imputes
        measures = {}
        if can.classify and (can.inductive or not own):
            measures["tuning_accuracy"] = self._tuning_accuracy(fitted) if own else score
        if own:
            measures["tuning_nmse"] = -score
        elif can.classify and can.impute and can.inductive and self.problem.may_miss:
            measures["tuning_nmse"] = self._tuning_nmse(fitted)
        return measures

    def ok(self, fitted: Fitted, score: float, epoch: int, seconds: float) -> Outcome:
        """The outcome of a successful fit.

        Raises FitError if what the fit returns breaks the contract, ValueError if a value of its
        record cannot be stored as JSON.
        """
        arrays = dict(fitted.arrays())
        metrics, can = self.counts(), self.method.can
        if can.classify:
            answers = self._answers(fitted)
            metrics |= scores(answers) | apart(answers, self.held_out.test_complete)
            arrays["test_predictions"] = answers.predicted.astype(np.int16)
        if can.represent and not self.job.imputes:
            for name, rows in self._parts().items():
                arrays[f"codes_{name}"] = checks.codes(fitted.transform(rows), rows.n)
            if not can.classify:  # epochs were chosen by loss, candidates by a probe
                score = probe(self.problem, self.held_out, arrays)
        elif can.impute:
            metrics |= self._imputed(fitted, arrays)
        metrics |= self._tuning_measures(fitted, float(score))
        record = replace(
            self.record("ok", seconds),
            score=plain(float(score), "the score"),
            epoch=int(epoch),
            metrics=plain(metrics, "metrics"),
            facts=plain(fitted.facts(), "facts", words=True),
        )
        return Outcome(record, checks.arrays(arrays))

    def _answers(self, fitted: Fitted) -> Answers:
        """The fit's checked predictions on test rows, with the true labels."""
        rows, n_classes = self.held_out.test, self.problem.n_classes
        predicted, chances = self._predicted(fitted, rows), fitted.predict_proba(rows)
        if chances is not None:
            chances = checks.probabilities(chances, rows.n, n_classes)
        return Answers(self.held_out.test_labels, predicted, n_classes, chances)

    def _imputed(self, fitted: Fitted, arrays: dict[str, np.ndarray]) -> imputation.Measures:
        """Scores of the completed views of training rows; adds views to store to ``arrays``."""
        parts = [self.problem.rows]
        reaches = self.job.imputes and self.method.can.inductive
        others = (self.held_out.test, self.problem.tuning) if reaches else ()
        parts += [rows for rows in others if not rows.present.all()]
        completed = [imputation.completed(fitted, rows) for rows in parts]
        most = None if self.job.imputes else imputation.SHOWN_ROWS
        arrays |= imputation.arrays_to_store(parts, [views for views, _ in completed], most)
        return imputation.measures(self.problem, self.held_out, *completed[0])

    def failed(self, error: Exception, seconds: float) -> Outcome:
        """The outcome of a fit that failed or was skipped, with its reason."""
        if isinstance(error, SkipError):
            return self.ended("skipped", str(error), "", seconds)
        trace = "".join(traceback.format_exception(error))
        return self.ended("failed", sentence(error), trace, seconds)

    def ended(self, status: Any, reason: str, trace: str, seconds: float) -> Outcome:
        """The outcome of a fit without results."""
        record = replace(self.record(status, seconds), reason=reason, trace=trace)
        return Outcome(replace(record, metrics=self.counts()), {})

    def counts(self) -> dict[str, Any]:
        """How many rows and labels this trial used."""
        labels = self.problem.labels[self.problem.labelled]
        return {
            "n_labelled": int(self.problem.labelled.sum()),
            "n_unlabelled": int((~self.problem.labelled).sum()),
            "n_tuning_labels": len(self.held_out.tuning_labels),
            "n_test": len(self.held_out.test_labels),
            "labelled_per_class": np.bincount(labels, minlength=self.problem.n_classes).tolist(),
        }

    def record(self, status: Any, seconds: float) -> Record:
        """The fields that every record of this job has, whatever its status."""
        return Record(
            id=self.job.id,
            job=self.job.description(),
            data_key=self.job.data_key,
            status=status,
            varies=list(self.varies),
            drawn=self.drawn,
            selected_by=rule_of(self.job).measures,
            seconds=round(float(seconds), 4),
            peak_memory_mb=resources.peak_memory_mb(),
            stack_size=self.size,
            versions=resources.versions(),
        )

    def _parts(self) -> dict[str, Rows]:
        return {
            "rows": self.problem.rows,
            "tuning": self.problem.tuning,
            "test": self.held_out.test,
        }
