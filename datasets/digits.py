"""scikit-learn's digits, cut in half: 1797 small images, left and right columns as views.

Source: ``sklearn.datasets.load_digits`` (nothing is downloaded), the test part of E. Alpaydin and
C. Kaynak, Optical Recognition of Handwritten Digits, UCI Machine Learning Repository, 1998,
https://doi.org/10.24432/C50P49. Licence: CC BY 4.0 (scikit-learn itself: BSD-3-Clause). Each image
has 8 x 8 counts in 0..16. Views: left (columns 0-3) and right (columns 4-7), 32 features each, row
by row of the image, raw counts. Some columns are constant and are kept: a trainer drops them.

Small and easy, for trials that take seconds. The 13 writers are not identified, so every writer
is in all parts of the split.

Logistic regression (C = 1, features standardised), accuracy in % on tuning rows, mean of 10 draws
of split and labels; test rows were not used:

=============  =====  =====  =====
labelled        2 %    5 %   10 %
=============  =====  =====  =====
left            52.7   65.8   75.6
right           54.1   67.8   77.0
left + right    64.9   80.5   88.6
=============  =====  =====  =====
"""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

import numpy as np

from datasets.base import Dataset, Provenance, Split

VIEWS = ("left", "right")


def load(views: tuple[str, ...] | None = None, root: Path | None = None) -> Dataset:
    """The 1797 rows with ``views`` (default left and right); ``root`` is unused.

    Raises DataError for an unknown view.
    """
    table = _table()
    images = table[:, :-1].astype(np.float32).reshape(-1, 8, 8)
    halves = images[:, :, :4], images[:, :, 4:]
    data = Dataset(
        key="digits",
        draw_key="digits",
        title="scikit-learn digits, left and right half",
        views=tuple(half.reshape(len(half), 32) for half in halves),
        view_names=VIEWS,
        labels=table[:, -1].astype(np.int64),
        class_names=tuple("0123456789"),
        splits=(Split("stratified", stratify=True),),
        provenance=Provenance(
            kind="open",
            source="sklearn.datasets.load_digits",
            licence="CC BY 4.0",
            citation="Alpaydin, E. and Kaynak, C. (1998). https://doi.org/10.24432/C50P49",
            notes=("writers are not identified and are in all parts of the split",),
        ),
    )
    return data.choose(VIEWS if views is None else views)


def _table() -> np.ndarray:
    """What ``load_digits`` reads, ``(1797, 65)``: of each image 64 counts and its class.

    Its file is read from the package, since to import scikit-learn takes over a second.
    """
    package = find_spec("sklearn")  # imports nothing
    if package is not None and package.origin is not None:
        file = Path(package.origin).parent / "datasets" / "data" / "digits.csv.gz"
        if file.is_file():
            return np.loadtxt(file, delimiter=",")
    from sklearn.datasets import load_digits  # a scikit-learn that keeps it elsewhere

    bunch = load_digits()
    return np.column_stack([bunch.data, bunch.target])
