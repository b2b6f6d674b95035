"""Classifiers that were trained elsewhere: a package and a checkpoint that the user brings.

Neither is a dependency, and nothing is ever downloaded: where one of them is absent a fit declines,
and says what it lacks.
"""

from __future__ import annotations

import hashlib
import importlib
import importlib.util
from abc import abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from datasets.base import Problem
from methods import base
from methods._sklearn import FittedSklearn, SklearnMethod
from methods.base import Can, Fitted, SkipError, hp


class NotHereError(SkipError):
    """A package or a file that the user has to bring is absent."""


@dataclass(frozen=True)
class Checkpoint(base.Config):
    """Where the weights are, and how many answers are averaged."""

    model_path: str = hp("", "checkpoint file of your own; nothing is downloaded")
    estimators: int = hp(8, "forward passes over transformed copies, averaged", low=1, high=1000)


class PretrainedMethod(SklearnMethod):
    """A scikit-learn classifier of ``package`` whose weights are in a file.

    The labelled rows are its context, the concatenated, z-scored views its columns; it is not
    trained and not tuned. Raises NotHereError, which records a fit as skipped, without the package
    or the file. Facts: the package's version and the first digits of the file's SHA-256.
    """

    quick = False
    can = Can(classify=True)
    package: ClassVar[str]
    kind: ClassVar[str]
    """The name of its class."""

    @abstractmethod
    def arguments(self, seed: int) -> Mapping[str, Any]:
        """Those of the class: the file, no download, one thread, ``seed``."""

    def estimator(self, problem: Problem, rng: np.random.Generator) -> Any:
        module = importlib.import_module(self.package)
        return getattr(module, self.kind)(**self.arguments(int(rng.integers(2**31))))

    def fit(self, problem: Problem, rng: np.random.Generator) -> Fitted:
        self.require()
        made = super().fit(problem, rng)
        assert isinstance(made, FittedSklearn)
        with Path(self.config.model_path).open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()[:16]
        return FittedPretrained(made, {"checkpoint": digest, "package": version(self.package)})

    def require(self) -> None:
        """Raise NotHereError for what is absent, with how to bring it."""
        name, path = self.package, self.config.model_path
        if importlib.util.find_spec(name) is None:
            raise NotHereError(
                f"the package {name} is not installed; install it and add --retry-failed"
            )
        if not path or not Path(path).is_file():
            found = f"{path} is no file" if path else "none is named"
            raise NotHereError(
                f"it needs a checkpoint of your own, and {found}; add --set {name}.model_path=FILE"
            )


class FittedPretrained(FittedSklearn):
    """A context and a checkpoint, with what they are."""

    def __init__(self, made: FittedSklearn, facts: Mapping[str, str]) -> None:
        super().__init__(made.scaler, made.model, made.n_classes)
        self.known = facts

    def facts(self) -> dict[str, float | int | str | bool]:
        return dict(self.known)
