"""Figures of effects: which lines there are, in which order, and what is said of them."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Mapping
from dataclasses import replace

import numpy as np
import pandas as pd

from harness.report.kind import Given
from harness.report.write import contents
from protocols import ambiguity, controls
from tests.unit.harness.fake_figures import NOTE, layout_of, meta_of
from tests.unit.harness.fake_trials import trials_of

BAYES = {"bayes_accuracy": 0.9}
P2 = {row.key: row.title for row in controls.P2}
BLIND = {row.key: row.title for row in controls.CONTROLS["blind_a", "blind_b"]}
MEANS = dict.fromkeys(P2, 0.6) | {"p2_smvae": 0.89, "p2_m2": 0.75, "p2_smvae_30": 0.8}


def trials(means: Mapping[str, float], titles: Mapping[str, str], n: int = 5) -> pd.DataFrame:
    rng = np.random.default_rng(0)
    made = trials_of({key: mean + 0.004 * rng.normal(size=n) for key, mean in means.items()})
    return made.assign(row=made["row_key"].map(titles), tuning_accuracy=made["accuracy"])


def of_controls() -> dict[str, bytes]:
    """Two controls: SMVAE passes and M2 fails the first; the second has a method above chance."""
    first = trials(MEANS, P2)
    blind = dict.fromkeys(BLIND, 0.34) | {"blind_label_spreading": 0.5}
    second = trials(blind, BLIND).assign(dataset="blind", dataset_order=1)
    notes = (
        replace(NOTE, known=BAYES, kind="simulated"),
        replace(NOTE, key="blind", title="Blind", kind="simulated", known={"bayes_accuracy": 0.34}),
    )
    meta = meta_of("controls", datasets=notes)
    table = pd.concat([first, second], ignore_index=True)
    return contents(Given(meta, layout_of("controls"), table), ("svg",))


def lines(files: dict[str, bytes]) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(files["paired.csv"].decode())))


def page(files: dict[str, bytes]) -> str:
    return re.sub(r"<svg.*?</svg>", "", files["index.html"].decode(), flags=re.S)


def drawn(files: dict[str, bytes], name: str) -> list[str]:
    """Words of a figure from top to bottom of each panel."""
    return re.findall(r"<text[^>]*>([^<]+)</text>", files[name].decode())


def test_a_control_says_who_passed_and_who_failed() -> None:
    verdicts = {(line["dataset"], line["line"]): line["verdict"] for line in lines(of_controls())}
    assert verdicts["data", "SMVAE"] == "passed"
    assert verdicts["data", "M2"] == "failed"
    assert verdicts["data", "Logistic regression"] == "passed"  # it must stay below
    assert verdicts["data", "Label spreading"] == ""  # nothing must hold
    assert verdicts["blind", "Label spreading, views without the class"] == "failed"
    assert verdicts["blind", "SMVAE, views without the class"] == "passed"


def test_methods_that_fail_are_named_on_the_page_and_stand_first_in_the_table_of_all() -> None:
    files = of_controls()
    text = page(files)
    assert "(M2)" in text
    first = text.index("Every effect, failures first")
    table = text[first : text.index("</table>", first)]
    words = re.findall(r"(failed|undecided|passed)</td>", table)
    order = ["failed", "undecided", "passed"]
    assert words[:2] == ["failed", "failed"]
    assert words == sorted(words, key=order.index)
    assert ".900" in text  # the oracle's value


def test_all_controls_stand_in_one_figure_under_their_names() -> None:
    files = of_controls()
    assert {"figures/controls.svg", "figures/controls_data.svg"} <= set(files)
    words = drawn(files, "figures/controls.svg")
    assert words.index("Data") < words.index("SMVAE") < words.index("Blind")
    assert {"passed", "failed"} <= set(words)
    assert any("SIMULATED" in word for word in words)


def of_ambiguity(trials_of_each: int = 5) -> dict[str, bytes]:
    """SMVAE above M2 but for Glorot's values, where it is below; MAE+SVM below both."""
    rows = {row.key: row.title for row in ambiguity._rows()}
    means = {key: 0.7 if key.startswith("smvae") else 0.65 for key in rows}
    means |= {"smvae_init": 0.55, "sdgm": 0.6, "mae_svm": 0.5, "mae_svm_train": 0.9}
    table = trials(means, rows, trials_of_each)
    return contents(Given(meta_of("ambiguity"), layout_of("ambiguity"), table), ("svg",))


def test_choices_are_sorted_by_their_effect_and_those_that_flip_the_claim_are_named() -> None:
    files = of_ambiguity()
    words = drawn(files, "figures/ambiguity_data.svg")
    panels = [word for word in words if word in ambiguity.PANELS]
    assert panels == list(ambiguity.PANELS)
    assert "figures/ambiguity.svg" not in files  # one data set has one figure
    names = [w for w in words if w.startswith(("initial values", "c: 1", "mean over"))]
    assert names[-1] == "initial values: Glorot"  # the largest loss is last
    flipped = re.findall(r"otherwise under: ([^.<]*)\.", page(files))
    assert flipped[0] == "initial values: Glorot (failed)"
    assert f"{ambiguity.SEEN} (failed)" in flipped[1]


def test_a_main_effect_is_the_mean_of_runs_with_minus_that_of_runs_without() -> None:
    found = {(line["line"], line["panel"]): line for line in lines(of_ambiguity())}
    main = found["mean over crossed: softplus", "SMVAE minus default"]
    assert abs(float(main["difference"])) < 0.01
    claim = found["default", ambiguity.AGAINST_BEST]
    assert claim["against"] == "M2"  # .65 on tuning rows, above SDGM and MAE+SVM
    assert abs(float(claim["difference"]) - 0.05) < 0.01


def test_two_trials_give_differences_and_no_verdict() -> None:
    found = lines(of_ambiguity(2))
    assert {line["verdict"] for line in found} == {""}
    assert all(line["difference"] for line in found)
