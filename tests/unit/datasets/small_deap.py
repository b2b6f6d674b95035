"""A small simulated copy of DEAP: 4 subjects, 20 videos, 5 seconds, so that tests are fast."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest

from datasets._io import FOLDER
from datasets.deap import files as deap_files
from datasets.deap import simulate
from datasets.deap.files import RATE, Form

FORM = Form(videos=20, samples=5 * RATE)
SUBJECTS, TRIALS, KEPT = 4, 80, 21  # 21 = round(80 * 334 / 1280)


@contextmanager
def small_form(folder: Path) -> Iterator[Path]:
    """Files have the small form and ``folder`` has the cache, as long as this lasts."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(deap_files, "FORM", FORM)
        patch.setenv(FOLDER, str(folder / "kept"))
        yield folder


def write_small(root: Path, formats: tuple[str, ...] = ("mat", "dat")) -> Path:
    return simulate.write(root, SUBJECTS / 32, seed=3, formats=formats)


def one_subject(seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Signals and ratings of one file, plain noise."""
    rng = np.random.default_rng(seed)
    signals = rng.normal(size=(FORM.videos, FORM.channels, FORM.samples))
    return signals, rng.uniform(1, 9, (FORM.videos, FORM.ratings))
