"""Reading one file of SEED: EEG of either layout and eye movements, each checked row by row.

Every failure is a DataError, one sentence that names the file and says how to fix it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from datasets._io import check_file, read_mat, read_npz, read_pickle
from datasets._wording import count
from datasets.base import DataError
from datasets.seed.layout import (
    BANDS,
    CHANNELS,
    CLIPS,
    EYE,
    EYE_WITHOUT_BLINKS,
    FILE_ROWS,
    FIRST_PART,
    LABELS,
    LIMIT,
    SECONDS,
    SESSIONS,
    TEST_ROWS,
    TRAIN_ROWS,
    WINDOWS,
    Settings,
)
from datasets.seed.locate import Source

ONE_SECOND = "1-s windows found: Table 1 needs the 4-s features, folder"
SMOOTHINGS = ("LDS", "movingAve")
_KEYS = ("train_data", "test_data", "train_label", "test_label")


def eeg_npz(path: Path) -> np.ndarray:
    """Rows of one ``{subject}_{session}.npz``: ``(842, 5, 62)`` float32, bands delta to gamma."""
    name = path.name
    arrays = read_npz(path, name, LIMIT, again="copy it again")
    for key in _KEYS:
        if key not in arrays:
            raise DataError(f"{name} has no '{key}', as files of eeg_used_4s have; copy it again")
    parts = [_bands(arrays[key], f"'{key}' of {name}") for key in _KEYS[:2]]
    _check_rows(len(parts[0]), len(parts[1]), name)
    labels = [arrays[key].ravel() for key in _KEYS[2:]]
    if any(array.dtype.kind not in "iuf" for array in labels):
        raise DataError(f"labels of {name} are not numbers; copy it again")
    _check_labels(np.concatenate(labels), name)
    return np.concatenate(parts)


def _bands(array: np.ndarray, what: str) -> np.ndarray:
    """The pickled dict in a 0-d bytes array, as ``(rows, 5, 62)``."""
    if array.ndim or array.dtype.kind != "S":
        raise DataError(f"{what} is not a pickled dict in bytes; copy it again")
    content = _dict(read_pickle(array.item(), what), BANDS, what)
    bands = [_matrix(content[band], CHANNELS, f"'{band}' in {what}") for band in BANDS]
    if len({len(band) for band in bands}) > 1:
        raise DataError(f"{what} has bands of unequal length; copy it again")
    return np.stack(bands, axis=1)


def eeg_mat(path: Path, smoothing: str) -> np.ndarray:
    """Rows of one ``{subject}_{date}.mat``: ``(842, 5, 62)`` float32, clip after clip."""
    name = path.name
    keys = [f"de_{smoothing}{number}" for number in range(1, len(CLIPS) + 1)]
    arrays = read_mat(path, name, LIMIT, keys)
    clips = []
    for number, (rows, seconds) in enumerate(zip(WINDOWS, SECONDS, strict=True), start=1):
        key = keys[number - 1]
        array = arrays.get(key)
        if not isinstance(array, np.ndarray) or array.dtype.kind not in "fiu":
            raise DataError(
                f"{name} has no array of numbers '{key}'; use the ExtractedFeatures files"
            )
        if array.ndim != 3 or (array.shape[0], array.shape[2]) != (CHANNELS, len(BANDS)):
            raise DataError(
                f"'{key}' of {name} must have {CHANNELS} channels, windows and {len(BANDS)} bands, "
                f"but its shape is {array.shape}; copy it again"
            )
        if array.shape[1] == seconds:
            raise DataError(f"{ONE_SECOND} ExtractedFeatures_4s ({name})")
        if array.shape[1] != rows:
            raise DataError(
                f"clip {number} of {name} has {count(array.shape[1], 'window')} instead of {rows}; "
                "copy it again"
            )
        clips.append(_finite(array.transpose(1, 2, 0), f"'{key}' of {name}"))
    return np.concatenate(clips)


def smoothings_of(path: Path) -> list[str]:
    """Which of SMOOTHINGS one ``{subject}_{date}.mat`` has, or none if it cannot be read."""
    keys = {f"de_{smoothing}1": smoothing for smoothing in SMOOTHINGS}
    try:
        return [keys[key] for key in read_mat(path, path.name, LIMIT, keys)]
    except DataError:
        return []


def check_label_mat(folder: Path) -> None:
    """Compare ``label.mat``, one label a clip, with the classes of the 15 clips.

    It lies in the folder of EEG, in one of its folders 1, 2, 3, or beside it; in any case.
    """
    path = _label_mat(folder)
    if path is None:
        raise DataError(f"label.mat is not in the folder {folder.name}; copy it there")
    label = read_mat(path, path.name, LIMIT).get("label")
    if not isinstance(label, np.ndarray) or label.size != len(CLIPS):
        raise DataError("label.mat must have 'label' with one label for each of 15 clips")
    if not np.array_equal(_codes(label.ravel(), path.name), CLIPS):
        raise DataError("label.mat does not give the 15 clips their classes; copy SEED's own file")


def _label_mat(folder: Path) -> Path | None:
    for place in (folder, *(folder / str(session) for session in SESSIONS), folder.parent):
        if place.is_dir():
            for path in sorted(place.iterdir()):
                if path.name.lower() == "label.mat":
                    return path
    return None


def eye_file(path: Path) -> np.ndarray:
    """Rows of one ``{subject}_{session}`` without extension: ``(842, 33)`` or (842, 31) float32."""
    name = f"eye file {path.name}"
    check_file(path, name, LIMIT)
    raw = path.read_bytes()
    keys = ("train_data_eye", "test_data_eye")
    content = _dict(read_pickle(raw, name), keys, name)
    last = {np.shape(content[key])[-1:] for key in keys}
    width = EYE_WITHOUT_BLINKS if last == {(EYE_WITHOUT_BLINKS,)} else EYE
    parts = [_matrix(content[key], width, f"'{key}' of {name}") for key in keys]
    _check_rows(len(parts[0]), len(parts[1]), name, "eye_tracking_feature")
    return np.concatenate(parts)


def _dict(content: Any, keys: tuple[str, ...], what: str) -> dict[str, Any]:
    if not isinstance(content, dict):
        raise DataError(f"{what} does not contain a dict of arrays; copy it again")
    for key in keys:
        if key not in content:
            raise DataError(f"{what} has no '{key}'; copy it again")
    return content


def _matrix(array: Any, width: int, what: str) -> np.ndarray:
    if not isinstance(array, np.ndarray) or array.dtype.kind not in "fiu":
        raise DataError(f"{what} is not an array of real numbers; copy it again")
    if array.ndim != 2 or array.shape[1] != width:
        raise DataError(
            f"{what} must have {width} columns, but its shape is {array.shape}; copy it again"
        )
    return _finite(np.asarray(array), what)


def _finite(array: np.ndarray, what: str) -> np.ndarray:
    with np.errstate(over="ignore"):  # a value beyond float32 becomes infinite and is refused
        array = array.astype(np.float32)
    if not np.isfinite(array).all():
        raise DataError(f"{what} has NaN or infinite values; copy it again")
    return array


def _check_rows(train: int, test: int, name: str, folder: str = "eeg_used_4s") -> None:
    if (train, test) == (TRAIN_ROWS, TEST_ROWS):
        return
    if (train, test) == (int(SECONDS[:FIRST_PART].sum()), int(SECONDS[FIRST_PART:].sum())):
        raise DataError(f"{ONE_SECOND} {folder} ({name})")
    raise DataError(
        f"{name} has {count(train, 'row')} of clips 1-9 and {test} of clips 10-15, where the 4-s "
        f"features have {TRAIN_ROWS} and {TEST_ROWS}; copy it again"
    )


def _check_labels(labels: np.ndarray, name: str) -> None:
    """Labels must match the 15 clips: their lengths as runs, their classes as values."""
    if labels.shape != (FILE_ROWS,):
        found = count(len(labels), "label")
        raise DataError(f"{name} has {found} for {FILE_ROWS} rows; copy it again")
    codes = _codes(labels, name)
    found, wanted = runs(codes[TRAIN_ROWS:]), runs(LABELS[TRAIN_ROWS:])
    if found != wanted:
        raise DataError(
            f"label runs of the test part of {name} are {_list(found)} instead of {_list(wanted)}, "
            "so its clips cannot be separated; copy it again"
        )
    if not np.array_equal(codes, LABELS):
        row = int(np.argmax(codes != LABELS))
        clip = int(np.searchsorted(np.cumsum(WINDOWS), row, side="right")) + 1
        raise DataError(
            f"clip {clip} of {name} does not have the label of the film that was shown; "
            "copy it again"
        )


def _codes(labels: np.ndarray, name: str) -> np.ndarray:
    """Labels as 0, 1, 2, from this coding or from -1, 0, 1."""
    for shift in (0, 1):
        if labels.dtype.kind in "iuf" and set(np.unique(labels) + shift) == {0, 1, 2}:
            return (labels + shift).astype(np.int64)
    raise DataError(f"labels of {name} must be coded 0, 1, 2 or -1, 0, 1; copy it again")


def runs(labels: np.ndarray) -> list[int]:
    """Lengths of stretches of equal labels."""
    edges = np.flatnonzero(np.diff(labels)) + 1
    return np.diff(np.concatenate([[0], edges, [len(labels)]])).tolist()


def _list(numbers: list[int]) -> str:
    return " ".join(map(str, numbers[:12])) + (" ..." if len(numbers) > 12 else "")


@dataclass(frozen=True, eq=False)
class Recording:
    """One session of one subject: ``eeg`` (842, 5, 62), ``eye`` (842, 33 or 31) or None."""

    subject: int
    session: int
    eeg: np.ndarray
    eye: np.ndarray | None


def recordings_of(source: Source, chosen: Settings, eye: bool) -> list[tuple[int, int]]:
    """(subject, session) of all files that the settings need. Raises DataError if one is missing.

    ``eye``  eye files are needed too.
    """
    for _, sentence in missing_files(source, chosen, eye):
        raise DataError(sentence)
    return [(subject, session) for subject in chosen.subjects for session in SESSIONS]


def missing_files(
    source: Source, chosen: Settings, eye: bool
) -> Iterator[tuple[set[tuple[int, int]], str]]:
    """Recordings that cannot be read because a file is missing, and a sentence why."""
    needed = {(subject, session) for subject in chosen.subjects for session in SESSIONS}
    if eye and source.eye is None:
        yield (
            needed,
            "EEG features of SEED were found, but no eye features; copy the folder "
            "04-Eye-tracking-feature of SEED_Multimodal beside them, or choose the view eeg",
        )
    for copy in source.folders if eye else source.folders[:1]:
        if missing := sorted(needed - copy.files.keys()):
            subject, session = missing[0]
            others = count(len(missing) - 1, "more session")
            more = f" and of {others}" if len(missing) > 1 else ""
            yield (
                set(missing),
                f"{copy.folder.name} has no file of subject {subject}, session {session}{more}; "
                "copy it there, or name the subjects you have with the option subjects",
            )
        for subject in chosen.subjects:
            if (subject, len(SESSIONS) + 1) in copy.files:
                yield (
                    {(subject, session) for session in SESSIONS},
                    f"{copy.folder.name} has more than three files of subject {subject}, whose "
                    "sessions are numbered by date; remove those that are not SEED's own",
                )


def recording(
    source: Source, chosen: Settings, subject: int, session: int, eye: bool = True
) -> Recording:
    """Both files of one session; without the eye file if not ``eye``. Raises DataError."""
    path, *eyes = (copy.files[subject, session] for copy in source.folders[: 1 + eye])
    if source.layout == "mat":
        check_label_mat(source.eeg.folder)
        eeg = eeg_mat(path, chosen.smoothing)
    else:
        eeg = eeg_npz(path)
    return Recording(subject, session, eeg, eye_file(eyes[0]) if eyes else None)
