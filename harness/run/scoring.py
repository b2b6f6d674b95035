"""Scores on tuning rows, which select epochs and candidates."""

from __future__ import annotations

import numpy as np
from sklearn.preprocessing import StandardScaler
from sklearn.svm import LinearSVC

from datasets.base import HeldOut, Problem
from harness.run.transforms import Codes


def probe(problem: Problem, held_out: HeldOut, codes: Codes) -> float:
    """Tuning accuracy of a linear SVM (C = 1) on z-scored codes."""
    scaler = StandardScaler().fit(codes["codes_rows"])
    labelled = problem.labelled
    svm = LinearSVC(C=1.0, random_state=0, max_iter=20000)
    svm.fit(scaler.transform(codes["codes_rows"][labelled]), problem.labels[labelled])
    predicted = svm.predict(scaler.transform(codes["codes_tuning"]))
    return accuracy(predicted, held_out.tuning_labels)


def accuracy(predicted: np.ndarray, labels: np.ndarray) -> float:
    """Share of right answers; ``predicted`` and ``labels`` ``(n,)``."""
    return float(np.mean(predicted == labels))
