"""Peers outside the lock: measured where their packages are found, named where not."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from benchmarks import peers
from benchmarks._measure import Row


@pytest.mark.parametrize("absent", [("pyro",), ("lightning",), ("pyro", "cca_zoo", "lightning")])
def test_a_peer_without_its_packages_is_named_and_not_measured(
    monkeypatch: pytest.MonkeyPatch, absent: tuple[str, ...]
) -> None:
    def rows(_: int) -> Iterator[Row]:
        yield Row("measured", "1.0")

    known = tuple(peers.Optional(p.what, p.modules, rows) for p in peers.OPTIONAL)
    monkeypatch.setattr(peers, "OPTIONAL", known)
    monkeypatch.setattr(peers, "find_spec", lambda name: None if name in absent else object())
    told = {row.what: row.value for row in peers.optional(1)}
    for peer in known:
        lacking = set(peer.modules) & set(absent)
        assert (peer.what in told) == bool(lacking)
        assert all(module in told[peer.what] for module in lacking)
    assert ("measured" in told) == (len(absent) == 1)
