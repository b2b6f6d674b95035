"""Scores of predictions and of codes."""

from __future__ import annotations

import numpy as np
from sklearn.preprocessing import StandardScaler
from sklearn.svm import LinearSVC

from datasets.base import HeldOut, Problem
from harness.run.transforms import Codes
from methods.base import FitError


def probe(problem: Problem, held_out: HeldOut, codes: Codes) -> float:
    """Tuning accuracy of a linear SVM (C = 1) on z-scored codes: the judge of representations."""
    scaler = StandardScaler().fit(codes["codes_rows"])
    labelled = problem.labelled
    judge = LinearSVC(C=1.0, random_state=0, max_iter=20000)
    judge.fit(scaler.transform(codes["codes_rows"][labelled]), problem.labels[labelled])
    predicted = judge.predict(scaler.transform(codes["codes_tuning"]))
    return accuracy(predicted, held_out.tuning_labels)


def accuracy(predicted: np.ndarray, labels: np.ndarray) -> float:
    """Share of right answers. Raises FitError if the prediction is not one class per row."""
    if predicted.shape != labels.shape:
        raise FitError(f"predicted {predicted.shape} for {labels.shape} rows")
    return float(np.mean(predicted == labels))


def finite(codes: np.ndarray) -> np.ndarray:
    """``codes`` as float32. Raises FitError if any is not finite."""
    if not np.isfinite(codes).all():
        raise FitError("the representation has values that are not finite")
    return codes.astype(np.float32)
