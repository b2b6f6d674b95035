"""Reports from results/ alone: no data, no methods, in seconds; no run touches another's report."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import run_all
from harness.plan import resolve
from tests.system.command_line import ROOT, SERIAL, SMOKE, places

RUNS = {
    "table2": (*SMOKE, "--method", "svm", "majority"),
    "table1": ("--protocol", "table1", "--dataset", "digits", "--budget", "smoke"),
    "figure5": (
        *("--protocol", "figure5", "--dataset", "digits", "--budget", "smoke"),
        *("--method", "mean_impute"),
    ),
}
BLOCKED = ("torch", "ray", "methods", "datasets", "protocols")
PROGRAM = """
import sys

class Blocked:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in {blocked}:
            raise ImportError(f"{{name}} is imported")

sys.meta_path.insert(0, Blocked())
import run_all
sys.exit(run_all.main(sys.argv[1:]))
"""


def files(folder: Path) -> dict[str, bytes]:
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("made")
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv(resolve.DATA_ROOT, raising=False)
        for argv in RUNS.values():
            assert run_all.main([*argv, *SERIAL, *places(folder)]) == 0
    return folder


def test_every_report_is_rebuilt_where_nothing_of_ours_but_the_harness_can_be_imported(
    made: Path, tmp_path: Path
) -> None:
    # A checkout without data sets, protocols and methods: neither code nor files are there.
    shutil.copytree(ROOT / "harness", tmp_path / "harness")
    shutil.copy(ROOT / "run_all.py", tmp_path)
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM.format(blocked=BLOCKED), "--report-only", "all",
         "--results", str(made / "results"), "--reports", str(tmp_path / "again")],
        cwd=tmp_path, capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert files(tmp_path / "again") == files(made / "reports")


def test_a_run_leaves_the_report_of_another_question_as_it_was(made: Path) -> None:
    before = files(made / "reports")
    other = (*SMOKE, "--method", "majority", "--trials", "2", *SERIAL)
    assert run_all.main([*other, *places(made)]) == 0
    after = files(made / "reports")
    index = "index.html"
    assert {name: after[name] for name in before if name != index} == {
        name: text for name, text in before.items() if name != index
    }
    runs = sorted((made / "results" / "runs").glob("*.json"))
    assert len(runs) == len(RUNS) + 1
    for path in runs:
        assert path.stem in after[index].decode()
        state = json.loads(path.read_text())
        assert (state["state"], bool(state["ended"])) == ("finished", True)
    # The same question goes to the same place.
    assert run_all.main([*other, *places(made)]) == 0
    assert sorted((made / "results" / "runs").glob("*.json")) == runs
    assert files(made / "reports").keys() == after.keys()


@pytest.mark.parametrize(
    ("argv", "status"),
    [(("--report-only", "nothing"), 2), (("--report-only", "--trials", "3"), 2)],
)
def test_a_run_that_is_not_there_is_one_sentence(
    argv: tuple[str, ...], status: int, made: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run_all.main([*argv, *places(made)]) == status
    assert capsys.readouterr().err.count("\n") == 1
