"""The report on a leak: its numbers, its sentence, its figure, and what is not there."""

from __future__ import annotations

import io
import re
from dataclasses import replace
from html import escape

import numpy as np
import pandas as pd
import pytest

from harness.report import format as fmt
from harness.report.format import points
from harness.report.kind import Given
from harness.report.meta import SplitNote
from harness.report.write import contents
from tests.unit.harness.fake_figures import NOTE, layout_of, meta_of
from tests.unit.harness.fake_trials import trials_of

SPLITS = (
    SplitNote("window", ("person", "recording"), 1 / 3),
    SplitNote("recording", ("person",), 1 / 3),
    SplitNote("person", (), 1 / 3),
)
MEANS = {"window": 0.85, "recording": 0.75, "person": 0.7}
ROWS = {"svm": ("supervised", 0.0), "amgl": ("transductive", 0.06)}


def trials(n: int = 5, percents: tuple[float, ...] = (2.0, 10.0)) -> pd.DataFrame:
    """Two methods under three splits; the graph gains most from the leaky one."""
    rng, parts = np.random.default_rng(0), []
    for order, (key, (block, more)) in enumerate(ROWS.items()):
        for percent in percents:
            for split, mean in MEANS.items():
                up = more if split == "window" else 0.0
                accuracies = mean + up + 0.01 * rng.normal(size=n)
                part = trials_of({key: accuracies}, percent)
                labels = int(14 * percent) + len(split)
                parts.append(
                    part.assign(block=block, row_order=order, at_split=split, n_labelled=labels)
                )
    return pd.concat(parts, ignore_index=True)


def made(
    table: pd.DataFrame | None = None, *, simulated: bool = False, kinds: tuple = ("svg",)
) -> dict:
    note = replace(NOTE, splits=SPLITS, split="window, recording, person")
    note = replace(note, kind="simulated") if simulated else note
    meta = meta_of("leak", datasets=(note,), title="The leak: worth")
    given = Given(meta, layout_of("split_leakage"), trials() if table is None else table)
    return contents(given, kinds)


def page(files: dict[str, bytes]) -> str:
    text = re.sub(r"<svg.*?</svg>", "", files["index.html"].decode(), flags=re.S)
    return re.sub(r"</?span[^>]*>", "", text)


def numbers(files: dict[str, bytes]) -> pd.DataFrame:
    return pd.read_csv(io.BytesIO(files["leak.csv"]))


def test_the_folder_holds_a_page_a_table_and_a_figure() -> None:
    files = made(kinds=("svg", "png", "pdf"))
    figures = {f"figures/leak_data.{kind}" for kind in ("svg", "png", "pdf")}
    own = {name for name in files if not name.startswith("data/")}
    texts = {"leak.csv", "leak.md", "leak.tex", "summary.json", "trials.csv"}
    assert own == {"index.html", *texts, *figures}
    assert files["figures/leak_data.pdf"].startswith(b"%PDF")


def test_same_numbers_same_bytes_in_whatever_order_they_come() -> None:
    assert made(trials().sample(frac=1, random_state=2)) == made()


def test_every_number_of_the_csv_is_on_the_page_and_every_gain_in_the_figure() -> None:
    files = made()
    text, drawn, table = page(files), files["figures/leak_data.svg"].decode(), numbers(files)
    assert len(table) == 8
    for line in table.itertuples():
        both = f"{line.leaky_mean:.3f} ± {line.leaky_sd:.3f}", f"{line.mean:.3f} ± {line.sd:.3f}"
        assert all(one.replace("0.", ".") in text for one in both)
        for value in (line.difference, line.low, line.corrected_high):
            assert points(value) in text
        assert points(line.difference) in drawn


def test_the_finding_goes_from_the_least_gain_to_the_most() -> None:
    files = made()
    table = numbers(files)
    own = table[(table["label_percent"] == 10.0) & (table["split"] == "person")]
    svm, amgl = own.to_dict("records")
    (finding,) = re.findall(r"<td[^>]*>(On Data, .*?)</td>", page(files))
    facts = [
        *("10\u00a0%", "person", "recording"),
        *(points(svm["difference"]), "SVM"),
        fmt.interval(svm["corrected_low"], svm["corrected_high"], points),
        *(points(amgl["difference"]), "AMGL", "window minus person", "2 of 2"),
    ]
    places = [finding.find(fact) for fact in facts]
    assert -1 not in places
    assert places == sorted(places)


def test_the_figure_says_what_is_compared_and_on_what() -> None:
    drawn = made()["figures/leak_data.svg"].decode()
    for words in (
        "The leak, Data: accuracy gained under the split “window”",
        "window minus recording: rows of one recording on both sides",
        "window minus person: rows of one person and one recording on both sides",
        "Transductive SSL",
        "10\u00a0% labelled (146–149 labels)",
        "smoke run",
    ):
        assert words in drawn


def test_simulated_data_are_stamped_and_never_beside_published_numbers() -> None:
    files = made(simulated=True)
    assert "SIMULATED data" in files["figures/leak_data.svg"].decode()
    assert "SIMULATED data" in page(files)
    assert "On the simulated copy of Data, " in page(files)
    assert "On Data, " not in page(files)


def test_the_page_prints_how_to_read_it_and_what_each_split_leaks() -> None:
    text, layout = page(made()), layout_of("split_leakage")
    for line in (layout.shows, *layout.reading):
        assert escape(line) in text
    assert "window: person, recording; recording: person; person: none<" in text
    assert "10\u00a0%, split person" in text, "trials say under which split they ran"


@pytest.mark.parametrize("n", [1, 2])
def test_few_trials_have_gains_without_intervals(n: int) -> None:
    files = made(trials(n))
    assert "95 % interval +" not in page(files)
    assert points(numbers(files)["difference"].iloc[0]) in files["figures/leak_data.svg"].decode()


def test_nothing_ran_yet() -> None:
    gone = ["accuracy", "n_labelled", "tuning", "n_tuning_labels", "epoch", "candidates", "seconds"]
    files = made(trials().assign(status="missing", **dict.fromkeys(gone, np.nan)))
    text = page(files)
    assert "0 of 60 trials ok" in text
    assert "0/5" in text
    assert "change test accuracy" not in text
    assert "–" in files["figures/leak_data.svg"].decode()


def test_a_failed_trial_leaves_the_pairs_that_are_there_and_says_so() -> None:
    table = trials()
    table.loc[0, ["status", "accuracy", "reason"]] = ["failed", np.nan, "it broke"]
    files = made(table)
    assert "(4/5)" in files["figures/leak_data.svg"].decode()
    text = page(files)
    assert "it broke" in text
    assert '<td class="">2\u00a0%, split window</td><td class="">0</td>' in text
