"""Twins: simulated recordings in the exact on-disk form of a licensed data set.

A marker file says what they are. A loader that finds it beside the files, or in a folder above them
up to the data root, gives its data set the kind ``twin``, which every report stamps.
"""

from __future__ import annotations

from pathlib import Path

MARKER = "TWIN.txt"
_TEXT = """This folder holds TWINS: simulated recordings in the file format of a licensed data set.
They were drawn by a random generator, from no person, and say nothing about the real data.
Made by: python run_all.py {command}
"""


def mark(folder: Path, command: str) -> None:
    """Write the marker into ``folder``; ``command`` is what made the twin."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / MARKER).write_text(_TEXT.format(command=command), encoding="utf-8")


def is_twin(folder: Path, root: Path) -> bool:
    """Whether ``folder``, or a folder between it and ``root`` (both included), is marked."""
    folder, root = folder.resolve(), root.resolve()
    between = [folder, *(parent for parent in folder.parents if parent.is_relative_to(root))]
    return any((each / MARKER).is_file() for each in between)
