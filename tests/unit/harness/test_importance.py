"""Importance of searched settings: planted truths."""

from __future__ import annotations

import numpy as np

from harness.analysis.importance import importance


def drawn(n: int) -> list[dict[str, object]]:
    rng = np.random.default_rng(1)
    return [
        {"a": float(rng.uniform()), "b": float(rng.uniform()), "kind": str(rng.choice(["x", "y"]))}
        for _ in range(n)
    ]


def test_what_moves_the_score_comes_first_and_shares_sum_to_one() -> None:
    settings = drawn(60)
    found = importance(settings, [3 * s["a"] + (s["kind"] == "x") for s in settings])
    assert [name for name, _ in found] == ["a", "kind", "b"]
    assert abs(sum(share for _, share in found) - 1) < 1e-12
    assert found[2][1] < 0.05


def test_nothing_is_said_of_noise_of_few_scores_or_of_failures() -> None:
    settings = drawn(40)
    assert importance(settings, np.random.default_rng(2).normal(size=40).tolist()) == []
    assert importance(settings[:9], [s["a"] for s in settings[:9]]) == []
    assert importance(settings, [float("nan")] * 40) == []
