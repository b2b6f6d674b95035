"""100,000 trials are judged in seconds."""

from __future__ import annotations

import time

import numpy as np
import pandas as pd
import pytest

from harness.analysis.claims import judge
from harness.analysis.leaders import leaders
from harness.analysis.methods import matrix, posteriors
from tests.unit.harness.fake_claims import TABLE2, TITLES
from tests.unit.harness.fake_trials import trials_of


@pytest.mark.slow
def test_a_hundred_thousand_trials_are_judged_in_seconds() -> None:
    rng, keys = np.random.default_rng(0), [*TABLE2, *(f"row{i}" for i in range(15))]
    one = trials_of(dict.fromkeys(keys, np.zeros(20)))
    one["row"] = one["row_key"].map(lambda key: TITLES.get(key, key))
    parts = [
        one.assign(dataset=f"data{d}", dataset_order=d, label_percent=float(p + 1))
        for d in range(10)
        for p in range(17)
    ]
    trials = pd.concat(parts, ignore_index=True).assign(n_train=600, n_test=200)
    trials["accuracy"] = rng.uniform(0.5, 0.9, len(trials))
    assert len(trials) > 100_000
    begin = time.process_time()
    ledger = judge({"table2": trials}, {})
    found = leaders(trials, "smvae"), posteriors(trials, "smvae"), matrix(trials)
    assert time.process_time() - begin < 20
    assert len(ledger) > 10 * 17 * 10
    assert all(len(table) for table in found)
