"""EmoEEG-MC's numbers, from the tree and README of its repository, and the choices that it leaves.

No recording was opened to write this; what is inferred is said in the package's docstring.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from datasets._options import chosen, numbers
from datasets.base import Settings, setting

PEOPLE = tuple(range(1, 61))
CONTEXTS = ("video", "imagery")
SESSIONS = ("vid", "ima")  # in file names, in the order of CONTEXTS
EMOTIONS = ("sadness", "disgust", "fear", "neutral", "joy", "tenderness", "inspiration")
_SHORT = ("sad", "dis", "fear", "neu", "joy", "ten", "ins")
ITEMS = tuple(f"{emotion}{number}" for emotion in _SHORT for number in (4, 5, 8))
"""The stimuli, in the order of the trials of the derivatives, in both contexts."""
EACH = 3  # stimuli of an emotion
TRIALS = len(ITEMS)
WINDOWS, CHANNELS, BANDS = 30, 64, 5  # of a trial: seconds; of a window: electrodes, bands
NEGATIVE, NEUTRAL = (0, 1, 2), 3  # positions in EMOTIONS
VIEWS = ("eeg", "hr", "gsr")

COMPLETE = 54  # people with 21 trials in both contexts
FULL_FILES = 109  # of 120 files of EEG features: those with 21 trials
WITH_HR = (*range(2, 6), *range(7, 18), 20, *range(24, 53), 54)
WITH_GSR = tuple(person for person in WITH_HR if person not in (3, 10, 20))


def _people(text: str) -> tuple[int, ...]:
    if text.strip() == "complete":
        return ()
    named = set(numbers(text, "1-20 or 3,7, or complete"))
    wrong = sorted(named - set(PEOPLE))
    if wrong or not named:
        raise ValueError(f"must name people of 1-60{f', not {wrong[0]}' if wrong else ''}")
    return tuple(sorted(named))


@dataclass(frozen=True)
class Options(Settings):
    """Choices that the data set leaves to its user. ``people`` is () for all complete ones."""

    people: tuple[int, ...] = setting(
        (),
        "which people, such as 1-20, or complete: all with 21 trials in both contexts",
        parse=_people,
        typed="complete",
    )
    label: str = setting(
        "emotion",
        "the class: emotion (seven) or valence (negative or positive, without neutral)",
        choices=("emotion", "valence"),
    )
    train: str = setting(
        "video", "the context of the training part of the split context", choices=CONTEXTS
    )
    lines: str = setting(
        "ask",
        "lines of a table of the body that names no trials: in the order of the EEG features "
        "(derivatives), as presented (presentation), or refused (ask)",
        choices=("ask", "derivatives", "presentation"),
    )
    rows: str = setting(
        "all",
        "rows that are kept: all (with at least one chosen view) or complete (with every one)",
        choices=("all", "complete"),
    )
    folder: str = setting("", "folder below the data root: which of several copies is read")


OPTIONS = Options


def options_of(given: Mapping[str, str] | None) -> Options:
    """Options over their defaults. Raises DataError for an unknown name or value."""
    return chosen("emoeeg_mc", OPTIONS, given)
