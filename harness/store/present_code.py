"""Whether stored numbers rest on the code of this checkout, by the digests stored with them alone.

Imports no entry of the project, unlike ``code_digest``, which finds the files behind a method.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache

from harness.options import ROOT
from harness.store import syntax


@cache
def digest_of(name: str) -> str:
    """The digest of a source file, by its path from the root of the checkout.

    Read once per process, so that a driver's records name the code that it started with.
    """
    return syntax.digest(ROOT.joinpath(name).read_text("utf-8"))


@cache
def _present(name: str) -> str:
    """:func:`digest_of`; "" for a file that is not here."""
    return digest_of(name) if ROOT.joinpath(name).is_file() else ""


def made_by_other_code(made: Mapping[str, str]) -> bool:
    """Whether a file of ``made`` (path -> digest) is not as it was, or is not here."""
    return any(_present(name) != digest for name, digest in made.items())
