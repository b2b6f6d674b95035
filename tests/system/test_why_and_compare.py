"""--why and --compare name what a number is made from, and each ingredient that was changed."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.system import stored
from tests.system.command_line import ROOT, SERIAL, SMOKE, CommandLine, change_source, places
from tests.system.test_report_alone import BLOCKED, PROGRAM

ADDRESS = "table2/digits:left,right/svm/reference/2"


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("made")
    argv = (*SMOKE, "--method", "svm", "majority", "--trials", "4", *SERIAL)
    stored.without_reports((*argv, *places(folder)))
    return folder / "results"


def test_why_prints_everything_that_the_number_is_made_from(made: Path, said: CommandLine) -> None:
    status, out, _ = said("--why", ADDRESS, "--results", made)
    assert status == 0
    run, lines = stored.manifest(made), stored.records(made)
    svm = [line for line in lines if line["job"]["method"] == "svm"]
    used = [line for line in svm if line["job"]["scenario"]["label_fraction"] < 1]
    assert len(used) == 16
    for fact in (
        run["id"], run["command"], run["machine"], run["revision"], used[0]["job"]["data"],
        *(f"{name} {text}" for name, text in run["versions"].items()),
        *used[0]["digests"], *used[0]["digests"].values(),
        *(line["drawn"] for line in used), *(f"{line['score']:.4f}" for line in used),
        f"version {used[0]['job']['version']}", "label_fraction = 0.02",
    ):  # fmt: skip
        assert str(fact) in out
    assert out.count("chosen\n") == 4
    assert "C = 0.01 | 1.0" in out  # the candidates of the grid
    best = [max(line["score"] for line in used if line["job"]["trial"] == t) for t in range(4)]
    chosen = [line.split()[2] for line in out.splitlines() if line.endswith("  chosen")]
    assert chosen == [f"{score:.4f}" for score in best]


@pytest.mark.parametrize(
    "address",
    [
        "table2/digits/svm/reference/2", "table2/digits/SVM/reference/2%", f"{ADDRESS}/",
        "TABLE2/scikit-learn digits, left and right half/svm/reference/2 %",
    ],
)  # fmt: skip
def test_keys_and_printed_names_are_addresses(address: str, made: Path, said: CommandLine) -> None:
    assert said("--why", address, "--results", made)[1].startswith(f"{ADDRESS}: ")


def test_an_address_may_end_in_a_trial(made: Path, said: CommandLine) -> None:
    _, out, _ = said("--why", f"{ADDRESS}/3", "--results", made)
    assert [line[:8] for line in out.splitlines() if line.startswith("trial ")][-1] == "trial 3 "
    assert "trial 2" not in out
    ids = {line["id"] for line in stored.records(made) if line["job"]["trial"] == 3}
    assert sum(name in out for name in ids) == 4


@pytest.mark.parametrize(
    ("address", "near"),
    [
        ("table2/digits/svn/reference/2", ADDRESS),
        ("table2/digits/svm/reference/5", ADDRESS),
        (f"{ADDRESS}/4", "0 to 3"),
        ("table2", ADDRESS),
        ("", "near it"),
    ],
)
def test_what_is_not_there_is_one_sentence_with_near_addresses(
    address: str, near: str, made: Path, said: CommandLine
) -> None:
    status, _, err = said("--why", address, "--results", made)
    assert (status, err.count("\n")) == (2, 1)
    assert near in err


def test_an_empty_folder_has_no_address(tmp_path: Path, said: CommandLine) -> None:
    status, _, err = said("--why", ADDRESS, "--results", tmp_path)
    assert (status, err.count("\n")) == (2, 1)


# ---------------------------------------------------------------- planted differences


def at(*path: str, value: Any) -> stored.Change:
    """Set one value of a record, or of a manifest."""

    def change(plain: dict[str, Any]) -> None:
        for name in path[:-1]:
            plain = plain.setdefault(name, {})
        plain[path[-1]] = value

    return change


def lower(record: dict[str, Any]) -> None:
    """A tenth less accuracy in trial 2."""
    if record["job"]["trial"] == 2 and "test_accuracy" in record["metrics"]:
        record["metrics"]["test_accuracy"] -= 0.1


def nothing(_: dict[str, Any]) -> None:
    pass


PLANTED: dict[str, tuple[stored.Change, stored.Change, str]] = {
    "data": (at("job", "data", value="feed" * 4), nothing, "feedfeedfeedfeed"),
    "split": (at("job", "declared", "split", "shares", value=[1, 2]), nothing, "split.shares"),
    "labels": (at("job", "scenario", "label_rule", value="random"), nothing, "label_rule"),
    "seed": (at("job", "seed", value=7), nothing, "seed 0 -> 7"),
    "method": (at("job", "version", value=99), nothing, "version 99"),
    "settings": (at("job", "config", "new", value=5), nothing, "svm.new absent -> 5"),
    "training": (at("job", "training", value={"epochs": 3}), nothing, "svm.epochs absent -> 3"),
    "draws": (at("drawn", value="0" * 16), nothing, "4 trials"),
    "code": (at("digests", "methods/base.py", value="0" * 12), nothing, "methods/base.py"),
    "versions": (at("versions", "numpy", value="0.1"), at("versions", "numpy", value="0.1"), "0.1"),
    "machine": (nothing, at("machine", value="an abacus"), "an abacus"),
    "revision": (nothing, at("revision", value="cafe"), "cafe"),
}  # fmt: skip


@pytest.mark.parametrize("kind", PLANTED)
def test_each_planted_difference_is_named_by_both(
    kind: str, made: Path, tmp_path: Path, said: CommandLine
) -> None:
    change, of_run, words = PLANTED[kind]
    there = stored.copy(made, tmp_path / "there", change, of_run)
    status, out, _ = said("--compare", made, there)
    named = [line for line in out.splitlines() if line.startswith("  ")]
    svm = out.splitlines().index(next(x for x in out.splitlines() if x.startswith(f"{ADDRESS}:")))
    told = out.splitlines()[svm + 1]
    assert told.startswith(f"  {kind}: ")
    assert words in told
    assert {line.split(":")[0].strip() for line in named} == {kind}  # and nothing else is blamed
    assert status == 0  # no value moved
    here = stored.copy(made, tmp_path / "here", nothing)
    stored.other_run(here, change, of_run)
    _, out, _ = said("--why", ADDRESS, "--results", here, "--run", "table2")
    told = out[out.index("differs from") :]
    assert "run other" in told
    assert f"{kind}: " in told
    assert words in told


def test_values_that_moved_are_paired_on_identical_trials(
    made: Path, tmp_path: Path, said: CommandLine
) -> None:
    there = stored.copy(made, tmp_path / "there", lower)
    status, out, _ = said("--compare", made, there)
    assert status == 1
    assert f"{ADDRESS}: 1 of 4 identical trials moved, mean -0.0250\n" in out
    assert out.splitlines()[-1].startswith("3 cells in both: 3 moved, 0 ")
    here = stored.copy(made, tmp_path / "here", nothing)
    stored.other_run(here, lower)
    out = said("--why", ADDRESS, "--results", here, "--run", "table2")[1]
    assert "values: 1 of 4 identical trials moved, mean -0.0250" in out


def test_trials_that_drew_other_rows_are_not_paired(
    made: Path, tmp_path: Path, said: CommandLine
) -> None:
    def change(record: dict[str, Any]) -> None:
        lower(record)
        record["drawn"] = "0" * 16

    there = stored.copy(made, tmp_path / "there", change)
    status, out, _ = said("--compare", made, there)
    assert status == 1
    assert "4 trials drew other rows and are not paired" in out
    assert "identical trials moved" not in out


def test_cells_that_only_one_folder_has_are_listed(
    made: Path, tmp_path: Path, said: CommandLine
) -> None:
    def cut(run: dict[str, Any]) -> None:
        (entry,) = run["protocols"]
        entry["cells"] = [cell for cell in entry["cells"] if cell["key"] == "svm"]

    there = stored.copy(made, tmp_path / "there", nothing, cut)
    for folders, name in (((made, there), made), ((there, made), made)):
        status, out, _ = said("--compare", *folders)
        assert status == 0
        assert f"only in {name}: 2 cells" in out
        assert "  table2/digits:left,right/majority/reference/2\n" in out


def test_the_same_folder_twice_has_nothing_that_differs(made: Path, said: CommandLine) -> None:
    status, out, _ = said("--compare", made, made)
    assert (status, out) == (
        0, "3 cells in both: 0 moved, 0 made otherwise with equal values, 3 alike\n"
    )  # fmt: skip


def test_the_nearest_run_is_the_one_that_differs_least(
    made: Path, tmp_path: Path, said: CommandLine
) -> None:
    here = stored.copy(made, tmp_path / "results", nothing)
    stored.other_run(here, PLANTED["code"][0])
    far = here / "records" / "ledger-777.jsonl"
    shutil.move(far, here / "records" / "ledger-888.jsonl")
    (here / "runs" / "other.json").rename(tmp_path / "other.json")
    stored.other_run(here, lambda r: (PLANTED["seed"][0](r), PLANTED["data"][0](r)))
    # The last one added is `other` again: give the first its name back beside it.
    text = (tmp_path / "other.json").read_text().replace('"id": "other"', '"id": "near"')
    (here / "runs" / "near.json").write_text(text)
    out = said("--why", ADDRESS, "--results", here, "--run", "table2")[1]
    assert "differs from run near" in out


@pytest.mark.slow
def test_records_that_ran_again_are_told_apart_from_those_before(
    made: Path, tmp_path: Path, said: CommandLine
) -> None:
    shutil.copytree(made, tmp_path / "results")
    change_source(tmp_path)
    argv = (*SMOKE, "--method", "svm", "majority", "--trials", "4", *SERIAL)
    assert said(*argv, *places(tmp_path))[0] == 0
    out = said("--why", ADDRESS, "--results", tmp_path / "results")[1]
    told = out[out.index("differs from") :]
    assert "before they ran again" in told
    assert "code: methods/base.py" in told
    assert "equal on 4 identical trials" in told


def test_two_folders_must_be_named(made: Path, tmp_path: Path, said: CommandLine) -> None:
    for folders in ((made,), (made, made, made), (made, tmp_path)):
        status, _, err = said("--compare", *folders)
        assert (status, err.count("\n")) == (2, 1)


@pytest.mark.parametrize(
    "argv", [("--why", ADDRESS), pytest.param(("--compare",), marks=pytest.mark.slow)]
)
def test_they_read_results_alone(argv: tuple[str, ...], made: Path, tmp_path: Path) -> None:
    shutil.copytree(ROOT / "harness", tmp_path / "harness")
    shutil.copy(ROOT / "run_all.py", tmp_path)
    more = (str(made), str(made)) if argv == ("--compare",) else ("--results", str(made))
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM.format(blocked=BLOCKED), *argv, *more],
        cwd=tmp_path, capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
