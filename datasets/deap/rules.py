"""Which trials of DEAP are used, and their class: rules on the ratings.

The paper (section 4.1) cuts the plane of valence and arousal into quadrants at 5, and "discarded
the samples whose ratings of arousal and valence are between 4 and 6". It keeps 21042 rows = 334
trials of 63 seconds, of 1280. The sentence can be read in several ways, and which of them keeps 334
is not published; so the rule is an option:

either  dropped if valence or arousal is in 4..6, the default: the only rule under which all trials
        that are left are away from both borders of their quadrant, which is the paper's reason for
        the rule (people use the rating scale differently)
both    dropped if valence and arousal are both in 4..6: the literal reading, but it drops only a
        square in the middle and leaves trials near a border
radius  dropped if (valence, arousal) is nearer than 3 to (5, 5): the authors' earlier code
        (NeuBCI/semiMVAE, semiMVAE.py) selects its rows by a list called filter_idx_3_0, which may
        mean such a distance

4 and 6 are inside 4..6. A rating of 5 is high.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, get_args

import numpy as np

from datasets import _options
from datasets.base import Scaling, Settings, setting

QUADRANTS = ("LVLA", "LVHA", "HVLA", "HVHA")  # low or high valence, low or high arousal
MIDDLE, LOW, HIGH, RADIUS = 5.0, 4.0, 6.0, 3.0
RULES = ("either", "both", "radius")
PAPER_TRIALS = 334
SCALINGS = get_args(Scaling)


@dataclass(frozen=True)
class Options(Settings):
    """Choices that DEAP leaves to its user."""

    filter: str = setting(
        "either", "trials dropped for ratings near 5: either, both or radius", choices=RULES
    )
    format: str = setting(
        "auto",
        "files read: mat, dat, or auto, the more complete of the two",
        choices=("auto", "mat", "dat"),
    )
    order: str = setting(
        "band",
        "features: band (all channels of a band together) or channel",
        choices=("band", "channel"),
    )
    scaling: str = setting(
        "none",
        "z-scores before a method sees rows: none, per_file (a person) or global",
        choices=SCALINGS,
    )
    folds: str = setting(
        "random",
        "parts: random (a fresh draw in every trial) or rotate (ten folds in turn)",
        choices=("random", "rotate"),
    )
    folder: str = setting("", "folder below the data root: which of several copies is read")


OPTIONS = Options


def chosen(options: Mapping[str, str] | None) -> dict[str, Any]:
    """Every option with its value, defaults filled in. Raises DataError for an unknown option."""
    return _options.chosen("deap", OPTIONS, options).settings()


def kept(ratings: np.ndarray, rule: str) -> np.ndarray:
    """``(n,)`` bool: trials that are used, by their ratings ``(n, >= 2)``, valence first."""
    plane = ratings[:, :2]
    if rule == "radius":
        return np.linalg.norm(plane - MIDDLE, axis=1) >= RADIUS
    inside = (plane >= LOW) & (plane <= HIGH)
    dropped = inside.all(axis=1) if rule == "both" else inside.any(axis=1)
    return np.logical_not(dropped)


def quadrant(ratings: np.ndarray) -> np.ndarray:
    """``(n,)`` position in QUADRANTS: twice high valence plus high arousal."""
    high = ratings[:, :2] >= MIDDLE
    return (2 * high[:, 0] + high[:, 1]).astype(np.int64)
