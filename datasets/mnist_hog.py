"""MNIST in four HOG views: 5000 digits, each view the gradients of three directions.

Source: ``data/multiview_mnist.hdf5`` of scikit-multimodallearn 0.1.0 (also in SuMMIT, whose
documentation describes it): 500 images of each digit drawn from MNIST's training set, a histogram
of oriented gradients in 12 directions, assigned at random to four views of three directions.
MNIST is by Yann LeCun, Corinna Cortes and Christopher Burges; see ``vendor/LICENSES.md``.

Views: hog0, hog1, hog2, hog3, each (5000, 192): 64 cells by 3 directions, 0..0.51, in float32 (the
source is float64; the largest rounding is 2.4e-8). No two rows agree in all views; rows that
agree in one (85 in hog1, 29 in hog2, 7 in hog3, nearly all digits 1) have no gradient there at all.

Default views: hog0 and hog2, the pair with the largest gain over its better view. Logistic
regression (C = 1, features standardised), accuracy in % on tuning rows, mean of 10 draws of split
and labels, and the gain over the better view in points; test rows were not used:

=============  =====  =====  =====  ==================
labelled        2 %    5 %   10 %   gain
=============  =====  =====  =====  ==================
hog0            57.7   68.9   73.4
hog1            50.7   63.1   68.0
hog2            57.0   68.2   72.0
hog3            39.7   51.0   57.0
hog0 + hog1     65.2   78.9   83.2   7.5  10.0   9.8
hog0 + hog2     67.8   81.2   84.4  10.1  12.3  11.0
hog0 + hog3     61.1   73.6   79.4   3.4   4.7   6.0
hog1 + hog2     65.0   78.7   82.4   8.0  10.5  10.4
hog1 + hog3     58.5   72.3   77.9   7.8   9.2   9.9
hog2 + hog3     61.8   75.2   80.0   4.8   7.0   8.0
all four        71.5   85.7   89.5  13.8  16.8  16.1
=============  =====  =====  =====  ==================
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from datasets._io import vendored
from datasets.base import Dataset, Provenance, Split

DEFAULT = ("hog0", "hog2")
VIEWS = ("hog0", "hog1", "hog2", "hog3")


def load(views: tuple[str, ...] | None = None, root: Path | None = None) -> Dataset:
    """The 5000 rows with ``views`` (default two of four); ``root`` is unused.

    Raises DataError for an unknown view or a damaged vendored file.
    """
    arrays = vendored("mnist_hog")
    data = Dataset(
        key="mnist_hog",
        draw_key="mnist_hog",
        title="MNIST, four HOG views",
        views=tuple(arrays[view] for view in VIEWS),
        view_names=VIEWS,
        labels=arrays["labels"].astype(np.int64),
        class_names=tuple("0123456789"),
        splits=(Split("stratified", stratify=True),),
        provenance=Provenance(
            kind="open",
            source="multiview_mnist.hdf5 of scikit-multimodallearn 0.1.0",
            licence="package BSD-3-Clause; MNIST commonly given as CC BY-SA 3.0",
            citation="LeCun, Cortes, Burges: the MNIST database of handwritten digits",
            notes=("drawn from MNIST's training images; writers are unknown",),
        ),
    )
    return data.choose(DEFAULT if views is None else views)
