"""Whatever draws or prints costs no table: what users' machines and names bring along."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from harness.layout import Layout
from harness.registry import ROOT
from harness.report.kind import Given
from harness.report.write import render
from tests.unit.harness.fake_figures import NOTE, meta_of
from tests.unit.harness.fake_trials import trials_of

TABLES = {
    "table2.csv", "table2.md", "table2.tex", "paired.csv", "trials.csv", "summary.json",
    "index.html",
}  # fmt: skip
PROGRAM = """
import harness.report.publish
from pathlib import Path
import sys
from tests.unit.harness.test_drawing_costs_no_table import written
print(*written(Path(sys.argv[1]), "Data"), sep="\\n")
"""


def written(folder: Path, name: str, key: str = "data") -> list[str]:
    """Problems of a report on a data set and a row of that name; its files lie in ``folder``."""
    trials = trials_of({"ours": [0.5, 0.6, 0.7], "other": [0.4, 0.5, 0.5]})
    trials = trials.assign(row=name, dataset=key)
    note = replace(NOTE, key=key, title=name, view_names=(name, "b"))
    given = Given(meta_of("table2", datasets=(note,)), Layout("table"), trials)
    return list(render(given, folder).problems)


def names(folder: Path) -> set[str]:
    """Its files without those that the page loads on demand."""
    files = (path for path in folder.rglob("*") if path.is_file())
    return {path.name for path in files if path.parent.name != "data"}


@pytest.mark.parametrize("name", ["costs $5 and $", r"$\\frac{$", "x^$_{", "数据", "é ü ø"])
def test_odd_signs_in_names_are_drawn_as_they_are(name: str, tmp_path: Path) -> None:
    assert written(tmp_path, name) == []
    (svg,) = tmp_path.glob("figures/accuracy_*.svg")
    assert name in svg.read_text("utf-8")


def test_file_names_of_many_views_stay_short(tmp_path: Path) -> None:
    key = "mfeat:" + ",".join(f"a_long_name_of_view_{i}" for i in range(22))
    assert written(tmp_path, "Data", key) == []
    assert len(names(tmp_path)) == len(TABLES) + 6
    assert max(len(name.encode()) for name in names(tmp_path)) < 150


@pytest.mark.parametrize(
    "what",
    [
        "module://matplotlib_inline.backend_inline",
        "module://no_such_package.backend_inline",
        "matplotlibrc",
    ],
)
def test_settings_of_the_users_plots_have_no_say(what: str, tmp_path: Path) -> None:
    user, report = tmp_path / "user", tmp_path / "report"
    user.mkdir()
    environment = dict(os.environ) | {"PYTHONPATH": str(ROOT)}
    if what != "matplotlibrc":  # as Jupyter and Colab hand it on
        environment["MPLBACKEND"] = what
    else:
        (user / "matplotlibrc").write_text("text.usetex: True\nfont.size: 30\nbackend: nothing\n")
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, str(report)],
        cwd=user, env=environment, capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == ""
    written(tmp_path / "plain", "Data")
    drawn = "figures/accuracy_data.svg"
    assert (report / drawn).read_bytes() == (tmp_path / "plain" / drawn).read_bytes()


def test_a_figure_that_fails_is_a_sentence_and_the_rest_is_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object) -> bytes:
        raise RuntimeError("no font")

    monkeypatch.setattr("harness.report.style.saved", broken)
    problems = written(tmp_path, "Data")
    assert len(problems) == 2
    assert all("no font" in problem for problem in problems)
    assert names(tmp_path) == TABLES
    page = (tmp_path / "index.html").read_text("utf-8")
    assert page.count("could not be drawn") == 2


def test_tables_and_a_page_are_there_before_anything_is_drawn(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def killed(*_: object) -> bytes:
        raise KeyboardInterrupt

    monkeypatch.setattr("harness.report.style.saved", killed)
    with pytest.raises(KeyboardInterrupt):
        written(tmp_path, "Data")
    assert names(tmp_path) == TABLES


@pytest.mark.parametrize("encoding", ["ascii", "latin-1"])
def test_a_terminal_that_cannot_spell_a_name_costs_no_run(encoding: str) -> None:
    program = "from harness import cli\ncli._run = lambda _: print('→ 数') or 0\ncli.main([])"
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, timeout=60,
        env=dict(os.environ) | {"PYTHONIOENCODING": f"{encoding}:strict"}, check=False,
    )  # fmt: skip
    assert (done.returncode, done.stderr) == (0, "")
