"""Single arrays, ``.npy``: plain ones after a check of the header, others by ``read_pickle``."""

from __future__ import annotations

import io
import math
from pathlib import Path
from typing import Any

import numpy as np

from datasets._io.files import MAX_BYTES, check_file
from datasets._io.pickle import read_pickle
from datasets.base import DataError

_MAGIC = b"\x93NUMPY"


def read_npy(path: Path, name: str, limit: int = MAX_BYTES, again: str = "copy it again") -> Any:
    """The content of a ``.npy`` file of at most ``limit`` bytes.

    An array of numbers; or, if the file was written from Python objects, with or without the header
    of this format, what ``read_pickle`` returns for it: containers, numbers, text and arrays.
    ``name`` is what messages call the file and ``again`` what they advise. Raises DataError for
    anything else, for a damaged file and for a path that is not a file.
    """
    check_file(path, name, limit)
    raw = path.read_bytes()
    if not raw.startswith(_MAGIC):
        return read_pickle(raw, name)
    stream = io.BytesIO(raw)
    try:
        version = np.lib.format.read_magic(stream)
        header = (
            np.lib.format.read_array_header_1_0
            if version == (1, 0)
            else np.lib.format.read_array_header_2_0
        )
        shape, fortran, dtype = header(stream)
    except Exception as error:  # numpy raises several types on a damaged header
        raise DataError(f"{name} is not a complete .npy file; {again}") from error
    content = raw[stream.tell() :]
    if dtype.hasobject:
        return read_pickle(content, name)
    if dtype.kind not in "biuf" or dtype.shape:
        raise DataError(f"{name} is not an array of real numbers; {again}")
    if math.prod(shape) * dtype.itemsize != len(content):
        raise DataError(f"{name} is cut short; {again}")
    return np.frombuffer(content, dtype).reshape(shape, order="F" if fortran else "C")
