"""Recordings in EDF and EDF+C, which may be damaged or hostile.

The header is checked here, field by field and against the size of the file, before edfio reads it;
edfio then decodes and calibrates. Layout: B. Kemp et al., A simple format for exchange of
digitized polygraphic recordings, Electroenceph. clin. Neurophysiol. 82 (1992), and EDF+ (2003).
"""

from __future__ import annotations

import math
import re
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from datasets._io.files import check_file, printable
from datasets._wording import count
from datasets.base import DataError

MAX_BYTES = 256 * 2**20  # of one file
MAX_SIGNALS = 256
MICROVOLTS = {"uV": 1.0, "µV": 1.0, "mV": 1e3, "V": 1e6, "": 1.0}
"""Microvolts per unit; a blank unit means uV, as is customary in this format."""

_FIXED = (8, 80, 80, 8, 8, 8, 44, 8, 8, 4)  # widths of the fields before the signals', in bytes
_SIGNAL = (16, 80, 8, 8, 8, 8, 8, 80, 8, 32)  # widths of each signal's fields
_LARGEST = 1e9  # microvolts; a larger physical range is not a voltage


@dataclass(frozen=True)
class _Channel:
    unit: str
    low: float
    high: float
    digital_low: int
    digital_high: int
    samples: int  # a data record


def read_microvolts(path: Path, labels: Sequence[str], rate: float) -> np.ndarray:
    """The signals called ``labels``, ``(len(labels), t)`` float64 in microvolts.

    Raises DataError, one sentence, for a file that is not a complete continuous EDF recording, that
    lacks one of ``labels`` or has one at another sampling rate than ``rate`` (Hz).
    """
    check_file(path, path.name, MAX_BYTES)
    raw = path.read_bytes()
    _check(raw, labels, rate, path.name)
    import edfio

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # from a later numpy: the file is not at fault
            warnings.simplefilter("error", UserWarning)  # from edfio: the header contradicts itself
            edf = edfio.read_edf(raw, lazy_load_data=False, header_encoding="latin-1")
            chosen = [edf.get_signal(label) for label in labels]
            units = np.array([MICROVOLTS[signal.physical_dimension] for signal in chosen])
            return np.stack([signal.data for signal in chosen]) * units[:, None]
    except Exception as error:  # passed the checks above and still cannot be read
        raise DataError(f"{path.name} cannot be decoded as EDF; download it again") from error


def _check(raw: bytes, labels: Sequence[str], rate: float, name: str) -> None:
    """Raise DataError unless sizes, counts and the channels called ``labels`` all agree."""
    again = "download it again"
    if not raw:
        raise DataError(f"{name} is empty; {again}")
    if not raw.startswith(b"0" + b" " * 7):
        raise DataError(f"{name} is not an EDF recording, its first field is not '0'; {again}")
    if len(raw) < sum(_FIXED):
        raise DataError(f"{name} is cut short inside its header; {again}")
    fields = _cut(raw, 0, _FIXED)
    if fields[6].startswith("EDF+D"):
        raise DataError(f"{name} is an interrupted recording (EDF+D); convert it to EDF+C first")
    header, records, signals = (
        _whole(fields[i], what, name)
        for i, what in ((5, "header size"), (7, "number of records"), (9, "number of signals"))
    )
    seconds = _real(fields[8], "record duration", name)
    if not 1 <= signals <= MAX_SIGNALS or header != sum(_FIXED) + signals * sum(_SIGNAL):
        raise DataError(
            f"the header of {name} states {count(signals, 'signal')} in {header} bytes, which is "
            f"impossible; {again}"
        )
    if len(raw) < header:
        raise DataError(f"{name} is cut short inside its header; {again}")
    if records < 1 or not 0 < seconds <= 3600:
        raise DataError(
            f"the header of {name} states {count(records, 'record')} of {seconds:g} s, which is "
            f"impossible; {again}"
        )
    channels = _channels(raw, signals, name)
    expected = header + 2 * records * sum(channel.samples for _, channel in channels)
    if len(raw) != expected:
        fault = "is cut short" if len(raw) < expected else "is longer than its header states"
        raise DataError(f"{name} {fault}: {len(raw)} bytes, not {expected}; {again}")
    for label in labels:
        same = [channel for found, channel in channels if found == label]
        if len(same) != 1:
            fault = "no channel" if not same else f"{len(same)} channels"
            raise DataError(f"{name} has {fault} '{label}'; use the files as they were published")
        _check_channel(same[0], seconds, rate, f"channel '{label}' of {name}")


def _channels(raw: bytes, signals: int, name: str) -> list[tuple[str, _Channel]]:
    """Label and numbers of every signal; the header stores them field by field, not by signal."""
    columns, start = [], sum(_FIXED)
    for width in _SIGNAL:
        columns.append(_cut(raw, start, (width,) * signals))
        start += width * signals
    channels = []
    for i, label in enumerate(columns[0]):
        what = f"signal {i + 1}"
        channel = _Channel(
            unit=columns[2][i],
            low=_real(columns[3][i], f"minimum of {what}", name),
            high=_real(columns[4][i], f"maximum of {what}", name),
            digital_low=_whole(columns[5][i], f"digital minimum of {what}", name),
            digital_high=_whole(columns[6][i], f"digital maximum of {what}", name),
            samples=_whole(columns[8][i], f"samples of {what}", name),
        )
        if channel.samples < 1:
            raise DataError(f"{what} of {name} has no samples; download it again")
        channels.append((label, channel))
    return channels


def _check_channel(channel: _Channel, seconds: float, rate: float, what: str) -> None:
    if not math.isclose(channel.samples / seconds, rate, rel_tol=1e-6):
        raise DataError(
            f"{what} is sampled at {channel.samples / seconds:g} Hz, not {rate:g}; "
            "use the files as they were published"
        )
    if channel.unit not in MICROVOLTS:
        raise DataError(f"{what} is in '{channel.unit}', not in volts; download it again")
    if not (
        -(2**15) <= channel.digital_low < channel.digital_high < 2**15
        and channel.low != channel.high
        and max(abs(channel.low), abs(channel.high)) <= _LARGEST
    ):
        raise DataError(f"{what} has an impossible range of values; download it again")


def _cut(raw: bytes, start: int, widths: Sequence[int]) -> list[str]:
    ends = start + np.cumsum(widths)
    pairs = zip(ends - widths, ends, strict=True)
    return [raw[a:b].decode("latin-1").strip(" \0") for a, b in pairs]


def _whole(text: str, what: str, name: str) -> int:
    if not re.fullmatch(r"[+-]?\d{1,8}", text, re.ASCII):
        raise DataError(
            f"the {what} of {name} is '{printable(text)}', not a number; download it again"
        )
    return int(text)


def _real(text: str, what: str, name: str) -> float:
    if not re.fullmatch(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d{1,3})?", text, re.ASCII):
        raise DataError(
            f"the {what} of {name} is '{printable(text)}', not a number; download it again"
        )
    return float(text)
