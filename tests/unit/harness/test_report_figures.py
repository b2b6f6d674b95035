"""Reports on figures: their structs, their files, what they say of what is not there."""

from __future__ import annotations

import io
import re
import sys
from dataclasses import replace
from functools import cache
from html import escape
from pathlib import Path
from types import ModuleType

import numpy as np
import pandas as pd
import pytest
from matplotlib.image import imread

from harness.analysis.figure_arrays import Shown
from harness.layout import Layout, Value
from harness.registry import ROOT
from harness.report.export import terminal
from harness.report.figures.curves import CurvePlot
from harness.report.figures.matrices import STOPS
from harness.report.kind import Given
from harness.report.write import Made, contents, render
from tests.unit.harness.fake_figures import (
    NOTE,
    case,
    given_of,
    layout_of,
    meta_of,
    weights_of,
)
from tests.unit.harness.fake_trials import trials_of

LABELS = {
    "figure2a": ("share of the unlabelled training rows that is kept (%)", "test accuracy"),
    "figure2b": ("epoch", "view weight λ", "drifts towards one-hot"),
    "figure2c": ("scaling constant c (log scale)", "test accuracy"),
    "figure3": ("training rows that lack a view (%)", "test accuracy", "SDGM+"),
    "figure4": ("training rows that lack a view (%)", "NMSE of hidden entries, z-scored"),
    "figure5": ("12 features of view b", "instances, by class", "Original", "NMSE ."),
    "figure6": ("c1, weight of imputation", "c2, weight of classification"),
}
every_figure = pytest.mark.parametrize("protocol", sorted(LABELS))


def made(protocol: str, kinds: tuple[str, ...] = ("svg",), **changes) -> dict[str, bytes]:
    return contents(given_of(protocol, **changes), kinds)


def page(files: dict[str, bytes]) -> str:
    """The text of the page without its figures; numbers without the tags around their SD."""
    text = re.sub(r"<svg.*?</svg>", "", files["index.html"].decode(), flags=re.S)
    return re.sub(r"</?span[^>]*>", "", text)


@cache
def whole(protocol: str) -> dict[str, bytes]:
    """Every file, made once."""
    return made(protocol, ("svg", "png", "pdf"))


@every_figure
def test_every_figure_is_there_in_three_formats_with_numbers_and_page(protocol: str) -> None:
    names = set(whole(protocol))
    stem = f"figures/{protocol}_data" + ("_b" if protocol == "figure5" else "")
    assert {f"{stem}.{kind}" for kind in ("svg", "png", "pdf")} <= names
    assert {f"{protocol}.csv", "index.html"} <= names
    assert whole(protocol)[f"{stem}.pdf"].startswith(b"%PDF")
    pixels = imread(io.BytesIO(whole(protocol)[f"{stem}.png"]))
    assert min(pixels.shape[:2]) > 300
    assert 0.005 < (pixels[..., :3].min(-1) < 0.6).mean() < 0.8, "neither empty nor a blot"


@every_figure
def test_same_numbers_same_bytes_in_whatever_order_they_come(protocol: str) -> None:
    trials = case(protocol)[0].sample(frac=1, random_state=1)
    assert made(protocol, ("svg", "png", "pdf"), trials=trials) == whole(protocol)


def test_the_folder_is_whole(tmp_path: Path) -> None:
    paths = render(given_of("figure6"), tmp_path).paths
    assert {str(path.relative_to(tmp_path)) for path in paths} == set(whole("figure6"))
    assert {path for path in tmp_path.rglob("*") if path.is_file()} == set(paths)
    for path in paths:
        assert path.read_bytes() == whole("figure6")[str(path.relative_to(tmp_path))]


@every_figure
def test_axes_are_labelled_and_stamps_are_printed_on_the_figure(protocol: str) -> None:
    simulated = replace(NOTE, kind="simulated")
    files = made(protocol, datasets=(simulated,))
    drawn = [text.decode() for name, text in files.items() if name.endswith(".svg")]
    for label in LABELS[protocol]:
        assert label.replace("λ", "&#955;") in drawn[0] or label in drawn[0], label
    for text in drawn:
        assert "smoke run" in text
        assert "SIMULATED data" in text
    assert 'class="stamp simulated"' in files["index.html"].decode()


@every_figure
def test_page_is_one_file_that_quotes_the_paper_as_the_paper(protocol: str) -> None:
    files = made(protocol, kinds=())
    text = files["index.html"].decode()
    assert not re.search(r"<(link|img|iframe)\b|\bsrc=|@import|url\((?!#)", text)
    said = page(files)
    assert f"“{escape(layout_of(protocol).claim, quote=False)}”" in said
    assert "trials ok" in said
    for name in files:
        if name != "index.html" and not name.startswith("data/"):
            assert f'href="{name}"' in said


# ---------------------------------------------------------------- numbers


def test_csv_and_page_hold_the_means_of_the_trials() -> None:
    trials, files = case("figure3")[0], made("figure3", kinds=())
    table = pd.read_csv(io.BytesIO(files["figure3.csv"]))
    for line in table.to_dict("records"):
        here = trials[
            (trials["row_key"] == line["row_key"])
            & (trials["label_percent"] == line["label_percent"])
            & (trials["at_missing"] == line["at_missing"])
        ]
        assert line["accuracy_mean"] == pytest.approx(here["accuracy"].mean(), abs=1e-6)
        assert line["accuracy_sd"] == pytest.approx(here["accuracy"].std(ddof=1), abs=1e-6)
        printed = f"{here['accuracy'].mean():.3f}".removeprefix("0")
        assert f"{printed} ± " in page(files)
    pairs = pd.read_csv(io.BytesIO(files["paired.csv"]))
    assert set(pairs["reference"]) == {"SiMVAE"}
    assert len(pairs) == 4 * 2 * 3


def test_labels_and_classes_kept_are_printed_where_rows_lose_some() -> None:
    said = page(made("figure3", kinds=()))
    assert "Labels and classes used" in said
    assert "2 of 24, in 2" in said
    lost = said.split("Labels and classes used")[2].split("</table>")[0]
    assert "PartialData" in lost
    assert "SDGM+" not in lost
    assert "Labels and classes used" not in page(made("figure2a", kinds=()))
    trials = case("figure3")[0].query("row_key != 'partial_data'")
    varied = trials.assign(n_labelled=trials["n_labelled"] + trials["trial"])
    text = page(made("figure3", kinds=(), trials=varied))
    assert "24–26" in text
    assert "Labels and classes used" not in text, "trials differ, rows do not"


def test_variants_of_nmse_are_figures_of_their_own_and_calibration_is_a_table() -> None:
    files = made("figure4")
    drawn = {name for name in files if name.endswith(".svg")}
    assert drawn == {"figures/figure4_data.svg", "figures/figure4_nmse_all_data.svg"}
    assert b"NMSE over all rows, z-scored" in files["figures/figure4_nmse_all_data.svg"]
    said = page(files)
    assert "entries inside the predicted 90 % interval, 2\u00a0% labelled" in said
    assert ".800 ± .000" in said
    assert "1.50 ± 0.00" in said


def test_tuning_labels_are_named_only_where_they_chose_something() -> None:
    trials = case("figure4")[0]
    for rule, used in (
        ("epoch:nmse candidate:nmse", False),
        ("fixed", False),
        ("candidate:nmse > epoch:accuracy", True),
        ("epoch:loss candidate:probe", True),
    ):
        text = page(made("figure4", kinds=(), trials=trials.assign(rule=rule)))
        assert ("chosen without labels" in text) != used
        assert ("tuning labels" in text) == used


def test_weights_and_their_ways_are_csv() -> None:
    files, shown = made("figure2b", kinds=()), weights_of()
    bars = pd.read_csv(io.BytesIO(files["figure2b.csv"]))
    ways = pd.read_csv(io.BytesIO(files["epochs.csv"]))
    assert len(bars) == 3 * 2
    assert len(ways) == 3 * 2 * 60
    assert bars.groupby("trial")["weight"].sum().to_numpy() == pytest.approx(1, abs=1e-5)
    mean = np.mean([one.final[0] for one in shown.weights])
    assert f"{mean:.3f}".removeprefix("0") in page(files)


def test_images_are_csv_but_never_of_licensed_data() -> None:
    files = made("figure5", kinds=())
    table = pd.read_csv(io.BytesIO(files["figures/figure5_data_b.csv"]))
    assert table.groupby("panel").size().to_dict() == dict.fromkeys(
        ("Original", "SiMVAE", "SDGM+", "DCCAE → SMVAE"), 40
    )
    licensed = made("figure5", kinds=(), datasets=(replace(NOTE, kind="licensed"),))
    assert not [name for name in licensed if name.startswith("figures/")]
    assert "licensed data" in page(licensed)


def test_the_scale_of_images_gets_lighter_all_the_way() -> None:
    weights = (0.2126, 0.7152, 0.0722)
    light = [
        sum(w * int(stop[i : i + 2], 16) for w, i in zip(weights, (1, 3, 5), strict=True))
        for stop in STOPS
    ]
    assert light == sorted(light)
    assert min(np.diff(light)) > 15


# ---------------------------------------------------------------- what is not there


def gap(trials: pd.DataFrame, status: str = "failed") -> pd.DataFrame:
    bad = (trials["trial"] == 1) & (trials.index < 3)
    names = [name for name in ("accuracy", "nmse") if name in trials.columns]
    trials.loc[bad, "status"], trials.loc[bad, names] = status, np.nan
    trials.loc[bad, "reason"] = "it broke"
    return trials


@pytest.mark.parametrize("protocol", ["figure2a", "figure3", "figure4", "figure6"])
def test_a_place_without_all_its_trials_has_no_mean_and_is_said(protocol: str) -> None:
    files = made(protocol, trials=gap(case(protocol)[0]))
    (drawn,) = (files[name] for name in files if name.endswith(f"{protocol}_data.svg"))
    assert b"2/3" in drawn
    said = page(files)
    assert "2/3" in said
    assert "1 failed" in said
    assert "it broke" in said


def test_a_line_breaks_where_a_mean_is_not_there() -> None:
    trials = case("figure3")[0]
    middle = (trials["row_key"] == "conet") & (trials["at_missing"] == 0.5)
    trials.loc[middle & (trials["trial"] == 0), ["status", "accuracy"]] = ["missing", np.nan]
    (plot,) = Made(given_of("figure3", trials=trials), ()).drawings.figures.values()
    assert isinstance(plot, CurvePlot)
    for _, curves in plot.panels:
        (curve,) = (curve for curve in curves if curve.title == "CoNet")
        assert [point.mean is None for point in curve.points] == [False, True, False]
        assert [point.note for point in curve.points] == ["", "2/3", ""]


def test_a_mean_far_above_the_others_is_printed_at_the_edge_of_the_figure() -> None:
    trials = case("figure4")[0]
    trials.loc[trials["row_key"] == "sdgm_plus", "nmse"] += 3
    drawn = made("figure4", trials=trials)["figures/figure4_data.svg"].decode()
    far = trials[(trials["row_key"] == "sdgm_plus") & (trials["at_missing"] == 0.1)]
    for _, column in far.groupby("label_percent"):
        assert f"{column['nmse'].mean():.3f} ↑" in drawn
    ticks = [float(text) for text in re.findall(r"<text[^>]*>(\d\.\d+)</text>", drawn)]
    assert max(ticks) <= 1.5


@every_figure
def test_nothing_ran_yet(protocol: str) -> None:
    trials = case(protocol)[0]
    gone = ["accuracy", "nmse", "nmse_all", "coverage_90", "nll", "n_labelled", "tuning",
            "n_tuning_labels", "n_classes_labelled", "epoch", "candidates", "seconds"]  # fmt: skip
    there = {name: np.nan for name in gone if name in trials.columns}
    trials = trials.assign(status="missing", **there)
    files = made(protocol, (), trials=trials, shown=Shown())
    assert f"0 of {len(trials)} trials ok" in page(files)
    assert not re.search(r"[.]\d{3} ±", page(files))


def test_weights_of_some_trials_have_no_mean() -> None:
    shown = case("figure2b")[1]
    some = replace(shown, weights=shown.weights[:2], unavailable={"data": ("its file is gone",)})
    files = made("figure2b", shown=some)
    assert b"2/3 trials: no mean" in files["figures/figure2b_data.svg"]
    assert "its file is gone" in page(files)


def test_fits_that_did_not_converge_and_stale_ones_are_said() -> None:
    trials = case("figure4")[0]
    trials = trials.assign(converged=trials["row_key"] != "sdgm_plus", stale=trials["trial"] == 0)
    said = page(made("figure4", trials=trials, kinds=()))
    assert "Ended without converging: SDGM+ in 18 of 18 trials." in said
    assert "18 stale results" in said


def test_a_data_set_without_a_note_is_refused() -> None:
    with pytest.raises(ValueError, match="no note on the data set 'data'"):
        made("figure3", datasets=())


def test_a_layout_refuses_what_it_does_not_know() -> None:
    with pytest.raises(TypeError, match="colour"):
        Layout.of({"kind": "curves", "colour": "red"})


def test_the_kind_of_the_guide_makes_a_whole_report(monkeypatch: pytest.MonkeyPatch) -> None:
    guide = (ROOT / "docs/extending.md").read_text("utf-8")
    (code,) = [b for b in re.findall(r"```python\n(.*?)```", guide, re.S) if "KIND = " in b]
    module = ModuleType("ranges")
    monkeypatch.setitem(sys.modules, "ranges", module)  # dataclasses look their module up
    exec(code, module.__dict__)
    monkeypatch.setattr("harness.report.write.kind_of", lambda _: module.KIND)
    layout = Layout("ranges", values=(Value("accuracy", "test accuracy"),))
    files = contents(Given(meta_of("labels"), layout, trials_of({"a": [0.25, 0.5]})), ("svg",))
    tables = {"labels.csv", "labels.md", "labels.tex", "trials.csv", "summary.json"}
    data = {"data/chart.js", "data/data-1.js"}
    assert set(files) == {"index.html", "figures/labels_data.svg", *tables, *data}
    assert "| A | .250 to .500 |" in files["labels.md"].decode()
    assert "smoke run" in files["figures/labels_data.svg"].decode()


def test_every_output_has_the_same_numbers() -> None:
    report = Made(given_of("figure3"), ())
    (section,) = (section for section in report.report.sections if section.anchor)
    tables = section.main_tables()
    assert len(tables) == 2
    texts = {cell.text for table in tables for row in table.rows for cell in row.cells[1:]}
    markdown, latex = (report.text[f"figure3.{end}"].decode() for end in ("md", "tex"))
    shown = "\n".join(terminal(report.report))
    html = page(dict(report))
    for text in texts:
        assert text in markdown
        assert text in shown
        assert text.replace("±", r"\pm ") in latex
        assert text.replace("±", " ± ") in html
