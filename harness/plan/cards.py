"""Cards of all methods, kept between runs: to know what there is, no method is imported.

The file ``method_cards.json`` in the cache folder (``datasets._io.cache``) holds them beside a key:
a digest of all code of the project, of Python's version, and of the folders that libraries are
imported from, which change when one is installed or removed. A file with another key, or one that
is damaged, is made anew from the methods themselves. So is one where a method's file is broken:
only cards of methods that all load are kept, and an error is never remembered.
"""

from __future__ import annotations

import hashlib
import json
import os
import sys
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import asdict
from functools import cache as once
from pathlib import Path

from datasets._io import cache
from harness import registry
from harness.store.code_digest import FIRST_PARTY
from harness.store.files import write_whole
from harness.store.seal import SEAL, opened, sealed
from protocols.base import MethodCard

NAME = "method_cards.json"


def method_cards() -> tuple[MethodCard, ...]:
    """Cards of every registered method that loads, for protocols; sorted by key."""
    return _cards()[0]


def broken_methods() -> tuple[registry.EntryError, ...]:
    """The errors of the methods that do not load."""
    return _cards()[1]


def forget() -> None:
    """Read or make the cards again; for tests that edit code."""
    _cards.cache_clear()


@once
def _cards() -> tuple[tuple[MethodCard, ...], tuple[registry.EntryError, ...]]:
    path, key = cache.folder() / NAME, _key()
    kept = _read(path, key)
    if kept is not None:
        return kept, ()
    methods, broken = registry.load_methods()
    cards = tuple(
        MethodCard(
            name,
            method.title,
            method.can.classify,
            method.can.impute,
            method.can.unlabelled,
            method.can.inductive,
            method.can.missing_views,
        )
        for name, method in methods.items()
    )
    if not broken:
        line = json.dumps({"key": key, "cards": [asdict(card) for card in cards]})
        with suppress(OSError):  # a folder that cannot be written costs time alone
            write_whole(path, sealed(line))
    return cards, broken


def _read(path: Path, key: str) -> tuple[MethodCard, ...] | None:
    """The cards of a file; None if it is missing, damaged, or has another key."""
    try:
        line = path.read_bytes().rstrip()
        if not SEAL.search(line):
            return None
        values = json.loads(opened(line))
        if values["key"] != key:
            return None
        return tuple(MethodCard(**card) for card in values["cards"])
    except (OSError, ValueError, TypeError, KeyError):
        return None


def _key() -> str:
    """A digest of all that the cards follow from."""
    digest = hashlib.sha256(sys.version.encode())
    for path in _code():
        content = path.read_bytes()
        name = path.relative_to(registry.ROOT).as_posix()
        digest.update(f"\n{name} {len(content)}\n".encode())
        digest.update(content)
    for folder in sys.path:
        # The checkout's own folder changes with every file written there; its code is read above.
        if Path(folder).resolve() != registry.ROOT and os.path.isdir(folder):
            digest.update(f"\n{folder} {os.stat(folder).st_mtime_ns}".encode())
    return digest.hexdigest()


def _code() -> Iterator[Path]:
    """Every Python file of the project's packages, in a fixed order."""
    for package in FIRST_PARTY:
        for folder, below, files in os.walk(registry.ROOT / package):
            below.sort()
            yield from (Path(folder, name) for name in sorted(files) if name.endswith(".py"))
