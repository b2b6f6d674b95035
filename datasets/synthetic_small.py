"""Simulated controls, small: the views of synthetic with 4000 rows, for previews.

30 features where ``synthetic`` has 310, 10 where it has 33, z of width 5, and 4000 rows with the
same class shares. Drawn from a seed when loaded; docs/controls.md says what each view is for.
"""

from __future__ import annotations

from pathlib import Path

from datasets.base import Dataset
from datasets.synthetic.views import Control

CONTROL = Control("synthetic_small", counts=(1321, 1302, 1377), dims=(30, 10), latent=5)


def load(views: tuple[str, ...] | None = None, root: Path | None = None) -> Dataset:
    """The 4000 rows with ``views`` (default a and b); ``root`` is unused.

    Raises DataError for an unknown view.
    """
    return CONTROL.load(views)
