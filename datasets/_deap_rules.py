"""Which trials of DEAP count, and what class they have: rules on ratings alone.

The paper (section 4.1) cuts the plane of valence and arousal into quadrants at 5, and "discarded
the samples whose ratings of arousal and valence are between 4 and 6". It keeps 21042 rows = 334
trials of 63 seconds, of 1280. The sentence can be read in more than one way, and which reading
keeps 334 is not published; so it is an option:

either  dropped if valence or arousal is in 4..6, the default: only so does each trial that is left
        keep its distance from both borders of its quadrant, whatever its person's rating scale,
        which is the reason that the paper gives for the rule
both    dropped if valence and arousal are both in 4..6: the words as they stand, but it drops a
        square in the middle only and leaves trials on a border
radius  dropped if (valence, arousal) is nearer than 3 to (5, 5): the authors' earlier code
        (NeuBCI/semiMVAE, semiMVAE.py) picks its rows by a list called filter_idx_3_0, which may
        mean such a distance

The ends of 4..6 count as inside. A rating of 5 counts as high.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from datasets.base import DataError

QUADRANTS = ("LVLA", "LVHA", "HVLA", "HVHA")  # low or high valence, low or high arousal
MIDDLE, LOW, HIGH, RADIUS = 5.0, 4.0, 6.0, 3.0
RULES = ("either", "both", "radius")
PAPER_TRIALS = 334

OPTIONS: Mapping[str, tuple[str, str]] = {
    "filter": ("either", "trials dropped for ratings near 5: either, both or radius"),
    "format": ("auto", "files read: mat, dat, or auto, the more complete of the two"),
    "order": ("band", "features: band (all channels of a band together) or channel"),
}
_CHOICES = {
    "filter": RULES,
    "format": ("auto", "mat", "dat"),
    "order": ("band", "channel"),
}


def chosen(options: Mapping[str, str] | None) -> dict[str, str]:
    """Every option with its value, defaults filled in. Raises DataError for one that is not."""
    options = options or {}
    for name, value in options.items():
        if name not in OPTIONS:
            raise DataError(f"deap has no option '{name}'; it knows: {', '.join(OPTIONS)}")
        if value not in _CHOICES[name]:
            known = ", ".join(_CHOICES[name])
            raise DataError(f"option {name} of deap cannot be '{value}'; it can be: {known}")
    return {name: default for name, (default, _) in OPTIONS.items()} | dict(options)


def kept(ratings: np.ndarray, rule: str) -> np.ndarray:
    """``(n,)`` bool: trials that count, by their ratings ``(n, >= 2)``, valence first."""
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
