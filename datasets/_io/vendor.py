"""The open data in the checkout, ``datasets/vendor/*.npz``, each compared with its checksum."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np

from datasets._io.files import sha256
from datasets._io.npz import read_npz
from datasets.base import DataError

VENDOR = Path(__file__).resolve().parents[1] / "vendor"


def vendored(name: str) -> dict[str, np.ndarray]:
    """Arrays of ``datasets/vendor/<name>.npz``, after its checksum is compared.

    Raises DataError when the file is absent or is not, byte for byte, the one in SHA256SUMS
    (a Git LFS pointer, an incomplete checkout, a changed line ending).
    """
    path = VENDOR / f"{name}.npz"
    try:
        raw = path.read_bytes()
        sums = (VENDOR / "SHA256SUMS").read_text()
    except OSError as error:
        missing = Path(str(error.filename)).name
        raise DataError(
            f"datasets/vendor/{missing} cannot be read; restore it with "
            f"'git checkout -- datasets/vendor/{missing}'"
        ) from error
    if raw.startswith(b"version https://git-lfs"):
        raise DataError(f"datasets/vendor/{path.name} is a Git LFS pointer; run 'git lfs pull'")
    if f"{sha256(raw)}  {path.name}" not in sums.splitlines():
        raise DataError(
            f"datasets/vendor/{path.name} does not match its checksum; restore it with "
            f"'git checkout -- datasets/vendor/{path.name}'"
        )
    return read_npz(io.BytesIO(raw), path.name)
